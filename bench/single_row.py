"""Figures "single_row" and "many_rows": prepared INSERTs of raw rows into the pipeline.

Pipeline: inserts raw rows; the trigger computes and inserts the feature rows.
Floor:    inserts the same raw rows and finished feature rows in one statement, into tables with the same keys and
          indexes and no trigger. A single row sends all 13 + 43 values; it computes none of the features.

single_row: a row a statement, each committed to disk, by 8 clients and by one; and by 8 clients whose commits do not wait
            for the disk, where what the processors do shows. What is written: WAL and database of the 8 clients, in the
            steady state, and WAL from a checkpoint on, after which each page is logged whole at its first change.
many_rows:  100 rows a statement (many_rows_*.sql).

Both sides start from the same history, 50 transactions for each user, in a fresh copy of the database, and each round
with a checkpoint and a row for each user (touch.sql). Of each run the first second is left out of the rate. Users are
drawn uniformly. pgbench runs on the same processors.
"""

import functools
import itertools
import os
from contextlib import contextmanager
from dataclasses import dataclass

import server
from report import Figure, Goal, Line, counted_rounds

USERS = 10_000
WARM_UP_SECONDS = 1
SIDES = "floor", "pipeline"
# Transactions of each client from a checkpoint on: about two a user, so that most pages are changed more than once.
AFTER_CHECKPOINT = 2_500
# Between the numbers of two runs' transactions: more than one client sends.
NUMBERS_OF_A_RUN = 5_000_000


@dataclass
class Variant:
    label: str
    goal: Goal
    script: str = "single_row"
    rows: int = 1  # a statement
    clients: int = 8
    synchronous_commit: str = "on"
    share: float = 0.5  # of the seconds of one measurement


MAIN = Variant("8 clients, commit to disk", Goal("at least", 0.95), share=1)
SINGLE_ROW = (MAIN,
              Variant("1 client, commit to disk", Goal("at least", 0.95), clients=1),
              Variant("8 clients, commit does not wait", Goal("at least", 0.85), synchronous_commit="off"))
MANY_ROWS = (Variant("8 clients, commit to disk", Goal("at least", 0.95), "many_rows", 100),)


def single_row(settings, log):
    rounds = compare(settings, log, "single_row", SINGLE_ROW, with_checkpoint=True)
    main = [one[MAIN.label] for one in rounds]
    checkpoint = [one["after a checkpoint"] for one in rounds]

    def each(label, unit, digits, value, of):
        return [Line(f"{label}, {side}", unit, digits, [value(one[side]) for one in of]) for side in SIDES]

    def ratio(label, value, of, goal):
        return Line(f"{label}, pipeline / floor", "", 3,
                    [value(one["pipeline"]) / value(one["floor"]) for one in of], goal)

    def wal(one):
        return one["wal_bytes"] / one["rows"]

    def database(one):
        return one["database_bytes"] / one["rows"]

    def pipeline(label, unit, digits, value):
        return Line(label, unit, digits, [value(one["pipeline"]) for one in main])

    return Figure(
        "single_row", "Single-row INSERT, prepared", f"{counted_rounds(settings.rounds)} of {settings.seconds} s",
        [*rates(SINGLE_ROW, rounds),
         *each("mean latency", "ms", 2, lambda r: r["latency_ms"], main),
         ratio("WAL a row", wal, main, Goal("at most", 1.3)),
         *each("WAL a row", "B", 0, wal, main),
         *each("of it full-page images, at most", "B", 0, lambda r: r["full_page_images"] * 8192 / r["rows"], main),
         ratio("WAL a row from a checkpoint on", wal, checkpoint, Goal("at most", 1.3)),
         *each("WAL a row from a checkpoint on", "B", 0, wal, checkpoint),
         ratio("database a row", database, main, Goal("at most", 1.15)),
         *each("database a row", "B", 0, database, main),
         pipeline("state updates (n_tup_upd)", "", 0, lambda r: r["updates"]),
         pipeline("HOT state updates (n_tup_hot_upd)", "", 0, lambda r: r["hot_updates"]),
         pipeline("HOT share of state updates", "%", 2, lambda r: 100 * r["hot_updates"] / r["updates"])],
        rounds)


def many_rows(settings, log):
    rounds = compare(settings, log, "many_rows", MANY_ROWS)
    return Figure("many_rows", f"INSERT of {MANY_ROWS[0].rows} rows a statement, prepared",
                  f"{counted_rounds(settings.rounds)} of {settings.seconds / 2:g} s", rates(MANY_ROWS, rounds), rounds)


def rates(variants, rounds):
    lines = []
    for variant in variants:
        each = [one[variant.label] for one in rounds]
        lines.append(Line(f"rate, pipeline / floor, {variant.label}", "", 3,
                          [one["pipeline"]["tps"] / one["floor"]["tps"] for one in each], variant.goal))
        lines += [Line(f"rows a second, {side}", "", 0, [one[side]["tps"] * variant.rows for one in each])
                  for side in SIDES]
    return lines


def compare(settings, log, figure, variants, with_checkpoint=False):
    log(f"{figure}: making the history of {USERS:,} users")
    make_history(settings.files)
    rounds = []
    with copies():
        for number in range(1, settings.rounds + 1):
            begin_round(number)
            rounds.append({})
            for variant in variants:
                one = {side: load(settings, side, number, variant) for side in SIDES}
                rounds[-1][variant.label] = one
                log(f"{figure}, round {number}, {variant.label}: floor {one['floor']['tps']:.0f}/s, "
                    f"pipeline {one['pipeline']['tps']:.0f}/s, ratio {one['pipeline']['tps'] / one['floor']['tps']:.3f}")
            if with_checkpoint:
                rounds[-1]["after a checkpoint"] = {side: load_after_checkpoint(side, number) for side in SIDES}
    return rounds


@functools.cache
def make_history(files):
    """Databases floor_history and pipeline_history, with the same rows. Kept for all figures that begin with them."""
    raw, features = (os.path.join(files, f"{name}.history") for name in ("raw", "features"))
    server.create_database("pipeline_history")
    server.psql_file("pipeline_history", "history.sql", users=USERS)
    server.psql("pipeline_history", f"COPY transactions TO '{raw}'; COPY transaction_features TO '{features}';")
    server.create_database("floor_history")
    server.use_floor("floor_history")
    server.psql("floor_history", f"COPY transactions FROM '{raw}'; COPY transaction_features FROM '{features}';")
    for side in "floor", "pipeline":
        server.psql(f"{side}_history", "VACUUM ANALYZE")
    os.remove(raw)
    os.remove(features)


@contextmanager
def copies():
    """Databases floor and pipeline, copies of those with the history."""
    global first_numbers
    first_numbers = itertools.count(0, NUMBERS_OF_A_RUN)
    for side in SIDES:
        server.create_database(side, template=f"{side}_history")
    # The template's setting belongs to the template.
    server.psql("floor", "ALTER DATABASE floor SET search_path = floor, public")
    yield
    for side in SIDES:
        server.drop_database(side)


def begin_round(number):
    """A checkpoint, and a row for each user, so that most pages have been logged whole since."""
    server.checkpoint()
    for side, tables in ("floor", ("transactions", "transaction_features")), ("pipeline", ("transactions",)):
        for table in tables:
            server.psql_file(side, "touch.sql", table=table, round=number)


def first_number():
    """Of a run's transactions, which no other run on these copies has."""
    return next(first_numbers)


def load(settings, side, number, variant):
    server.psql("postgres", f"ALTER DATABASE {side} SET synchronous_commit = {variant.synchronous_commit}")
    before = server.counters(side)
    measured = server.pgbench(side, f"{variant.script}_{side}.sql", variant.clients, USERS, first_number(),
                              warm_up=WARM_UP_SECONDS, time=max(1, round(settings.seconds * variant.share)),
                              random_seed=number)
    grown = server.growth(before, server.counters(side))
    check(side, grown["rows"], measured["transactions"] * variant.rows)
    return {**measured, **grown}


def load_after_checkpoint(side, number):
    """That no commit waits for the disk is quicker, and writes the same."""
    server.checkpoint()
    server.psql("postgres", f"ALTER DATABASE {side} SET synchronous_commit = off")
    before = server.counters(side)
    server.pgbench(side, f"single_row_{side}.sql", MAIN.clients, USERS, first_number(), transactions=AFTER_CHECKPOINT,
                   random_seed=number)
    grown = server.growth(before, server.counters(side))
    check(side, grown["rows"], AFTER_CHECKPOINT * MAIN.clients)
    return grown


def check(side, rows, expected):
    if rows != expected:
        raise SystemExit(f"{side}: {rows} feature rows instead of {expected}")
