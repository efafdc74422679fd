"""Figure "month": what is kept of a user in a month of traffic, with the wide catalogue.

Users make their transactions evenly over 30 simulated days, sent in event-time order by one COPY for each two hours.
After every third day the states of the users are weighed: bytes of state and chunks, and the number of chunks. What is
kept must not grow with what is older than the longest window.
"""

import itertools
import os

import server
from report import Figure, Goal, Line

USERS = 200
DAYS = 30
WEIGHED_EVERY = 3
ROWS = 600_000
BATCHES_A_DAY = 12


def measure(settings, log):
    rows = settings.rows or ROWS
    batch_rows = rows // (DAYS * BATCHES_A_DAY)
    rows = batch_rows * DAYS * BATCHES_A_DAY
    log(f"month: {rows:,} transactions of {USERS} users in {DAYS} days")
    csv, batch = (os.path.join(settings.files, name) for name in ("month.csv", "batch.csv"))
    server.write_transactions(settings, csv, rows, USERS, f"{DAYS}d", "--user-skew", "0")
    server.create_database("month", catalogue="wide")
    weighed = {}
    with open(csv) as lines:
        next(lines)
        for number in range(1, DAYS * BATCHES_A_DAY + 1):
            with open(batch, "w") as file:
                file.writelines(itertools.islice(lines, batch_rows))
            os.chmod(batch, 0o644)
            server.psql("month", f"COPY transactions FROM '{batch}' WITH (FORMAT csv)")
            day, rest = divmod(number, BATCHES_A_DAY)
            if rest == 0 and day % WEIGHED_EVERY == 0:
                weighed[day] = weigh()
                log(f"month, day {day}: {sum(size for size, _ in weighed[day]) / USERS:.0f} bytes and "
                    f"{sum(chunks for _, chunks in weighed[day]) / USERS:.1f} chunks a user")
    server.drop_database("month")
    os.remove(csv)
    os.remove(batch)

    growth = sum(size for size, _ in weighed[DAYS]) / sum(size for size, _ in weighed[DAYS // 2 // 3 * 3])
    return Figure("month", f"State of a user in {DAYS} days of {rows // USERS // DAYS} transactions a day",
                  f"{USERS} users",
                  [Line(f"bytes after day {DAYS} / day {DAYS // 2 // 3 * 3}", "", 2, [growth], Goal("at most", 1.1)),
                   *(Line(f"state and chunks, day {day}", "B", 0, [size for size, _ in users])
                     for day, users in weighed.items()),
                   *(Line(f"chunks, day {day}", "", 1, [chunks for _, chunks in users])
                     for day, users in weighed.items())],
                  [{"day": day, "users": users} for day, users in weighed.items()])


def weigh():
    """Bytes and number of chunks of each user. The users' partition list is the definition's first."""
    states, chunks = server.psql("month", "SELECT states, chunks FROM feature_state.list WHERE number = 1").split("|")
    users = [tuple(map(int, line.split("|"))) for line in server.psql("month", f"""
        SELECT pg_column_size(s.state) + coalesce(sum(pg_column_size(c.events)), 0), count(c.key_hash)
        FROM {states} s LEFT JOIN {chunks} c USING (key_hash, slot)
        WHERE s.key_1 LIKE 'user%' GROUP BY s.key_hash, s.slot""").splitlines()]
    if len(users) != USERS:
        raise SystemExit(f"{len(users)} states of {USERS} users")
    return users
