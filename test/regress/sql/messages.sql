-- What functions say to calls that cannot be: in the caller's words, and what to write instead.
CREATE SCHEMA messages;
SET search_path = messages;
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE TABLE calls (id int PRIMARY KEY, phone text, at timestamptz NOT NULL, seconds int, cell int);
SELECT feature.create_view('per_cell', 'SELECT id, cell, at, sum(seconds) OVER (PARTITION BY cell ORDER BY at) AS s FROM calls');
SELECT feature.create_view('per_phone', $$
  SELECT id, at, count(*) OVER (PARTITION BY phone::bigint ORDER BY at) AS n, count(*) OVER (PARTITION BY phone::bigint, cell, "left"(phone, 1) = '"' ORDER BY at) AS m
  FROM calls $$);
INSERT INTO calls VALUES (1, '11', '2024-05-01', 5, 1);

-- In a transaction that may not write, as on a standby.
CREATE FUNCTION try(command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE command;
  RETURN 'done';
EXCEPTION WHEN OTHERS THEN
  RETURN sqlstate || ' ' || sqlerrm;
END $$;
BEGIN READ ONLY;
SELECT try(format('SELECT feature.%s', call)) FROM unnest(ARRAY[
  $$create_view('other', 'SELECT id FROM calls')$$, $$alter_view('per_cell', 'SELECT id FROM calls')$$, $$drop_view('per_cell')$$,
  $$refresh('per_cell')$$, $$refresh('per_cell', now())$$, $$set_on_error('per_cell', 'divert')$$, $$replay('per_cell')$$,
  $$expire('per_cell', now())$$, $$forget('per_cell', '{"cell": 1}')$$, $$follow_replication('per_cell')$$, $$verify('per_cell')$$,
  $$list_stats('per_cell')$$, $$session_times('per_cell')$$, $$describe('per_cell')$$]) call;
COMMIT;

-- Definitions.
SELECT feature.create_view('none', '  ');
SELECT feature.create_view('different', 'SELECT 1 + count(DISTINCT cell) OVER (ORDER BY at) AS n FROM calls');
SELECT feature.create_view('middle', 'SELECT n FROM (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) OVER (ORDER BY at) AS n FROM calls) c');
SELECT feature.alter_view('per_cell', 'SELECT id, cell, at, (sum(seconds) OVER (PARTITION BY cell ORDER BY at))::text AS s FROM calls');
SELECT feature.create_view('texts', 'SELECT id, phone FROM calls');
SELECT feature.alter_view('texts', 'SELECT id, phone COLLATE "C" AS phone FROM calls');
SELECT feature.create_transaction_pipeline('wide');
CREATE TRIGGER by_hand AFTER INSERT ON calls FOR EACH ROW EXECUTE FUNCTION feature.maintain('per_cell');
INSERT INTO calls VALUES (2, '11', '2024-05-01', 5, 1);
DROP TRIGGER by_hand ON calls;

-- Times: one is needed, not a span of it.
SELECT feature.expire('per_cell', interval '30 days');
SELECT feature.refresh('per_cell', interval '30 days');
SELECT feature.expire('per_cell', '30 days');
SELECT feature.expire('per_cell', 30);
SELECT feature.expire('per_cell', '10:00'::time);
CREATE TABLE days (id int PRIMARY KEY, day date NOT NULL, local timestamp NOT NULL, number bigint NOT NULL);
SELECT feature.create_view('by_day', 'SELECT id, day, count(*) OVER (ORDER BY day) AS n FROM days');
SELECT feature.create_view('by_local', 'SELECT id, local, count(*) OVER (ORDER BY local) AS n FROM days');
SELECT feature.create_view('by_number', 'SELECT id, number, count(*) OVER (ORDER BY number) AS n FROM days');
SELECT feature.expire('by_day', interval '30 days');
SELECT feature.expire('by_day', now() - interval '30 days');
SELECT feature.expire('by_local', interval '30 days');
SELECT feature.expire('by_number', interval '30 days');
SELECT feature.expire('by_number', 5.5);
-- As the hints say.
SELECT feature.expire('per_cell', now() - interval '100 years');
SELECT feature.expire('by_day', current_date - 30);
SELECT feature.expire('by_local', localtimestamp - interval '30 days');

-- Entities.
SELECT feature.forget('per_phone', '{"phone": "11"}');
SELECT feature.forget('per_cell', '{"phone": "11"}');
SELECT feature.forget('per_cell', '["cell", 1]');
SELECT feature.forget('per_cell', '{"cell": "anna"}');
SELECT feature.forget('per_phone', '{"(phone)::bigint": "anna"}');
SELECT feature.forget('per_phone', '{"(phone)::bigint": "11", "cell": 1, "(\"left\"(phone, 1) = ''\"''::text)": false}');
-- An array or object is no text, but may be what a key is.
CREATE TABLE answers (id int PRIMARY KEY, who text, at timestamptz NOT NULL, answer jsonb);
SELECT feature.create_view('by_who', 'SELECT id, at, count(*) OVER (PARTITION BY who ORDER BY at) AS n FROM answers');
SELECT feature.create_view('by_answer', 'SELECT id, at, count(*) OVER (PARTITION BY answer ORDER BY at) AS n FROM answers');
INSERT INTO answers VALUES (1, '["anna"]', '2024-05-01', '{"a": [1]}'), (2, 'anna', '2024-05-01', '[1]'), (3, 'anna', '2024-05-01', '"[1]"');
SELECT feature.forget('by_who', '{"who": ["anna"]}');
SELECT feature.forget('by_who', '{"who": {"is": "anna"}}');
SELECT feature.forget('per_cell', '{"cell": [1]}');
SELECT feature.forget('by_who', '{"who": "[\"anna\"]"}');
SELECT feature.forget('by_answer', '{"answer": [1]}');
SELECT * FROM by_answer;

-- A cursor keeps the source open behind a statement that has written to it.
BEGIN;
INSERT INTO calls VALUES (2, '12', '2024-05-02', 5, 1);
DECLARE reader CURSOR FOR SELECT * FROM calls;
FETCH reader;
SAVEPOINT s;
SELECT feature.refresh('per_cell');
ROLLBACK TO s;
CLOSE reader;
SELECT feature.refresh('per_cell');
ROLLBACK;

-- What is computed anew for a change says why it cannot be now, to whoever changes rows.
CREATE TABLE visits (id int PRIMARY KEY, t timestamptz NOT NULL, a int, x int);
SELECT feature.create_view('per_a', 'SELECT id, count(*) OVER (PARTITION BY a ORDER BY t) AS n, sum(x) OVER (PARTITION BY a ORDER BY t) AS s FROM visits', shared => '{a}');
INSERT INTO visits SELECT i, '2024-01-01'::timestamptz + i * interval '1 min', i % 3, i FROM generate_series(1, 10) i;
BEGIN ISOLATION LEVEL REPEATABLE READ;
UPDATE visits SET x = 5 WHERE id = 3;
ROLLBACK;
DROP SCHEMA messages CASCADE;
