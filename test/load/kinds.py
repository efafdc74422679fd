"""Many clients that insert, change and delete the same few rows and entities at once, by single statements of all kinds; see
kinds.sql for what they write to, and kinds_check.sql for what must hold afterwards.

    kinds.py --clients N --seconds S [--table NAME] [--seed N] [--first N]

Connects as libpq's environment says. No statement may end with a deadlock. So each locks its source rows in the order of
their ids: what it waits for then is what views are kept by. Prints how often each kind was committed, and refused for a row.
"""
import argparse
import collections
import random
import sys

import psycopg2

import together

VIEWS = {'sales': ('plain', 'diverting'), 'orders': ('nested', 'shared'), 'visits': ('keyed',)}
DIVERTING = {'sales': ('diverting',), 'orders': ('nested', 'shared'), 'visits': ()}
SHARED_IDS = 300  # that all clients know
# A nested loop comes to rows in the order of its outer side.
IN_ORDER = 'SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off; '
LOCKED = '(SELECT id FROM {table} WHERE id IN ({ids}) ORDER BY id FOR UPDATE) l'


class Client:
    def __init__(self, number, options, stop):
        self.number, self.table, self.stop = number, options.table, stop
        self.random = random.Random(options.seed * 1000 + number)
        self.rows = 0
        self.counts = collections.Counter()
        self.failure = None

    # ---- rows

    def own_id(self):
        self.rows += 1
        return 10**6 * (self.number + 1) + self.rows

    def known_ids(self, most):
        return sorted(self.random.sample(range(SHARED_IDS), self.random.randint(1, most)))

    def values(self, ids):
        """Rows with values that are bad for some views; few times, so that events of one time are many."""
        return ', '.join("(%d, 'u%d', %d, %d, timestamptz '2024-01-01' + %d * interval '1 s')" % (
            row, self.random.randrange(20), self.random.randrange(10), self.random.randrange(11), self.random.randrange(1000))
            for row in ids)

    # ---- statements

    def insert(self):
        ids = [self.own_id() for _ in range(self.random.choice((1, 1, 5, 30)))]
        return 'INSERT INTO %s VALUES %s' % (self.table, self.values(ids))

    def upsert(self):
        return ('INSERT INTO %s VALUES %s ON CONFLICT (id) DO UPDATE SET v = excluded.v, shop = excluded.shop'
                % (self.table, self.values(self.known_ids(8))))

    def merge(self):
        ids = self.known_ids(6) + [self.own_id() for _ in range(2)]
        return ('MERGE INTO %s e USING (VALUES %s) s (id, user_id, shop, v, t) ON e.id = s.id '
                'WHEN MATCHED AND s.v < 4 THEN DELETE WHEN MATCHED THEN UPDATE SET v = s.v, user_id = s.user_id '
                'WHEN NOT MATCHED AND s.id >= %d THEN INSERT VALUES (s.id, s.user_id, s.shop, s.v, s.t)'
                % (self.table, self.values(ids), SHARED_IDS))

    def locked(self, most):
        return LOCKED.format(table=self.table, ids=', '.join(map(str, self.known_ids(most))))

    def update(self):
        column = self.random.choice(('v = (e.v + 1) % 11', 'shop = (e.shop + 1) % 10', "t = e.t + interval '1 s'"))
        return 'UPDATE %s e SET %s FROM %s WHERE e.id = l.id' % (self.table, column, self.locked(6))

    def delete(self):
        return 'DELETE FROM %s e USING %s WHERE e.id = l.id' % (self.table, self.locked(3))

    def replay(self):
        return "SELECT feature.replay('%s')" % self.random.choice(DIVERTING[self.table] or VIEWS[self.table])

    def forget(self):
        key = self.random.choice(("'user_id', 'u%d'" % self.random.randrange(20), "'shop', %d" % self.random.randrange(10)))
        return "SELECT feature.forget('%s', jsonb_build_object(%s))" % (self.random.choice(VIEWS[self.table]), key)

    def stats(self):
        return 'SELECT count(*) FROM feature.stats'

    KINDS = {'sales': ('insert',) * 6 + ('upsert',) * 5 + ('merge',) * 4 + ('update',) * 3 + ('delete', 'replay', 'forget', 'stats'),
             'orders': ('insert',) * 6 + ('upsert',) * 2 + ('merge', 'update', 'delete', 'replay', 'forget', 'stats'),
             'visits': ('insert',) * 60 + ('upsert', 'merge', 'update', 'delete', 'forget', 'stats')}

    # ---- running

    def run(self):
        try:
            connection = psycopg2.connect('')
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute("SET TIME ZONE 'UTC'; SET deadlock_timeout = '20ms'; " + IN_ORDER)
            while not self.stop.is_set():
                kind = self.random.choice(self.KINDS[self.table])
                try:
                    cursor.execute(getattr(self, kind)())
                    self.counts[kind] += 1
                except psycopg2.errors.CheckViolation:  # a row that is changed to one that cannot be written
                    self.counts[kind, 'refused'] += 1
        except Exception as error:
            self.failure = error
            self.stop.set()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--clients', type=int, default=16)
    parser.add_argument('--table', choices=VIEWS, default='sales')
    parser.add_argument('--seconds', type=float, default=5)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--first', type=int, default=0, help='number of the first client, above those of earlier runs')
    options = parser.parse_args()

    clients = together.run(options.seconds, options.clients,
                           lambda number, stop: Client(options.first + number, options, stop))
    return together.report(clients)


if __name__ == '__main__':
    sys.exit(main())
