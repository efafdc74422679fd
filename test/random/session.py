"""Runs a case in a database, and keeps what was run for the report of a failure."""

import io
import random
import time

import psycopg2
import psycopg2.extensions

from case import VIEW_NAMES
from compare import difference
from definition import plain
from oracle import arrival, runs_of, single_runs
from workload import Control, Create, Insert, Simulation, prepare_statement, statements

SCHEMA = "random_case"

# bool, int8, int2, int4, text, inet, float4, float8, date, timestamp, timestamptz, interval, numeric, uuid
TYPES_READ = (16, 20, 21, 23, 25, 869, 700, 701, 1082, 1114, 1184, 1186, 1700, 2950)


class Failure(Exception):
    """What went wrong, in lines. invalid: the case itself is at fault, its definition is no valid query."""

    def __init__(self, lines, invalid=False):
        super().__init__(lines[0])
        self.lines, self.invalid = lines, invalid


class Session:
    """One connection. With pretend, feature tables are made from the arrival query, one recomputation a row."""

    def __init__(self, pretend):
        self.pretend, self.history, self.dropping = pretend, [], False
        self.connect()

    def connect(self, patience=0):
        """Connects; with patience (seconds), also to a server that is recovering from a crash."""
        deadline = time.monotonic() + patience
        while True:
            try:
                self.connection = psycopg2.connect("")
                break
            except psycopg2.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
        self.connection.autocommit = True
        self.cursor = self.connection.cursor()
        as_text = psycopg2.extensions.new_type(TYPES_READ, "AS_TEXT", lambda value, cursor: value)
        psycopg2.extensions.register_type(as_text, self.connection)
        self.sql("SET client_min_messages = warning; SET jit = off; SET max_parallel_workers_per_gather = 0")
        if not self.pretend:
            self.sql("CREATE EXTENSION IF NOT EXISTS feature_ext")
            self.cursor.execute("SELECT 1 FROM pg_proc WHERE proname = 'drop_view' "
                                "AND pronamespace = 'feature'::regnamespace")
            self.dropping = self.cursor.fetchone() is not None

    def sql(self, text):
        self.history.append(text)
        self.cursor.execute(text)

    def copy(self, text, data):
        self.history.append("%s;\n%s\\." % (text, data))
        self.cursor.copy_expert(text, io.StringIO(data))

    def query(self, text):
        """Description and rows; not part of the history."""
        self.cursor.execute(text)
        return self.cursor.description, self.cursor.fetchall()

    def run(self, case):
        """Raises Failure unless every feature table is as it must be."""
        if self.connection.closed:
            self.connect(patience=30)
        self.history = []
        try:
            self.prepare(case)
            rng = random.Random(case.seed)
            for step in case.steps:
                self.step(case, step, rng)
            processed = Simulation(case.views).run(case.steps).processed
            for number, view in enumerate(case.views):
                self.check(case, view, processed[number])
        except psycopg2.Error as error:
            raise Failure(["unexpected error: %s" % str(error).strip()])
        finally:
            self.clean_up()

    def prepare(self, case):
        self.clean_up()
        self.sql("CREATE SCHEMA %s; SET search_path = %s; SET timezone = '%s'" % (SCHEMA, SCHEMA, case.time_zone))
        for statement in case.table.create_statements(self.pretend):
            self.sql(statement)
        self.require_valid(case)
        self.sql(prepare_statement(case.table))

    def require_valid(self, case):
        """That the definitions are queries at all, tried on the empty source."""
        try:
            for view in case.views:
                source = view.source
                if view.upstream is not None:
                    alias = "" if view.definition.levels[0].alias else " upstream"
                    source = "(%s)%s" % (plain(case.views[view.upstream].definition, case.table.name), alias)
                text = plain(view.definition, source)
                self.query(text)
        except psycopg2.Error as error:
            raise Failure(["invalid definition: %s" % str(error).strip(), text], invalid=True)

    def clean_up(self):
        """Drops what a case made, also one that was cut off."""
        if self.connection.closed:
            return
        if self.connection.info.transaction_status != psycopg2.extensions.TRANSACTION_STATUS_IDLE:
            self.cursor.execute("ROLLBACK")
        self.cursor.execute("DEALLOCATE ALL; RESET feature_ext.batch_rows")
        if self.dropping:
            self.cursor.execute("SELECT name FROM unnest(%s) name WHERE to_regclass(name) IS NOT NULL",
                                (["%s.%s" % (SCHEMA, name) for name in reversed(VIEW_NAMES)],))
            for name, in self.cursor.fetchall():
                self.cursor.execute("SELECT feature.drop_view(%s)", (name,))
        self.cursor.execute("DROP SCHEMA IF EXISTS %s CASCADE" % SCHEMA)

    def step(self, case, step, rng):
        if isinstance(step, Create):
            view = case.views[step.view]
            text = "SELECT feature.create_view('%s', $definition$%s$definition$)" \
                % (view.name, plain(view.definition, view.source))
            if not self.pretend:
                self.sql(text)
        elif isinstance(step, Insert):
            if step.batch:
                self.sql("SET feature_ext.batch_rows = %d" % step.batch)
            for kind, text, data in statements(step, case.table, rng):
                self.statement(kind, text, data, step.fails)
            if step.batch:
                self.sql("RESET feature_ext.batch_rows")
        elif isinstance(step, Control):
            self.sql(step.sql)

    def statement(self, kind, text, data, fails):
        try:
            self.sql(text) if kind == "sql" else self.copy(text, data)
        except (psycopg2.IntegrityError, psycopg2.DataError):
            if not fails:
                raise
            self.history[-1] = "-- refused, as it must be:\n" + self.history[-1]
            return
        if fails:
            raise Failure(["a statement succeeded that must be refused"])

    def check(self, case, view, rows):
        """The feature table against the plain query where rows came in time order, else against the arrival query."""
        steps = [row.step for row in rows]
        in_order = all(a < b for a, b in zip(steps, steps[1:]))
        ids = [row.values[case.table.columns.index(case.table.id)] for row in rows]
        queries = {}
        if in_order:
            queries["plain query"] = plain(view.definition, view.source)
        if self.pretend or not in_order:
            queries["arrival query"] = arrival(view.definition, view.source, view.source_columns, ids, runs_of(steps),
                                               case.table.scale.grid)
        if self.pretend:
            self.cursor.execute("CREATE TABLE %s AS %s" % (view.name, arrival(
                view.definition, view.source, view.source_columns, ids, single_runs(steps), case.table.scale.grid,
                order_time=len(set(steps)) < len(steps))))
        got = self.query("SELECT * FROM " + view.name)
        for name, query in queries.items():
            lines = difference(view.definition.columns, self.query(query), got)
            if lines:
                raise Failure(["%s differs from the %s" % (view.name, name)] + lines)
