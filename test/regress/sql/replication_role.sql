-- session_replication_role = replica, as in the worker that applies what logical replication brings (a TAP test has a real
-- one): a view follows what is done in it only if asked to, and no row is ever computed twice.
CREATE SCHEMA replication_role;
SET search_path = replication_role;
SET timezone = 'UTC';
CREATE TABLE payments (id int PRIMARY KEY, card text, t timestamp NOT NULL, v int);
CREATE TABLE trips (id int, taxi text, t timestamp NOT NULL, km int) PARTITION BY RANGE (t);
CREATE TABLE trips_1 PARTITION OF trips FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
CREATE TABLE trips_2 (km int, t timestamp NOT NULL, taxi text, id int);
ALTER TABLE trips ATTACH PARTITION trips_2 FOR VALUES FROM ('2024-02-01') TO ('2024-03-01');
SELECT feature.create_view('spend', 'SELECT id, card, t, sum(v) OVER w AS total, count(*) OVER w AS n FROM payments WINDOW w AS (PARTITION BY card ORDER BY t)');
SELECT feature.create_view('most', 'SELECT id, card, t, max(total) OVER (PARTITION BY card ORDER BY t) AS most FROM spend');
SELECT feature.create_view('ridden', 'SELECT id, taxi, t, sum(km) OVER w AS total, count(*) OVER w AS n FROM trips WINDOW w AS (PARTITION BY taxi ORDER BY t)');
-- Rows of the views, and how many of them are not what the query gives.
CREATE VIEW counts AS
  SELECT relation, max(rows_compared) AS rows, max(mismatches) AS wrong FROM feature.views CROSS JOIN feature.verify(relation)
  WHERE relation IN ('spend'::regclass, 'most'::regclass, 'ridden'::regclass) GROUP BY 1 ORDER BY relation::text COLLATE "C";
-- In batches whose rows are in any order; each batch is later than the one before.
CREATE PROCEDURE insert_batch(batch int) LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO payments SELECT batch * 100 + i, 'c' || i % 3, timestamp '2024-01-01' + batch * interval '1 hour' + i * 7 % 20 * interval '1 minute', i FROM generate_series(1, 20) i;
  INSERT INTO trips SELECT batch * 100 + i, 'x' || i % 3, timestamp '2024-01-31 20:00' + batch * interval '1 hour' + i * 7 % 20 * interval '1 minute', i FROM generate_series(1, 20) i;
END $$;
CALL insert_batch(0);
-- Off: rows come in unseen, as those of a restore do whose feature tables are restored as well.
SET session_replication_role = replica;
CALL insert_batch(1);
SET session_replication_role = origin;
SELECT * FROM counts;
SELECT feature.refresh('spend'), feature.refresh('ridden');
SELECT * FROM counts;
-- On: in this role as in the other, and for the views on the view.
SELECT feature.follow_replication('spend'), feature.follow_replication('ridden', true);
SET session_replication_role = replica;
CALL insert_batch(2);
COPY payments FROM stdin;
2101	c0	2024-01-01 02:59:02	1
2102	c0	2024-01-01 02:59:01	2
\.
INSERT INTO trips_2 (id, taxi, t, km) VALUES (2101, 'x0', '2024-02-01 03:00', 1), (2102, 'x0', '2024-02-01 02:59', 1);
SELECT * FROM counts;
SET session_replication_role = local;
CALL insert_batch(8);
SET session_replication_role = origin;
CALL insert_batch(9);
SELECT * FROM counts;
SET session_replication_role = replica;
-- What fails takes the row with it; the next one is right.
INSERT INTO payments VALUES (2104, 'c0', 'infinity', 1);
INSERT INTO payments VALUES (2104, 'c0', '2024-01-02', 1);
SET session_replication_role = origin;
SELECT * FROM counts;
-- A partition that comes later.
CREATE TABLE trips_3 PARTITION OF trips FOR VALUES FROM ('2024-03-01') TO ('2024-04-01');
CREATE TABLE trips_4 PARTITION OF trips FOR VALUES FROM ('2024-04-01') TO ('2025-01-01');
SET session_replication_role = replica;
INSERT INTO trips_3 VALUES (2103, 'x0', '2024-03-01', 1);
SET session_replication_role = origin;
SELECT * FROM counts;
-- Restores that switch triggers off leave all of them on for the other role. Rows are taken once.
ALTER TABLE payments DISABLE TRIGGER ALL;
ALTER TABLE payments ENABLE TRIGGER ALL;
CALL insert_batch(1000);
SELECT * FROM counts;
DO $$
DECLARE trigger name;
BEGIN
  FOR trigger IN SELECT tgname FROM pg_trigger WHERE tgrelid = 'payments'::regclass AND tgfoid = 'feature.maintain'::regproc LOOP
    EXECUTE format('ALTER TABLE payments ENABLE ALWAYS TRIGGER %I', trigger);
  END LOOP;
END $$;
CALL insert_batch(1001);
SET session_replication_role = replica;
CALL insert_batch(1002);
SET session_replication_role = origin;
SELECT * FROM counts;
-- Said again, it is as it was; said twice, too. Off again.
SELECT feature.follow_replication('spend'), feature.follow_replication('spend'), feature.follow_replication('ridden', false);
SET session_replication_role = replica;
CALL insert_batch(1003);
SET session_replication_role = origin;
SELECT * FROM counts;
SELECT feature.follow_replication('spend', false), feature.refresh('ridden') > 0 AS refreshed;
SET session_replication_role = replica;
CALL insert_batch(1004);
SET session_replication_role = origin;
SELECT * FROM counts;
SELECT feature.refresh('spend') > 0 AS refreshed, feature.refresh('ridden') > 0 AS refreshed;
CALL insert_batch(1005);
SELECT * FROM counts;
-- It is for who owns both.
CREATE ROLE replication_role_reader;
GRANT USAGE, CREATE ON SCHEMA replication_role TO replication_role_reader;
GRANT SELECT, TRIGGER ON payments TO replication_role_reader;
SET ROLE replication_role_reader;
SELECT feature.create_view('readers', 'SELECT id, t, count(*) OVER (ORDER BY t) AS n FROM payments');
\set VERBOSITY terse
SELECT feature.follow_replication('readers');
\set VERBOSITY default
SELECT feature.follow_replication('spend');
RESET ROLE;
SELECT feature.follow_replication('payments');
SELECT feature.follow_replication(NULL);
-- Dropped with the view.
SELECT feature.follow_replication('spend');
DROP TABLE spend CASCADE;
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'payments'::regclass AND tgfoid = 'feature.maintain'::regproc AND tgname LIKE 'feature_replica_%';
SET client_min_messages = warning;
DROP SCHEMA replication_role CASCADE;
DROP ROLE replication_role_reader;
