"""Figure "state": what is kept of a user with 50 transactions, each inserted by a statement and a commit of its own.

Size is that of the state value and of the user's chunks, if there are any. Median, minimum and maximum are over users.
"""

import server
from report import Figure, Goal, Line

CLIENTS = 8
USERS_EACH = 25
EVENTS = 50


def measure(settings, log):
    users = CLIENTS * USERS_EACH
    log(f"state: {EVENTS} transactions for each of {users} users")
    server.create_database("state")
    before = server.counters("state")
    server.pgbench("state", "state_size.sql", CLIENTS, users, USERS_EACH=USERS_EACH, transactions=USERS_EACH * EVENTS,
                   random_seed=1)
    grown = server.growth(before, server.counters("state"))
    if server.psql("state", f"SELECT count(*) FROM (SELECT FROM transactions GROUP BY user_id "
                            f"HAVING count(*) = {EVENTS}) exact") != str(users):
        raise SystemExit(f"not every user has {EVENTS} transactions")
    states, chunks = server.psql("state", "SELECT states, chunks FROM feature_state.list").split("|")
    sizes = [int(size) for size in server.psql("state", f"""
        SELECT pg_column_size(s.state) + coalesce((SELECT sum(pg_column_size(c.events)) FROM {chunks} c
                                                   WHERE c.key_hash = s.key_hash AND c.slot = s.slot), 0)
        FROM {states} s""").split()]
    table_bytes = int(server.psql("state", f"SELECT pg_total_relation_size('{states}') + "
                                           f"pg_total_relation_size('{chunks}')"))
    server.drop_database("state")
    if len(sizes) != users:
        raise SystemExit(f"{len(sizes)} states of {users} users")

    hot_share = 100 * grown["hot_updates"] / grown["updates"]
    return Figure(
        "state", f"State of a user with {EVENTS} transactions", f"{users} users",
        [Line("state a user", "B", 0, sizes, Goal("at most", 3900, "maximum")),
         Line("state updates (n_tup_upd)", "", 0, [grown["updates"]]),
         Line("HOT state updates (n_tup_hot_upd)", "", 0, [grown["hot_updates"]]),
         Line("HOT share of state updates", "%", 2, [hot_share]),
         Line("tables of the states, with free room, a user", "B", 0, [table_bytes / users])],
        [{"sizes": sizes, "table_bytes": table_bytes, **grown}])
