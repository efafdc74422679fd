"""Figure "added_features": what further features over a window cost that is there already.

Two views, over tables of the same columns and given the same rows by COPY: one with a single feature over the last hour
of a user, one with twenty of them (counts, sums, averages, extremes, variances and more of two columns). All features
read one window, so that events are found and stored once, however many there are.
"""

import os

import server
from report import Figure, Goal, Line, counted_rounds

USERS = 10_000
ROWS = 500_000
ONE = "sum(amount)"
FEATURES = (ONE, "count(*)", "avg(amount)", "min(amount)", "max(amount)", "stddev(amount)", "variance(amount)",
            "stddev_pop(amount)", "var_pop(amount)", "count(items)", "sum(items)", "avg(items)", "min(items)",
            "max(items)", "count(*) FILTER (WHERE items > 3)", "sum(amount) FILTER (WHERE items > 3)",
            "max(amount) FILTER (WHERE items > 3)", "bool_or(items > 8)", "bool_and(items > 0)", "lag(amount)")


def measure(settings, log):
    rows = settings.rows or ROWS
    log(f"added_features: making {rows:,} rows")
    file = os.path.join(settings.files, "rows")
    server.psql("postgres", f"""
        COPY (SELECT i, timestamp '2025-01-01' + i * interval '100 milliseconds', hashint8(i) % {USERS},
                     (hashint8(i + 1) & 131071) / 100.0::float8, hashint8(i + 2) & 7
              FROM generate_series(1, {rows}) i) TO '{file}'""")
    rounds = []
    for number in range(1, settings.rounds + 1):
        one = load(file, [ONE])
        many = load(file, FEATURES)
        rounds.append({"one": one, "many": many})
        log(f"added_features, round {number}: 1 feature {one:.2f} s, {len(FEATURES)} features {many:.2f} s, "
            f"ratio {many / one:.3f}")
    os.remove(file)
    return Figure("added_features", f"COPY of {rows:,} rows into 1 and {len(FEATURES)} features of one window",
                  counted_rounds(settings.rounds),
                  [Line(f"time, {len(FEATURES)} features / 1 feature", "", 3, [r["many"] / r["one"] for r in rounds],
                        Goal("at most", 1.5)),
                   Line("time, 1 feature", "s", 2, [r["one"] for r in rounds]),
                   Line(f"time, {len(FEATURES)} features", "s", 2, [r["many"] for r in rounds])], rounds)


def load(file, features):
    server.create_database("added", catalogue=None)
    columns = ", ".join(f"{call} OVER hour AS feature_{number}" for number, call in enumerate(features, 1))
    server.psql("added", f"""
        CREATE TABLE orders (id bigint, at timestamp NOT NULL, buyer int, amount float8, items int);
        SELECT feature.create_view('order_features', $$
          SELECT id, {columns} FROM orders
          WINDOW hour AS (PARTITION BY buyer ORDER BY at RANGE '1 hour' PRECEDING) $$);""")
    server.checkpoint()
    seconds = server.seconds("added", f"COPY orders FROM '{file}';")
    server.drop_database("added")
    return seconds
