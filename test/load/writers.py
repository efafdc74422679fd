"""Many clients that write the same few entities at once, in every way that clients do; see check.sql for what must hold
afterwards.

    writers.py --clients N --seconds S [--table NAME] [--users N] [--isolation LEVEL] [--single-statements] [--seed N]
               [--first N] [--acknowledged FILE] [--reconnect]

Connects as libpq's environment says. Table and views are those of schema.sql. Each statement has a number of its own, and
rows the number of their batch, so that what was processed together can be told. Transactions that fail with 40001 or
40P01 are tried again, but for 40P01 at READ COMMITTED where all are of a single statement: these never deadlock. Other
errors end the run, but for lost connections under --reconnect. Prints what was committed and what was tried again, one line
a kind; the ids of rows whose commit was acknowledged go to a file.
"""
import argparse
import collections
import io
import random
import sys
import time

import psycopg2
import psycopg2.extensions

import together

ISOLATION = {'read committed': psycopg2.extensions.ISOLATION_LEVEL_READ_COMMITTED,
             'repeatable read': psycopg2.extensions.ISOLATION_LEVEL_REPEATABLE_READ,
             'serializable': psycopg2.extensions.ISOLATION_LEVEL_SERIALIZABLE}
COLUMNS = '(id, statement, batch, user_id, shop, visit, t, amount)'
BATCH_ROWS = 5  # of several_batches


class Undo(Exception):
    """A transaction that its client rolls back."""


class Client:
    def __init__(self, number, options, stop):
        self.number, self.options, self.stop = number, options, stop
        self.random = random.Random(options.seed * 1000 + number)
        self.statements = self.rows = 0
        self.acknowledged = []
        self.counts = collections.Counter()
        self.connection = None
        self.failure = None

    # ---- rows

    def row(self, batch):
        """A row of the statement that is being made: users and shops are few, a visit is met by some clients and gone."""
        self.rows += 1
        late = self.random.choice((0, 0, 0, 0, self.random.uniform(0, 20)))
        return (self.number * 10**9 + self.rows, self.number * 10**9 + self.statements, batch,
                'u%d' % self.random.randrange(self.options.users), self.random.randrange(5),
                int(time.time() * 4) * 4 + self.random.randrange(4),
                time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(time.time() - late)) + '.%06d' % self.random.randrange(10**6),
                self.random.randrange(1000))

    def insert(self, cursor, most, batch_rows=50000):
        """One statement with up to `most` rows, whose keys stand in any order."""
        self.statements += 1
        rows = [self.row(number // batch_rows) for number in range(self.random.randint(1, most))]
        if most > 1 and self.random.random() < 0.3:
            lines = ''.join('\t'.join(map(str, row)) + '\n' for row in rows)
            cursor.copy_expert('COPY %s %s FROM STDIN' % (self.options.table, COLUMNS), io.StringIO(lines))
        else:
            values = ', '.join(cursor.mogrify('(%s,%s,%s,%s,%s,%s,%s,%s)', row).decode() for row in rows)
            cursor.execute('INSERT INTO %s %s VALUES %s' % (self.options.table, COLUMNS, values))
        return [row[0] for row in rows]

    # ---- transactions; each returns the ids that are in the table once it has committed

    def single_row(self, cursor):
        return self.insert(cursor, 1)

    def batch(self, cursor):
        return self.insert(cursor, 30)

    def several_batches(self, cursor):
        cursor.execute('SET LOCAL feature_ext.batch_rows = %d' % BATCH_ROWS)
        return self.insert(cursor, 30, BATCH_ROWS)

    def several_statements(self, cursor):
        return self.insert(cursor, 3) + self.insert(cursor, 1)

    def savepoints(self, cursor):
        kept = self.insert(cursor, 2)
        for _ in range(self.random.randint(1, 3)):
            cursor.execute('SAVEPOINT s')
            inside = self.insert(cursor, 3)
            if self.random.random() < 0.5:
                cursor.execute('ROLLBACK TO s')
            else:
                kept += inside
            if self.random.random() < 0.5:
                cursor.execute('RELEASE s')
        return kept

    def rolled_back(self, cursor):
        self.insert(cursor, 10)
        raise Undo

    SINGLE_STATEMENTS = ('single_row',) * 4 + ('batch',) * 3 + ('several_batches',) * 2 + ('rolled_back',)
    KINDS = SINGLE_STATEMENTS + ('several_statements', 'savepoints') * 2

    # ---- running

    def connect(self):
        self.connection = psycopg2.connect('')
        self.connection.set_session(ISOLATION[self.options.isolation])
        # A row's feature row is acknowledged with it, so also when nobody waits for the disk.
        self.connection.cursor().execute("SET deadlock_timeout = '20ms'; SET TIME ZONE 'UTC'")
        self.connection.commit()

    def transaction(self, kind):
        """One transaction of a kind, tried again until it commits or its client undoes it."""
        while True:
            try:
                with self.connection.cursor() as cursor:
                    ids = getattr(self, kind)(cursor)
                self.connection.commit()
            except Undo:
                self.connection.rollback()
                self.counts[kind] += 1
                return
            except psycopg2.extensions.TransactionRollbackError as error:
                self.connection.rollback()
                self.counts[kind, error.pgcode] += 1
                if error.pgcode == '40P01' and self.options.single_statements:
                    raise
                if self.stop.is_set():
                    return
                continue
            self.counts[kind] += 1
            self.acknowledged += ids
            return

    def run(self):
        while not self.stop.is_set():
            try:
                if self.connection is None:
                    self.connect()
                kinds = self.SINGLE_STATEMENTS if self.options.single_statements else self.KINDS
                self.transaction(self.random.choice(kinds))
            except psycopg2.Error as error:
                # What the server has not said has no code; the connection need not know yet that it is closed, as in COPY.
                lost = error.pgcode is None or error.pgcode.startswith(('57P', '08'))
                if not (self.options.reconnect and lost):
                    self.failure = error
                    self.stop.set()
                    return
                self.counts['lost'] += 1
                self.connection = None
                time.sleep(0.02)
            except Exception as error:
                self.failure = error
                self.stop.set()
                return


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--clients', type=int, default=16)
    parser.add_argument('--table', default='writes')
    parser.add_argument('--users', type=int, default=20)
    parser.add_argument('--seconds', type=float, default=5)
    parser.add_argument('--isolation', choices=ISOLATION, default='read committed')
    parser.add_argument('--single-statements', action='store_true')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--acknowledged')
    parser.add_argument('--reconnect', action='store_true')
    parser.add_argument('--first', type=int, default=0, help='number of the first client, above those of earlier runs')
    options = parser.parse_args()

    clients = together.run(options.seconds, options.clients,
                           lambda number, stop: Client(options.first + number, options, stop))

    if options.acknowledged:
        with open(options.acknowledged, 'w') as file:
            file.writelines('%d\n' % id for client in clients for id in client.acknowledged)
    return together.report(clients)


if __name__ == '__main__':
    sys.exit(main())
