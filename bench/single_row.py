"""Figure "single_row": transactions a second of prepared single-row INSERTs, each committed to disk.

Pipeline: single_row_pipeline.sql inserts a raw row; the trigger computes and inserts the feature row.
Floor:    single_row_floor.sql inserts the same raw row and a finished feature row in one statement, into tables with
          the same keys and indexes and no trigger. It sends all 13 + 43 values; it computes none of the features.

Both start from the same history, 50 transactions for each user, in a fresh copy of the database, and run after a
checkpoint, a row for each user (touch.sql) and a few seconds of the same load. Users are drawn uniformly. pgbench runs
on the same processors.
"""

import os

import server
from report import Figure, Goal, Line, counted_rounds

USERS = 10_000
CLIENTS = 8
WARM_UP_SECONDS = 3
# Numbers of the measured transactions, above those of the warm-up.
MEASURED = 500_000_000


def measure(settings, log):
    log(f"single_row: making the history of {USERS:,} users")
    make_history(settings)
    rounds = []
    for number in range(1, settings.rounds + 1):
        floor = load(settings, "floor", number)
        pipeline = load(settings, "pipeline", number)
        rounds.append({"floor": floor, "pipeline": pipeline, "ratio": pipeline["tps"] / floor["tps"]})
        log(f"single_row, round {number}: floor {floor['tps']:.0f}/s, pipeline {pipeline['tps']:.0f}/s, "
            f"ratio {rounds[-1]['ratio']:.3f}")
    for side in "floor", "pipeline":
        server.drop_database(f"{side}_history")

    def line(label, unit, digits, side, value):
        return Line(label, unit, digits, [value(one[side]) for one in rounds])

    def each(label, unit, digits, value):
        return [line(f"{label}, {side}", unit, digits, side, value) for side in ("floor", "pipeline")]

    return Figure(
        "single_row", f"Single-row INSERT, prepared, {CLIENTS} clients, commit to disk",
        f"{counted_rounds(settings.rounds)} of {settings.seconds} s",
        [Line("transactions a second, pipeline / floor", "", 3, [one["ratio"] for one in rounds],
              Goal("at least", 0.75)),
         *each("transactions a second", "", 0, lambda r: r["tps"]),
         *each("mean latency", "ms", 2, lambda r: r["latency_ms"]),
         *each("WAL a row", "B", 0, lambda r: r["wal_bytes"] / r["transactions"]),
         *each("of it full-page images, at most", "B", 0, lambda r: r["full_page_images"] * 8192 / r["transactions"]),
         *each("database a row", "B", 0, lambda r: r["database_bytes"] / r["transactions"]),
         line("state updates (n_tup_upd)", "", 0, "pipeline", lambda r: r["updates"]),
         line("HOT state updates (n_tup_hot_upd)", "", 0, "pipeline", lambda r: r["hot_updates"]),
         line("HOT share of state updates", "%", 2, "pipeline", lambda r: 100 * r["hot_updates"] / r["updates"])],
        rounds)


def make_history(settings):
    """Databases floor_history and pipeline_history, with the same rows."""
    raw, features = (os.path.join(settings.files, f"{name}.history") for name in ("raw", "features"))
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


def load(settings, side, number):
    server.create_database(side, template=f"{side}_history")
    tables = ["transactions"]
    if side == "floor":
        tables.append("transaction_features")
        # The template's setting belongs to the template.
        server.psql(side, "ALTER DATABASE floor SET search_path = floor, public")
    server.checkpoint()
    for table in tables:
        server.psql_file(side, "touch.sql", table=table)
    script = f"single_row_{side}.sql"
    server.pgbench(side, script, CLIENTS, USERS, time=WARM_UP_SECONDS, random_seed=number)
    before = server.counters(side)
    measured = server.pgbench(side, script, CLIENTS, USERS, first_number=MEASURED, time=settings.seconds,
                              random_seed=1000 + number)
    grown = server.growth(before, server.counters(side))
    server.drop_database(side)
    if grown["rows"] != measured["transactions"]:
        raise SystemExit(f"{side}: {measured['transactions']} transactions made {grown['rows']} feature rows")
    return {**measured, **grown}
