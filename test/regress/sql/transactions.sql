-- The raw row, its features and the state of its entities are one: they are there together after COMMIT, and gone
-- together after ROLLBACK, ROLLBACK TO SAVEPOINT and an error that PL/pgSQL catches.
CREATE SCHEMA transactions;
SET search_path = transactions;
CREATE TABLE events (id int PRIMARY KEY, k text, t timestamptz NOT NULL, v int);
SELECT $$
  SELECT id, k, v, count(*) OVER w AS n, sum(v) OVER w AS total, lag(v) OVER w AS before, count(*) OVER (ORDER BY t) AS n_all
  FROM events WINDOW w AS (PARTITION BY k ORDER BY t)
$$ AS definition \gset
SELECT feature.create_view('features', :'definition');
CREATE VIEW differences AS (TABLE features EXCEPT ALL (:definition)) UNION ALL ((:definition) EXCEPT ALL TABLE features);
CREATE FUNCTION add(first int, last int, key text DEFAULT 'a') RETURNS void LANGUAGE sql AS $$
  INSERT INTO transactions.events SELECT i, key, timestamptz '2024-01-01 00:00+00' + i * interval '1 minute', i FROM generate_series(first, last) i
$$;

-- Rolled back: nothing of it is left, and the next transaction goes on as if it had not been.
BEGIN;
SELECT add(1, 2);
SELECT id, n, total, before FROM features ORDER BY id;
ROLLBACK;
SELECT count(*) FROM features;
SELECT add(3, 3);
BEGIN;
SELECT add(4, 5);
SELECT add(6, 6, 'b');
COMMIT;
SELECT id, k, n, total, before, n_all FROM features ORDER BY id;

-- Savepoints: kept, undone, undone twice, undone after the state was full of them.
BEGIN;
SELECT add(10, 11);
SAVEPOINT one;
SELECT add(12, 13);
SAVEPOINT two;
SELECT add(14, 15);
SELECT max(total), max(n) FROM features;
ROLLBACK TO two;
SELECT max(total), max(n) FROM features;
SELECT add(16, 16);
ROLLBACK TO two;
SELECT add(17, 17, 'new');
ROLLBACK TO one;
SELECT add(18, 18);
RELEASE one;
SELECT add(19, 19);
COMMIT;
SELECT id, k, n, total, before, n_all FROM features WHERE id >= 10 ORDER BY id;
TABLE differences;
-- The same with more events than a state row holds, so that chunks are made, unmade and made again.
BEGIN;
SELECT add(1000, 1299, 'many');
SAVEPOINT one;
SELECT add(1300, 1999, 'many');
ROLLBACK TO one;
SELECT add(2000, 2099, 'many');
SAVEPOINT two;
SELECT add(2100, 2999, 'many');
RELEASE two;
SAVEPOINT three;
SELECT add(3000, 3100, 'many');
SELECT count(*), max(n) FROM features WHERE k = 'many';
ROLLBACK TO three;
COMMIT;
SELECT count(*), max(n), max(total) FROM features WHERE k = 'many';
TABLE differences;
BEGIN;
SELECT add(4000, 4999, 'many');
ROLLBACK;
SELECT add(5000, 5000, 'many');
SELECT n, total, before FROM features WHERE id = 5000;
TABLE differences;

-- PL/pgSQL: each block with an EXCEPTION clause is a savepoint.
DO $$
BEGIN
  FOR i IN 6000..6009 LOOP
    BEGIN
      PERFORM transactions.add(i, i);
      IF i % 3 = 0 THEN RAISE EXCEPTION 'no %', i; END IF;
    EXCEPTION WHEN raise_exception THEN NULL;
    END;
  END LOOP;
END $$;
SELECT id, before FROM features WHERE id BETWEEN 6000 AND 6009 ORDER BY id;
-- An error of the statement itself, halfway through its rows; of the trigger, after earlier rows of it.
DO $$
BEGIN
  INSERT INTO transactions.events SELECT i, 'a', timestamptz '2024-02-01 00:00+00' + i * interval '1 minute', i FROM generate_series(6012, 6005, -1) i;
EXCEPTION WHEN unique_violation THEN
  RAISE NOTICE 'unique violation';
END $$;
SELECT feature.create_view('fails_at_7000', 'SELECT id, 1 / (id - 7000) AS x, count(*) OVER (ORDER BY t) AS n FROM events');
DO $$
BEGIN
  PERFORM transactions.add(6998, 7001);
EXCEPTION WHEN division_by_zero THEN
  RAISE NOTICE 'division by zero';
END $$;
SELECT add(7001, 7001);
SELECT count(*) AS rows, max(n) AS n FROM fails_at_7000;
SELECT feature.drop_view('fails_at_7000');
TABLE differences;
-- Procedures that commit and roll back as they go.
CREATE PROCEDURE in_steps() LANGUAGE plpgsql AS $$
BEGIN
  FOR i IN 8000..8009 LOOP
    PERFORM transactions.add(i, i, 'steps');
    IF i % 2 = 0 THEN COMMIT; ELSE ROLLBACK; END IF;
  END LOOP;
END $$;
CALL in_steps();
SELECT id, n, before FROM features WHERE k = 'steps' ORDER BY id;

-- An error ends the transaction; the state is that of before it.
BEGIN;
SELECT add(9000, 9000);
SELECT 1 / 0;
SELECT add(9001, 9001);
COMMIT;
SELECT add(9002, 9002);
SELECT id FROM features WHERE id >= 9000;
TABLE differences;
-- Constraints that are checked at the end of the transaction.
ALTER TABLE events ADD CONSTRAINT unique_v UNIQUE (v, k) DEFERRABLE INITIALLY DEFERRED;
BEGIN;
INSERT INTO events VALUES (9100, 'a', timestamptz '2024-01-01 00:00+00' + 9100 * interval '1 minute', 9002);
SELECT id, v, before FROM features WHERE id >= 9000 ORDER BY id;
COMMIT;
INSERT INTO events VALUES (9101, 'a', timestamptz '2024-01-01 00:00+00' + 9101 * interval '1 minute', 9101);
SELECT id, v, before FROM features WHERE id >= 9000 ORDER BY id;

-- DDL in the same transaction: the view is made, used, and gone with it; dropped, and there again.
BEGIN;
SELECT feature.create_view('temporary', 'SELECT id, row_number() OVER (PARTITION BY k ORDER BY t) AS number FROM events');
SAVEPOINT s;
SELECT feature.drop_view('temporary');
SELECT add(9200, 9200);
ROLLBACK TO s;
SELECT add(9201, 9201);
SELECT count(*) FROM temporary WHERE id >= 9200;
ROLLBACK;
BEGIN;
DROP VIEW differences;
SELECT feature.drop_view('features');
SELECT add(9300, 9300);
ROLLBACK;
SELECT add(9301, 9301);
SELECT id, before FROM features WHERE id >= 9100 ORDER BY id;
BEGIN;
SELECT feature.refresh('features') > 0 AS refreshed;
SELECT add(9400, 9400);
ROLLBACK;
SELECT add(9401, 9401);
SELECT id, before FROM features WHERE id >= 9300 ORDER BY id;
TABLE differences;

-- REPEATABLE READ and SERIALIZABLE, alone, are like READ COMMITTED.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT add(9500, 9501);
SELECT add(9502, 9502);
SELECT add(9503, 9503, 'repeatable');
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT add(9510, 9511);
SELECT add(9512, 9512);
SELECT add(9513, 9513, 'serializable');
COMMIT;
SELECT id, k, n, before FROM features WHERE id >= 9500 ORDER BY id;
TABLE differences;
-- Cursors keep their snapshot.
BEGIN;
DECLARE old CURSOR FOR SELECT count(*) FROM features WHERE k = 'cursor';
SELECT add(9600, 9601, 'cursor');
FETCH old;
SELECT count(*) FROM features WHERE k = 'cursor';
COMMIT;

SET client_min_messages = warning;
DROP SCHEMA transactions CASCADE;
