-- Where the time of a view goes: by statement in EXPLAIN ANALYZE, by stage in feature.stats.
CREATE SCHEMA timing;
SET search_path = timing;
\pset null '(null)'
CREATE TABLE payments (id int PRIMARY KEY, card text, paid_at timestamptz NOT NULL, amount float8);
SELECT feature.create_view('spend', $$
  SELECT *, sum(amount) OVER (PARTITION BY card ORDER BY paid_at) AS spent, count(*) OVER (ORDER BY paid_at) AS n FROM payments $$);
CREATE FUNCTION rows_of(first int, last int) RETURNS SETOF payments LANGUAGE sql AS $$
  SELECT i, 'card ' || i % 10, timestamptz '2024-01-01' + i * interval '1 minute', i FROM generate_series(first, last) i $$;
CREATE VIEW times AS
  SELECT relation, list, timed_rows, reading_ms > 0 AS reading, locking_ms > 0 AS locking, computing_ms > 0 AS computing, storing_ms > 0 AS storing, writing_ms > 0 AS writing
  FROM feature.stats WHERE relation::text IN ('spend', 'averages') ORDER BY relation::text, list;
CREATE FUNCTION without_numbers(statement text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS off, SUMMARY off) ' || statement LOOP
    CONTINUE WHEN line !~ 'Trigger';
    RETURN NEXT regexp_replace(line, '\d+(\.\d+)?', 'N', 'g');
  END LOOP;
END $$;

-- A statement: the trigger is named with its time.
SELECT * FROM without_numbers('INSERT INTO payments SELECT * FROM rows_of(1, 100)');
SELECT * FROM without_numbers('UPDATE payments SET amount = 0 WHERE id <= 10');
SELECT * FROM without_numbers('DELETE FROM payments WHERE id <= 10');

-- Off, as it is unless set: nothing is counted.
SHOW feature_ext.timing;
TABLE times;
-- On: what is done from then on, in every stage.
SET feature_ext.timing = on;
TABLE times;
INSERT INTO payments SELECT * FROM rows_of(101, 2100);
TABLE times;
SELECT timed_rows, reading_ms > 0 AS reading, locking_ms > 0 AS locking, computing_ms > 0 AS computing, storing_ms > 0 AS storing, writing_ms > 0 AS writing FROM feature.session_times('spend');
-- Corrections and what is rolled back take time, too; a statement that fails has computed no row.
UPDATE payments SET amount = 0 WHERE id <= 110;
BEGIN;
INSERT INTO payments SELECT * FROM rows_of(3001, 3010);
ROLLBACK;
SELECT timed_rows FROM feature.session_times('spend');
INSERT INTO payments VALUES (4001, 'card 1', 'infinity', 1);
SELECT timed_rows FROM feature.session_times('spend');
SELECT feature.refresh('spend');
SELECT timed_rows FROM feature.session_times('spend');

-- Off again: the counts stand. On again: they begin anew.
SET feature_ext.timing = off;
INSERT INTO payments SELECT * FROM rows_of(5001, 5010);
SELECT timed_rows FROM feature.session_times('spend');
SET feature_ext.timing = on;
TABLE times;
-- On while it is on changes nothing.
INSERT INTO payments SELECT * FROM rows_of(5011, 5020);
SET feature_ext.timing = on;
SELECT timed_rows FROM feature.session_times('spend');

-- A view on the view is computed while the rows of that are written, but no moment is counted twice: together both took no
-- longer than the statement.
CREATE FUNCTION slowly(v float8) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM pg_sleep(0.2); RETURN v; END $$;
SELECT feature.create_view('averages', 'SELECT id, slowly(avg(spent) OVER (ORDER BY paid_at)) AS mean FROM spend WHERE id > 6000');
SET feature_ext.timing = off;
SET feature_ext.timing = on;
CREATE TEMP TABLE clock AS SELECT clock_timestamp() AS started;
INSERT INTO payments SELECT * FROM rows_of(6001, 6001);
SELECT sum(t.reading_ms + t.locking_ms + t.computing_ms + t.storing_ms + t.writing_ms) <= extract(epoch FROM clock_timestamp() - min(started)) * 1000 AS once
FROM clock, (VALUES ('spend'), ('averages')) v (name), feature.session_times(v.name::regclass) t;
TABLE times;

-- Not a feature view, and what the setting takes.
SELECT feature.session_times('payments');
SET feature_ext.timing = 'sometimes';
RESET feature_ext.timing;
SET client_min_messages = warning;
DROP SCHEMA timing CASCADE;
