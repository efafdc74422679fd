#!/usr/bin/python3
"""Runs the tests of clients: *_test.py in this folder.

    run.py [TEST]...        such as psycopg2_test or psycopg2_test.Service.test_copy

The server is found through PGHOST, PGPORT, PGUSER and PGDATABASE. Ends with `N tests, M failed`; a test whose client is
not installed is left out with a line "note: ..".
"""

import pathlib
import sys
import unittest

FOLDER = str(pathlib.Path(__file__).resolve().parent)


def main():
    loader = unittest.TestLoader()
    if sys.argv[1:]:
        sys.path.insert(0, FOLDER)
        tests = loader.loadTestsFromNames(sys.argv[1:])
    else:
        tests = loader.discover(FOLDER, "*_test.py")
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(tests)
    for reason in sorted({reason for _, reason in result.skipped}):
        print("note: %s" % reason)
    failed = len(result.failures) + len(result.errors)
    print("%d tests, %d failed" % (max(result.testsRun - len(result.skipped), failed), failed))
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
