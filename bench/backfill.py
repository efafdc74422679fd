"""Figure "backfill": feature.create_view over a table that has its rows already.

Pipeline: feature.create_view with the definition of the standard catalogue.
Floor:    CREATE TABLE AS with the same definition, as a plain query. The primary key and the index that the feature view
          has are made behind it, and their time is told apart: that is what one would build by hand to read features
          by user and time.

Rounds are by turns in one database over the same rows; what was made is dropped after each.
"""

import os

import server
from report import Figure, Goal, Line, counted_rounds

USERS = 10_000
ROWS = 1_000_000


def measure(settings, log):
    rows = settings.rows or ROWS
    log(f"backfill: loading {rows:,} transactions")
    csv = os.path.join(settings.files, "raw.csv")
    server.write_transactions(settings, csv, rows, USERS)
    server.create_database("backfill")
    server.psql("backfill", f"""
        SELECT feature.drop_view('transaction_features');
        COPY transactions FROM '{csv}' WITH (FORMAT csv, HEADER);
        VACUUM ANALYZE transactions;""")
    os.remove(csv)
    definition = server.psql("backfill", "SELECT feature.standard_transaction_features()")
    rounds = []
    for number in range(1, settings.rounds + 1):
        server.checkpoint()
        plain = server.seconds("backfill", f"CREATE TABLE transaction_features AS {definition};")
        indexed = plain + server.seconds("backfill",
                                         "ALTER TABLE transaction_features ADD PRIMARY KEY (transaction_id);",
                                         'CREATE INDEX ON transaction_features (user_id, "timestamp");')
        remove("DROP TABLE transaction_features", rows)
        server.checkpoint()
        view = server.seconds("backfill", "SELECT feature.create_view('transaction_features', "
                                          f"$definition${definition}$definition$);")
        remove("SELECT feature.drop_view('transaction_features')", rows)
        rounds.append({"plain": plain, "indexed": indexed, "view": view})
        log(f"backfill, round {number}: CREATE TABLE AS {plain:.2f} s, with indexes {indexed:.2f} s, "
            f"create_view {view:.2f} s, ratio {view / plain:.3f}")
    server.drop_database("backfill")

    def line(label, value, *goal):
        return Line(label, "" if "/" in label else "s", 3 if "/" in label else 2, [value(one) for one in rounds], *goal)

    return Figure("backfill", f"create_view over {rows:,} transactions of {USERS:,} users that are there",
                  counted_rounds(settings.rounds),
                  [line("time, create_view / CREATE TABLE AS", lambda r: r["view"] / r["plain"], Goal("at most", 1.2)),
                   line("time, create_view / the same with its indexes", lambda r: r["view"] / r["indexed"]),
                   line("time, CREATE TABLE AS", lambda r: r["plain"]),
                   line("time, CREATE TABLE AS and indexes", lambda r: r["indexed"]),
                   line("time, create_view", lambda r: r["view"])], rounds)


def remove(command, rows):
    made = int(server.psql("backfill", "SELECT count(*) FROM transaction_features"))
    server.psql("backfill", command)
    if made != rows:
        raise SystemExit(f"backfill: {made} feature rows instead of {rows}")
