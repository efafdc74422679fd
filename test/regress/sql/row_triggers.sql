-- Rows that come one by one, to row triggers: they are collected until their statement ends, and processed at once where
-- no statement trigger fires. Either way gives what the statement's own trigger gives.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE SCHEMA row_triggers;
SET search_path = row_triggers;
SET timezone = 'UTC';

CREATE TABLE payments (id int PRIMARY KEY, card text, at timestamp, amount float8);
SELECT feature.create_view('spend', $$
  SELECT id, card, at, sum(amount) OVER w AS total, count(*) OVER w AS n
  FROM payments WINDOW w AS (PARTITION BY card ORDER BY at) $$);
SELECT id AS view FROM feature_state.view WHERE relation = 'spend'::regclass \gset
DO $$ BEGIN EXECUTE format('DROP TRIGGER feature_%s ON payments', (SELECT id FROM feature_state.view WHERE relation = 'row_triggers.spend'::regclass)); END $$;
CREATE TRIGGER opens BEFORE INSERT ON payments FOR EACH STATEMENT EXECUTE FUNCTION feature.maintain(:view);
CREATE TRIGGER adds AFTER INSERT ON payments FOR EACH ROW EXECUTE FUNCTION feature.maintain(:view);
CREATE TRIGGER closes AFTER INSERT ON payments FOR EACH STATEMENT EXECUTE FUNCTION feature.maintain(:view);

-- The batch is sorted by event time, as one that comes in a transition table.
INSERT INTO payments
SELECT i, 'c' || i % 3, timestamp '2024-01-01' + (20 - i) * interval '1 min', i FROM generate_series(1, 20) i;
SELECT * FROM feature.verify('spend') WHERE mismatches > 0;

-- A statement that fails takes its rows with it.
DO $$
BEGIN
  BEGIN
    INSERT INTO payments VALUES (21, 'c1', '2024-01-02', 1), (1, 'c1', '2024-01-02', 1);
  EXCEPTION WHEN unique_violation THEN NULL;
  END;
  INSERT INTO payments VALUES (22, 'c1', '2024-01-02', 1);
END
$$;
SELECT * FROM feature.verify('spend') WHERE mismatches > 0;

-- A statement within another one on the same table has a collection of its own.
CREATE FUNCTION pay_fee() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.amount < 100 THEN RETURN NEW; END IF;
  INSERT INTO payments VALUES (NEW.id + 1000, 'fees', NEW.at, 1), (NEW.id + 2000, 'fees', NEW.at + interval '1 s', 2);
  RETURN NEW;
END
$$;
CREATE TRIGGER pay_fee AFTER INSERT ON payments FOR EACH ROW EXECUTE FUNCTION pay_fee();
INSERT INTO payments
SELECT i, 'c' || i % 2, timestamp '2024-01-03' + i * interval '1 min', i * 4 FROM generate_series(23, 30) i;
SELECT * FROM feature.verify('spend') WHERE mismatches > 0;

-- Without statement triggers each row is processed at once.
ALTER TABLE payments DISABLE TRIGGER opens;
ALTER TABLE payments DISABLE TRIGGER closes;
INSERT INTO payments
SELECT i, 'c' || i % 3, timestamp '2024-01-04' + i * interval '1 min', i FROM generate_series(31, 50) i;
SELECT * FROM feature.verify('spend') WHERE mismatches > 0;
SELECT card, count(*), max(n), sum(total) FROM spend GROUP BY card ORDER BY card;

DROP SCHEMA row_triggers CASCADE;
