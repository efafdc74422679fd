"""Figure "copy": COPY of many transactions into the pipeline.

Pipeline: COPY of the raw rows; the trigger computes and inserts the feature rows.
Floor:    COPY of the same raw rows, then COPY of the same finished feature rows, in one transaction, into tables
          with the same keys and indexes and no trigger. The features cost nothing: they are read from a file.

Both read files on the server, in COPY's text format, the same files in every round, so that no client shares the
processors; both are timed from BEGIN to the end of COMMIT. The finished rows come from a run of the pipeline that is
not measured, in the order in which the pipeline stores them.
"""

import os

import server
from report import Figure, Goal, Line, counted_rounds

USERS = 10_000


def measure(settings, log):
    raw, features = prepare(settings, log)
    rounds = []
    for number in range(1, settings.rounds + 1):
        floor = load(settings, "floor", f"COPY transactions FROM '{raw}';",
                     f"COPY transaction_features FROM '{features}';")
        pipeline = load(settings, "pipeline", f"COPY transactions FROM '{raw}';")
        rounds.append({"floor": floor, "pipeline": pipeline, "ratio": pipeline["seconds"] / floor["seconds"]})
        log(f"copy, round {number}: floor {floor['seconds']:.2f} s, pipeline {pipeline['seconds']:.2f} s, "
            f"ratio {rounds[-1]['ratio']:.3f}")
    os.remove(raw)
    os.remove(features)

    def line(label, unit, digits, side, value):
        return Line(label, unit, digits, [value(one[side]) for one in rounds])

    return Figure(
        "copy", f"COPY of {settings.rows:,} transactions of {USERS:,} users", counted_rounds(settings.rounds),
        [Line("time, pipeline / floor", "", 3, [one["ratio"] for one in rounds], Goal("at most", 2.0)),
         line("time, floor", "s", 2, "floor", lambda r: r["seconds"]),
         line("time, pipeline", "s", 2, "pipeline", lambda r: r["seconds"]),
         line("rows a second, pipeline", "", 0, "pipeline", lambda r: settings.rows / r["seconds"]),
         line("WAL a row, floor", "B", 0, "floor", lambda r: r["wal_bytes"] / settings.rows),
         line("WAL a row, pipeline", "B", 0, "pipeline", lambda r: r["wal_bytes"] / settings.rows),
         line("database a row, floor", "B", 0, "floor", lambda r: r["database_bytes"] / settings.rows),
         line("database a row, pipeline", "B", 0, "pipeline", lambda r: r["database_bytes"] / settings.rows)],
        rounds)


def prepare(settings, log):
    """The two files, by one run that is not measured."""
    csv, raw, features = (os.path.join(settings.files, name) for name in ("raw.csv", "raw", "features"))
    log(f"copy: making {settings.rows:,} transactions and their finished feature rows")
    server.run([settings.loadgen, "--write-csv", csv, "--rows", str(settings.rows), "--users", str(USERS),
                "--seed", "1", "--span", "30d", "--start", "2025-01-01 00:00:00", "--no-progress"])
    os.chmod(csv, 0o644)
    server.create_database("prepared")
    server.psql("prepared", f"""
        COPY transactions FROM '{csv}' WITH (FORMAT csv, HEADER);
        COPY transactions TO '{raw}';
        COPY transaction_features TO '{features}';""")
    server.drop_database("prepared")
    os.remove(csv)
    return raw, features


def load(settings, side, *statements):
    server.create_database(side)
    if side == "floor":
        server.use_floor(side)
    server.checkpoint()
    before = server.counters(side)
    seconds = server.seconds(side, *statements)
    grown = server.growth(before, server.counters(side))
    server.drop_database(side)
    if grown["rows"] != settings.rows:
        raise SystemExit(f"{side} has {grown['rows']} feature rows instead of {settings.rows}")
    return {"seconds": seconds, **grown}
