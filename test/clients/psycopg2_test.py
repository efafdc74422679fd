"""psycopg2, as a model service uses it: it writes transactions one by one or in bulk and reads features to score them."""

import concurrent.futures
import csv
import decimal
import io
import unittest

import psycopg2
import psycopg2.errors
import psycopg2.extensions
import psycopg2.extras
import psycopg2.pool

from shop import ShopTest, minute

INSERT = "INSERT INTO payments (card, paid_at, amount) VALUES (%s, %s, %s)"


class Service(ShopTest):
    def setUp(self):
        super().setUp()
        self.connection = self.connect()

    def features(self, card):
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT n_1h, spent_1h, previous FROM spend WHERE card = %s ORDER BY paid_at", (card,))
            return cursor.fetchall()

    def test_a_row_is_scored_in_the_transaction_that_writes_it(self):
        for number in range(3):
            with self.connection, self.connection.cursor() as cursor:
                cursor.execute(INSERT + " RETURNING id", ("anna", minute(number), 10 * (number + 1)))
                key = cursor.fetchone()
                cursor.execute("SELECT n_1h, spent_1h, previous FROM spend WHERE id = %s", key)
                n_1h, spent_1h, previous = cursor.fetchone()
                self.assertEqual(n_1h, number + 1)
                self.assertEqual(spent_1h, sum(10 * (i + 1) for i in range(number + 1)))
                self.assertEqual(previous, 10 * number if number else None)
        self.expect_parity(3)

    def test_values_have_their_types(self):
        with self.connection, self.connection.cursor(cursor_factory=psycopg2.extras.DictCursor) as cursor:
            cursor.execute(INSERT, (None, minute(0), decimal.Decimal("0.10")))
            cursor.execute(INSERT, (None, minute(1), decimal.Decimal("0.20")))
            cursor.execute("SELECT * FROM spend ORDER BY paid_at DESC LIMIT 1")
            row = cursor.fetchone()
        self.assertIsNone(row["card"])
        self.assertEqual(row["paid_at"], minute(1))
        self.assertEqual(repr(row["spent_1h"]), "Decimal('0.30')")
        self.assertEqual(row["n_1h"], 2)

    def test_executemany(self):
        with self.connection, self.connection.cursor() as cursor:
            cursor.executemany(INSERT, [("c%d" % (i % 3), minute(i), i) for i in range(100)])
        self.expect_parity(100)

    def test_execute_batch_and_execute_values(self):
        with self.connection, self.connection.cursor() as cursor:
            psycopg2.extras.execute_batch(cursor, INSERT, [("c%d" % (i % 3), minute(i), i) for i in range(300)])
            # Statements of many rows, in any order within each.
            rows = [("c%d" % (i % 3), minute(300 + i * 37 % 500), i) for i in range(500)]
            psycopg2.extras.execute_values(cursor, "INSERT INTO payments (card, paid_at, amount) VALUES %s", rows,
                                           page_size=500)
        self.expect_parity(800)

    def test_copy(self):
        file = io.StringIO()
        csv.writer(file).writerows(("c%d" % (i % 3), minute(i * 37 % 1000).isoformat(), i) for i in range(1000))
        file.seek(0)
        with self.connection, self.connection.cursor() as cursor:
            cursor.copy_expert("COPY payments (card, paid_at, amount) FROM STDIN (FORMAT csv)", file)
        self.expect_parity(1000)
        out = io.StringIO()
        with self.connection, self.connection.cursor() as cursor:
            cursor.copy_expert("COPY spend TO STDOUT (FORMAT csv)", out)
        self.assertEqual(len(out.getvalue().splitlines()), 1000)

    def test_an_exception_takes_back_features_and_state(self):
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute(INSERT, ("anna", minute(0), 1))
        with self.assertRaises(psycopg2.errors.CheckViolation), self.connection, self.connection.cursor() as cursor:
            cursor.execute(INSERT, ("anna", minute(1), 2))
            cursor.execute(INSERT, ("anna", minute(2), -3))
        with self.assertRaises(ZeroDivisionError), self.connection, self.connection.cursor() as cursor:
            cursor.execute(INSERT, ("anna", minute(3), 4))
            raise ZeroDivisionError
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute(INSERT, ("anna", minute(4), 5))
        self.assertEqual(self.features("anna"), [(1, 1, None), (2, 6, 1)])
        self.expect_parity(2)

    def test_errors_carry_what_is_wrong(self):
        with self.assertRaises(psycopg2.errors.DatetimeFieldOverflow) as caught:
            with self.connection, self.connection.cursor() as cursor:
                cursor.execute(INSERT, ("anna", "infinity", 1))
        self.assertIn('event time "paid_at" of feature view "spend" must be finite', str(caught.exception))
        self.assertIsNotNone(caught.exception.diag.message_hint)

    def test_autocommit(self):
        self.connection.autocommit = True
        with self.connection.cursor() as cursor:
            for i in range(10):
                cursor.execute(INSERT, ("anna", minute(i), i))
        self.assertEqual(len(self.features("anna")), 10)
        self.expect_parity(10)

    def test_a_training_set_is_read_while_rows_come_in(self):
        """A server-side cursor reads the features as they were when it was opened."""
        with self.connection, self.connection.cursor() as cursor:
            cursor.executemany(INSERT, [("anna", minute(i), i) for i in range(100)])
        reader = self.connect()
        with reader, reader.cursor("training_set") as training_set:
            training_set.itersize = 7
            training_set.execute("SELECT n_1h, amount FROM spend ORDER BY paid_at")
            rows = [training_set.fetchone()]
            with self.connection, self.connection.cursor() as cursor:
                cursor.executemany(INSERT, [("anna", minute(100 + i), i) for i in range(10)])
            rows.extend(training_set)
        self.assertEqual(len(rows), 100)
        self.assertEqual(rows[-1], (61, 99))
        self.expect_parity(110)

    def test_a_pool_of_connections(self):
        pool = psycopg2.pool.ThreadedConnectionPool(1, 4, dbname=self.database)
        self.addCleanup(pool.closeall)

        def write(client):
            for i in range(25):
                connection = pool.getconn()
                try:
                    with connection, connection.cursor() as cursor:
                        cursor.execute(INSERT, ("card %d" % client, minute(i), i))
                finally:
                    pool.putconn(connection)

        with concurrent.futures.ThreadPoolExecutor(4) as threads:
            list(threads.map(write, range(4)))
        self.expect_parity(100)

    def test_a_serialization_failure_is_retried(self):
        """All clients write to one card; at SERIALIZABLE each counts all rows before its own."""
        def write(client):
            connection = self.connect()
            connection.set_isolation_level(psycopg2.extensions.ISOLATION_LEVEL_SERIALIZABLE)
            for _ in range(10):
                while True:
                    try:
                        with connection, connection.cursor() as cursor:
                            cursor.execute(INSERT, ("shared", minute(0), client))
                        break
                    except psycopg2.errors.SerializationFailure:
                        pass

        with concurrent.futures.ThreadPoolExecutor(4) as threads:
            list(threads.map(write, range(4)))
        self.assertEqual(self.run_sql("SELECT array_agg(n_1h ORDER BY n_1h) FROM spend"), [(list(range(1, 41)),)])

    def test_two_phase_commit(self):
        self.connection.tpc_begin(self.connection.xid(1, "clients", self.database))
        with self.connection.cursor() as cursor:
            cursor.execute(INSERT, ("anna", minute(0), 1))
        self.connection.tpc_prepare()
        self.assertEqual(self.run_sql("SELECT count(*) FROM spend"), [(0,)])
        self.connection.tpc_commit()
        self.expect_parity(1)
        self.connection.tpc_begin(self.connection.xid(1, "clients", self.database))
        with self.connection.cursor() as cursor:
            cursor.execute(INSERT, ("anna", minute(1), 2))
        self.connection.tpc_rollback()
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute(INSERT, ("anna", minute(2), 3))
        self.assertEqual(self.features("anna"), [(1, 1, None), (2, 4, 1)])

    def test_settings_of_the_client_do_not_matter(self):
        """The view was made by a session in UTC."""
        other = self.connect(options="-c timezone=Asia/Tokyo -c datestyle=German -c search_path=pg_catalog")
        with other, other.cursor() as cursor:
            cursor.execute("INSERT INTO public.payments (card, paid_at, amount) VALUES ('anna', %s, 1)", (minute(0),))
        self.assertEqual(self.run_sql("SELECT hour FROM spend"), [(decimal.Decimal(12),)])
        self.expect_parity(1)


if __name__ == "__main__":
    unittest.main()
