-- A statement that inserts rows and changes others, and what a correction does to a view that has views on it, are processed
-- in one run; what others do meanwhile is processed for itself, and nothing is left out or counted twice.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE SCHEMA kinds_of_changes;
SET search_path = kinds_of_changes;
SET timezone = 'UTC';
SET datestyle = 'ISO';

CREATE TABLE events (id int PRIMARY KEY, k text, v int, t timestamptz NOT NULL DEFAULT '2024-01-01');
SELECT feature.create_view('plain', 'SELECT id, k, v, t, count(*) OVER w AS n, sum(v) OVER w AS total FROM events WHERE v > 0 WINDOW w AS (PARTITION BY k ORDER BY t)');
SELECT feature.create_view('on_plain', 'SELECT id, v, count(*) OVER w AS n, sum(v) OVER w AS total FROM plain WINDOW w AS (PARTITION BY k ORDER BY t)');
-- Its states are computed anew with each correction.
SELECT feature.create_view('shared', 'SELECT id, v, count(*) OVER w AS n, sum(v) OVER w AS total FROM events WHERE v > 0 WINDOW w AS (PARTITION BY k ORDER BY t)', shared => '{k}');
SELECT feature.create_view('diverting', 'SELECT id, v, 100 / (v - 13) AS part, count(*) OVER (PARTITION BY k ORDER BY t) AS n FROM events WHERE v > 0', on_error => 'divert');
ALTER TABLE diverting ADD CHECK (v <> 17);

-- What the states hold shows in a row that comes next, in each view.
CREATE FUNCTION states() RETURNS TABLE (what text, plain text, on_plain text, shared text, diverting text) LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO events SELECT 1000 + row_number() OVER (ORDER BY k), k, 1, '2025-01-01' FROM (SELECT DISTINCT k FROM events) e;
  RETURN QUERY SELECT 'the states of ' || k, p.n || ', ' || p.total, o.n || ', ' || o.total, s.n || ', ' || s.total, d.n::text
    FROM events e JOIN plain p USING (id, k) JOIN on_plain o USING (id) JOIN shared s USING (id) JOIN diverting d USING (id) WHERE id > 1000 ORDER BY k;
  RETURN QUERY SELECT 'the source of ' || k, n || ', ' || total, n || ', ' || total, n || ', ' || total, diverted::text
    FROM (SELECT k, count(*) FILTER (WHERE v > 0) AS n, sum(v) FILTER (WHERE v > 0) AS total, count(*) FILTER (WHERE v > 0 AND v NOT IN (13, 17)) AS diverted FROM events GROUP BY k) e ORDER BY k;
  DELETE FROM events WHERE id > 1000;
END $$;

INSERT INTO events SELECT i, CASE i % 2 WHEN 0 THEN 'a' ELSE 'b' END, i FROM generate_series(1, 8) i;
INSERT INTO events VALUES (2, 'a', 20), (3, 'b', 30), (9, 'a', 9), (10, 'b', 10)
  ON CONFLICT (id) DO UPDATE SET v = excluded.v;
SELECT id, p.n, p.total, o.n AS o_n, o.total AS o_total, s.n AS s_n, s.total AS s_total
FROM plain p JOIN on_plain o USING (id) JOIN shared s USING (id) WHERE id IN (2, 3, 9, 10) ORDER BY id;
SELECT * FROM states();
-- Some go, some come, some change; and with them those of the view on the view.
MERGE INTO events e USING (VALUES (1, -1), (2, 21), (4, 4), (11, 11), (12, -12)) v (id, v) ON e.id = v.id
  WHEN MATCHED AND e.id = 4 THEN DELETE
  WHEN MATCHED THEN UPDATE SET v = v.v
  WHEN NOT MATCHED THEN INSERT VALUES (v.id, 'a', v.v);
UPDATE events SET v = CASE id WHEN 12 THEN 12 WHEN 3 THEN -3 ELSE 22 END WHERE id IN (2, 3, 12);
SELECT id, n, total FROM on_plain WHERE id IN (1, 2, 3, 4, 11, 12) ORDER BY id;
SELECT * FROM states();
-- A change that the definition does not see, and an insert; and the other way round.
ALTER TABLE events ADD COLUMN note text;
INSERT INTO events VALUES (2, 'a', 0), (14, 'b', 14) ON CONFLICT (id) DO UPDATE SET note = 'seen';
INSERT INTO events VALUES (5, 'b', 55) ON CONFLICT (id) DO UPDATE SET v = excluded.v;
SELECT * FROM states();
-- Rows that the transaction has inserted before are not taken for those of the statement, though they look the same.
CREATE TABLE alike (k text, v int, t timestamptz NOT NULL DEFAULT '2024-01-01');
SELECT feature.create_view('alike_features', 'SELECT k, v, count(*) OVER w AS n, sum(v) OVER w AS total FROM alike WINDOW w AS (PARTITION BY k ORDER BY t)', shared => '{k}');
BEGIN;
INSERT INTO alike VALUES ('a', 1), ('a', 2), ('a', 2), ('b', 1);
MERGE INTO alike e USING (VALUES (1), (2), (2)) v (v) ON e.k = 'b' AND v.v = 1
  WHEN MATCHED THEN UPDATE SET v = 7 WHEN NOT MATCHED THEN INSERT VALUES ('a', v.v);
INSERT INTO alike VALUES ('a', 0), ('b', 0);
SELECT k, n, total, (SELECT count(*) FROM alike a WHERE a.k = f.k) AS rows FROM alike_features f WHERE v = 0 ORDER BY k;
COMMIT;

-- Within a statement others go on: from triggers, and in the same query.
-- For a view whose states are computed anew these triggers are refused, see running_inserts: another takes its place.
SELECT feature.drop_view('shared');
CREATE VIEW shared AS SELECT id, v, n, total FROM plain;
CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF pg_trigger_depth() > 1 THEN RETURN NULL; END IF;
  INSERT INTO events SELECT max(id) + 1, 'a', 1 FROM events;
  UPDATE events SET v = v + 1 WHERE id = 6;
  INSERT INTO events SELECT id, k, v + 1 FROM events WHERE id = 7 OR id = (SELECT max(id) FROM events) ON CONFLICT (id) DO UPDATE SET v = excluded.v;
  RETURN NULL;
END $$;
CREATE TRIGGER again_before BEFORE INSERT OR UPDATE ON events FOR EACH STATEMENT EXECUTE FUNCTION again();
INSERT INTO events VALUES (8, 'a', 80), (40, 'b', 40) ON CONFLICT (id) DO UPDATE SET v = excluded.v;
SELECT * FROM states();
DROP TRIGGER again_before ON events;
CREATE TRIGGER again_after_row AFTER INSERT OR UPDATE ON events FOR EACH ROW EXECUTE FUNCTION again();
INSERT INTO events VALUES (8, 'a', 81), (50, 'b', 50) ON CONFLICT (id) DO UPDATE SET v = excluded.v;
DROP TRIGGER again_after_row ON events;
SELECT * FROM states();
CREATE TRIGGER again_after AFTER INSERT OR UPDATE ON events FOR EACH STATEMENT EXECUTE FUNCTION again();
INSERT INTO events VALUES (8, 'a', 82), (60, 'b', 60) ON CONFLICT (id) DO UPDATE SET v = excluded.v;
DROP TRIGGER again_after ON events;
SELECT * FROM states();
DROP VIEW shared;
SELECT feature.create_view('shared', 'SELECT id, v, count(*) OVER w AS n, sum(v) OVER w AS total FROM events WHERE v > 0 WINDOW w AS (PARTITION BY k ORDER BY t)', shared => '{k}');
WITH changed AS (UPDATE events SET v = 83 WHERE id = 8 RETURNING *) INSERT INTO events VALUES (70, 'a', 70);
WITH changed AS (UPDATE events SET v = 84 WHERE id = 8 RETURNING *) INSERT INTO events SELECT 71, k, 71 FROM changed;
WITH inserted AS (INSERT INTO events VALUES (72, 'b', 72) RETURNING *) UPDATE events SET v = 85 WHERE id = 8;
WITH inserted AS (INSERT INTO events VALUES (73, 'b', 73) RETURNING *) DELETE FROM events e USING inserted i WHERE e.id = 7;
SELECT * FROM states();
-- Some of it undone.
BEGIN;
INSERT INTO events VALUES (8, 'a', 86), (80, 'b', 80) ON CONFLICT (id) DO UPDATE SET v = excluded.v;
SAVEPOINT s;
INSERT INTO events VALUES (8, 'a', 87), (81, 'b', 81) ON CONFLICT (id) DO UPDATE SET v = excluded.v;
ROLLBACK TO s;
UPDATE events SET v = 88 WHERE id = 8;
COMMIT;
SELECT * FROM states();

-- A row that is diverted fails none of the others, in whichever way it came.
INSERT INTO events VALUES (8, 'a', 13), (10, 'b', 11), (90, 'a', 17), (91, 'b', 91), (92, 'b', 13) ON CONFLICT (id) DO UPDATE SET v = excluded.v;
SELECT "row" -> 'id' AS id, sqlstate FROM feature.errors WHERE relation = 'diverting'::regclass ORDER BY 1;
SELECT * FROM states();

-- The same where all states are computed anew for it; and where the row was diverted before, or comes in by WHERE.
SELECT feature.create_view('anew', 'SELECT id, v, t, 100 / (v - 13) AS part, count(*) OVER w AS n, sum(v) OVER w AS total FROM events WHERE v > 0 WINDOW w AS (PARTITION BY k ORDER BY t)', shared => '{k}', on_error => 'divert');
ALTER TABLE anew ADD CHECK (v <> 19);
SELECT feature.create_view('on_anew', 'SELECT id, count(*) OVER w AS n, sum(v) OVER w AS total FROM anew WINDOW w AS (ORDER BY t)', on_error => 'divert');
INSERT INTO events VALUES (1, 'b', 1), (8, 'a', 14), (10, 'b', 12), (93, 'a', 19), (94, 'b', 94), (95, 'b', 13), (96, 'a', 96) ON CONFLICT (id) DO UPDATE SET v = excluded.v;
MERGE INTO events e USING (VALUES (1, -1), (93, 20), (94, 94), (95, 95), (97, 19), (98, 98)) v (id, v) ON e.id = v.id
  WHEN MATCHED AND e.id = 94 THEN DELETE
  WHEN MATCHED THEN UPDATE SET v = v.v
  WHEN NOT MATCHED THEN INSERT VALUES (v.id, 'b', v.v);
SELECT "row" -> 'id' AS id, sqlstate FROM feature.errors WHERE relation = 'anew'::regclass ORDER BY 1;
INSERT INTO events VALUES (1001, 'a', 1, '2025-01-01'), (1002, 'b', 1, '2025-01-01');
SELECT k, n, total, (SELECT (count(*), sum(v)) FROM events o WHERE o.k = e.k AND v > 0 AND v NOT IN (13, 19)) AS source FROM events e JOIN anew USING (id) WHERE id > 1000 ORDER BY k;
SELECT n, total, (SELECT (count(*), sum(v)) FROM anew) AS source FROM on_anew WHERE id = 1002;
DELETE FROM events WHERE id > 1000;
-- With triggers on the feature table that change the source meanwhile.
CREATE FUNCTION change_source() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF pg_trigger_depth() = 2 THEN UPDATE kinds_of_changes.events SET v = v + 1 WHERE id = 5; END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER change_source AFTER UPDATE ON anew FOR EACH STATEMENT EXECUTE FUNCTION change_source();
INSERT INTO events VALUES (2, 'a', 16), (110, 'b', 16) ON CONFLICT (id) DO UPDATE SET v = excluded.v;
DROP TRIGGER change_source ON anew;
CREATE TRIGGER change_source AFTER UPDATE ON diverting FOR EACH STATEMENT EXECUTE FUNCTION change_source();
SELECT feature.drop_view('on_anew'), feature.drop_view('anew');
INSERT INTO events VALUES (2, 'a', 16), (110, 'b', 16) ON CONFLICT (id) DO UPDATE SET v = excluded.v;
DROP TRIGGER change_source ON diverting;
SELECT * FROM states();
-- Many at once.
INSERT INTO events SELECT i, 'c', -1 FROM generate_series(10001, 13000) i;
UPDATE events SET v = 1 WHERE k = 'c';
SELECT count(*), max(n) AS n, (SELECT max(n) FROM on_plain WHERE id > 10000) AS on_plain FROM plain WHERE k = 'c';
DELETE FROM events WHERE k = 'c';

-- Where inserts are not followed, changes are; and all as before if the first trigger does not fire for inserts, as in views
-- of version 0.1.
SELECT format('ALTER TABLE events DISABLE TRIGGER feature_%s', id) AS disable,
  format('CREATE OR REPLACE TRIGGER feature_begin_%1$s BEFORE UPDATE OR DELETE ON events FOR EACH STATEMENT EXECUTE FUNCTION feature.maintain(%1$L)', id) AS older
FROM feature_state.view WHERE relation = 'plain'::regclass \gset
BEGIN;
:disable;
INSERT INTO events VALUES (8, 'a', 89), (100, 'b', 100) ON CONFLICT (id) DO UPDATE SET v = excluded.v;
SELECT id, v FROM plain WHERE id IN (8, 100);
ROLLBACK;
:older;
INSERT INTO events VALUES (8, 'a', 90), (101, 'b', 101) ON CONFLICT (id) DO UPDATE SET v = excluded.v;
SELECT * FROM states();

-- Triggers on the feature table change it in turn.
CREATE FUNCTION label() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF pg_trigger_depth() = 2 THEN UPDATE kinds_of_changes.plain SET v = v + 1000 WHERE id = 8; END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER after_all AFTER INSERT OR UPDATE OR DELETE ON plain FOR EACH STATEMENT EXECUTE FUNCTION label();
CREATE TRIGGER z_after_all AFTER INSERT OR UPDATE OR DELETE ON plain FOR EACH STATEMENT EXECUTE FUNCTION label();
UPDATE events SET v = CASE id WHEN 6 THEN 66 WHEN 9 THEN -9 ELSE 44 END WHERE id IN (6, 9) OR v < 0;
UPDATE events SET v = v - 1 WHERE id IN (6, 10);
DELETE FROM events WHERE id = 10;
DROP TRIGGER after_all ON plain;
DROP TRIGGER z_after_all ON plain;
INSERT INTO events VALUES (200, 'a', 1, '2025-01-01'), (201, 'b', 1, '2025-01-01');
SELECT k, o.n, o.total, (SELECT (count(*), sum(v)) FROM plain p WHERE p.k = e.k) AS plain FROM events e JOIN on_plain o USING (id) WHERE id >= 200 ORDER BY k;

-- Rows whose events have left the states of views on the view: they are read from it as it was before the first of its statements.
CREATE TABLE log (id int PRIMARY KEY, v int, t timestamptz NOT NULL);
SELECT feature.create_view('copied', 'SELECT id, v, t FROM log');
SELECT feature.create_view('totals', 'SELECT id, v, t, sum(v) OVER (ORDER BY t) AS total FROM copied');
SELECT feature.create_view('of_totals', 'SELECT id, sum(v) OVER (ORDER BY t) AS total FROM totals');
SELECT feature.create_view('diverting_copied', 'SELECT id, v, t, 1 / v AS part FROM log', on_error => 'divert');
SELECT feature.create_view('diverting_totals', 'SELECT id, sum(v) OVER (ORDER BY t) AS total FROM diverting_copied');
CREATE FUNCTION row_of(i int) RETURNS log LANGUAGE sql AS $$ SELECT i, 1 + i % 10, timestamptz '2024-01-01' + i * interval '7 minutes' $$;
CREATE FUNCTION next_totals() RETURNS TABLE (what text, right_one bool, total bigint) LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO log SELECT (row_of(5000)).*;
  RETURN QUERY SELECT one.what, one.total = (SELECT sum(v) FROM log), one.total
    FROM (SELECT 'totals', t.total FROM totals t WHERE id = 5000 UNION ALL SELECT 'of totals', t.total FROM of_totals t WHERE id = 5000
          UNION ALL SELECT 'diverting', t.total FROM diverting_totals t WHERE id = 5000) one (what, total);
  DELETE FROM log WHERE id = 5000;
END $$;
INSERT INTO log SELECT r.* FROM generate_series(1, 2000) i, row_of(i) r WHERE i NOT BETWEEN 300 AND 350;
INSERT INTO log SELECT r.* FROM generate_series(100, 320) i, row_of(i) r ON CONFLICT (id) DO UPDATE SET v = log.v + 1;
SELECT * FROM next_totals();
MERGE INTO log USING (SELECT r.* FROM generate_series(100, 340) i, row_of(i) r) n ON log.id = n.id
  WHEN MATCHED AND n.id % 3 = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET v = log.v + 1 WHEN NOT MATCHED THEN INSERT VALUES (n.id, n.v, n.t);
SELECT * FROM next_totals();
WITH gone AS (DELETE FROM log WHERE id BETWEEN 100 AND 200) INSERT INTO log SELECT r.* FROM generate_series(341, 350) i, row_of(i) r;
SELECT * FROM next_totals();

DROP SCHEMA kinds_of_changes CASCADE;
