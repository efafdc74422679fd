"""Figure "diverted": what bad rows cost where they are put aside.

A statement of 10,000 rows, ten of which fail (a division by zero in the definition), spread over it, beside one of 10,000
good rows; both into a view with on_error => 'divert'. And the same good rows into one that aborts: what being able to put
rows aside costs. Each inserts a number of statements into fresh tables.
"""

import server
from report import Figure, Goal, Line, counted_rounds

ROWS = 10_000
BAD = 10
STATEMENTS = 10
SIDES = {"bad": ("divert", BAD), "good": ("divert", 0), "abort": ("abort", 0)}

VIEW = """
CREATE TABLE payments (id bigint PRIMARY KEY, buyer text, at timestamptz NOT NULL, amount float8, items int);
SELECT feature.create_view('payment_features', $$
  SELECT id, buyer, at, amount / items AS price, count(*) OVER w AS n, sum(amount) OVER w AS spent,
         avg(amount) OVER w AS mean, max(amount) OVER w AS highest
  FROM payments WINDOW w AS (PARTITION BY buyer ORDER BY at RANGE '1 hour' PRECEDING)$$, on_error => '%s');
"""


def measure(settings, log):
    rounds = []
    for number in range(1, settings.rounds + 1):
        rounds.append({side: load(*SIDES[side]) for side in SIDES})
        log(f"diverted, round {number}: " + ", ".join(f"{side} {seconds:.3f} s" for side, seconds in rounds[-1].items()))
    return Figure(
        "diverted", f"INSERT of {ROWS:,} rows a statement, {BAD} of them bad, which are put aside",
        counted_rounds(settings.rounds),
        [Line(f"time, {BAD} bad rows / none", "", 3, [one["bad"] / one["good"] for one in rounds], Goal("at most", 2)),
         Line("time, on_error => 'divert' / 'abort', no bad rows", "", 3, [one["good"] / one["abort"] for one in rounds]),
         *[Line(f"time of {STATEMENTS} statements, {side}", "s", 3, [one[side] for one in rounds]) for side in SIDES]],
        rounds)


def load(on_error, bad):
    server.create_database("diverted", catalogue=None)
    server.psql("diverted", VIEW % on_error)
    server.checkpoint()
    seconds = 0
    for statement in range(STATEMENTS):
        first = statement * ROWS
        is_bad = f"i % {ROWS // bad} = {ROWS // bad // 2}" if bad else "false"
        seconds += server.seconds("diverted", f"""
            INSERT INTO payments
            SELECT i, 'b' || hashint4(i) % 1000, timestamptz '2025-01-01' + i * interval '100 milliseconds', i % 97,
                   CASE WHEN {is_bad} THEN 0 ELSE 1 + i % 5 END
            FROM generate_series({first}, {first + ROWS - 1}) i;""")
    kept = server.psql("diverted", "SELECT (SELECT count(*) FROM feature.errors), (SELECT count(*) FROM payment_features)")
    server.drop_database("diverted")
    if kept != f"{bad * STATEMENTS}|{(ROWS - bad) * STATEMENTS}":
        raise SystemExit(f"diverted: rows were lost, or not put aside: {kept}")
    return seconds
