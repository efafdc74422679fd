"""Figures "latency" and "reads": how long a client waits.

latency: single-row INSERTs of 8 clients that are sent when they are due (open loop), at half of the rate that the pipeline
         reaches when they are sent as fast as it goes; the same rate for the floor of single_row.py. What counts is the
         time from when an INSERT was due, so that a stall shows in all that wait behind it. Sessions are a second old;
         what the first INSERT of a session takes, as a service without a pool would have it, is measured apart.
reads:   8 readers that ask for the features of a user's last hour by the feature table's index, 1,000 times a second in
         all, while 1,000 rows a second are inserted; both as they are due. The same beside the floor's inserts. Sessions
         are a second old.

All of it, pgbench included, runs on the same processors.
"""

import os

import server
import single_row
from report import Figure, Goal, Line, counted_rounds

USERS = single_row.USERS
CLIENTS = 8
INSERTS_A_SECOND = READS_A_SECOND = 1_000
WARM_UP_SECONDS = 1
NEW_SESSIONS = 20


def percentile(latencies, fraction):
    return latencies[min(len(latencies) - 1, int(len(latencies) * fraction))]


def latency(settings, log):
    log(f"latency: making the history of {USERS:,} users")
    single_row.make_history(settings.files)
    rounds = []
    with single_row.copies():
        single_row.begin_round(0)
        rate = single_row.load(settings, "pipeline", 0, single_row.MAIN)["tps"] / 2
        for number in range(1, settings.rounds + 1):
            single_row.begin_round(number)
            one = {side: open_loop(settings, side, number, rate) for side in single_row.SIDES}
            rounds.append(one)
            log(f"latency, round {number}: p99 floor {one['floor']['p99']:.2f} ms, "
                f"pipeline {one['pipeline']['p99']:.2f} ms")

    def each(name):
        return [Line(f"{name}, {side}", "ms", 2, [one[side][name] for one in rounds]) for side in single_row.SIDES]

    return Figure("latency", f"Latency of single-row INSERTs, {rate:,.0f} a second, {CLIENTS} clients, commit to disk",
                  f"{counted_rounds(settings.rounds)} of {settings.seconds} s",
                  [Line("p99, pipeline / floor", "", 3,
                        [one["pipeline"]["p99"] / one["floor"]["p99"] for one in rounds], Goal("at most", 1.3)),
                   *each("p99"), *each("p50"), *each("first INSERT of a session")], rounds)


def open_loop(settings, side, number, rate):
    script = f"single_row_{side}.sql"
    server.pgbench(side, script, CLIENTS, USERS, single_row.first_number(), time=single_row.WARM_UP_SECONDS,
                   random_seed=number)
    log = os.path.join(settings.files, "latency")
    process = server.start_pgbench(side, script, 1, USERS, log, single_row.first_number(), connect=True,
                                   transactions=NEW_SESSIONS)
    first = server.latencies(process, log)
    process = server.start_pgbench(side, script, CLIENTS, USERS, log, single_row.first_number(), rate=rate,
                                   time=settings.seconds + WARM_UP_SECONDS, random_seed=1000 + number)
    taken = server.latencies(process, log, WARM_UP_SECONDS)
    return {"p50": percentile(taken, 0.5), "p99": percentile(taken, 0.99), "transactions": len(taken),
            "first INSERT of a session": percentile(first, 0.5)}


def reads(settings, log):
    log(f"reads: making the history of {USERS:,} users")
    single_row.make_history(settings.files)
    rounds = []
    with single_row.copies():
        for number in range(1, settings.rounds + 1):
            single_row.begin_round(number)
            rounds.append({side: read_beside_inserts(settings, side, number) for side in single_row.SIDES})
            log(f"reads, round {number}: " + ", ".join(
                f"{side} p50 {one['p50']:.2f} ms, p99 {one['p99']:.2f} ms" for side, one in rounds[-1].items()))

    def each(name, unit, digits, label=None):
        return [Line(f"{label or name}, {side}", unit, digits, [one[side][name] for one in rounds])
                for side in reversed(single_row.SIDES)]

    pipeline, floor = each("p99", "ms", 2)
    pipeline.goal = Goal("at most", 1)
    return Figure("reads", f"A user's features of the last hour, {CLIENTS} readers, {READS_A_SECOND:,} reads a second "
                  f"beside {INSERTS_A_SECOND:,} inserts", f"{counted_rounds(settings.rounds)} of {settings.seconds} s",
                  [pipeline, floor, *each("p50", "ms", 2), *each("reads", "", 0, "reads a second"),
                   *each("inserts", "", 0, "inserts a second")], rounds)


def read_beside_inserts(settings, side, number):
    insert, read = f"single_row_{side}.sql", "read_features.sql"
    logs = {script: os.path.join(settings.files, script) for script in (insert, read)}
    started = {
        insert: server.start_pgbench(side, insert, 2, USERS, logs[insert], single_row.first_number(),
                                     rate=INSERTS_A_SECOND, time=settings.seconds + WARM_UP_SECONDS,
                                     random_seed=number),
        read: server.start_pgbench(side, read, CLIENTS, USERS, logs[read], rate=READS_A_SECOND,
                                   time=settings.seconds + WARM_UP_SECONDS, random_seed=1000 + number)}
    taken = {script: server.latencies(process, logs[script], WARM_UP_SECONDS) for script, process in started.items()}
    return {"p50": percentile(taken[read], 0.5), "p99": percentile(taken[read], 0.99),
            "reads": len(taken[read]) / settings.seconds, "inserts": len(taken[insert]) / settings.seconds}
