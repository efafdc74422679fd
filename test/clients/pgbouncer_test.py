"""PgBouncer in transaction mode: each transaction of a client may run in another server session, in which others have
left their settings behind."""

import concurrent.futures
import decimal
import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile
import time
import unittest

import psycopg2
import psycopg2.errors

from shop import ShopTest, minute

PGBOUNCER = shutil.which("pgbouncer", path=os.environ.get("PATH", "") + ":/usr/sbin")
PORT = 6432
SERVER_SESSIONS = 2
SETTINGS = """
[databases]
* = host={server} port={port} user={user}
[pgbouncer]
listen_addr =
listen_port = %d
unix_socket_dir = {folder}
logfile = {folder}/log
auth_type = any
pool_mode = transaction
default_pool_size = %d
""" % (PORT, SERVER_SESSIONS)
INSERT = "INSERT INTO payments (card, shop, paid_at, amount) VALUES (%s, 'all', %s, %s)"


class Bouncer:
    """A running PgBouncer in a folder of its own; as the owner of the server's socket if we are root, which it refuses."""

    def __init__(self):
        server = os.environ["PGHOST"]
        self.folder = tempfile.mkdtemp(prefix="bouncer.")
        settings = pathlib.Path(self.folder, "pgbouncer.ini")
        settings.write_text(SETTINGS.format(server=server, port=os.environ.get("PGPORT", "5432"), folder=self.folder,
                                            user=os.environ.get("PGUSER", "postgres")), encoding="ascii")
        command = [PGBOUNCER, "-q", str(settings)]
        if os.getuid() == 0:
            user = pwd.getpwuid(os.stat(server).st_uid).pw_name
            shutil.chown(self.folder, user)
            command[1:1] = ["-u", user]
        self.process = subprocess.Popen(command)
        until = time.monotonic() + 30
        while not os.path.exists(os.path.join(self.folder, ".s.PGSQL.%d" % PORT)):
            if self.process.poll() is not None or time.monotonic() > until:
                self.stop()
                raise RuntimeError("pgbouncer does not start")
            time.sleep(0.01)

    def stop(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder)


@unittest.skipUnless(PGBOUNCER, "pgbouncer_test left out: there is no pgbouncer")
class PgBouncer(ShopTest):
    @classmethod
    def setUpClass(cls):
        cls.bouncer = Bouncer()
        cls.addClassCleanup(cls.bouncer.stop)

    def client(self):
        return self.connect(host=self.bouncer.folder, port=PORT)

    def each_session(self, command, *values):
        """Runs a command once in each server session, which takes as many transactions at the same time."""
        clients = [self.client() for _ in range(SERVER_SESSIONS)]
        sessions = set()
        for client in clients:
            with client.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                sessions.add(cursor.fetchone())
                cursor.execute(command, values)
        for client in clients:
            client.commit()
            client.close()
        self.assertEqual(len(sessions), SERVER_SESSIONS)

    def test_many_clients_share_few_sessions(self):
        """Each client's own card has the features of the query; the shop that all share counts without gap or double."""
        self.run_sql("""SELECT feature.create_view('of_shop',
                        'SELECT id, count(*) OVER (PARTITION BY shop ORDER BY paid_at) AS n FROM payments')""")
        clients, rounds = 8, 25

        def write(number):
            client = self.client()
            for i in range(rounds):
                with client, client.cursor() as cursor:
                    cursor.execute(INSERT + " RETURNING id", ("card %d" % number, minute(i), number))
                    key = cursor.fetchone()
                    cursor.execute("SELECT n_1h, spent_1h FROM spend WHERE id = %s", key)
                    self.assertEqual(cursor.fetchone(), (i + 1, number * (i + 1)))
                # Taken back, and the connection is good for the next.
                with client.cursor() as cursor:
                    cursor.execute(INSERT, ("card %d" % number, minute(i), 1000))
                client.rollback()
                with self.assertRaises(psycopg2.errors.CheckViolation), client, client.cursor() as cursor:
                    cursor.execute(INSERT, ("card %d" % number, minute(i), -1))

        with concurrent.futures.ThreadPoolExecutor(clients) as threads:
            list(threads.map(write, range(clients)))
        self.expect_parity(clients * rounds)
        # Times repeat: a row counts those at or before its own that were processed before it.
        self.assertEqual(self.run_sql("SELECT count(*), max(n) FROM of_shop"), [(clients * rounds, clients * rounds)])
        self.run_sql("INSERT INTO payments (card, shop, paid_at, amount) VALUES ('last', 'all', %s, 1)", minute(rounds))
        self.assertEqual(self.run_sql("SELECT max(n) FROM of_shop"), [(clients * rounds + 1,)])

    def test_settings_that_others_have_left_do_not_matter(self):
        for setting, value in (("timezone", "Asia/Tokyo"), ("datestyle", "German"), ("search_path", "pg_catalog"),
                               ("intervalstyle", "iso_8601"), ("extra_float_digits", "-5")):
            self.each_session("SELECT set_config(%s, %s, false)", setting, value)
        for i in range(4):
            client = self.client()
            with client, client.cursor() as cursor:
                cursor.execute(INSERT.replace("payments", "public.payments"), ("anna", minute(i), i))
        self.assertEqual(self.run_sql("SELECT DISTINCT hour FROM spend"), [(decimal.Decimal(12),)])
        self.expect_parity(4)

    def test_a_change_of_the_view_reaches_all_sessions(self):
        self.each_session("INSERT INTO payments (card, paid_at, amount) VALUES ('a' || pg_backend_pid(), %s, 1)",
                          minute(0))
        client = self.client()
        with client, client.cursor() as cursor:
            cursor.execute("SELECT feature.alter_view('spend', %s)", (
                "SELECT id, card, max(amount) OVER (PARTITION BY card ORDER BY paid_at) AS most FROM payments",))
        self.each_session("INSERT INTO payments (card, paid_at, amount) VALUES ('a' || pg_backend_pid(), %s, 7)",
                          minute(1))
        self.assertEqual(self.run_sql("SELECT most FROM spend ORDER BY most"), [(1,), (1,), (7,), (7,)])
        self.expect_parity(4)
        with client, client.cursor() as cursor:
            cursor.execute("SELECT feature.drop_view('spend')")
        self.each_session("INSERT INTO payments (card, paid_at, amount) VALUES ('a' || pg_backend_pid(), %s, 7)",
                          minute(2))
        self.assertEqual(self.run_sql("SELECT count(*) FROM payments"), [(6,)])

    def test_savepoints(self):
        client = self.client()
        with client, client.cursor() as cursor:
            cursor.execute(INSERT, ("anna", minute(0), 1))
            cursor.execute("SAVEPOINT before")
            cursor.execute(INSERT, ("anna", minute(1), 2))
            cursor.execute("ROLLBACK TO SAVEPOINT before")
            cursor.execute(INSERT, ("anna", minute(2), 3))
        self.assertEqual(self.run_sql("SELECT n_1h, spent_1h FROM spend ORDER BY paid_at"), [(1, 1), (2, 4)])
        self.expect_parity(2)


if __name__ == "__main__":
    unittest.main()
