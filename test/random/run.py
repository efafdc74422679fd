#!/usr/bin/python3
"""The randomised differential test of feature views.

Each case makes a source table, one or two definitions and a workload from a seed, lets the extension keep the feature
tables, and compares them with what PostgreSQL says: with the definition run as a plain query where rows came in time
order, and with a plain recomputation in arrival order for late rows and ties. oracle.py says how and why.

    run.py                          500 cases from a random seed, which is printed
    run.py --seed 7 --cases 2000    the same cases again, or more
    run.py --case-seed 123          one case alone, as a failure reports it; --minimise makes it smaller
    run.py --self-check             without the extension: the oracles against each other

Connects by PGHOST, PGPORT, PGDATABASE and so on, and works in the schema random_case, which it drops.
"""

import argparse
import random
import sys
import time

from case import random_case
from definition import plain
from minimise import minimise
from self_check import check_example
from session import Failure, Session
from values import random_seed


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=500)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--case-seed", type=int, default=None, help="run this one case")
    parser.add_argument("--minimise", action="store_true", help="make the first failing case smaller")
    parser.add_argument("--self-check", action="store_true", help="compare the oracles, without the extension")
    parser.add_argument("--keep-going", type=int, default=3, metavar="N", help="stop after N failures (default 3)")
    parser.add_argument("--verbose", action="store_true", help="print each case, and failures in full")
    return parser.parse_args()


def case_seeds(arguments, seed):
    if arguments.case_seed is not None:
        return [arguments.case_seed]
    source = random.Random(seed)
    return [source.getrandbits(31) for _ in range(arguments.cases)]


def report(case, failure, history, arguments):
    again = "run.py --case-seed %d%s" % (case.seed, " --self-check" if arguments.self_check else "")
    print("\nFAILED: case seed %d, %s arrival, rerun with: %s" % (case.seed, case.kind, again))
    print("-- statements, in order")
    for statement in history:
        if len(statement) > 600 and not arguments.verbose and "create_view" not in statement:
            statement = "%s ... (%d characters)" % (statement[:500], len(statement))
        print(statement + ";")
    if arguments.self_check:
        for view in case.views:
            print("-- definition of %s\n%s" % (view.name, plain(view.definition, view.source)))
    print("-- result")
    print("\n".join(failure.lines), flush=True)


def main():
    arguments = parse_arguments()
    seed = random_seed() if arguments.seed is None else arguments.seed
    if arguments.case_seed is None:
        print("seed %d" % seed, flush=True)
    session = Session(pretend=arguments.self_check)
    if arguments.self_check:
        check_example(session)
    started, done, failed = time.monotonic(), 0, 0
    for case_seed in case_seeds(arguments, seed):
        case = random_case(case_seed)
        began = time.monotonic()
        done += 1
        try:
            session.run(case)
        except Failure as failure:
            failed += 1
            if arguments.minimise and failed == 1:
                case, failure = minimise(session, case, failure)
            report(case, failure, session.history, arguments)
            if failed >= arguments.keep_going:
                break
        if arguments.verbose:
            print("case %d: %s, %d views, %d steps, %.0f ms" % (
                case_seed, case.kind, len(case.views), len(case.steps), 1e3 * (time.monotonic() - began)))
    print("%d cases, %d failed, seed %s, %.1f s" % (
        done, failed, seed if arguments.case_seed is None else "of the case", time.monotonic() - started))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
