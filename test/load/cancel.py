#!/usr/bin/python3
"""How long a cancelled statement goes on: in every phase that can take long, as the client sees it.

    cancel.py [--rows N] [--events N] [--seconds S] [PHASE ..]

Connects as libpq's environment says, to a server with nothing else to do: scripts/cluster.sh run test/load/cancel.py. It
makes the databases cancel_rows and cancel_events, and drops them. Each phase is run to its end, in a transaction that is
rolled back, under test/modules/checks: that gives the longest processor time between two checks for interrupts, whatever
else the machine does, and hides no place. Then it is run for S seconds, four times at least, and each time cancelled at a
random moment, by pg_cancel_backend or by statement_timeout. The time from there to the error has the end of the
transaction in it. Phases whose names begin with "postgres:" do nothing with the extension, to compare with.
"""
import argparse
import os
import random
import shutil
import statistics
import subprocess
import tempfile
import threading
import time

import psycopg2

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WIDE = 'transaction_features_wide'
USUAL = 'RESET feature_ext.batch_rows; RESET feature_ext.entity_memory;'
EMPTY = USUAL + 'TRUNCATE fresh.transactions;'
SPENT = """SELECT transaction_id, sum(amount) OVER (PARTITION BY user_id ORDER BY timestamp
    RANGE '{days} days' PRECEDING) AS spent FROM copies"""
BIG_FRAMES = """SELECT id, k, t, count(*) OVER recent AS n, sum(x) OVER recent AS total, rank() OVER ever AS place,
    feature.count_distinct(s) OVER old AS kinds, feature.percentile(x, 0.5) OVER old AS median, sum(m) OVER old AS exact
  FROM {table} WINDOW ever AS (PARTITION BY k ORDER BY t), recent AS (PARTITION BY k ORDER BY t RANGE '1 year' PRECEDING),
    old AS (PARTITION BY k ORDER BY t RANGE BETWEEN '1 year' PRECEDING AND '30 days' PRECEDING)"""
MINUTE = """SELECT id, k, t, sum(x) OVER ever AS total, feature.count_distinct(s) OVER recent AS kinds
  FROM {table} WINDOW ever AS (PARTITION BY k ORDER BY t), recent AS (PARTITION BY k ORDER BY t RANGE '1 minute' PRECEDING)"""
SHARED = """SELECT id, k, t, sum(x) OVER ever AS total, feature.count_distinct(s) OVER old AS kinds
  FROM {table} WINDOW ever AS (PARTITION BY k ORDER BY t),
    old AS (PARTITION BY k ORDER BY t RANGE BETWEEN '1 year' PRECEDING AND '30 days' PRECEDING)"""
EVENTS = """SELECT i, {key}, timestamptz '2024-01-01' + i * interval '1 second', sqrt(i), sqrt(i)::numeric(12, 4),
    'kind ' || i % 1000 FROM generate_series(1, {events}) i"""


class Database:
    """One session that works, and one that cancels it."""

    def __init__(self, name, setup):
        self.name, self.setup, self.session = name, setup, None

    def open(self):
        if self.session is not None:
            return
        administer(f'DROP DATABASE IF EXISTS {self.name}', f'CREATE DATABASE {self.name}')
        self.session = connect(self.name)
        self.other = connect(self.name)
        self.execute(f"""SET jit = off; SET client_min_messages = error; CREATE EXTENSION feature_ext;
            CREATE FUNCTION watch_checks() RETURNS void LANGUAGE c AS '{MODULE}';
            CREATE FUNCTION longest_without_check(OUT milliseconds float8, OUT callers text) LANGUAGE c AS '{MODULE}'""")
        for statement in self.setup():
            self.execute(statement)
        self.execute('VACUUM ANALYZE')

    def execute(self, sql):
        with self.session.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else None

    def run_to_end(self, before, sql):
        self.execute(before)
        self.execute('BEGIN')
        self.execute('SELECT watch_checks()')
        start = time.monotonic()
        self.execute(sql)
        seconds = time.monotonic() - start
        self.execute('ROLLBACK')
        [(milliseconds, callers)] = self.execute('SELECT * FROM longest_without_check()')
        return seconds, milliseconds, callers

    def cancel(self, before, sql, after):
        """Milliseconds from the cancel to the error; None if the statement was done before."""
        self.execute(before)
        self.execute('BEGIN')
        pid = self.session.info.backend_pid
        called = []

        def call():
            with self.other.cursor() as cursor:
                called.append(time.monotonic())
                cursor.execute('SELECT pg_cancel_backend(%s)', (pid,))

        timer = threading.Timer(after, call)
        timer.start()
        return self._time_to_error(sql, lambda _: called[0], timer)

    def time_out(self, before, sql, after):
        self.execute(before)
        self.execute('BEGIN')
        self.execute(f'SET LOCAL statement_timeout = {max(1, round(after * 1000))}')
        return self._time_to_error(sql, lambda start: start + max(0.001, round(after, 3)), None)

    def _time_to_error(self, sql, cancelled_at, timer):
        start = time.monotonic()
        try:
            self.execute(sql)
        except psycopg2.errors.QueryCanceled:
            end = time.monotonic()
            if timer is not None:
                timer.join()
            return (end - cancelled_at(start)) * 1000
        finally:
            if timer is not None:
                timer.cancel()
                timer.join()
            try:
                self.execute('ROLLBACK')
            except psycopg2.errors.QueryCanceled:  # a cancel that came too late
                self.execute('ROLLBACK')


def connect(database):
    connection = psycopg2.connect(dbname=database)
    connection.autocommit = True
    return connection


def administer(*statements):
    connection = connect('postgres')
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    connection.close()


def rows_setup():
    yield "SELECT feature.create_transaction_pipeline(catalogue => 'wide')"
    yield "CREATE SCHEMA fresh; SELECT feature.create_transaction_pipeline('fresh', 'wide')"
    yield COPY
    yield 'CREATE TABLE copies (LIKE transactions INCLUDING ALL); INSERT INTO copies SELECT * FROM transactions'
    yield f"SELECT feature.create_view('spent', $${SPENT.format(days=1)}$$)"
    yield """CREATE TABLE readings (id int PRIMARY KEY, k int, t timestamptz, x text);
        SELECT feature.create_view('diverting',
          'SELECT id, k, t, sum(x::int) OVER (PARTITION BY k ORDER BY t) AS s FROM readings', on_error => 'divert');
        INSERT INTO readings SELECT i, i % 1000, timestamptz '2024-01-01' + i * interval '1 second', 'bad'
        FROM generate_series(1, 20000) i"""


def events_setup():
    for table in ('frames', 'minutes', 'slots'):
        yield f'CREATE TABLE {table} (id bigint PRIMARY KEY, k int, t timestamptz, x float8, m numeric, s text)'
    yield f"SELECT feature.create_view('frames_view', $${BIG_FRAMES.format(table='frames')}$$)"
    yield f"SELECT feature.create_view('minutes_view', $${MINUTE.format(table='minutes')}$$)"
    yield f"SELECT feature.create_view('slots_view', $${SHARED.format(table='slots')}$$, shared => '{{k}}')"
    for table in ('frames', 'minutes', 'slots'):
        yield f'INSERT INTO {table} {EVENTS.format(key=1, events=OPTIONS.events)}'


def new_row(table, time, count=1):
    return f"INSERT INTO {table} SELECT -i, 1, {time}, 1, 1, 'new' FROM generate_series(1, {count}) i"


def phases(rows, events):
    some = 'transaction_id IN (SELECT transaction_id FROM transactions ORDER BY transaction_id LIMIT 10000)'
    last = f'(SELECT max(timestamp) FROM transactions)'
    middle = f"timestamptz '2024-01-01' + {OPTIONS.events // 2} * interval '1 second' + interval '1 millisecond'"
    return {
        'postgres: sort': (rows, 'SELECT count(*) FROM (SELECT FROM generate_series(1, 3000000) i ORDER BY md5(i::text)) s'),
        'postgres: create table': (rows, 'CREATE TABLE copied AS SELECT * FROM transactions, generate_series(1, 10)'),
        'postgres: the definition as a query': (rows, """DO $$ BEGIN
            EXECUTE 'CREATE TABLE computed AS ' || feature.wide_transaction_features(); END $$"""),
        'COPY': (rows, COPY_FRESH, EMPTY),
        'COPY in batches of 1,000': (rows, COPY_FRESH, EMPTY + 'SET feature_ext.batch_rows = 1000'),
        'COPY, states set aside': (rows, COPY_FRESH, EMPTY + "SET feature_ext.entity_memory = '8MB'"),
        'UPDATE of 10,000 rows': (rows, f'UPDATE transactions SET amount = amount + 1 WHERE {some}'),
        'DELETE of 10,000 rows': (rows, f'DELETE FROM transactions WHERE {some}'),
        'create_view': (rows, "SELECT feature.create_view('another', feature.wide_transaction_features())"),
        'refresh': (rows, f"SELECT feature.refresh('{WIDE}')"),
        'alter_view': (rows, f"SELECT feature.alter_view('spent', $${SPENT.format(days=2)}$$)"),
        'verify': (rows, f"SELECT feature.verify('{WIDE}')"),
        'expire': (rows, f"SELECT feature.expire('{WIDE}', {last} - interval '5 days', source => true)"),
        'forget of a merchant': (rows, f"""SELECT feature.forget('{WIDE}', jsonb_build_object('merchant_id',
            (SELECT merchant_id FROM transactions GROUP BY 1 ORDER BY count(*) DESC LIMIT 1)))"""),
        'replay of 20,000 rows': (rows, "SELECT feature.replay('diverting')"),
        'verify with 20,000 diverted': (rows, "SELECT feature.verify('diverting')"),
        'frames of all events': (events, new_row('frames', "'2024-02-25'", 20)),
        'late rows': (events, new_row('frames', middle, 2000)),
        'UPDATE of 10,000 events': (events, f'UPDATE frames SET x = x + 1 WHERE id <= 10000'),
        'DELETE of half of the events': (events, 'DELETE FROM frames WHERE id % 2 = 0'),
        'forget of all events': (events, "SELECT feature.forget('frames_view', '{\"k\": 1}')"),
        'events brought back from the source': (events, new_row('minutes', middle)),
        'shared: frames of all events': (events, new_row('slots', "'2024-02-25'", 20)),
        'shared: events brought back': (events, new_row('slots', middle)),
        'shared: UPDATE of 10,000 events': (events, 'UPDATE slots SET x = x + 1 WHERE id <= 10000'),
    }


def where(callers):
    """The innermost functions of the extension or the server that have names."""
    names = []
    for line in callers.splitlines()[2:]:
        place, _, rest = line.partition('(')
        place, (symbol, _, offset) = os.path.basename(place), rest.split(')')[0].partition('+')
        if place == 'feature_ext.so' and not symbol:
            shown = subprocess.run(['addr2line', '-Cfpse', line.partition('(')[0], hex(int(offset, 16) - 1)],
                                   capture_output=True, text=True, check=False).stdout
            symbol = shown.split(' at ')[-1].split(' ')[0].strip()
        if symbol:
            names.append(symbol)
    return ' < '.join(names[:4])


def measure(database, sql, before=USUAL):
    database.open()
    seconds, longest, callers = database.run_to_end(before, sql)
    times = {database.cancel: [], database.time_out: []}
    end = time.monotonic() + OPTIONS.seconds
    while time.monotonic() < end or min(map(len, times.values())) < 2:
        way = min(times, key=lambda one: len(times[one]))
        took = way(before, sql, random.uniform(0, seconds * 0.95))
        if took is not None:
            times[way].append(took)
    return seconds, longest, where(callers), sum(times.values(), [])


def main():
    rows = Database('cancel_rows', rows_setup)
    events = Database('cancel_events', events_setup)
    known = phases(rows, events)
    print('| phase | s | longest without a check, ms | cancels | to the error, ms: median | most |')
    print('|---|---|---|---|---|---|')
    for name in OPTIONS.phases or known:
        seconds, longest, callers, times = measure(*known[name])
        print(f'| {name} | {seconds:.1f} | {longest:.0f} | {len(times)} | {statistics.median(times):.0f} '
              f'| {max(times):.0f} |', flush=True)
        if OPTIONS.verbose and longest > 10:
            print(f'    {callers}', flush=True)
    for database in (rows, events):
        if database.session is not None:
            database.session.close()
            database.other.close()
            administer(f'DROP DATABASE {database.name}')


parser = argparse.ArgumentParser(description='How long a cancelled statement goes on.')
parser.add_argument('--rows', type=int, default=200_000, help='transactions (200000)')
parser.add_argument('--events', type=int, default=1_000_000, help='events of the large entity (1000000)')
parser.add_argument('--seconds', type=float, default=20, help='of cancelling a phase (20)')
parser.add_argument('--verbose', action='store_true', help='say where the longest time without a check was')
parser.add_argument('phases', nargs='*', help='all')
OPTIONS = parser.parse_args()
folder = tempfile.mkdtemp()
try:
    os.chmod(folder, 0o755)
    MODULE = shutil.copy(os.path.join(TOP, 'build/modules/checks.so'), folder)
    FILE = os.path.join(folder, 'transactions.csv')
    COPY = f"COPY transactions FROM '{FILE}' (FORMAT csv, HEADER)"
    COPY_FRESH = COPY.replace('transactions', 'fresh.transactions', 1)
    subprocess.run([os.path.join(TOP, 'loadgen/feature-loadgen'), '--rows', str(OPTIONS.rows), '--span', '30d', '--users',
                    str(max(1, OPTIONS.rows // 20)), '--write-csv', FILE], check=True)
    main()
finally:
    shutil.rmtree(folder)
