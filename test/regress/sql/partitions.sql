-- A partitioned table as source: rows get in through it, through a partition of any level, or directly, and each statement
-- is a batch, whatever it names. Partitions come and go.
CREATE SCHEMA partitions;
SET search_path = partitions;
SET timezone = 'UTC';
-- What the view has and the query has not, or the other way round.
CREATE FUNCTION differences(view regclass) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE definition regclass;
BEGIN
  SELECT v.definition INTO definition FROM feature.views v WHERE relation = view;
  RETURN QUERY EXECUTE format('(SELECT to_jsonb(f)::text FROM %1$s f EXCEPT ALL SELECT to_jsonb(d)::text FROM %2$s d) UNION ALL '
                              '(SELECT to_jsonb(d)::text FROM %2$s d EXCEPT ALL SELECT to_jsonb(f)::text FROM %1$s f)', view, definition);
END $$;
-- Partitions whose columns lie in another order, with gaps, and in a second level.
CREATE TABLE payments (gap int, id int, card text NOT NULL, t timestamp NOT NULL, v int, PRIMARY KEY (id, t, card)) PARTITION BY RANGE (t);
ALTER TABLE payments DROP COLUMN gap;
CREATE TABLE january PARTITION OF payments FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
CREATE TABLE february (v int, gap_1 text, t timestamp NOT NULL, card text NOT NULL, gap_2 int, id int NOT NULL);
ALTER TABLE february DROP COLUMN gap_1, DROP COLUMN gap_2;
ALTER TABLE payments ATTACH PARTITION february FOR VALUES FROM ('2024-02-01') TO ('2024-03-01');
CREATE TABLE march PARTITION OF payments FOR VALUES FROM ('2024-03-01') TO ('2024-04-01') PARTITION BY LIST (card);
CREATE TABLE march_a PARTITION OF march FOR VALUES IN ('a');
CREATE TABLE march_others (card text NOT NULL, v int, id int NOT NULL, t timestamp NOT NULL);
ALTER TABLE march ATTACH PARTITION march_others DEFAULT;
INSERT INTO payments SELECT i, chr(97 + i % 3), timestamp '2024-01-20' + i * interval '1 day', i FROM generate_series(1, 60) i;
-- Rows that are there are computed, whatever partition they are in.
SELECT feature.create_view('spend', 'SELECT *, sum(v) OVER w AS total, count(*) OVER w AS n, lag(v) OVER w AS before FROM payments WINDOW w AS (PARTITION BY card ORDER BY t)', '0');
SELECT feature.create_view('by_day', 'SELECT id, t, count(*) OVER (ORDER BY t RANGE ''1 day'' PRECEDING) AS n_1d FROM payments WHERE v > 0', NULL);
SELECT count(*), differences('spend') FROM spend GROUP BY 2;
SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'spend'::regclass AND contype = 'p';
-- A statement that names the table, and one that names a partition, each with rows in any order.
INSERT INTO payments SELECT i, chr(97 + i % 3), timestamp '2024-03-30 12:00' - (i * 37 % 101) * interval '10 minutes', i FROM generate_series(100, 199) i;
INSERT INTO january SELECT i, chr(97 + i % 3), timestamp '2024-01-01' + (i * 37 % 101) * interval '1 minute', i FROM generate_series(200, 209) i;
SELECT id, card, n, total, before FROM spend WHERE id BETWEEN 200 AND 209 ORDER BY t;
-- These came late; recomputed, in the order of time, later rows see them.
SELECT feature.refresh('spend') = count(*) FROM payments;
SELECT differences('spend'), differences('by_day');

-- In the order of time from here on, so that view and query agree.
TRUNCATE payments, spend, by_day;
SELECT feature.refresh('spend'), feature.refresh('by_day');
INSERT INTO january SELECT i, chr(97 + i % 3), timestamp '2024-01-05' - (i * 37 % 101) * interval '1 minute', i FROM generate_series(1, 100) i;
COPY february (id, card, t, v) FROM stdin;
101	a	2024-02-01 00:03:00	1
102	b	2024-02-01 00:02:00	2
103	a	2024-02-01 00:01:00	3
\.
COPY payments FROM stdin;
104	b	2024-02-02 00:03:00	1
105	a	2024-02-02 00:02:00	2
106	c	2024-02-02 00:01:00	3
\.
INSERT INTO march VALUES (107, 'b', '2024-03-02', 1), (108, 'a', '2024-03-01', 2), (109, 'b', '2024-03-01 01:00', 3);
INSERT INTO march_others (id, card, t, v) VALUES (110, 'b', '2024-03-04', 1), (111, 'c', '2024-03-03', 2);
INSERT INTO march_a VALUES (112, 'a', '2024-03-05', 5) RETURNING id;
SELECT differences('spend'), differences('by_day');
SELECT sum(mismatches), min(rows_compared) FROM feature.verify('spend');
-- The next statement sees them, in the same transaction; a statement or savepoint that is undone leaves nothing.
BEGIN;
INSERT INTO march_a VALUES (113, 'a', '2024-03-06', 1);
SELECT n FROM spend WHERE id = 113;
SAVEPOINT here;
INSERT INTO march_others (id, card, t, v) VALUES (114, 'b', '2024-03-06', 1), (110, 'b', '2024-03-04', 1);
ROLLBACK TO SAVEPOINT here;
INSERT INTO march_others (id, card, t, v) VALUES (114, 'b', '2024-03-06', 1);
SELECT n FROM spend WHERE id = 114;
ROLLBACK TO SAVEPOINT here;
INSERT INTO march_others (id, card, t, v) VALUES (115, 'b', '2024-03-07', 1);
COMMIT;
SELECT differences('spend'), differences('by_day');
-- Later than the lateness: earlier events are read from the partitions.
INSERT INTO january VALUES (116, 'a', '2024-01-03 12:00', 1);
INSERT INTO payments VALUES (117, 'b', '2024-02-01 00:02:30', 1);
SELECT feature.id, n = (SELECT count(*) FROM payments p WHERE p.card = feature.card AND p.t <= feature.t) AS right FROM spend feature WHERE id IN (116, 117) ORDER BY id;

-- One query that inserts through the table and into partitions: all of it is seen, once. PostgreSQL decides in which order,
-- and whether together.
TRUNCATE payments, spend, by_day;
SELECT feature.refresh('spend'), feature.refresh('by_day');
WITH through AS (INSERT INTO payments VALUES (1, 'a', '2024-01-01', 1), (2, 'a', '2024-03-01', 2) RETURNING *),
     directly AS (INSERT INTO february (id, card, t, v) SELECT id + 10, card, '2024-02-01'::timestamp + id * interval '1 day', v FROM through RETURNING id)
INSERT INTO january VALUES (21, 'a', '2024-01-02', 21);
WITH first AS (INSERT INTO february (id, card, t, v) VALUES (31, 'b', '2024-02-01', 1), (32, 'b', '2024-02-03', 1)),
     second AS (INSERT INTO march_others (id, card, t, v) VALUES (33, 'b', '2024-03-01', 1)),
     third AS (INSERT INTO payments VALUES (34, 'b', '2024-01-01', 1))
INSERT INTO february (id, card, t, v) VALUES (35, 'b', '2024-02-02', 1);
SELECT card, array_agg(id ORDER BY id) AS ids, max(n) FROM spend GROUP BY card ORDER BY card;
-- Statements within statements: triggers of a partition and of the table that insert again, at each of the levels.
CREATE FUNCTION echo() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF new.v > 0 THEN EXECUTE format('INSERT INTO partitions.%I (id, card, t, v) VALUES ($1, $2, $3, $4)', tg_argv[0]) USING new.id + 100, new.card, new.t + interval '1 hour', new.v - 1; END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER a_echo AFTER INSERT ON january FOR EACH ROW WHEN (new.card = 'echo') EXECUTE FUNCTION echo('january');
CREATE TRIGGER z_echo AFTER INSERT ON february FOR EACH ROW WHEN (new.card = 'echo') EXECUTE FUNCTION echo('payments');
INSERT INTO january VALUES (1001, 'echo', '2024-01-10', 2);
INSERT INTO payments VALUES (1002, 'echo', '2024-01-11', 2);
INSERT INTO february (id, card, t, v) VALUES (1003, 'echo', '2024-02-11', 2);
INSERT INTO payments VALUES (1004, 'echo', '2024-02-12', 2), (1005, 'echo', '2024-02-13', 0);
SELECT count(*), count(DISTINCT id), max(n) FROM spend WHERE card = 'echo';
DROP TRIGGER a_echo ON january;
DROP TRIGGER z_echo ON february;
SELECT feature.refresh('spend') = count(*) FROM payments;
-- Statement triggers of others fire as they do without the view: for what the statement names.
CREATE TABLE fired (name text, operation text);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO partitions.fired VALUES (tg_table_name, tg_op); RETURN NULL; END $$;
CREATE TRIGGER a BEFORE INSERT OR DELETE ON payments FOR EACH STATEMENT EXECUTE FUNCTION note();
CREATE TRIGGER z AFTER INSERT OR DELETE ON payments FOR EACH STATEMENT EXECUTE FUNCTION note();
CREATE TRIGGER z AFTER INSERT OR DELETE ON february FOR EACH STATEMENT EXECUTE FUNCTION note();
INSERT INTO january VALUES (301, 'a', '2024-01-20', 1);
INSERT INTO february (id, card, t, v) VALUES (302, 'a', '2024-02-20', 1);
INSERT INTO payments VALUES (303, 'a', '2024-02-21', 1);
SELECT name, operation, count(*) FROM fired GROUP BY 1, 2 ORDER BY 1, 2;
DROP TRIGGER a ON payments;
DROP TRIGGER z ON payments;
DROP TRIGGER z ON february;

-- Partitions that are made or attached later are followed. Rows that one brings along are not, until refreshed from their
-- time on.
TRUNCATE payments, spend, by_day;
SELECT feature.refresh('spend'), feature.refresh('by_day');
INSERT INTO payments SELECT i, chr(97 + i % 3), timestamp '2024-01-01' + i * interval '1 day', i FROM generate_series(1, 80) i;
CREATE TABLE april PARTITION OF payments FOR VALUES FROM ('2024-04-01') TO ('2024-05-01');
INSERT INTO april VALUES (91, 'a', '2024-04-02', 1), (92, 'a', '2024-04-01', 1);
INSERT INTO payments VALUES (93, 'a', '2024-04-03', 1);
CREATE TABLE may (t timestamp NOT NULL, id int NOT NULL, card text NOT NULL, v int) PARTITION BY LIST (card);
CREATE TABLE may_all PARTITION OF may DEFAULT;
INSERT INTO may VALUES ('2024-05-01', 94, 'a', 10);
ALTER TABLE payments ATTACH PARTITION may FOR VALUES FROM ('2024-05-01') TO ('2024-06-01');
INSERT INTO may_all VALUES ('2024-05-03', 95, 'a', 1), ('2024-05-02', 96, 'b', 1);
SELECT count(*) > 0 AS differs FROM differences('spend');
SELECT max(mismatches) FROM feature.verify('by_day') WHERE feature = 'n_1d';
SELECT feature.refresh('spend', '2024-05-01'), feature.refresh('by_day', '2024-05-01');
SELECT differences('spend'), differences('by_day');
-- Detached or dropped: its rows are gone from the source, their features and what the states know of them are not.
CREATE TABLE kept AS SELECT * FROM spend;
ALTER TABLE payments DETACH PARTITION january;
DROP TABLE february;
(TABLE kept EXCEPT ALL TABLE spend) UNION ALL (TABLE spend EXCEPT ALL TABLE kept);
INSERT INTO may VALUES ('2024-05-04', 97, 'a', 1);
SELECT n = (SELECT count(*) FROM spend WHERE card = 'a') AS counts_all FROM spend WHERE id = 97;
-- What was detached is a table like any other.
INSERT INTO january VALUES (98, 'a', '2024-01-30', 1);
SELECT count(*) FROM spend WHERE id = 98;
SELECT tgname FROM pg_trigger WHERE tgrelid = 'january'::regclass AND NOT tgisinternal;
-- A row later than the lateness needs what is gone.
INSERT INTO payments SELECT 1000 + i, 'z', timestamp '2024-03-10' + i * interval '1 minute', i FROM generate_series(1, 500) i;
INSERT INTO payments VALUES (99, 'z', '2024-03-10 00:10:30', 1);
SELECT n FROM spend WHERE id = 99;
ALTER TABLE payments DETACH PARTITION march;
CREATE TABLE new_march PARTITION OF payments FOR VALUES FROM ('2024-03-01') TO ('2024-04-01');
INSERT INTO payments VALUES (100, 'z', '2024-03-10 00:20:30', 1);
SELECT feature.refresh('spend') = count(*) FROM payments;
SELECT differences('spend');
INSERT INTO payments VALUES (100, 'z', '2024-03-10 00:20:30', 1);

-- Another definition, a view on the view, names, the end.
SELECT feature.refresh('spend') = count(*), feature.refresh('by_day') = count(*) FROM payments;
SELECT feature.alter_view('spend', 'SELECT *, max(v) OVER (PARTITION BY card ORDER BY t) AS most FROM payments');
SELECT feature.create_view('on_spend', 'SELECT id, sum(most) OVER (ORDER BY t) AS total FROM spend');
ALTER TABLE payments RENAME TO "All payments";
ALTER TABLE "All payments" RENAME COLUMN v TO "Value";
ALTER TABLE april RENAME TO "April";
INSERT INTO "April" (id, card, t, "Value") VALUES (120, 'a', '2024-04-29', 3);
INSERT INTO "All payments" VALUES (121, 'a', '2024-05-30', 3);
SELECT feature.refresh('spend') = count(*) FROM "All payments";
SELECT differences('spend'), differences('on_spend');
SELECT source, entity_lists FROM feature.views WHERE relation = 'spend'::regclass;
-- Equal times are taken in the order in which rows stand in the partitions.
CREATE TABLE ties (id int, k int, t timestamp NOT NULL) PARTITION BY LIST (k);
CREATE TABLE ties_1 PARTITION OF ties FOR VALUES IN (1);
CREATE TABLE ties_2 PARTITION OF ties FOR VALUES IN (2);
INSERT INTO ties SELECT i, 1 + i % 2, '2024-01-01' FROM generate_series(1, 6) i;
SELECT feature.create_view('of_ties', 'SELECT id, k, count(*) OVER (ORDER BY t ROWS UNBOUNDED PRECEDING) AS n FROM ties');
SELECT * FROM of_ties ORDER BY n;
-- A trigger that is not where it belongs takes no rows.
CREATE TABLE stray (id int, k int, t timestamp);
SELECT id FROM feature_state.view WHERE relation = 'of_ties'::regclass \gset
CREATE TRIGGER stray AFTER INSERT ON stray FOR EACH ROW EXECUTE FUNCTION feature.maintain(:'id');
INSERT INTO stray VALUES (7, 1, '2024-01-01');
-- Partitions themselves are refused, as their own rows get in by another way.
SELECT feature.create_view('refused', 'SELECT id FROM ties_1');
SELECT feature.create_view('refused', 'SELECT id FROM may');
SELECT feature.drop_view('of_ties');
SELECT count(*) FROM pg_trigger WHERE tgrelid IN ('ties'::regclass, 'ties_1'::regclass);
INSERT INTO ties_1 VALUES (7, 1, '2024-01-01');
-- Corrections, through the table and in a partition directly; a row that moves to another partition. The states are then those
-- of what the source holds, and the rows themselves have their features.
CREATE TABLE corrected (id int, k text, t timestamp NOT NULL, v int, PRIMARY KEY (id, t)) PARTITION BY RANGE (t);
CREATE TABLE corrected_1 PARTITION OF corrected FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
CREATE TABLE corrected_2 (v int, t timestamp NOT NULL, k text, id int NOT NULL);
ALTER TABLE corrected ATTACH PARTITION corrected_2 FOR VALUES FROM ('2024-02-01') TO ('2024-03-01');
SELECT feature.create_view('of_corrected', 'SELECT id, k, t, sum(v) OVER w AS total, count(*) OVER w AS n FROM corrected WINDOW w AS (PARTITION BY k ORDER BY t)');
SELECT feature.create_view('over_corrected', 'SELECT id, t, max(n) OVER (ORDER BY t) AS most FROM (SELECT id, t, count(*) OVER (PARTITION BY k ORDER BY t) AS n FROM corrected) counted');
INSERT INTO corrected SELECT i, 'k' || i % 3, timestamp '2024-01-12' + i * interval '1 day', i FROM generate_series(1, 40) i;
-- Recomputed, the definition gives these rows the same features.
CREATE FUNCTION as_computed(ids int[]) RETURNS TABLE (id int, total bigint, n bigint, same boolean) LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY EXECUTE format('SELECT f.id, f.total, f.n, (f.total, f.n) = (d.total, d.n) FROM partitions.of_corrected f LEFT JOIN %s d USING (id, t) WHERE id = ANY ($1) ORDER BY id',
                              (SELECT definition FROM feature.views WHERE relation = 'partitions.of_corrected'::regclass)) USING ids;
END $$;
UPDATE corrected SET v = v + 100 WHERE id IN (12, 24);
SELECT * FROM as_computed('{12,24}');
UPDATE corrected_2 SET v = -v WHERE id IN (24, 30);
SELECT * FROM as_computed('{24,30}');
UPDATE corrected SET t = t + interval '1 month', v = 1000 WHERE id = 8;
SELECT tableoid::regclass FROM corrected WHERE id = 8;
SELECT * FROM as_computed('{8}');
UPDATE corrected_1 SET k = 'k0' WHERE id = 10;
SELECT * FROM as_computed('{10}');
DELETE FROM corrected WHERE id IN (3, 33);
DELETE FROM corrected_1 WHERE id = 4;
SELECT count(*), (SELECT count(*) FROM corrected) AS source FROM of_corrected;
INSERT INTO corrected SELECT 100 + i, 'k' || i, '2024-02-29', i FROM generate_series(0, 2) i;
SELECT * FROM as_computed('{100,101,102}');
-- Where the row does not tell what a window over windows has kept of it, all states are computed anew, from all partitions.
INSERT INTO corrected VALUES (201, 'k1', '2024-02-20 12:00', 1), (202, 'k2', '2024-02-20 12:00', 1);
DELETE FROM corrected WHERE id = 201;
INSERT INTO corrected VALUES (203, 'k2', '2024-02-29 02:00', 1);
SELECT most = (SELECT max(n) FROM (SELECT count(*) AS n FROM corrected GROUP BY k) counted) AS right FROM over_corrected WHERE id = 203;
SELECT feature.refresh('of_corrected') = count(*), feature.refresh('over_corrected') = count(*) FROM corrected;
-- Old rows, and one entity, are removed from the partitions as well.
SELECT feature.drop_view('over_corrected');
SELECT feature.expire('of_corrected', timestamp '2024-01-20', true);
SELECT min(t) FROM corrected;
INSERT INTO corrected VALUES (110, 'k1', '2024-02-29 01:00', 0);
SELECT total, n > (SELECT count(*) FROM corrected WHERE k = 'k1') AS counts_those_expired FROM of_corrected WHERE id = 110;
-- TRUNCATE of a partition is like its end; that of the table empties the view.
TRUNCATE corrected_1;
SELECT count(*) > (SELECT count(*) FROM corrected) AS kept FROM of_corrected;
TRUNCATE corrected;
SELECT count(*) FROM of_corrected;
INSERT INTO corrected_1 VALUES (1, 'k1', '2024-01-20', 5);
SELECT * FROM of_corrected;
-- Gone with the source.
SET client_min_messages = warning;
DROP TABLE "All payments" CASCADE;
SELECT to_regclass('spend') IS NULL AND to_regclass('by_day') IS NULL AND to_regclass('on_spend') IS NULL AS gone;
DROP SCHEMA partitions CASCADE;
