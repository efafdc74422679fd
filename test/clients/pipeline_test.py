"""libpq's pipelines: many statements are on their way before the first has answered, in one transaction up to the next
synchronisation."""

import os
import subprocess
import tempfile
import unittest

import libpq
from shop import ShopTest, minute

INSERT = "INSERT INTO payments (card, paid_at, amount) VALUES ($1, $2, $3)"


@unittest.skipUnless(libpq.libpq, "pipeline_test left out: there is no libpq")
class LibpqPipeline(ShopTest):
    def setUp(self):
        super().setUp()
        self.pipeline = libpq.Pipeline("dbname=" + self.database)
        self.addCleanup(self.pipeline.close)

    def test_statements_see_the_features_of_those_before(self):
        for i in range(100):
            self.pipeline.send(INSERT, "anna", minute(i), i)
            self.pipeline.send("SELECT count(*), max(n_1h) FROM spend")
        self.pipeline.sync()
        results = list(self.pipeline.results())
        self.assertEqual(results.pop(), "sync")
        self.assertEqual(results[1::2], [[[str(i + 1), str(min(i + 1, 61))]] for i in range(100)])
        self.expect_parity(100)

    def test_a_failure_takes_back_all_since_the_last_synchronisation(self):
        self.pipeline.send(INSERT, "anna", minute(0), 1)
        self.pipeline.sync()
        self.pipeline.send(INSERT, "anna", minute(1), 2)
        self.pipeline.send(INSERT, "anna", "infinity", 3)
        self.pipeline.send(INSERT, "anna", minute(3), 4)
        self.pipeline.sync()
        self.pipeline.send(INSERT, "anna", minute(4), 5)
        self.pipeline.sync()
        self.assertEqual(list(self.pipeline.results()), [[], "sync", [], "22008", "aborted", "sync", [], "sync"])
        self.assertEqual(self.run_sql("SELECT n_1h, spent_1h, previous FROM spend ORDER BY paid_at"),
                         [(1, 1, None), (2, 6, 1)])
        self.expect_parity(2)

    def test_transactions_within_a_pipeline(self):
        self.pipeline.send("BEGIN")
        self.pipeline.send(INSERT, "anna", minute(0), 1)
        self.pipeline.send("ROLLBACK")
        self.pipeline.send("BEGIN")
        self.pipeline.send(INSERT, "anna", minute(1), 2)
        self.pipeline.send("COMMIT")
        self.pipeline.send(INSERT, "anna", minute(2), 3)
        self.pipeline.sync()
        self.assertEqual(list(self.pipeline.results()), [[]] * 7 + ["sync"])
        self.assertEqual(self.run_sql("SELECT n_1h, spent_1h FROM spend ORDER BY paid_at"), [(1, 2), (2, 5)])
        self.expect_parity(2)


class PgbenchPipeline(ShopTest):
    def test_concurrent_pipelines_on_the_same_entities(self):
        """Prepared statements in pipelines of four clients; as all times are equal, counts have no gap and no double."""
        script = ("\\startpipeline\n" +
                  "\\set card random(1, 3)\n" +
                  "INSERT INTO payments (card, paid_at, amount) VALUES (:card, '2024-05-01', 1);\n" +
                  "SELECT max(n_1h) FROM spend;\n" +
                  "INSERT INTO payments (card, paid_at, amount) VALUES (:card, '2024-05-01', 2);\n" +
                  "\\endpipeline\n")
        with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
            file.write(script)
            file.flush()
            subprocess.run(["pgbench", "-n", "-M", "prepared", "-c", "4", "-j", "2", "-t", "50", "-f", file.name,
                            self.database], check=True, capture_output=True, text=True, env=os.environ)
        self.assertEqual(self.run_sql("SELECT count(*), sum(n_1h - place) FROM "
                                      "(SELECT n_1h, row_number() OVER (PARTITION BY card ORDER BY n_1h) AS place "
                                      "FROM spend) numbered"), [(400, 0)])


if __name__ == "__main__":
    unittest.main()
