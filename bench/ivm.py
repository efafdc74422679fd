"""Figure "ivm": a feature view against pg_ivm, on what pg_ivm can do: count, sum and average of all that a user has
paid.

pg_ivm:   an incrementally maintained materialised view with one row a user.
Pipeline: a feature view of the same three by user, over all payments up to the row's own. That is more: it keeps a
          feature row for each payment.

Both get the same single-row INSERTs, prepared, from 1 client and from 8, commit to disk, on a fresh copy of the same
history and after a few seconds of the same load. At the end, both must give what a plain query gives.

pg_ivm is not in every Debian: without it, the figure is left out. `make bench PG=18 BENCH=ivm` measures it in a Debian
of its own that has it.
"""

import server
from report import Figure, Goal, LeftOut, Line, counted_rounds

USERS = 10_000
HISTORY = 50_000
WARM_UP_SECONDS = 2
GOALS = {1: Goal("at least", 1), 8: Goal("at least", 5)}  # by clients

PAYMENTS = f"""
CREATE TABLE payments
  (id bigserial PRIMARY KEY, user_id int NOT NULL, at timestamptz NOT NULL, amount numeric(10,2) NOT NULL);
INSERT INTO payments (user_id, at, amount)
SELECT i % {USERS} + 1, now() - interval '1 day' + i * interval '1 second', i % 9973 / 100.0
FROM generate_series(1, {HISTORY}) i;
"""

VIEWS = {
    "pg_ivm": """
        CREATE EXTENSION pg_ivm;
        SELECT pgivm.create_immv('totals', 'SELECT user_id, count(*) AS n, sum(amount) AS sum, avg(amount) AS avg
                                            FROM payments GROUP BY user_id');""",
    "pipeline": """
        SELECT feature.create_view('totals', $$
          SELECT id, user_id, at, count(*) OVER w AS n, sum(amount) OVER w AS sum, avg(amount) OVER w AS avg
          FROM payments WINDOW w AS (PARTITION BY user_id ORDER BY at)$$);""",
}

# Payments that arrived out of order do not see each other; what comes last sees all of them.
ONE_MORE = f"INSERT INTO payments (user_id, at, amount) SELECT i, now(), 1 FROM generate_series(1, {USERS}) i;"
LATEST = {"pg_ivm": "SELECT user_id, n, sum, avg FROM totals",  # it has a column more
          "pipeline": f"SELECT user_id, n, sum, avg FROM totals ORDER BY id DESC LIMIT {USERS}"}
QUERY = "SELECT user_id, count(*) AS n, sum(amount) AS sum, avg(amount) AS avg FROM payments GROUP BY user_id"


def measure(settings, log):
    if server.psql("postgres", "SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_ivm'") == "0":
        raise LeftOut("this PostgreSQL has no pg_ivm; `make bench PG=18 BENCH=ivm` brings one that has")
    for side, view in VIEWS.items():
        server.create_database(f"{side}_history", catalogue=None)
        server.psql(f"{side}_history", PAYMENTS + view + "VACUUM ANALYZE")
    rounds = []
    for number in range(1, settings.rounds + 1):
        rounds.append({clients: {side: load(settings, side, clients, number) for side in VIEWS} for clients in GOALS})
        log(f"ivm, round {number}: " + ", ".join(
            f"{side} {tps:.0f}/s of {clients}" for clients, one in rounds[-1].items() for side, tps in one.items()))
    for side in VIEWS:
        server.drop_database(f"{side}_history")
    version = server.psql("postgres", "SELECT default_version FROM pg_available_extensions WHERE name = 'pg_ivm'")

    def lines(clients):
        each = [one[clients] for one in rounds]
        return [Line(f"times as fast, clients: {clients}", "", 2,
                     [one["pipeline"] / one["pg_ivm"] for one in each], GOALS[clients]),
                *[Line(f"transactions a second, clients: {clients}, {side}", "", 0, [one[side] for one in each])
                  for side in VIEWS]]

    return Figure("ivm", f"Single-row INSERT, prepared, {USERS:,} users, commit to disk: pipeline against pg_ivm "
                         f"{version}", f"{counted_rounds(settings.rounds)} of {settings.seconds} s",
                  [line for clients in GOALS for line in lines(clients)], rounds)


def load(settings, side, clients, number):
    server.create_database(side, template=f"{side}_history")
    server.checkpoint()
    measured = server.pgbench(side, "ivm.sql", clients, USERS, warm_up=WARM_UP_SECONDS, time=settings.seconds,
                              random_seed=number)
    server.psql(side, ONE_MORE)
    wrong = server.psql(side, f"WITH latest AS ({LATEST[side]}), query AS ({QUERY}) SELECT count(*) FROM "
                              "((TABLE latest EXCEPT ALL TABLE query) UNION ALL "
                              "(TABLE query EXCEPT ALL TABLE latest)) _")
    server.drop_database(side)
    if wrong != "0":
        raise SystemExit(f"{side} differs from the plain query")
    return measured["tps"]
