"""Figure "hot": transactions a second of sessions that all insert for one merchant of a shared list.

Hot:    hot.sql, by all clients for one merchant, whose list is shared.
Spread: the same for merchants drawn from 10,000.
Queued: the same as hot, but the list is not shared, so that each waits for the others' commits. In the first round alone:
        it is there to show what sharing gives, which is several times the difference between rounds.

Each runs on fresh tables; the first second does not count. The features are those of the wide catalogue's merchants.
At the end, a row that sees everything must count all rows.
"""

import server
from report import Figure, Goal, Line, counted_rounds

MERCHANTS = 10_000
CLIENTS = 8
WARM_UP_SECONDS = 1
SIDES = {"hot": (1, "{merchant_id}"), "spread": (MERCHANTS, "{merchant_id}"), "queued": (1, "{}")}

VIEW = """
CREATE TABLE payments (id bigserial PRIMARY KEY, merchant_id text, user_id text, at timestamptz NOT NULL, amount float8);
SELECT feature.create_view('merchants', $$
  SELECT id, merchant_id, at,
         count(*) OVER w_5m AS n_5m, sum(amount) OVER w_5m AS sum_5m, count(*) OVER w_1h AS n_1h, sum(amount) OVER w_1h AS sum_1h,
         avg(amount) OVER w_1h AS avg_1h, count(*) OVER w_24h AS n_24h, sum(amount) OVER w_24h AS sum_24h
  FROM payments
  WINDOW w_5m AS (PARTITION BY merchant_id ORDER BY at RANGE '5 minutes' PRECEDING),
         w_1h AS (PARTITION BY merchant_id ORDER BY at RANGE '1 hour' PRECEDING),
         w_24h AS (PARTITION BY merchant_id ORDER BY at RANGE '24 hours' PRECEDING)$$, shared => '%s');
"""


def measure(settings, log):
    rounds = []
    for number in range(1, settings.rounds + 1):
        rounds.append({side: load(settings, side, number) for side in SIDES if side != "queued" or number == 1})
        log(f"hot, round {number}: " + ", ".join(f"{side} {tps:.0f}/s" for side, tps in rounds[-1].items()))
    return Figure(
        "hot", f"Single-row INSERT, prepared, {CLIENTS} clients for one merchant of a shared list, commit to disk",
        f"{counted_rounds(settings.rounds)} of {settings.seconds} s",
        [Line(f"transactions a second, hot / over {MERCHANTS:,} merchants", "", 3,
              [one["hot"] / one["spread"] for one in rounds], Goal("at least", 0.8)),
         *[Line(f"transactions a second, {side}", "", 0, [one[side] for one in rounds if side in one]) for side in SIDES]],
        rounds)


def load(settings, side, number):
    merchants, shared = SIDES[side]
    server.create_database(side, catalogue=None)
    server.psql(side, VIEW % shared)
    server.checkpoint()
    measured = server.pgbench(side, "hot.sql", CLIENTS, merchants, warm_up=WARM_UP_SECONDS, time=settings.seconds,
                              random_seed=number)
    counted = server.psql(side, "INSERT INTO payments (merchant_id, at) VALUES ('m1', clock_timestamp()); "
                                "SELECT n_24h = (SELECT count(*) FROM payments WHERE merchant_id = 'm1') "
                                "FROM merchants ORDER BY id DESC LIMIT 1")
    server.drop_database(side)
    if counted != "t":
        raise SystemExit(f"{side}: events were lost or counted twice")
    return measured["tps"]
