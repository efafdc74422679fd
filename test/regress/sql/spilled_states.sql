-- A statement whose entities take more than feature_ext.entity_memory sets states aside and takes them back, and writes
-- each once, at its end.
CREATE SCHEMA spilled_states;
SET search_path = spilled_states;
SET timezone = 'UTC';
SET feature_ext.entity_memory = '64kB';
SET feature_ext.batch_rows = 50;

CREATE TABLE sales (id int PRIMARY KEY, card text, shop int, at timestamptz, amount float8, note text);
-- The last list's key is known only once a window of the level below is.
CREATE FUNCTION definition() RETURNS text LANGUAGE sql AS $$
  SELECT 'SELECT id, card, shop, at, amount, before, sum(amount) OVER hour AS spent, count(*) OVER both_keys AS n,
                 lag(note) OVER by_shop AS noted, feature.count_distinct(card) OVER (by_shop RANGE ''10 minutes'' PRECEDING) AS cards,
                 max(amount) OVER (PARTITION BY before ORDER BY at ROWS 5 PRECEDING) AS most
          FROM (SELECT *, lag(card) OVER (PARTITION BY shop ORDER BY at) AS before FROM sales) AS sales
          WINDOW hour AS (PARTITION BY card ORDER BY at RANGE ''1 hour'' PRECEDING), both_keys AS (PARTITION BY card, shop ORDER BY at),
                 by_shop AS (PARTITION BY shop ORDER BY at)'
$$;
SELECT feature.create_view('features', definition());
CREATE FUNCTION differences() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  number bigint;
BEGIN
  EXECUTE format('SELECT count(*) FROM ((TABLE features EXCEPT ALL %1$s) UNION ALL (%1$s EXCEPT ALL TABLE features)) AS differences', '(' || definition() || ')')
    INTO number;
  RETURN number;
END $$;
-- How often the statements of a transaction have written state rows, by list.
CREATE VIEW writes AS
  SELECT list, n_tup_ins AS inserted, n_tup_upd AS updated
  FROM pg_stat_xact_all_tables, LATERAL (SELECT substring(relname FROM 'states_\d+_(\d+)')::int AS list) AS named
  WHERE schemaname = 'feature_state' AND list IS NOT NULL AND n_tup_ins + n_tup_upd > 0;

-- Keys of NULL among them, and long ones.
CREATE FUNCTION sample(first int, last int, cards int) RETURNS SETOF sales LANGUAGE sql AS $$
  SELECT i, CASE i % cards WHEN 7 THEN NULL WHEN 8 THEN repeat('card', 2000) ELSE 'c' || i % cards END, nullif(i % 15, 0),
         timestamptz '2024-05-01' + i * interval '20 s', i % 97, repeat('note ' || i, 40)
  FROM generate_series(first, last) i
$$;

-- Few entities: what is known of them in memory has room, so that each state is written once.
BEGIN;
INSERT INTO sales SELECT * FROM sample(1, 3000, 40);
SELECT w.*, s.entities FROM writes w JOIN feature.list_stats('features') s USING (list) ORDER BY list;
COMMIT;
SELECT differences();
BEGIN;
INSERT INTO sales SELECT * FROM sample(3001, 5000, 50);
SELECT w.*, s.entities FROM writes w JOIN feature.list_stats('features') s USING (list) ORDER BY list;
COMMIT;
SELECT differences();
-- So many that what is known of them has none: some are written before the end.
INSERT INTO sales
SELECT i, 'd' || i * 7919 % 1500, i * 104729 % 4000, timestamptz '2024-06-01' + i * interval '20 s', i % 97, 'note ' || i
FROM generate_series(10001, 15000) i;
SELECT differences();
SELECT list, entities FROM feature.list_stats('features') ORDER BY list;
SELECT count(*) = (SELECT count(*) FROM sales) AS all_compared FROM features;

-- A statement that fails leaves nothing, and its session goes on: without room for the file, undone, and caught.
SET temp_file_limit = '64kB';
\set VERBOSITY sqlstate
INSERT INTO sales
SELECT i, 'c' || i % 50, i % 15, timestamptz '2024-07-01' + i * interval '20 s', i % 97, repeat('note ' || i, 40)
FROM generate_series(20001, 22000) i;
\set VERBOSITY default
RESET temp_file_limit;
CREATE FUNCTION insert_and_fail() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO sales
  SELECT i, 'c' || i % 50, i % 15, timestamptz '2024-07-01' + i * interval '20 s', CASE i WHEN 22000 THEN 0 ELSE 1 END, 'note'
  FROM generate_series(20001, 22000) i;
  RETURN 'done';
EXCEPTION WHEN division_by_zero THEN
  RETURN 'failed';
END $$;
SELECT feature.create_view('inverses', 'SELECT id, 1 / amount AS inverse, count(*) OVER (PARTITION BY card, shop ORDER BY at) AS n FROM sales WHERE id > 20000');
SELECT insert_and_fail();
BEGIN;
SAVEPOINT before;
INSERT INTO sales
SELECT i, 'c' || i % 50, i % 15, timestamptz '2024-07-01' + i * interval '20 s', 1, 'note'
FROM generate_series(20001, 22000) i;
ROLLBACK TO before;
INSERT INTO sales
SELECT i, 'c' || i % 50, i % 15, timestamptz '2024-07-01' + i * interval '20 s', 2, 'note'
FROM generate_series(20501, 22500) i;
COMMIT;
SELECT differences();
SELECT count(*), max(n) FROM inverses;
SELECT feature.drop_view('inverses');

-- Late rows, as where there is memory for all.
CREATE TABLE twins (LIKE sales INCLUDING ALL);
INSERT INTO twins TABLE sales;
SELECT feature.create_view('twin_features', replace(definition(), 'FROM sales', 'FROM twins'));
INSERT INTO sales
SELECT i, 'c' || i % 50, i % 15, timestamptz '2024-05-01' + (i - 4000) * interval '50 s', i % 97, 'late ' || i
FROM generate_series(40001, 41000) i;
RESET feature_ext.entity_memory;
INSERT INTO twins SELECT * FROM sales WHERE id > 40000 ORDER BY id;
SET feature_ext.entity_memory = '64kB';
SELECT count(*) FROM ((TABLE features EXCEPT ALL TABLE twin_features) UNION ALL (TABLE twin_features EXCEPT ALL TABLE features)) AS differences;
SELECT rows_compared, mismatches FROM feature.verify('features') LIMIT 1;

-- The same by a backfill, and where a list is shared.
SELECT feature.drop_view('features');
SELECT feature.create_view('features', definition());
SELECT differences();
SELECT feature.create_view('shared', 'SELECT id, sum(shop) OVER (PARTITION BY card ORDER BY at RANGE ''1 hour'' PRECEDING) AS shops, count(*) OVER (PARTITION BY shop ORDER BY at) AS n FROM sales', shared => '{card, shop}');
INSERT INTO sales
SELECT i, 'c' || i % 50, i % 15, timestamptz '2024-08-01' + i * interval '20 s', 3, 'note'
FROM generate_series(50001, 52000) i;
SELECT differences();
SELECT rows_compared, mismatches FROM feature.verify('shared') LIMIT 1;

RESET feature_ext.entity_memory;
RESET feature_ext.batch_rows;
SET client_min_messages = warning;
DROP SCHEMA spilled_states CASCADE;
