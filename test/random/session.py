"""Runs a case in a database, and keeps what was run for the report of a failure."""

import io
import os
import random
import time

import psycopg2
import psycopg2.errors
import psycopg2.extensions

from calls import EXTENSION
from case import VIEW_NAMES
from compare import difference
from definition import plain
from oracle import arrival, runs_of, single_runs
from values import quote_literal, quote_name
from workload import (Control, Correct, Create, Insert, Mend, Refresh, Replay, Simulation, prepare_statement,
                      statements)


MOST_ALONE = 40  # rows for each of which the definition is run alone


class Failure(Exception):
    """What went wrong, in lines. invalid: the case itself is at fault, its definition is no valid query."""

    def __init__(self, lines, invalid=False):
        super().__init__(lines[0])
        self.lines, self.invalid = lines, invalid


class Session:
    """One connection, which works in a schema of its own, random_case_<number>. With pretend, feature tables are made
    from the arrival query, one recomputation a row."""

    def __init__(self, number=0, pretend=False):
        self.schema, self.pretend, self.history, self.dropping = "random_case_%d" % number, pretend, [], False
        self.functions = frozenset()  # aggregates of the extension
        self.connect()

    def set_up(self):
        """Makes what all cases of all sessions share. Once, before there are others."""
        if not self.pretend:
            self.sql("CREATE EXTENSION IF NOT EXISTS feature_ext")
        with open(os.path.join(os.path.dirname(__file__), "kit.sql"), encoding="utf-8") as kit:
            self.sql(kit.read())

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
        self.read_as_text()
        self.sql("SET client_min_messages = warning; SET jit = off; SET max_parallel_workers_per_gather = 0; "
                 "SET statement_timeout = '5min'")
        if not self.pretend:
            self.cursor.execute("SELECT proname::text FROM pg_proc JOIN pg_namespace n ON n.oid = pronamespace "
                                "WHERE nspname = 'feature'")
            present = {name for name, in self.cursor.fetchall()}
            self.dropping = "drop_view" in present
            self.functions = frozenset(present & set(EXTENSION))

    def read_as_text(self):
        """Values as texts, as PostgreSQL writes them, of all types that there are now."""
        self.cursor.execute("SELECT array_agg(oid::int8) FROM pg_type")
        types, = self.cursor.fetchone()
        as_text = psycopg2.extensions.new_type(tuple(types), "AS_TEXT", lambda value, cursor: value)
        psycopg2.extensions.register_type(as_text, self.connection)

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
            self.recorded = {}  # by view: rows as they were when another was corrected, by id
            rng = random.Random(case.seed)
            simulation = Simulation(case.views, case.table)
            for step in case.steps:
                self.step(case, step, rng)
                simulation.run([step])
                self.record(case, step, simulation)
            for number, view in enumerate(case.views):
                diverted = simulation.diverted(number)
                self.check(case, view, simulation.processed[number], diverted, self.recorded.get(number, {}))
                if view.diverts and not self.pretend:
                    self.check_errors(case, view, simulation.processed[number], diverted, simulation.mended)
        except psycopg2.Error as error:
            raise Failure(["unexpected error: %s" % str(error).strip()])
        finally:
            self.clean_up()

    def prepare(self, case):
        self.clean_up()
        self.sql("CREATE SCHEMA %s; SET search_path = %s; SET timezone = '%s'"
                 % (self.schema, self.schema, case.time_zone))
        # Half of the cases go by the way of writing that the other one is compared with.
        if not self.pretend and case.seed % 2 == 1:
            self.sql("SET feature_ext.plain_writes = on")
        # In every third one rows of statements go to disk, as those of large statements do.
        if case.seed % 3 == 0:
            self.sql("SET work_mem = '64kB'")
        for statement in case.table.create_statements(self.pretend):
            self.sql(statement)
        self.require_valid(case)
        self.sql(prepare_statement(case.table))

    def require_valid(self, case):
        """That the definitions are queries at all, tried on the empty source."""
        try:
            for view in case.views:
                text = plain(view.definition, self.source_text(case, view))
                self.query(text)
        except psycopg2.Error as error:
            raise Failure(["invalid definition: %s" % str(error).strip(), text], invalid=True)

    def source_text(self, case, view):
        """The view's source as a query, also where it is a view that is not there yet."""
        if view.upstream is None:
            return case.table.name
        upstream = case.views[view.upstream]
        alias = "" if view.definition.levels[0].alias else " upstream"
        return "(%s)%s" % (plain(upstream.definition, self.source_text(case, upstream)), alias)

    def clean_up(self):
        """Drops what a case made, also one that was cut off."""
        if self.connection.closed:
            return
        if self.connection.info.transaction_status != psycopg2.extensions.TRANSACTION_STATUS_IDLE:
            self.cursor.execute("ROLLBACK")
        self.cursor.execute("DEALLOCATE ALL; RESET feature_ext.batch_rows; RESET feature_ext.entity_memory; "
                            "RESET feature_ext.plain_writes; RESET work_mem")
        if self.dropping:
            self.cursor.execute("SELECT name FROM unnest(%s) name WHERE to_regclass(name) IS NOT NULL",
                                (["%s.%s" % (self.schema, name) for name in reversed(VIEW_NAMES)],))
            for name, in self.cursor.fetchall():
                self.cursor.execute("SELECT feature.drop_view(%s)", (name,))
        self.cursor.execute("DROP SCHEMA IF EXISTS %s CASCADE" % self.schema)

    def share(self, view, create, rng):
        """Creates a view anew with one of its partition lists shared, if that list can be. For one session it is the same."""
        _, lists = self.query("SELECT entity FROM feature.stats WHERE relation = '%s'::regclass" % view.name)
        if not lists:
            return
        entity, = rng.choice(lists)
        self.sql("SELECT feature.drop_view('%s')" % view.name)
        try:
            self.sql("%s, shared => ARRAY[$list$%s$list$])" % (create[:-1], entity))
        except psycopg2.errors.FeatureNotSupported:
            self.sql(create)

    def step(self, case, step, rng):
        if isinstance(step, Create):
            view = case.views[step.view]
            text = "SELECT feature.create_view('%s', $definition$%s$definition$%s%s)" \
                % (view.name, plain(view.definition, view.source), ", " + view.lateness if view.lateness else "",
                   ", on_error => 'divert'" if view.diverts else "")
            if not self.pretend:
                self.sql(text)
                # A refusal would end a transaction that the case has begun.
                idle = self.connection.get_transaction_status() == psycopg2.extensions.TRANSACTION_STATUS_IDLE
                if rng.random() < 0.3 and idle:
                    self.share(view, text, rng)
        elif isinstance(step, Refresh):
            if not self.pretend:
                self.sql("SELECT feature.refresh('%s')" % case.views[step.view].name)
        elif isinstance(step, Mend):
            self.sql(case.table.fault.mended)
        elif isinstance(step, Replay):
            if not self.pretend:
                self.sql("SELECT feature.replay('%s')" % case.views[step.view].name)
        elif isinstance(step, Insert):
            if step.batch:
                self.sql("SET feature_ext.batch_rows = %d" % step.batch)
                # So little that states are set aside between batches.
                if step.batch % 2 == 0:
                    self.sql("SET feature_ext.entity_memory = '64kB'")
            for kind, text, data in statements(step, case.table, rng):
                self.statement(kind, text, data, step.fails)
            if step.batch:
                self.sql("RESET feature_ext.batch_rows")
                self.sql("RESET feature_ext.entity_memory")
        elif isinstance(step, Correct):
            if step.undone:
                self.sql("BEGIN")
            if step.batch:
                self.sql("SET feature_ext.batch_rows = %d" % step.batch)
            for kind, text, data in statements(step, case.table, rng):
                self.statement(kind, text, data, False)
            if step.undone:
                self.sql("ROLLBACK")
            self.sql("RESET feature_ext.batch_rows")
        elif isinstance(step, Control):
            self.sql(step.sql)

    def record(self, case, step, simulation):
        """Rows that a correction has not changed must stay as they are from then on; a refresh makes all rows anew."""
        if isinstance(step, Refresh):
            anew = {step.view}
            for number, view in enumerate(case.views):
                if view.upstream in anew:
                    anew.add(number)
            for number in anew:
                self.recorded.pop(number, None)
        if isinstance(step, Correct) and not step.undone:
            place = case.table.columns.index(case.table.id)
            for number in simulation.processed:
                changed = {row.values[place] for row in simulation.changed[number]}
                self.recorded[number] = {key: row for key, row in self.rows_by_id(case.views[number]).items()
                                         if key not in changed}

    def rows_by_id(self, view):
        place = next(i for i, column in enumerate(view.definition.columns) if column.role == "id")
        return {row[place]: row for row in self.query("SELECT * FROM " + view.name)[1]}

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

    @staticmethod
    def ids(case, rows):
        place = case.table.columns.index(case.table.id)
        return [row.values[place] for row in rows]

    @staticmethod
    def part_of_source(view, condition):
        """Some rows of a view's source, chosen before anything else is evaluated."""
        id_column = next(c for c in view.source_columns if c.role == "id")
        alias = "" if view.definition.levels[0].alias else " part"
        return "(SELECT * FROM %s WHERE %s %s OFFSET 0)%s" % (view.source, quote_name(id_column.name), condition, alias)

    def check_errors(self, case, view, processed, diverted, mended):
        """In feature.errors are the rows that the view does not have and WHERE, if it can be evaluated, does not leave out;
        and those are the rows for which the definition fails, as long as that has not been mended."""
        _, rows = self.query("SELECT row ->> '%s' FROM feature.errors WHERE relation = '%s'::regclass"
                             % (next(c.name for c in view.source_columns if c.role == "id"), view.name))
        got = sorted(key for key, in rows)
        expected = sorted(key for key in self.ids(case, diverted) if self.gives_row_or_fails(view, key)[0])
        if got != expected:
            raise Failure(["%s: diverted rows differ: expected %s, got %s" % (view.name, expected, got)])
        for key in self.ids(case, processed)[-MOST_ALONE:] + self.ids(case, diverted)[-MOST_ALONE:]:
            counts, fails = self.gives_row_or_fails(view, key)
            if fails != (counts and key in got) and not mended:
                raise Failure(["%s: row %s %s" % (view.name, key, "fails, and was not diverted" if fails
                                                  else "was diverted, and does not fail")])

    def gives_row_or_fails(self, view, key):
        """Of the definition over one row alone: whether it fails or gives a row, and whether it fails."""
        try:
            return bool(self.query(plain(view.definition, self.part_of_source(view, "= " + quote_literal(key))))[1]), False
        except (psycopg2.DataError, psycopg2.errors.RaiseException):
            return True, True

    def check(self, case, view, rows, diverted, recorded):
        """The feature table against the plain query where rows came in time order, else against the arrival query."""
        steps, definition = [row.step for row in rows], view.definition
        in_order = all(a < b for a, b in zip(steps, steps[1:]))
        ids = self.ids(case, rows)

        def arrival_query(runs, literally=False):
            return arrival(definition, view.source, view.source_columns, ids, runs, literally)

        queries = {}
        if in_order and not definition.calendar:
            queries["plain query"] = plain(definition, view.source if not diverted else self.part_of_source(
                view, "NOT IN (%s)" % ", ".join(quote_literal(key) for key in self.ids(case, diverted))))
        if self.pretend or not queries:
            runs = single_runs(steps) if definition.row_by_row else runs_of(steps)
            queries["arrival query"] = arrival_query(runs)
        if self.pretend:
            literally = len(set(steps)) == len(steps) and not definition.calendar
            self.cursor.execute("CREATE TABLE %s AS %s" % (view.name, arrival_query(single_runs(steps), literally)))
        got = self.query("SELECT * FROM " + view.name)
        if recorded:
            now = self.rows_by_id(view)
            lost = [key for key, row in recorded.items() if now.get(key) != row]
            if lost:
                raise Failure(["%s: rows that were not corrected have changed" % view.name] + lost[:5])
        place = next((i for i, column in enumerate(definition.columns) if column.role == "id"), None)

        def unrecorded(answer):
            return answer[0], [row for row in answer[1] if not recorded or row[place] not in recorded]
        got = unrecorded(got)
        for name, query in queries.items():
            lines = difference(definition.columns, unrecorded(self.query(query)), got)
            if lines:
                raise Failure(["%s differs from the %s" % (view.name, name)] + lines)
