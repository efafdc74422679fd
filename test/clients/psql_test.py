"""psql's own ways of running statements: its transactions and savepoints, \\copy, and reading through a cursor."""

import subprocess
import unittest

from shop import ShopTest

ROWS = "".join("anna\t2024-05-01 12:%02d:00+00\t%d\n" % (i, i) for i in range(10))


class Psql(ShopTest):
    def psql(self, script, *options):
        return subprocess.run(["psql", "-XqAt", "-d", self.database, *options], input=script, text=True,
                              capture_output=True, check=False)

    def test_copy_from_the_client(self):
        done = self.psql("\\copy payments (card, paid_at, amount) FROM pstdin\n" + ROWS + "\\.\n"
                         "SELECT n_1h, spent_1h FROM spend ORDER BY paid_at DESC LIMIT 1;\n")
        self.assertEqual(done.stdout, "10|45.00\n", done.stderr)
        self.expect_parity(10)

    def test_a_single_transaction_is_all_or_nothing(self):
        script = ("INSERT INTO payments (card, paid_at, amount) VALUES ('anna', '2024-05-01 12:00+00', %d);\n"
                  "INSERT INTO payments (card, paid_at, amount) VALUES ('anna', '2024-05-01 12:01+00', %d);\n")
        self.psql(script % (1, -1), "--single-transaction", "-v", "ON_ERROR_STOP=1")
        self.assertEqual(self.run_sql("SELECT count(*) FROM spend"), [(0,)])
        self.psql(script % (2, 3), "--single-transaction", "-v", "ON_ERROR_STOP=1")
        self.assertEqual(self.run_sql("SELECT n_1h, spent_1h FROM spend ORDER BY paid_at"), [(1, 2), (2, 5)])

    def test_errors_are_rolled_back_alone(self):
        """ON_ERROR_ROLLBACK makes each statement of a transaction a savepoint."""
        self.psql("BEGIN;\n" + "".join(
            "INSERT INTO payments (card, paid_at, amount) VALUES ('anna', '2024-05-01 12:%02d+00', %d);\n" % (i, amount)
            for i, amount in enumerate((1, -2, 3, -4, 5))) + "COMMIT;\n", "-v", "ON_ERROR_ROLLBACK=on")
        self.assertEqual(self.run_sql("SELECT n_1h, spent_1h FROM spend ORDER BY paid_at"), [(1, 1), (2, 4), (3, 9)])
        self.expect_parity(3)

    def test_features_are_read_through_a_cursor(self):
        self.psql("\\copy payments (card, paid_at, amount) FROM pstdin\n" + ROWS + "\\.\n")
        done = self.psql("\\set FETCH_COUNT 3\nSELECT n_1h FROM spend ORDER BY paid_at;\n")
        self.assertEqual(done.stdout.split(), [str(i + 1) for i in range(10)])

    def test_statements_that_a_query_makes(self):
        self.psql("SELECT format('INSERT INTO payments (card, paid_at, amount) VALUES (%L, %L, %s)', 'anna', "
                  "timestamptz '2024-05-01 12:00+00' + i * interval '1 minute', i) FROM generate_series(1, 20) i \\gexec\n")
        self.expect_parity(20)


if __name__ == "__main__":
    unittest.main()
