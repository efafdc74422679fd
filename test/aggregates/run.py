#!/usr/bin/python3
"""The randomised differential test of the extension's aggregates.

Each round fills a table with random values of many types and compares, for every aggregate and type it takes:

    grouped    feature.x with PostgreSQL's own formulation of it: count(DISTINCT), percentile_cont, mode() WITHIN GROUP,
               GROUP BY and window queries
    sliding    feature.x OVER a random frame, for which PostgreSQL takes values back out of states, with feature.x
               computed anew from the rows of each frame: identical, not just equal
    parallel   a parallel plan, whose workers' states are serialised and combined, with a serial plan
    parts      the states of a table's partitions, combined in their order, with a plan without partial aggregation
    view       a feature view, filled row by row and in batches, with its definition run as a plain query

    run.py [--seed SEED] [--rounds N]      the seed is printed; the same seed makes the same rounds

Connects by PGHOST, PGPORT, PGDATABASE and so on, and works in the schema random_aggregates, which it drops.
"""

import argparse
import random
import sys
import time

import psycopg2

FLOATS = ["NaN", "Infinity", "-Infinity", "0", "-0", "1.5", "2.25", "-3", "1e300", "1e-300", "7", "8", "9.125"]
VALUES = {  # column: its type and the values it takes
    "x_bool": ("bool", ["t", "f"]),
    "x_int2": ("int2", [str(i - 4) for i in range(9)]),
    "x_int4": ("int4", [str(i * 1000003) for i in range(-20, 20)]),
    "x_int8": ("int8", [str(i * 10**15) for i in range(5)]),
    "x_float4": ("float4", ["1.5", "NaN", "0", "-0", "3"]),
    "x_float8": ("float8", FLOATS),
    "x_numeric": ("numeric", ["1", "1.0", "1.00", "0", "0.000", "NaN", "-2.5", "-2.50", "12345678901234567890.5"]),
    "x_text": ("text", ["", "a", "b", "B", "ab", "c" * 200, "d" * 3000]),
    "x_folded": ("text COLLATE folded", ["a", "A", "b", "B", "ab", "aB", ""]),
    "x_bytea": ("bytea", ["\\x", "\\x00", "\\x0000", "\\xff"]),
    "x_uuid": ("uuid", ["00000000-0000-0000-0000-00000000000%d" % i for i in range(4)]),
    "x_date": ("date", ["2024-01-01", "2024-02-29", "infinity"]),
    "x_interval": ("interval", ["1 day", "24 hours", "1 month", "30 days"]),
    "x_inet": ("inet", ["10.0.0.1", "10.0.0.0/8", "::1"]),
    "x_jsonb": ("jsonb", ["1", "1.0", '{"a": 1}', "null"]),
    "x_ints": ("int[]", ["{}", "{1}", "{1,2}", "[2:3]={1,2}"]),
    "x_enum": ("mood", ["sad", "ok", "glad"]),
    "x_pair": ("pair", ["(1,a)", "(1,b)", "(,)"]),
}
NUMBERS = ("x_int2", "x_int4", "x_float8")  # cast to float8 without loss
ELEMENTS = [column for column in VALUES]
ARRAYABLE = [column for column in VALUES if column != "x_ints"]

# Aggregates: the columns they take, the call, and PostgreSQL's own formulation over rows (g, x, t, id) of one group.
# {x} is the column, {n} a number, {p} a fraction. Equality is that of the type, up to a relative error for floats.
ROWS = "(SELECT {x} AS x, t, id FROM data WHERE g = o.g AND {x} IS DISTINCT FROM NULL)"
AGGREGATES = {
    "count_distinct": (ELEMENTS, "feature.count_distinct({x})", "SELECT count(DISTINCT x) FROM " + ROWS + " r"),
    "mode": (ELEMENTS, "feature.mode({x})", "SELECT mode() WITHIN GROUP (ORDER BY x) FROM " + ROWS + " r"),
    "top_n": (ARRAYABLE, "feature.top_n({x}, {n})",
              "SELECT array_agg(x ORDER BY c DESC, x) FROM (SELECT x, count(*) AS c FROM " + ROWS +
              " r GROUP BY x ORDER BY 2 DESC, 1 LIMIT {n}) r"),
    "entropy": (ELEMENTS, "feature.entropy({x})",
                "SELECT sum(-p * ln(p) / ln(2.0::float8)) FROM (SELECT count(*) / sum(count(*)) OVER ()::float8 AS p FROM "
                + ROWS + " r GROUP BY x) r"),
    "percentile": (NUMBERS, "feature.percentile({x}, {p})",
                   "SELECT percentile_cont({p}) WITHIN GROUP (ORDER BY x::float8) FROM " + ROWS + " r"),
    "median": (NUMBERS, "feature.median({x})",
               "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY x::float8) FROM " + ROWS + " r"),
    "ew_sum": (("y",), "feature.ew_sum({x}, t, '{n} minutes')",
               "SELECT sum(x * 2 ^ (-extract(epoch FROM latest - t)::float8 / ({n} * 60))) FROM (SELECT *, max(t) OVER () AS "
               "latest FROM " + ROWS + " r) r WHERE latest - t < {n} * 900 * interval '1 minute'"),
    "ew_avg": (("y",), "feature.ew_avg({x}, t, '{n} minutes')",
               "SELECT sum(x * w) / sum(w) FROM (SELECT x, 2 ^ (-extract(epoch FROM max(t) OVER () - t)::float8 / ({n} * 60))"
               " AS w FROM " + ROWS + " r WHERE t > (SELECT max(t) FROM " + ROWS + " s) - {n} * 900 * interval '1 minute') r"),
    "change_count": (ELEMENTS, "feature.change_count({x})",
                     "SELECT count(*) FILTER (WHERE x <> before) FROM (SELECT x, lag(x) OVER (ORDER BY t, id) AS before FROM "
                     + ROWS + " r) r"),
    "drawdown": (("x_int2", "x_int4", "y"), "feature.drawdown({x})",
                 "SELECT max(peak - x)::float8 FROM (SELECT x, max(x) OVER (ORDER BY t, id) AS peak FROM " + ROWS + " r) r"),
    "last_distinct": (ARRAYABLE, "feature.last_distinct({x}, {n})",
                      "SELECT array_agg(x ORDER BY latest DESC) FROM (SELECT x, max(number) AS latest FROM (SELECT x, "
                      "row_number() OVER (ORDER BY t, id) AS number FROM " + ROWS + " r) r GROUP BY x ORDER BY 2 DESC "
                      "LIMIT {n}) r"),
}
IN_ORDER = ("change_count", "drawdown", "last_distinct")
ROUNDED = ("entropy", "ew_sum", "ew_avg")


class Mismatch(Exception):
    pass


class Test:
    def __init__(self, seed):
        self.random = random.Random(seed)
        connection = psycopg2.connect("")
        connection.autocommit = True
        self.cursor = connection.cursor()
        self.checked = 0
        self.sql("SET client_min_messages = warning; CREATE EXTENSION IF NOT EXISTS feature_ext; "
                 "DROP SCHEMA IF EXISTS random_aggregates CASCADE; CREATE SCHEMA random_aggregates; "
                 "SET search_path = random_aggregates; SET jit = off; CREATE TYPE mood AS ENUM ('sad', 'ok', 'glad'); "
                 "CREATE TYPE pair AS (a int, b text); CREATE COLLATION folded "
                 "(provider = icu, locale = 'und-u-ks-level2', deterministic = false)")

    def sql(self, text):
        self.cursor.execute(text)

    def rows(self, text):
        self.cursor.execute(text)
        return self.cursor.fetchall()

    def expect_none(self, what, query):
        """The query finds what is wrong."""
        self.checked += 1
        wrong = self.rows(query + " LIMIT 3")
        if wrong:
            raise Mismatch("%s\n%s\n%s" % (what, query, "\n".join(map(str, wrong))))

    def fill(self, table, count):
        columns = ", ".join("%s %s" % (name, kind) for name, (kind, _) in VALUES.items())
        self.sql("DROP TABLE IF EXISTS %s CASCADE; CREATE TABLE %s (id int PRIMARY KEY, g int, t timestamptz NOT NULL, "
                 "y float8, %s)" % (table, table, columns))
        self.insert(table, self.make_rows(1, count))

    def make_rows(self, first, count):
        """Rows in the order of their ids; their times are distinct and out of order."""
        nulls = self.random.choice([0, 0.2, 0.9])
        few = {name: self.random.sample(values, self.random.randint(1, len(values)))
               for name, (_, values) in VALUES.items()}
        times = list(range(first, first + count))
        self.random.shuffle(times)
        made = []
        for number, time_ in enumerate(times):
            row = [first + number, self.random.randint(1, 3), "2024-01-01 00:00+00:%02d" % 0, None]
            row[2] = "2024-01-%02d %02d:%02d+00" % (1 + time_ // 1440, time_ // 60 % 24, time_ % 60)
            row[3] = None if self.random.random() < nulls else self.random.randint(1, 10**6) / 64
            for name in VALUES:
                row.append(None if self.random.random() < nulls else self.random.choice(few[name]))
            made.append(row)
        return made

    def insert(self, table, rows):
        pattern = "(" + ", ".join(["%s"] * (4 + len(VALUES))) + ")"
        values = ", ".join(self.cursor.mogrify(pattern, row).decode() for row in rows)
        self.sql("INSERT INTO %s VALUES %s" % (table, values))

    def calls(self):
        """Each aggregate with a column and parameters: name, call, oracle."""
        for name, (columns, call, oracle) in AGGREGATES.items():
            for column in columns:
                chosen = {"x": column, "n": self.random.choice([1, 2, 3, 100]),
                          "p": self.random.choice([0, 0.05, 0.25, 0.5, 0.95, 0.999, 1])}
                yield name, call.format(**chosen), oracle.format(**chosen)

    def frame(self):
        start = self.random.choice(["UNBOUNDED PRECEDING", "{0} PRECEDING", "CURRENT ROW", "1 FOLLOWING"])
        end = self.random.choice(["CURRENT ROW", "{1} FOLLOWING", "UNBOUNDED FOLLOWING"] +
                                 (["{1} PRECEDING"] if start[0] in "U{" else []))
        if start == "1 FOLLOWING" and end == "CURRENT ROW":
            end = "{1} FOLLOWING"
        kind, unit = self.random.choice([("ROWS", "{}"), ("RANGE", "'{} minutes'")])
        offsets = (unit.format(self.random.choice([0, 1, 3, 10])), unit.format(self.random.choice([0, 1, 2, 7])))
        if kind == "RANGE":
            start = start.replace("1 FOLLOWING", "'1 minute' FOLLOWING")
        return "%s BETWEEN %s AND %s%s" % (kind, start.format(*offsets), end.format(*offsets),
                                           self.random.choice(["", "", "", " EXCLUDE CURRENT ROW"]))

    def grouped(self):
        for name, call, oracle in self.calls():
            call = call if name not in IN_ORDER else call[:-1] + " ORDER BY t, id)"
            differ = "seen IS DISTINCT FROM expected"
            if name in ROUNDED:
                differ += " AND coalesce(NOT abs(seen - expected) <= 1e-12 * greatest(abs(expected), 1e-3), true)"
            self.expect_none("grouped " + name, "SELECT * FROM (SELECT g, %s AS seen FROM data GROUP BY g) o, LATERAL "
                             "(SELECT (%s) AS expected) e WHERE %s" % (call, oracle, differ))

    def sliding(self):
        for name, call, _ in self.calls():
            anew = call[:-1] + " ORDER BY t)"
            self.expect_none("sliding " + name, "SELECT * FROM (SELECT id, %s OVER w AS seen, array_agg(id) OVER w AS frame "
                             "FROM data WINDOW w AS (PARTITION BY g ORDER BY t %s)) o, LATERAL (SELECT %s AS expected "
                             "FROM data d WHERE d.id = ANY (o.frame)) e WHERE seen::text IS DISTINCT FROM expected::text"
                             % (call, self.frame(), anew))

    def parallel(self):
        parallel = ("SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; "
                    "SET min_parallel_table_scan_size = 0; SET enable_sort = off")
        serial = "RESET max_parallel_workers_per_gather; SET max_parallel_workers_per_gather = 0; RESET enable_sort"
        calls = list(self.calls())
        self.random.shuffle(calls)
        for name, call, _ in calls[:12]:
            query = "SELECT g, %s FROM data GROUP BY g ORDER BY g" % call
            self.sql(parallel)
            partial = any("Partial" in line for line, in self.rows("EXPLAIN " + query))
            seen = self.rows(query.replace(call, call + "::text"))
            self.sql(serial)
            expected = self.rows(query.replace(call, call + "::text"))
            self.checked += 1
            if partial == (name in IN_ORDER):
                raise Mismatch("parallel %s: partial aggregation is %s\n%s" % (name, partial, query))
            same = seen == expected if name not in ROUNDED else all(
                a == b or abs(float(a[1]) - float(b[1])) <= 1e-12 * abs(float(b[1])) for a, b in zip(seen, expected))
            if not same:
                raise Mismatch("parallel %s\n%s\n%s\n%s" % (name, query, seen, expected))

    def parts(self):
        self.sql("DROP TABLE IF EXISTS parts; CREATE TABLE parts (LIKE data) PARTITION BY RANGE (id); "
                 "CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (MINVALUE) TO (100); "
                 "CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (100) TO (110); "
                 "CREATE TABLE parts_3 PARTITION OF parts FOR VALUES FROM (110) TO (MAXVALUE); "
                 "INSERT INTO parts SELECT * FROM data ORDER BY id; ANALYZE parts; SET max_parallel_workers_per_gather = 0")
        for name, call, _ in self.calls():
            if name not in IN_ORDER:
                continue
            query = "SELECT g, %s::text AS seen FROM parts GROUP BY g" % call
            self.sql("SET enable_partitionwise_aggregate = on; SET enable_sort = off")
            if not any("Partial" in line for line, in self.rows("EXPLAIN " + query)):
                raise Mismatch("parts %s: no partial aggregation\n%s" % (name, query))
            seen = sorted(self.rows(query))
            self.sql("RESET enable_partitionwise_aggregate; RESET enable_sort")
            expected = sorted(self.rows(query.replace(call, call[:-1] + " ORDER BY tableoid, ctid)")))
            self.checked += 1
            if seen != expected:
                raise Mismatch("parts %s\n%s\n%s\n%s" % (name, query, seen, expected))

    def view(self):
        calls = list(self.calls())
        self.random.shuffle(calls)
        frames = ["UNBOUNDED PRECEDING", "RANGE '%d minutes' PRECEDING" % self.random.randint(1, 100),
                  "ROWS %d PRECEDING" % self.random.randint(0, 20), "ROWS BETWEEN 30 PRECEDING AND 1 PRECEDING"]
        columns = ", ".join("%s OVER w%d AS %s_%d" % (call, number % 4, name, number)
                            for number, (name, call, _) in enumerate(calls[:12]))
        windows = ", ".join("w%d AS (PARTITION BY g ORDER BY t %s)" %
                            (number, frame.replace("UNBOUNDED", "ROWS UNBOUNDED"))
                            for number, frame in enumerate(frames))
        definition = "SELECT id, g, t, %s FROM stream WINDOW %s" % (columns, windows)
        self.fill("stream", 1)
        self.cursor.execute("SELECT feature.create_view('kept', %s)", (definition,))
        first = 2
        for size in (1, 2, 60, 1, 300, 1, 1):
            # One statement is processed in the order of time, and later ones have later times.
            self.insert("stream", self.make_rows(first, size))
            first += size
        self.expect_none("view", "SELECT * FROM feature.verify('kept') WHERE mismatches > 0 OR rows_compared <> %d"
                         % (first - 1))
        self.sql("DROP TABLE kept")

    def round(self):
        self.fill("data", self.random.choice([1, 20, 60]))
        self.grouped()
        self.sliding()
        self.fill("data", 300)
        self.sql("ANALYZE data")
        self.parallel()
        self.parts()
        self.view()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    seed = random.SystemRandom().getrandbits(31) if arguments.seed is None else arguments.seed
    print("seed %d" % seed, flush=True)
    test, started, failed = Test(seed), time.monotonic(), 0
    try:
        for _ in range(arguments.rounds):
            test.round()
    except (Mismatch, psycopg2.Error) as error:
        failed = 1
        print("FAILED, rerun with: run.py --seed %d --rounds %d\n%s" % (seed, arguments.rounds, error))
        query = getattr(getattr(error, "cursor", None), "query", None)
        if query:
            print(query.decode()[:4000])
    print("%d comparisons, %d failed, seed %d, %.1f s" % (test.checked + failed, failed, seed, time.monotonic() - started))
    return failed


if __name__ == "__main__":
    sys.exit(main())
