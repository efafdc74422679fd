-- UPDATE, DELETE and TRUNCATE on the source: the states become what they would be had the rows never been as they were, the
-- rows' own feature rows are computed anew or go, and all other feature rows stay as they were recorded.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE SCHEMA corrections;
SET search_path = corrections;
SET timezone = 'UTC';
SET datestyle = 'ISO';

CREATE TABLE payments (id int PRIMARY KEY, card text, shop text, at timestamp NOT NULL, amount numeric, note text);
SELECT $$ SELECT id, card, shop, at, amount, sum(amount) OVER c AS spent, count(*) OVER c AS n, lag(id) OVER c AS before,
                 max(amount) OVER s AS shop_max, count(*) OVER s AS shop_n
          FROM payments WHERE amount > 0
          WINDOW c AS (PARTITION BY card ORDER BY at),
                 s AS (PARTITION BY shop ORDER BY at RANGE BETWEEN '1 day' PRECEDING AND CURRENT ROW) $$ AS definition \gset
SELECT feature.create_view('spend', :'definition');
SELECT tgname ~ '^feature_[0-9]+$' AS of_inserts, regexp_replace(pg_get_triggerdef(oid), '_[0-9]+|[0-9]+''', '_N', 'g') AS trigger
FROM pg_trigger WHERE tgrelid = 'payments'::regclass ORDER BY tgname;

-- What the states hold shows in a row that comes after: it must get what the plain query gives for it.
CREATE PROCEDURE probe() LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO payments SELECT -n, card, shop, timestamp '2024-02-01' + n * interval '1 minute', 1
  FROM (SELECT DISTINCT card, shop, dense_rank() OVER (ORDER BY card, shop) AS n FROM payments) t;
END $$;
CREATE FUNCTION differences() RETURNS SETOF spend LANGUAGE plpgsql AS $$
BEGIN
  CALL probe();
  RETURN QUERY EXECUTE 'SELECT * FROM spend WHERE id < 0 EXCEPT SELECT * FROM (' ||
    (SELECT trim(trailing ';' FROM pg_get_viewdef(definition)) FROM feature.views WHERE relation = 'spend'::regclass) || ') t';
  DELETE FROM payments WHERE id < 0;
END $$;

INSERT INTO payments
SELECT i, 'card' || i % 3, 'shop' || i % 2, timestamp '2024-01-01' + i * interval '5 hours', i FROM generate_series(1, 12) i;
SELECT * FROM spend ORDER BY id;
CREATE TABLE recorded AS TABLE spend;

-- One row: its own features as of now; those of others stay.
UPDATE payments SET amount = 100 WHERE id = 4;
TABLE spend EXCEPT TABLE recorded;
SELECT * FROM differences();
-- Another entity, another time.
UPDATE payments SET card = 'card2', at = at + interval '1 day' WHERE id = 1;
UPDATE payments SET shop = 'shop9' WHERE id IN (2, 3);
SELECT * FROM (TABLE spend EXCEPT TABLE recorded) t ORDER BY id;
SELECT * FROM differences();
-- Columns that the definition does not read cost nothing; one that it passes through is enough.
SELECT ctid AS row_before FROM spend WHERE id = 5 \gset
UPDATE payments SET note = 'checked';
SELECT ctid = :'row_before' AS untouched FROM spend WHERE id = 5;
UPDATE payments SET amount = 5.00 WHERE id = 5;
SELECT id, amount FROM spend WHERE id = 5;

-- WHERE: rows enter and leave.
INSERT INTO payments VALUES (20, 'card0', 'shop0', '2024-01-10', -1), (21, 'card0', 'shop0', '2024-01-11', 7);
UPDATE payments SET amount = -amount WHERE id IN (20, 21);
SELECT * FROM spend WHERE id >= 20;
SELECT * FROM differences();
UPDATE payments SET note = 'x', amount = -2 WHERE id = 21;
SELECT count(*) FROM spend WHERE id = 21;

DELETE FROM payments WHERE id IN (6, 9, 21);
SELECT id FROM spend ORDER BY id;
SELECT * FROM differences();
UPDATE payments SET id = id + 100;
SELECT array_agg(id ORDER BY id) = (SELECT array_agg(id ORDER BY id) FROM payments WHERE amount > 0) AS same FROM spend;
SELECT * FROM differences();
-- What the owner has added to the feature table stays with the row.
ALTER TABLE spend ADD COLUMN label text DEFAULT 'none';
UPDATE spend SET label = 'fraud' WHERE id = 104;
UPDATE payments SET amount = amount + 1;
SELECT id, label FROM spend WHERE label <> 'none';
ALTER TABLE spend DROP COLUMN label;

-- Every kind of statement.
INSERT INTO payments VALUES (104, 'card1', 'shop0', '2024-01-02', 9) ON CONFLICT (id) DO UPDATE SET amount = EXCLUDED.amount;
SELECT amount FROM spend WHERE id = 104;
WITH gone AS (DELETE FROM payments WHERE id = 105 RETURNING *)
INSERT INTO payments SELECT id + 1000, card, shop, at, amount FROM gone;
MERGE INTO payments p USING (VALUES (104, 1), (107, 2), (2000, 3)) v (id, amount) ON p.id = v.id
  WHEN MATCHED AND v.id = 107 THEN DELETE
  WHEN MATCHED THEN UPDATE SET amount = v.amount
  WHEN NOT MATCHED THEN INSERT VALUES (v.id, 'card1', 'shop1', '2024-01-05', v.amount);
SELECT id, amount FROM spend WHERE id IN (104, 105, 1105, 107, 2000) ORDER BY id;
SELECT * FROM differences();
-- What is undone leaves nothing.
BEGIN;
SAVEPOINT a;
UPDATE payments SET card = 'nobody';
ROLLBACK TO a;
DELETE FROM payments WHERE id = 104;
ROLLBACK;
DO $$
BEGIN
  UPDATE payments SET amount = amount / (id - 104);
EXCEPTION WHEN division_by_zero THEN
  UPDATE payments SET amount = 3 WHERE id = 104;
END $$;
SELECT * FROM differences();

TRUNCATE payments;
SELECT count(*) FROM spend;
SELECT entities, events FROM feature.stats WHERE relation = 'spend'::regclass;
INSERT INTO payments VALUES (1, 'card1', 'shop1', '2024-01-01', 3);
SELECT spent, n, shop_n FROM spend;

-- Views on views follow.
SELECT feature.create_view('totals', $$
  SELECT id, card, sum(n) OVER (PARTITION BY card ORDER BY at) AS n_sum FROM spend $$);
INSERT INTO payments SELECT i, 'card' || i % 2, 'shop', timestamp '2024-01-02' + i * interval '1 hour', i FROM generate_series(2, 9) i;
UPDATE payments SET card = 'card0' WHERE id = 3;
DELETE FROM payments WHERE id = 4;
INSERT INTO payments VALUES (10, 'card0', 'shop', '2024-01-03', 1), (11, 'card1', 'shop', '2024-01-03', 1);
SELECT t.id, t.card, n_sum, (SELECT sum(n) FROM spend s WHERE s.card = t.card) AS expected FROM totals t WHERE id > 9 ORDER BY id;
SELECT array_agg(id ORDER BY id) FROM totals;
TRUNCATE payments;
SELECT count(*) FROM totals;
SELECT feature.drop_view('totals');

-- Keys that move from row to row, in the order of the source: the one of the next is free.
INSERT INTO payments SELECT i, 'card', 'shop', timestamp '2024-01-02' + i * interval '1 hour', i FROM generate_series(9, 1, -1) i;
UPDATE payments SET id = id + 1, amount = amount + 1;
SELECT array_agg(id ORDER BY at), array_agg(amount ORDER BY at) FROM spend;
SELECT * FROM differences();
TRUNCATE payments;
DROP FUNCTION differences;
SELECT feature.drop_view('spend');

-- Events that the states no longer keep are brought back from the source, as it was before the statement.
SELECT feature.create_view('recent', $$
  SELECT id, count(*) OVER c AS n, sum(amount) OVER (PARTITION BY card ORDER BY at) AS spent
  FROM payments WINDOW c AS (PARTITION BY card ORDER BY at RANGE '1 hour' PRECEDING) $$, '0');
INSERT INTO payments SELECT i, 'card', 'shop', timestamp '2024-01-02' + i * interval '1 minute', i FROM generate_series(1, 1000) i;
INSERT INTO payments SELECT i, 'card', 'shop', timestamp '2024-01-02' + i * interval '1 minute', i FROM generate_series(1001, 2000) i;
SELECT events_kept < events FROM feature.stats WHERE relation = 'recent'::regclass;
UPDATE payments SET amount = 0 WHERE id = 10;
DELETE FROM payments WHERE id = 20;
SELECT id, n, spent FROM recent WHERE id IN (10, 20) ORDER BY id;
INSERT INTO payments VALUES (3001, 'card', 'shop', '2024-02-01', 1);
SELECT n, spent, (SELECT sum(amount) FROM payments) AS expected FROM recent WHERE id = 3001;
-- If they are not there as they were, nothing is changed.
INSERT INTO payments SELECT i, 'card', 'shop', timestamp '2024-03-02' + i * interval '1 minute', i FROM generate_series(4001, 6000) i;
ALTER TABLE payments DISABLE TRIGGER USER;
DELETE FROM payments WHERE id = 30;
ALTER TABLE payments ENABLE TRIGGER USER;
\set VERBOSITY default
DELETE FROM payments WHERE id = 40;
\set VERBOSITY terse
SELECT count(*) FROM payments WHERE id = 40;
SELECT feature.refresh('recent');
DELETE FROM payments WHERE id = 40;
INSERT INTO payments VALUES (6001, 'card', 'shop', '2024-04-01', 1);
SELECT n, spent, (SELECT sum(amount) FROM payments) AS expected FROM recent WHERE id = 6001;
-- A row that came while the trigger did not fire is in no state.
ALTER TABLE payments DISABLE TRIGGER USER;
INSERT INTO payments VALUES (7000, 'card', 'shop', '2024-05-01', 1);
ALTER TABLE payments ENABLE TRIGGER USER;
\set VERBOSITY default
UPDATE payments SET amount = 2 WHERE id = 7000;
\set VERBOSITY terse
SELECT feature.drop_view('recent');
TRUNCATE payments;

-- Without a primary key a feature row is found by what reads no window.
CREATE TABLE visits (who text, at timestamp NOT NULL, page json);
SELECT feature.create_view('views', 'SELECT who, at, page, count(*) OVER (PARTITION BY who ORDER BY at ROWS UNBOUNDED PRECEDING) AS n FROM visits');
INSERT INTO visits SELECT nullif('w' || i % 3, 'w0'), timestamp '2024-01-01' + i * interval '1 minute', '{"a": 1}' FROM generate_series(1, 9) i;
UPDATE visits SET page = '{"a": 2}' WHERE at = '2024-01-01 00:03';
DELETE FROM visits WHERE who = 'w1' AND at > '2024-01-01 00:04';
SELECT * FROM views ORDER BY at;
SELECT feature.refresh('views');
-- Rows that are alike are taken for each other if their features are alike, or if all of them go.
INSERT INTO visits SELECT 'twin', '2024-01-02', '{}' FROM generate_series(1, 3);
\set VERBOSITY default
DELETE FROM visits WHERE ctid = (SELECT max(ctid) FROM visits WHERE who = 'twin');
\set VERBOSITY terse
UPDATE visits SET page = '[]' WHERE who = 'twin';
SELECT * FROM views WHERE who = 'twin' ORDER BY n;
DELETE FROM visits WHERE who = 'twin';
SELECT count(*) FROM views WHERE who = 'twin';
SELECT feature.drop_view('views');

-- Windows over windows: what their events keep is the inner window's result as it was recorded.
SELECT feature.create_view('nested', $$
  SELECT id, n, sum(n) OVER (PARTITION BY shop ORDER BY at) AS n_sum
  FROM (SELECT *, count(*) OVER (PARTITION BY card ORDER BY at) AS n FROM payments) t $$);
INSERT INTO payments SELECT i, 'card' || i % 2, 'shop', timestamp '2024-01-02' + i * interval '1 hour', i FROM generate_series(1, 8) i;
DELETE FROM payments WHERE id = 3;
UPDATE payments SET card = 'card1' WHERE id = 2;
INSERT INTO payments VALUES (9, 'card1', 'shop', '2024-01-03', 1);
SELECT n, n_sum, (SELECT sum(n) FROM nested) AS expected FROM nested WHERE id = 9;
-- If the row does not tell which of several events is its own, all states are computed anew.
INSERT INTO payments VALUES (10, 'card1', 'shop', '2024-01-04', 1), (11, 'card2', 'shop', '2024-01-04', 1);
DELETE FROM payments WHERE id = 10;
INSERT INTO payments VALUES (12, 'card2', 'shop', '2024-01-05', 1);
SELECT nested.*, d.n_sum AS expected FROM nested JOIN (SELECT id, sum(n) OVER (ORDER BY at) AS n_sum
  FROM (SELECT *, count(*) OVER (PARTITION BY card ORDER BY at) AS n FROM payments) t) d USING (id) WHERE id = 12;
SELECT feature.drop_view('nested');
-- The same where the inner window's result is the entity.
SELECT feature.create_view('by_count', $$
  SELECT id, n, count(*) OVER (PARTITION BY n ORDER BY at) AS same
  FROM (SELECT *, count(*) OVER (PARTITION BY card ORDER BY at) AS n FROM payments) t $$);
UPDATE payments SET card = 'card0' WHERE id IN (1, 12);
DELETE FROM payments WHERE id = 2;
INSERT INTO payments SELECT i, 'card' || i % 3, 'shop', timestamp '2024-01-06' + i * interval '1 hour', i FROM generate_series(20, 25) i;
SELECT feature_rows.* FROM by_count feature_rows WHERE id >= 20
EXCEPT
SELECT id, n, count(*) OVER (PARTITION BY n ORDER BY at)
FROM (SELECT *, count(*) OVER (PARTITION BY card ORDER BY at) AS n FROM payments) t;
SELECT feature.drop_view('by_count');

-- Another definition reads other columns.
SELECT feature.create_view('altered', 'SELECT id, count(*) OVER (PARTITION BY card ORDER BY at) AS n FROM payments');
SELECT feature.alter_view('altered', 'SELECT id, sum(amount) OVER (PARTITION BY card ORDER BY at) AS spent FROM payments');
UPDATE payments SET amount = 50 WHERE id = 20;
SELECT spent - (SELECT sum(amount) FROM payments p WHERE p.card = 'card2' AND at <= '2024-01-06 20:00') AS difference
FROM altered WHERE id = 20;
SELECT feature.drop_view('altered');
SELECT count(*) AS triggers_left FROM pg_trigger WHERE tgrelid = 'payments'::regclass;

-- Many rows in one statement.
CREATE TABLE many (id int PRIMARY KEY, card int, at timestamp NOT NULL, amount int);
INSERT INTO many SELECT i, i % 100, timestamp '2024-01-01' + i * 7919 % 20011 * interval '1 minute', i % 1000 FROM generate_series(1, 20000) i;
SELECT feature.create_view('of_many', $$
  SELECT id, card, at, sum(amount) OVER c AS spent, count(*) OVER d AS n FROM many
  WINDOW c AS (PARTITION BY card ORDER BY at), d AS (PARTITION BY card ORDER BY at RANGE '1 day' PRECEDING) $$, '0');
SET feature_ext.batch_rows = 700;
SET work_mem = '64kB';
UPDATE many SET amount = amount + 1, at = at + interval '1 second' WHERE id % 2 = 0;
DELETE FROM many WHERE id % 2 = 1;
RESET work_mem;
RESET feature_ext.batch_rows;
INSERT INTO many SELECT -card, card, timestamp '2025-01-01', 0 FROM generate_series(0, 99) card;
SELECT count(*) FROM of_many;
SELECT count(*) FROM of_many f JOIN (SELECT card, sum(amount) AS spent FROM many GROUP BY card) m USING (card)
WHERE id <= 0 AND m.spent <> f.spent;
UPDATE many SET at = at + interval '1 second';
SELECT * FROM feature.verify('of_many') WHERE mismatches > 0;

-- Events of one time of which some have left and others are kept, whatever comes between: each is as well known as the other.
CREATE TABLE ties (id int PRIMARY KEY, x int, at timestamptz NOT NULL);
SELECT feature.create_view('of_ties', $$
  SELECT id, count(*) OVER w AS n, sum(x) OVER (w ROWS 5 PRECEDING) AS latest FROM ties WINDOW w AS (ORDER BY at) $$,
  lateness => '1 second');
INSERT INTO ties SELECT 601 - i, i, '2024-01-01' FROM generate_series(1, 600) i;
CREATE TABLE refused (change text, inserts int, message text);
CREATE FUNCTION attempt(change text, inserts int) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
  EXECUTE change;
  RAISE EXCEPTION 'undo';
EXCEPTION
  WHEN raise_exception THEN NULL;
  WHEN OTHERS THEN INSERT INTO refused VALUES (change, inserts, SQLERRM);
END $$;
-- In the order of ids: of what is kept first.
SET enable_seqscan = off;
SET enable_bitmapscan = off;
DO $$ BEGIN
  FOR i IN 1 .. 60 LOOP
    INSERT INTO ties VALUES (1000 + i, 1, timestamptz '2024-01-01' + i * interval '5 s');
    PERFORM attempt('UPDATE ties SET x = x + 1 WHERE id = 5', i);
    PERFORM attempt('UPDATE ties SET x = x + 1 WHERE id IN (7, 590)', i);
    PERFORM attempt('DELETE FROM ties WHERE id IN (1, 300, 600)', i);
  END LOOP;
END $$;
SELECT change, min(inserts), max(inserts), min(message) FROM refused GROUP BY change ORDER BY change;
RESET enable_seqscan;
RESET enable_bitmapscan;
UPDATE ties SET x = x + 1 WHERE id IN (7, 590);
DELETE FROM ties WHERE id IN (1, 300, 600);
INSERT INTO ties VALUES (5000, 1, '2024-02-01');
SELECT n, latest FROM of_ties WHERE id = 5000;

-- Entities of a shared list are in several places: then too all states are computed anew, also where events have left them.
CREATE TABLE sales (id int PRIMARY KEY, shop text, at timestamp NOT NULL, amount int);
SELECT feature.create_view('of_sales', $$
  SELECT id, sum(amount) OVER (PARTITION BY shop ORDER BY at) AS total, count(*) OVER c AS n
  FROM sales WINDOW c AS (PARTITION BY shop ORDER BY at RANGE '1 hour' PRECEDING) $$, '0', shared => '{shop}');
INSERT INTO sales SELECT i, 'shop', timestamp '2024-01-01' + i * interval '1 minute', i FROM generate_series(1, 1000) i;
INSERT INTO sales SELECT i, 'shop', timestamp '2024-01-01' + i * interval '1 minute', i FROM generate_series(1001, 2000) i;
UPDATE sales SET amount = 0, at = at - interval '10 seconds' WHERE id IN (10, 11);
DELETE FROM sales WHERE id = 20;
INSERT INTO sales VALUES (3000, 'shop', '2024-02-01', 1);
SELECT id, n, total, (SELECT sum(amount) FROM sales b WHERE b.at <= a.at) AS expected
FROM of_sales JOIN sales a USING (id) WHERE id IN (10, 11, 3000) ORDER BY id;

-- A refresh makes views on the view anew, too: it need not tell their rows from each other, as a correction must.
CREATE TABLE spins (id int PRIMARY KEY, at timestamptz NOT NULL);
SELECT feature.create_view('counted', 'SELECT id, at, count(*) OVER (ORDER BY at) AS n FROM spins');
SELECT feature.create_view('counts', 'SELECT sum(n) OVER (ORDER BY at) AS total FROM counted');
INSERT INTO spins SELECT i, '2024-01-01'::timestamptz + i * interval '1 hour' FROM generate_series(1, 3) i;
DELETE FROM counted WHERE id = 2;
SELECT feature.refresh('counted');
SELECT total FROM counts ORDER BY total;

-- Of several events that are alike it matters which goes, if others of their time are between them and some feature tells in
-- which order they are: then all states are computed anew, which REPEATABLE READ refuses.
CREATE TABLE twins (id int PRIMARY KEY, k int, at timestamptz NOT NULL, v int);
SELECT feature.create_view('of_twins', $$
  SELECT id, array_agg(v) OVER w AS all_of_them, first_value(v) OVER w AS first, lag(v) OVER w AS before,
         sum(v) OVER (w ROWS 2 PRECEDING) AS three FROM twins WINDOW w AS (PARTITION BY k ORDER BY at) $$);
SELECT feature.create_view('sums_of_twins', $$
  SELECT id, sum(v) OVER w AS s, max(v) OVER w AS m, row_number() OVER w AS n FROM twins WINDOW w AS (PARTITION BY k ORDER BY at) $$);
INSERT INTO twins VALUES (1, 1, '2024-01-01', 10), (2, 1, '2024-01-01', 20), (3, 1, '2024-01-01', 10),
                         (4, 1, '2024-01-02', 7), (5, 1, '2024-01-02', 7), (6, 1, '2024-01-02', 8);
BEGIN ISOLATION LEVEL REPEATABLE READ;
DELETE FROM twins WHERE id = 5;
DELETE FROM twins WHERE id = 1;
ROLLBACK;
DELETE FROM twins WHERE id = 1;
INSERT INTO twins VALUES (7, 1, '2024-01-03', 40);
UPDATE twins SET v = 9 WHERE id = 4;
UPDATE twins SET v = 20 WHERE id = 3;
INSERT INTO twins VALUES (8, 1, '2024-01-03 01:00', 50);
TABLE of_twins ORDER BY id;
TABLE sums_of_twins ORDER BY id;
SELECT feature.refresh('of_twins'), feature.refresh('sums_of_twins');
SELECT * FROM of_twins JOIN sums_of_twins USING (id) WHERE id = 8;
-- Where none tells, it does not matter.
SELECT feature.drop_view('of_twins');
INSERT INTO twins VALUES (9, 1, '2024-01-04', 1), (10, 1, '2024-01-04', 2), (11, 1, '2024-01-04', 1);
BEGIN ISOLATION LEVEL REPEATABLE READ;
DELETE FROM twins WHERE id = 9;
COMMIT;
INSERT INTO twins VALUES (12, 1, '2024-01-05', 1);
SELECT * FROM sums_of_twins WHERE id = 12;

DROP SCHEMA corrections CASCADE;
