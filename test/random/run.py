#!/usr/bin/python3
"""The randomised differential test of feature views.

Each case makes a source table, one to three definitions and a workload from a seed, lets the extension keep the feature
tables, and compares them with what PostgreSQL says: with the definition run as a plain query where rows came in time
order, and with a plain recomputation in arrival order for late rows and ties. oracle.py says how and why.

    run.py                          2000 cases from a random seed, which is printed
    run.py --seed 7 --cases 9000    the same cases again, or more
    run.py --seconds 600 --jobs 2   as many as there is time for, by two sessions side by side
    run.py --case-seed 123          one case alone, as a failure reports it; --minimise makes it smaller
    run.py --self-check             without the extension: the oracles against each other

Connects by PGHOST, PGPORT, PGDATABASE and so on, and works in the schemas random_kit and random_case_<number>, which it
drops.
"""

import argparse
import itertools
import multiprocessing
import queue
import random
import sys
import time
import traceback

from case import MANY, random_case
from definition import plain
from minimise import minimise
from self_check import check_example
from session import Failure, Session
from values import random_seed


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=None, help="run cases until then, not a number of them")
    parser.add_argument("--jobs", type=int, default=1, help="sessions that run cases at the same time")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--case-seed", type=int, default=None, help="run this one case")
    parser.add_argument("--minimise", action="store_true", help="make failing cases smaller")
    parser.add_argument("--self-check", action="store_true", help="compare the oracles, without the extension")
    parser.add_argument("--keep-going", type=int, default=3, metavar="N", help="stop after N failures (default 3)")
    parser.add_argument("--verbose", action="store_true", help="print each case, and failures in full")
    return parser.parse_args()


def case_seeds(arguments, seed):
    if arguments.case_seed is not None:
        return [arguments.case_seed]
    source = random.Random(seed)
    seeds = (source.getrandbits(31) for _ in itertools.count())
    return seeds if arguments.seconds else itertools.islice(seeds, arguments.cases)


def report(case, failure, history, arguments):
    again = "run.py --case-seed %d%s" % (case.seed, " --self-check" if arguments.self_check else "")
    lines = ["", "FAILED: case seed %d, %s arrival, rerun with: %s" % (case.seed, case.kind, again),
             "-- statements, in order, after those of test/random/kit.sql"]
    for statement in history:
        if len(statement) > 600 and not arguments.verbose and "create_view" not in statement:
            statement = "%s ... (%d characters)" % (statement[:500], len(statement))
        lines.append(statement + ";")
    if arguments.self_check:
        for view in case.views:
            lines.append("-- definition of %s\n%s" % (view.name, plain(view.definition, view.source)))
    return "\n".join(lines + ["-- result"] + failure.lines)


def run_case(session, case_seed, arguments):
    """The report of a case that failed, or None."""
    case = random_case(case_seed, session.functions)
    if arguments.self_check and case.rows > MANY:
        return None  # recomputing each row takes minutes
    began = time.monotonic()
    try:
        session.run(case)
        text = None
    except Failure as failure:
        if arguments.minimise:
            case, failure = minimise(session, case, failure)
        text = report(case, failure, session.history, arguments)
    if arguments.verbose:
        print("case %d: %s, %d views, %d steps, %.0f ms" % (
            case_seed, case.kind, len(case.views), len(case.steps), 1e3 * (time.monotonic() - began)), flush=True)
    return text


def work(number, seed, arguments, deadline, stop, results):
    """Runs every jobs-th case, and sends for each its report or None; at the end, or when it breaks, a last word."""
    last = None
    try:
        session = Session(number, arguments.self_check)
        for case_seed in itertools.islice(case_seeds(arguments, seed), number, None, arguments.jobs):
            if stop.is_set() or deadline and time.monotonic() > deadline:
                break
            results.put(("case", run_case(session, case_seed, arguments)))
    except Exception:  # a fault of the test itself must not look like a passed case
        last = traceback.format_exc()
    results.put(("end", last))


def main():
    arguments = parse_arguments()
    seed = random_seed() if arguments.seed is None else arguments.seed
    if arguments.case_seed is None:
        print("note: seed %d" % seed, flush=True)
    started = time.monotonic()
    deadline = started + arguments.seconds if arguments.seconds else None
    session = Session(pretend=arguments.self_check)
    session.set_up()
    if arguments.self_check:
        check_example(session)
    session.connection.close()

    stop, results = multiprocessing.Event(), multiprocessing.Queue()
    workers = [multiprocessing.Process(target=work, args=(number, seed, arguments, deadline, stop, results))
               for number in range(arguments.jobs)]
    for worker in workers:
        worker.start()
    working, done, failed = len(workers), 0, 0
    while working:
        try:
            kind, text = results.get(timeout=10)
        except queue.Empty:
            if not any(worker.exitcode for worker in workers):
                continue
            kind, text = "end", "a session was killed"
        working -= kind == "end"
        done += kind == "case"
        if text is not None:
            failed += 1
            print(text, flush=True)
            if failed >= arguments.keep_going:
                stop.set()
    print("%d cases, %d failed, seed %s, %.1f s" % (
        done, failed, seed if arguments.case_seed is None else "of the case", time.monotonic() - started))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
