-- Events that no frame needs any more leave the state; rows that are later than that are computed from the source.
CREATE TABLE payments (id int PRIMARY KEY, card text NOT NULL, at timestamptz NOT NULL, amount float8);
SELECT feature.create_view('spend', $$
  SELECT id, card, at, sum(amount) OVER h AS spent_1h, count(*) OVER h AS n_1h, max(amount) OVER u AS most,
         lag(amount, 2) OVER u AS before_last
  FROM payments
  WINDOW u AS (PARTITION BY card ORDER BY at), h AS (u RANGE BETWEEN '1 hour' PRECEDING AND CURRENT ROW)
$$, lateness => '10 minutes');
SELECT relation, lateness FROM feature.views;

-- The features of a row as all rows that were there with it give them.
CREATE FUNCTION recomputed(row_id int) RETURNS TABLE (spent_1h float8, n_1h bigint, most float8, before_last float8)
LANGUAGE sql BEGIN ATOMIC
  SELECT w.spent_1h, w.n_1h, w.most, w.before_last FROM (
    SELECT id, sum(amount) OVER h AS spent_1h, count(*) OVER h AS n_1h, max(amount) OVER u AS most,
           lag(amount, 2) OVER u AS before_last
    FROM payments WHERE id <= row_id
    WINDOW u AS (PARTITION BY card ORDER BY at), h AS (u RANGE BETWEEN '1 hour' PRECEDING AND CURRENT ROW)) w
  WHERE w.id = row_id;
END;
CREATE FUNCTION differs(row_id int) RETURNS boolean
LANGUAGE sql BEGIN ATOMIC
  SELECT (SELECT ROW(round(spent_1h::numeric, 6), n_1h, most, before_last) FROM spend WHERE id = row_id)
         IS DISTINCT FROM (SELECT ROW(round(spent_1h::numeric, 6), n_1h, most, before_last) FROM recomputed(row_id));
END;

-- Two weeks, a payment a minute and card, one statement a batch: state stays small.
DO $$ BEGIN
  FOR day IN 0..13 LOOP
    INSERT INTO payments
    SELECT day * 2880 + i, CASE i % 2 WHEN 0 THEN 'anna' ELSE 'bert' END,
           timestamptz '2026-01-01 00:00Z' + day * interval '1 day' + i / 2 * interval '1 minute', i % 97
    FROM generate_series(0, 2879) i;
  END LOOP;
END $$;
SELECT count(*) FROM spend;
SELECT chunks < 60 AS is_small FROM feature.stats WHERE relation = 'spend'::regclass;
SELECT sum(mismatches) FROM feature.verify('spend');

-- Late by less than the frame and the lateness: from the state. Later: from the source. Both exact.
INSERT INTO payments VALUES (50001, 'anna', '2026-01-14 23:00:30Z', 1000);
INSERT INTO payments VALUES (50002, 'anna', '2026-01-07 12:00:30Z', 2000);
INSERT INTO payments VALUES (50003, 'bert', '2025-12-31 12:00Z', 3000);
INSERT INTO payments VALUES (50004, 'bert', '2026-01-03 12:00:30Z', 500), (50005, 'bert', '2026-01-14 12:00:30Z', 501);
SELECT id, differs(id) FROM payments WHERE id > 50000 ORDER BY id;
SELECT id, n_1h, most FROM spend WHERE id > 50000 ORDER BY id;

-- Also after others, in a later statement of the same transaction, and rolled back.
BEGIN;
INSERT INTO payments VALUES (50006, 'anna', '2026-01-05 12:00:30Z', 4000);
SAVEPOINT a;
INSERT INTO payments VALUES (50007, 'anna', '2026-01-05 12:00:40Z', 5000);
ROLLBACK TO SAVEPOINT a;
INSERT INTO payments VALUES (50008, 'anna', '2026-01-05 12:00:45Z', 6000);
COMMIT;
SELECT id, differs(id), most FROM spend WHERE id > 50005 ORDER BY id;

-- The state becomes small again.
INSERT INTO payments
SELECT 60000 + i, 'anna', timestamptz '2026-01-15 00:00Z' + i * interval '1 minute', 1 FROM generate_series(0, 1439) i;
SELECT states, chunks FROM feature_state.list JOIN feature_state.view v ON view = v.id WHERE relation = 'spend'::regclass \gset
SELECT count(*) < 80 AS is_small FROM :chunks WHERE key_hash = (SELECT key_hash FROM :states WHERE key_1 = 'anna');

-- An event from the future makes nothing old.
INSERT INTO payments VALUES (70000, 'anna', '2999-01-01', 1);
INSERT INTO payments VALUES (70001, 'anna', '2026-01-15 23:50:30Z', 1);
SELECT id, differs(id) FROM spend WHERE id >= 70000 ORDER BY id;

-- Without the rows in the source, which have gone unseen, a row that is too late is refused and changes nothing.
SET session_replication_role = replica;
DELETE FROM payments WHERE at < '2026-01-10';
RESET session_replication_role;
INSERT INTO payments VALUES (80000, 'anna', '2026-01-15 20:00Z', 1), (80001, 'anna', '2026-01-07 12:00:30Z', 1);
SELECT count(*) FROM spend WHERE id >= 80000;
INSERT INTO payments VALUES (80002, 'anna', '2026-01-15 23:59Z', 1);
SELECT n_1h FROM spend WHERE id = 80002;

-- Nor are rows taken that have changed since: neither in place of others nor in their values.
CREATE TABLE moved (id int PRIMARY KEY, k text, at timestamptz NOT NULL, x float8);
SELECT feature.create_view('of_moved', 'SELECT id, sum(x) OVER (PARTITION BY k ORDER BY at) AS total FROM moved', '0');
INSERT INTO moved SELECT i, 'k', timestamptz '2024-01-01 00:00Z' + i * interval '10 minutes', 1 FROM generate_series(1, 2000) i;
SET session_replication_role = replica;
UPDATE moved SET x = 0 WHERE id < 100;
RESET session_replication_role;
INSERT INTO moved VALUES (3001, 'k', '2024-01-01 00:05Z', 1);
SET session_replication_role = replica;
UPDATE moved SET x = 1 WHERE id < 100;
DELETE FROM moved WHERE id < 8;
UPDATE moved SET at = '2024-01-01 00:05Z' WHERE id > 1993;
RESET session_replication_role;
INSERT INTO moved VALUES (3002, 'k', '2024-01-01 00:05Z', 1);
INSERT INTO moved VALUES (3003, 'k', '2024-02-01 00:00Z', 1);
SELECT total FROM of_moved WHERE id > 3000;

-- Values that the source stores out of line are kept themselves, not where they are stored.
CREATE TABLE long_texts (id int PRIMARY KEY, at timestamptz NOT NULL, x text);
ALTER TABLE long_texts ALTER x SET STORAGE EXTERNAL;
INSERT INTO long_texts SELECT i, timestamptz '2024-01-01 00:00Z' + i * interval '1 hour', repeat(i::text, 3000) FROM generate_series(1, 20) i;
SELECT feature.create_view('of_long_texts', 'SELECT id, md5(lag(x) OVER (ORDER BY at)) AS before, length(lag(x, 5) OVER (ORDER BY at)) AS earlier FROM long_texts');
SET session_replication_role = replica;
DELETE FROM long_texts;
RESET session_replication_role;
VACUUM long_texts;
INSERT INTO long_texts VALUES (21, '2024-01-02 00:00Z', 'short');
SELECT before = md5(repeat('20', 3000)) AS is_kept, earlier FROM of_long_texts WHERE id = 21;

-- Nor does it matter whether a composite was made from a text as it came, or as the source has compressed it.
CREATE TYPE remark AS (number int, body text);
CREATE TYPE signed_remark AS (remark remark, signature text);
CREATE TABLE remarks (id int PRIMARY KEY, who int, at int NOT NULL, body text);
SELECT feature.create_view('of_remarks', $$
  SELECT id, md5(first_value(r) OVER w::text) AS first, max(at) OVER w AS newest
  FROM (SELECT id, who, at, ROW(ROW(id, body)::remark, body)::signed_remark AS r FROM remarks) x
  WINDOW w AS (PARTITION BY who ORDER BY at RANGE 10 PRECEDING)$$, '0');
INSERT INTO remarks SELECT i, 1, 2 * i, repeat('ab' || i, 800) FROM generate_series(1, 400) i;
INSERT INTO remarks SELECT i, 1, 2 * i, repeat('ab' || i, 800) FROM generate_series(401, 800) i;
SELECT events_kept < events AS some_have_left FROM feature.stats WHERE relation = 'of_remarks'::regclass;
INSERT INTO remarks VALUES (5000, 1, 41, 'x');
SELECT first = (SELECT md5(ROW(ROW(id, body)::remark, body)::signed_remark::text) FROM remarks WHERE id = 16) AS is_right, newest
FROM of_remarks WHERE id = 5000;
DELETE FROM remarks WHERE id = 800;
UPDATE remarks SET who = 2 WHERE id = 799;
SELECT sum(mismatches) FROM feature.verify('of_remarks');

-- Functions of the definition find what they call, as they did before.
CREATE SCHEMA helpers;
SET search_path = public, helpers;
CREATE FUNCTION helpers.inner_one(t text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN lower(t); END $$;
CREATE FUNCTION helpers.outer_one(t text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN inner_one(t); END $$;
CREATE TABLE called (id int PRIMARY KEY, k text, at timestamptz NOT NULL);
SELECT feature.create_view('of_called', 'SELECT id, count(*) OVER (PARTITION BY outer_one(k) ORDER BY at RANGE ''1 hour'' PRECEDING) AS n FROM called', '0');
INSERT INTO called SELECT i, 'K', timestamptz '2024-01-01 00:00Z' + i * interval '10 minutes' FROM generate_series(1, 2000) i;
SET search_path = pg_catalog;
INSERT INTO public.called VALUES (5000, 'k', '2024-01-05 00:00:30Z');
RESET search_path;
SELECT n FROM of_called WHERE id = 5000;

-- Results of other windows cannot be read from the source, so that nothing leaves.
CREATE TABLE visits (id int PRIMARY KEY, who int, at int NOT NULL, pages int);
SELECT feature.create_view('nested', $$
  SELECT id, who, at, sum(n) OVER (PARTITION BY who ORDER BY at RANGE BETWEEN 10 PRECEDING AND CURRENT ROW) AS s
  FROM (SELECT *, count(*) OVER (PARTITION BY who ORDER BY at) AS n FROM visits) v
$$);
INSERT INTO visits SELECT i, 1, i, 1 FROM generate_series(1, 3000) i;
INSERT INTO visits SELECT i, 1, i, 1 FROM generate_series(3001, 3500) i;
INSERT INTO visits VALUES (4000, 1, 10, 1);
SELECT s FROM nested WHERE id = 4000;

-- What subqueries without windows compute can be.
CREATE TABLE readings (id int PRIMARY KEY, who int, at int NOT NULL, pages int);
SELECT feature.create_view('of_computed', $$
  SELECT id, sum(sheets) OVER (w RANGE BETWEEN 10 PRECEDING AND CURRENT ROW) AS s, lag(at) OVER w AS before,
         max(share) OVER (w RANGE BETWEEN 5 PRECEDING AND CURRENT ROW) AS most
  FROM (SELECT id, at, parity, pages AS sheets, 1.0 / divisor AS share
        FROM (SELECT id, at, who % 2 AS parity, pages, nullif(pages % 7, 0) AS divisor FROM readings WHERE pages > 0) r) v
  WINDOW w AS (PARTITION BY parity ORDER BY at)
$$);
INSERT INTO readings SELECT i, i, i, i % 10 FROM generate_series(1, 6000) i;
INSERT INTO readings SELECT i, i, i, i % 10 FROM generate_series(6001, 7000) i;
SELECT events, events_kept < 800 AS most_have_left FROM feature.stats WHERE relation = 'of_computed'::regclass;
INSERT INTO readings VALUES (8000, 4, 20, 50);
SELECT s, before, round(most, 3) AS most FROM of_computed WHERE id = 8000;
SELECT s, before, round(most, 3) AS most FROM (
  SELECT id, sum(pages) OVER (w RANGE 10 PRECEDING) AS s, lag(at) OVER w AS before,
         max(1.0 / nullif(pages % 7, 0)) OVER (w RANGE 5 PRECEDING) AS most
  FROM readings WHERE pages > 0 WINDOW w AS (PARTITION BY who % 2 ORDER BY at)) q WHERE id = 8000;

-- Of the wide catalogue, too.
SELECT feature.create_transaction_pipeline(catalogue => 'wide');
DO $$ BEGIN
  FOR part IN 0..3 LOOP
    INSERT INTO transactions
    SELECT 't' || i, timestamptz '2025-01-01 00:00Z' + i * interval '15 minutes', 'anna', 'shop', i % 97, 'EUR', 'grocery', 'card',
           '203.0.113.7', 'phone', 52, 13, 'visa'
    FROM generate_series(part * 1000 + 1, part * 1000 + 1000) i;
  END LOOP;
END $$;
SELECT entity, events, events_kept < 600 AS most_have_left FROM feature.stats
WHERE relation = 'transaction_features_wide'::regclass ORDER BY list;

-- The last row of a frame that has no start can be any time ago. Long texts, so that a few events fill a leaf.
CREATE TABLE steps (id int PRIMARY KEY, who int, at int NOT NULL, v text);
ALTER TABLE steps ALTER v SET STORAGE EXTERNAL;
SELECT feature.create_view('last_steps', $$
  SELECT id, at, left(last_value(v) OVER (w RANGE BETWEEN UNBOUNDED PRECEDING AND 10 PRECEDING), 4) AS ended,
         left(last_value(v) OVER (w ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW EXCLUDE GROUP), 4) AS before_peers,
         left(last_value(v) OVER (w ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW EXCLUDE CURRENT ROW), 4) AS before_row
  FROM steps WINDOW w AS (PARTITION BY who ORDER BY at)
$$, '0');
DO $$ BEGIN
  FOR i IN 1001 .. 1040 LOOP INSERT INTO steps VALUES (i, 1, i, i || repeat('x', 3000)); END LOOP;
  FOR i IN 1041 .. 1060 LOOP INSERT INTO steps VALUES (i, 1, 5000, i || repeat('y', 3000)); END LOOP;
END $$;
SELECT events, events_kept < 30 AS first_have_left FROM feature.stats WHERE relation = 'last_steps'::regclass;
INSERT INTO steps VALUES (3001, 1, 5009, 3001), (3002, 1, 9000, NULL), (3003, 1, 9009, 3003), (3004, 1, 4000, 3004);
SELECT ended, before_peers, bool_and(before_row::int = id - 1) AS before_row, count(*) FROM last_steps WHERE at = 5000 GROUP BY 1, 2;
SELECT * FROM last_steps WHERE id IN (1001, 1040, 1041) OR id >= 3000 ORDER BY id;

-- Lateness that is NULL keeps everything; a negative one makes no sense.
SELECT feature.create_view('all_kept', $$
  SELECT id, sum(pages) OVER (PARTITION BY who ORDER BY at RANGE BETWEEN 10 PRECEDING AND CURRENT ROW) AS s FROM visits
$$, NULL);
SET session_replication_role = replica;
DELETE FROM visits WHERE at < 2000;
RESET session_replication_role;
DROP TABLE nested;
INSERT INTO visits VALUES (4001, 1, 15, 1);
SELECT s FROM all_kept WHERE id = 4001;
SELECT relation, lateness FROM feature.views ORDER BY relation::text;
SELECT feature.create_view('x', 'SELECT id FROM visits', '-1 hour');
SELECT feature.create_view('x', 'SELECT id FROM visits', interval '1 month' - interval '1 day');
