"""Figure "backfill": feature.create_view over a table that has its rows already.

Pipeline: feature.create_view with the definition of the standard catalogue.
Floor:    CREATE TABLE AS with the same definition, as a plain query. The primary key and the index that the feature view
          has are made behind it, and their time is told apart: that is what one would build by hand to read features
          by user and time. In the first round alone: that is there to compare with, and no goal.

Rounds are by turns in one database over the same rows; what was made is dropped after each.
"""

import server
from report import Figure, Goal, Line, counted_rounds

USERS = 10_000
ROWS = 1_000_000


def measure(settings, log):
    rows = settings.rows or ROWS
    raw = server.raw_rows(settings, log, rows, USERS)
    log(f"backfill: loading {rows:,} transactions")
    server.create_database("backfill")
    server.psql("backfill", f"""
        SELECT feature.drop_view('transaction_features');
        COPY transactions FROM '{raw}';
        VACUUM ANALYZE transactions;""")
    definition = server.psql("backfill", "SELECT feature.standard_transaction_features()")
    rounds = []
    for number in range(1, settings.rounds + 1):
        server.checkpoint()
        plain = server.seconds("backfill", f"CREATE TABLE transaction_features AS {definition};")
        one = {"plain": plain}
        if number == 1:
            one["indexed"] = plain + server.seconds(
                "backfill", "ALTER TABLE transaction_features ADD PRIMARY KEY (transaction_id);",
                'CREATE INDEX ON transaction_features (user_id, "timestamp");')
        remove("DROP TABLE transaction_features", rows)
        server.checkpoint()
        view = server.seconds("backfill", "SELECT feature.create_view('transaction_features', "
                                          f"$definition${definition}$definition$);")
        remove("SELECT feature.drop_view('transaction_features')", rows)
        rounds.append({**one, "view": view})
        log(f"backfill, round {number}: CREATE TABLE AS {plain:.2f} s, create_view {view:.2f} s, "
            f"ratio {view / plain:.3f}")
    server.drop_database("backfill")

    def each(side):
        return [one[side] for one in rounds]

    def ratios(side):
        return [one["view"] / one[side] for one in rounds if side in one]

    return Figure("backfill", f"create_view over {rows:,} transactions of {USERS:,} users that are there",
                  counted_rounds(settings.rounds),
                  [Line("time, create_view / CREATE TABLE AS", "", 3, ratios("plain"), Goal("at most", 1.2)),
                   Line("time, create_view / the same with its indexes", "", 3, ratios("indexed")),
                   Line("time, CREATE TABLE AS", "s", 2, each("plain")),
                   Line("time, CREATE TABLE AS and indexes", "s", 2, [rounds[0]["indexed"]]),
                   Line("time, create_view", "s", 2, each("view"))], rounds)


def remove(command, rows):
    made = int(server.psql("backfill", "SELECT count(*) FROM transaction_features"))
    server.psql("backfill", command)
    if made != rows:
        raise SystemExit(f"backfill: {made} feature rows instead of {rows}")
