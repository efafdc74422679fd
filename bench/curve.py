"""Figure "curve": what a row costs as its frame grows, from 100 events in 24 hours to 1,000,000.

For each size there is one entity that has had that many events, evenly over 24 hours, and goes on in the same rhythm,
so that its frame of 24 hours always holds that many. Measured are, in each round for one size after the other:

INSERT:  prepared single-row statements of one client, each a transaction, into a view with count, sum, avg, min, max
         and stddev over 5 windows (5 minutes to 24 hours).
COPY:    of many rows into the same view.
query:   the same 30 features by a plain query over a table with a covering index, for a few rows, more the cheaper they
         are: what asking at prediction time costs. It is checked against the features of the view.
INSERT, COPY, exact: the same into a view with feature.count_distinct and feature.percentile over the 24 hours, which
         need the values themselves: a single row reads all of them, and one of many takes over what the row before it
         knew of them. Up to 100,000 events.

The last three are measured in the first round alone: they are there to compare with, and rounds differ by less.

State is what is kept of an entity once it has been filled. Commits do not wait for the disk, whose noise would hide
what is looked for; to wait costs the same at all sizes.
"""

import os

import server
from report import Figure, Goal, Line, counted_rounds

SIZES = (100, 1_000, 10_000, 100_000, 1_000_000)
EXACT_SIZES = SIZES[:4]
DAY_SECONDS = 86_400
WINDOWS = {"5m": "5 minutes", "15m": "15 minutes", "1h": "1 hour", "6h": "6 hours", "24h": "24 hours"}
FUNCTIONS = {"count": "count(*)", "sum": "sum(x)", "avg": "avg(x)", "min": "min(x)", "max": "max(x)",
             "stddev": "stddev(x)"}

EXACT = """
    SELECT id, feature.count_distinct(x) OVER day AS different, feature.percentile(x, 0.95) OVER day AS p95
    FROM {table} WINDOW day AS (PARTITION BY entity ORDER BY at RANGE '24 hours' PRECEDING)"""

INSERTS, COPIED = 5_000, 40_000
EXACT_INSERTS = {100: 200, 1_000: 200, 10_000: 100, 100_000: 20}
EXACT_COPIED = 5_000
QUERIES = {100: 500, 1_000: 200, 10_000: 50, 100_000: 5, 1_000_000: 1}


class Entity:
    """One view over a table with one entity. Events have the numbers 1, 2, .. and times in step with them. There are
    as many more than fill the frame as are asked for by queries."""

    def __init__(self, settings, table, size, definition):
        self.table = table
        self.size = size
        self.last = size + QUERIES[size]
        self.script = os.path.join(settings.files, f"{table}.sql")
        with open(self.script, "w") as file:
            file.write(f"""\\set number :number + 1
                INSERT INTO {table} VALUES (:number, 1, {self.time(":number")}, {self.value(":number")});""")
        self.file = os.path.join(settings.files, table)
        server.psql("curve", f"""
            CREATE TABLE {table}
              (id bigint PRIMARY KEY, entity int NOT NULL, at timestamptz NOT NULL, x float8 NOT NULL);
            INSERT INTO {table} {self.events(1, self.last)};
            SELECT feature.create_view('{table}_features', $${definition.format(table=table)}$$);""")

    def events(self, first, last):
        return f"SELECT i, 1, {self.time('i')}, {self.value('i')} FROM generate_series({first}, {last}) i"

    def time(self, number):
        return f"timestamptz '2025-01-01' + {number} * interval '{DAY_SECONDS / self.size} seconds'"

    @staticmethod
    def value(number):
        return f"(hashint8({number}) & 131071) / 100.0"

    def insert(self, rows):
        """Seconds a row, single."""
        measured = server.pgbench("curve", self.script, 1, 1, first_number=self.last, transactions=rows)
        self.last += rows
        return measured["latency_ms"] / 1000

    def copy(self, rows):
        """Seconds a row, many."""
        server.psql("curve", f"COPY ({self.events(self.last + 1, self.last + rows)}) TO '{self.file}'")
        seconds = server.seconds("curve", f"COPY {self.table} FROM '{self.file}';")
        os.remove(self.file)
        self.last += rows
        return seconds / rows

    def state_bytes(self):
        return int(server.psql("curve", f"""
            SELECT sum(bytes) FROM feature_state.list l JOIN feature_state.view v ON l.view = v.id
            CROSS JOIN LATERAL (VALUES (l.states, 'state'), (l.chunks, 'events')) kept (relation, value)
            CROSS JOIN LATERAL query_to_xml(format('SELECT coalesce(sum(pg_column_size(%I)), 0) AS n FROM %s',
                                                   value, kept.relation), false, true, '') answer
            CROSS JOIN LATERAL (SELECT (xpath('/row/n/text()', answer))[1]::text::bigint AS bytes) counted
            WHERE v.relation = '{self.table}_features'::regclass"""))


def measure(settings, log):
    server.create_database("curve", catalogue=None)
    server.psql("curve", "ALTER DATABASE curve SET synchronous_commit = off")
    log("curve: filling entities")
    # Those that take longest first.
    exact = server.side_by_side(lambda size: Entity(settings, f"exact_{size}", size, EXACT), EXACT_SIZES[::-1])[::-1]
    combined = server.side_by_side(lambda size: Entity(settings, f"combined_{size}", size, window_definition()),
                                   SIZES[::-1])[::-1]
    for entity in combined:
        prepare_query(entity)
    server.psql("curve", "VACUUM ANALYZE")
    kept = {entity.table: entity.state_bytes() for entity in combined + exact}
    rounds = []
    for number in range(1, settings.rounds + 1):
        taken = {"INSERT": {entity.size: entity.insert(INSERTS) for entity in combined},
                 "COPY": {entity.size: entity.copy(COPIED) for entity in combined}}
        if number == 1:
            taken |= {"query": {entity.size: query(entity) for entity in combined},
                      "INSERT, exact": {entity.size: entity.insert(EXACT_INSERTS[entity.size]) for entity in exact},
                      "COPY, exact": {entity.size: entity.copy(EXACT_COPIED) for entity in exact}}
        rounds.append(taken)
        log(f"curve, round {number}: " + "; ".join(
            f"{name} {', '.join(f'{seconds * 1e6:.0f}' for seconds in by_size.values())} µs"
            for name, by_size in taken.items()))
    server.drop_database("curve")

    def lines(name, goal=None, unit="µs"):
        """Cost by size, and its ratio to the smallest's; the goal is for the ratio of the largest."""
        result = []
        measured = [one[name] for one in rounds if name in one]
        for size in measured[0]:
            result.append(Line(f"{name}, {size:,} events", unit, 1,
                               [by_size[size] * {"µs": 1e6, "ms": 1e3}[unit] for by_size in measured]))
        for size in list(measured[0])[1:]:
            last = size == SIZES[-1]
            result.append(Line(f"{name}, {size:,} / {SIZES[0]} events", "", 2,
                               [by_size[size] / by_size[SIZES[0]] for by_size in measured], goal if last else None))
        return result

    states = [Line(f"state{', exact' if entity in exact else ''}, {entity.size:,} events", "B", 0, [kept[entity.table]])
              for entity in combined + exact]
    return Figure("curve", "Cost of a row by the number of events in its frame of 24 hours",
                  counted_rounds(settings.rounds),
                  [*lines("INSERT", Goal("at most", 2.0)), *lines("COPY", Goal("at most", 2.0)),
                   *lines("query", unit="ms"), *lines("INSERT, exact"), *lines("COPY, exact"), *states],
                  [{**one, "state_bytes": kept} for one in rounds])


def window_definition():
    features = ", ".join(f"{call} OVER w{window} AS {name}_{window}" for window in WINDOWS
                         for name, call in FUNCTIONS.items())
    windows = ", ".join(f"w{window} AS (PARTITION BY entity ORDER BY at RANGE '{length}' PRECEDING)"
                        for window, length in WINDOWS.items())
    return f"SELECT id, {features} FROM {{table}} WINDOW {windows}"


def prepare_query(entity):
    """A table with nothing but a covering index, all of it visible."""
    server.psql("curve", f"""
        CREATE TABLE plain_{entity.size} AS SELECT * FROM {entity.table};
        CREATE INDEX ON plain_{entity.size} (entity, at, id, x);
        VACUUM ANALYZE plain_{entity.size};""")


def query(entity):
    """Seconds a row of asking for the features of the latest rows; they must be those of the view."""
    plain = f"plain_{entity.size}"
    features = ", ".join(f"{call} FILTER (WHERE at >= r.at - interval '{length}') AS {name}_{window}"
                         for window, length in WINDOWS.items() for name, call in FUNCTIONS.items())
    seconds = server.seconds("curve", f"""
        CREATE TABLE asked AS
        SELECT r.id, f.* FROM {plain} r
        CROSS JOIN LATERAL (SELECT {features} FROM {plain} e
                            WHERE e.entity = r.entity AND e.at BETWEEN r.at - interval '24 hours' AND r.at) f
        WHERE r.id > {entity.size};""")
    unequal = " OR ".join(f"abs(a.{name}_{window} - f.{name}_{window}) > 1e-9 * abs(f.{name}_{window})"
                          for window in WINDOWS for name in FUNCTIONS)
    asked, wrong = server.psql("curve", f"""
        SELECT count(*), count(*) FILTER (WHERE {unequal}) FROM asked a JOIN {entity.table}_features f USING (id);
        DROP TABLE asked;""").split("|")
    if (int(asked), int(wrong)) != (QUERIES[entity.size], 0):
        raise SystemExit(f"{wrong} of {asked} rows of {entity.table} differ from the plain query")
    return seconds / QUERIES[entity.size]
