-- What the INSERT, UPDATE and DELETE of one WITH do to a source is processed in one run, whichever ends first; nothing is
-- left out or counted twice.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE SCHEMA with_parts;
SET search_path = with_parts;
SET timezone = 'UTC';
SET datestyle = 'ISO';

CREATE TABLE owner (id int PRIMARY KEY);
CREATE TABLE events (id int PRIMARY KEY, k text, v int, t timestamptz NOT NULL DEFAULT '2024-01-01', owner int REFERENCES owner ON DELETE CASCADE);
CREATE TABLE parted (id int, k text, v int, t timestamptz NOT NULL DEFAULT '2024-01-01', PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE parted_few PARTITION OF parted FOR VALUES FROM (0) TO (50);
CREATE TABLE parted_many PARTITION OF parted FOR VALUES FROM (50) TO (5000);
SELECT source, feature.create_view(name || source, format('SELECT id, k, v, t, %s, count(*) OVER w AS n, sum(v) OVER w AS total FROM %s WINDOW w AS (PARTITION BY k ORDER BY t)', expression, source), shared => lists, on_error => how)
FROM unnest('{events,parted}'::text[]) source,
  (VALUES ('plain_', '1 AS part', '{}'::text[], 'abort'), ('diverting_', '100 / (v - 13) AS part', '{}', 'divert'), ('anew_', '1 AS part', '{k}', 'abort'), ('both_', '100 / (v - 13) AS part', '{k}', 'divert')) views (name, expression, lists, how);

-- Each view's rows are those of the source, and what its states hold shows in a row that comes next.
CREATE FUNCTION compare(source text) RETURNS TABLE (k text, rows bigint, total bigint, plain text, diverting text, anew text, both_ways text) LANGUAGE plpgsql AS $$
DECLARE name text; diverted int; wrong int;
BEGIN
  FOREACH name IN ARRAY '{plain_,diverting_,anew_,both_}'::text[] LOOP
    diverted := CASE WHEN name IN ('diverting_', 'both_') THEN 13 ELSE -1 END;
    EXECUTE format('SELECT count(*) FROM (SELECT id, k, v FROM %1$s WHERE v <> %3$s EXCEPT ALL SELECT id, k, v FROM %2$s) a FULL JOIN (SELECT id, k, v FROM %2$s EXCEPT ALL SELECT id, k, v FROM %1$s WHERE v <> %3$s) b USING (id)', source, name || source, diverted) INTO wrong;
    IF wrong > 0 THEN RAISE WARNING '% rows of % are wrong', wrong, name || source; END IF;
  END LOOP;
  EXECUTE format('INSERT INTO %1$s SELECT 1000 + row_number() OVER (ORDER BY k), k, 0, ''2025-01-01'' FROM (SELECT DISTINCT k FROM %1$s) e', source);
  RETURN QUERY EXECUTE format($q$
    SELECT s.k, s.rows, s.total, (p.n, p.total)::text, CASE WHEN (d.n, d.total) = s.kept THEN 'right' ELSE (d.n, d.total)::text END, (a.n, a.total)::text, CASE WHEN (b.n, b.total) = s.kept THEN 'right' ELSE (b.n, b.total)::text END
    FROM (SELECT k, count(*) AS rows, sum(v) AS total, (count(*) FILTER (WHERE v <> 13), sum(v) FILTER (WHERE v <> 13)) AS kept FROM %1$s GROUP BY k) s
    JOIN plain_%1$s p USING (k) JOIN diverting_%1$s d USING (id) JOIN anew_%1$s a USING (id) JOIN both_%1$s b USING (id) WHERE p.id > 1000 ORDER BY s.k $q$, source);
  EXECUTE format('DELETE FROM %s WHERE id > 1000', source);
END $$;

-- Each order in which two or three of them begin and end.
CREATE FUNCTION orders(source text) RETURNS TABLE (parts text, query text) LANGUAGE sql AS $$
  WITH part (name, query) AS (VALUES
    ('inserted', format('INSERT INTO %s VALUES (10, ''a'', 1), (60, ''b'', 2), (61, ''b'', 13) RETURNING id', source)),
    ('updated', format('UPDATE %s SET v = v + 5 WHERE id IN (1, 58) RETURNING id', source)),
    ('deleted', format('DELETE FROM %s WHERE id IN (3, 59) RETURNING id', source)))
  SELECT concat_ws(', ', a.name, b.name), format('WITH a AS (%s), b AS (%s) SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b)', a.query, b.query) FROM part a JOIN part b ON a.name <> b.name
  UNION ALL
  SELECT concat_ws(', ', b.name, a.name || ' unread'), format('WITH a AS (%s), b AS (%s) SELECT count(*) FROM b', a.query, b.query) FROM part a JOIN part b ON a.name <> b.name
  UNION ALL
  SELECT concat_ws(', ', a.name, b.name, c.name), format('WITH a AS (%s), b AS (%s), c AS (%s) SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b), (SELECT count(*) FROM c)', a.query, b.query, c.query)
  FROM part a JOIN part b ON a.name <> b.name JOIN part c ON c.name NOT IN (a.name, b.name)
$$;
CREATE FUNCTION try_each(source text) RETURNS TABLE (parts text, outcome text) LANGUAGE plpgsql AS $$
DECLARE query text;
BEGIN
  FOR parts, query IN SELECT * FROM orders(source) o ORDER BY o.parts COLLATE "C" LOOP
    BEGIN
      EXECUTE format('INSERT INTO %s SELECT i, CASE i %% 2 WHEN 0 THEN ''a'' ELSE ''b'' END, i FROM generate_series(1, 4) i UNION ALL SELECT i, ''a'', i FROM generate_series(57, 59) i', source);
      EXECUTE query;
      SELECT string_agg(format('%s: %s', c.k, CASE WHEN (c.rows, c.total)::text = ALL (ARRAY[c.plain, c.anew]) AND c.diverting = 'right' AND c.both_ways = 'right' THEN 'right' ELSE c::text END), ', ') INTO outcome FROM compare(source) c;
      RAISE EXCEPTION USING ERRCODE = 'FP001';
    EXCEPTION WHEN SQLSTATE 'FP001' THEN RETURN NEXT;
    END;
  END LOOP;
END $$;
SELECT * FROM try_each('events');
SELECT * FROM try_each('parted');

-- A row that two of them want is changed by one; what an UPDATE reads of an INSERT; an INSERT .. ON CONFLICT and a MERGE among
-- others.
INSERT INTO events SELECT i, CASE i % 2 WHEN 0 THEN 'a' ELSE 'b' END, i FROM generate_series(1, 8) i;
WITH u AS (UPDATE events SET v = 20 WHERE id = 1 RETURNING id), d AS (DELETE FROM events WHERE id IN (1, 2) RETURNING id), i AS (INSERT INTO events VALUES (9, 'a', 9) RETURNING id)
SELECT (SELECT count(*) FROM u) AS u, (SELECT count(*) FROM d) AS d, (SELECT count(*) FROM i) AS i;
SELECT * FROM compare('events');
WITH i AS (INSERT INTO events VALUES (10, 'b', 10) RETURNING *) UPDATE events e SET v = e.v + i.v FROM i WHERE e.id = 3;
SELECT * FROM compare('events');
WITH o AS (INSERT INTO events VALUES (4, 'a', 40), (11, 'b', 11) ON CONFLICT (id) DO UPDATE SET v = excluded.v RETURNING id), d AS (DELETE FROM events WHERE id = 5 RETURNING id), u AS (UPDATE events SET v = 13 WHERE id = 6 RETURNING id)
SELECT (SELECT count(*) FROM o) AS o, (SELECT count(*) FROM u) AS u, (SELECT count(*) FROM d) AS d;
SELECT * FROM compare('events');
WITH u AS (UPDATE events SET v = 60 WHERE id = 6 RETURNING id), i AS (INSERT INTO events VALUES (12, 'b', 12) RETURNING id)
MERGE INTO events e USING (VALUES (7, 70), (8, 80), (13, 130)) s (id, v) ON e.id = s.id WHEN MATCHED AND e.id = 8 THEN DELETE WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT VALUES (s.id, 'a', s.v);
SELECT * FROM compare('events');
-- Of several sources.
INSERT INTO parted SELECT i, 'a', i FROM generate_series(1, 4) i;
WITH a AS (INSERT INTO events VALUES (14, 'b', 14) RETURNING id), b AS (UPDATE parted SET v = 10 WHERE id = 1 RETURNING id), c AS (UPDATE events SET v = 90 WHERE id = 9 RETURNING id), d AS (INSERT INTO parted SELECT id + 50, 'b', 1 FROM a RETURNING id), e AS (DELETE FROM parted WHERE id = 2 RETURNING id)
SELECT (SELECT count(*) FROM c) AS c, (SELECT count(*) FROM d) AS d, (SELECT count(*) FROM e) AS e;
SELECT * FROM compare('events');
SELECT * FROM compare('parted');
-- Undone, and what comes after it.
BEGIN;
SAVEPOINT s;
WITH i AS (INSERT INTO events VALUES (15, 'a', 15) RETURNING id), u AS (UPDATE events SET v = 91 / (id - 9) WHERE id = 9 RETURNING id) SELECT (SELECT count(*) FROM i) AS i, (SELECT count(*) FROM u) AS u;
ROLLBACK TO s;
WITH i AS (INSERT INTO events VALUES (15, 'a', 15) RETURNING id), u AS (UPDATE events SET v = 91 WHERE id = 9 RETURNING id) SELECT (SELECT count(*) FROM i) AS i, (SELECT count(*) FROM u) AS u;
SELECT * FROM compare('events');
COMMIT;

-- With a cascading foreign key, whose changes come when the triggers of the others fire already. Where states are computed
-- anew that, and what triggers do, may be refused: other views take their place.
SELECT feature.drop_view('anew_events'), feature.drop_view('both_events');
CREATE VIEW anew_events AS SELECT * FROM plain_events;
CREATE VIEW both_events AS SELECT * FROM diverting_events;
INSERT INTO owner SELECT generate_series(1, 9);
UPDATE events SET owner = 1 WHERE id = 9;
UPDATE events SET owner = 2 WHERE id = 4;
UPDATE events SET owner = 3 WHERE id = 3;
WITH u AS (UPDATE events SET v = 61 WHERE id = 6 RETURNING id), d AS (DELETE FROM owner WHERE id = 1 RETURNING id), i AS (INSERT INTO events VALUES (16, 'a', 16) RETURNING id)
SELECT (SELECT count(*) FROM u) AS u, (SELECT count(*) FROM d) AS d, (SELECT count(*) FROM i) AS i;
SELECT * FROM compare('events');
WITH d AS (DELETE FROM owner WHERE id = 2 RETURNING id), i AS (INSERT INTO events VALUES (17, 'a', 17) RETURNING id), u AS (UPDATE events SET v = 62 WHERE id = 6 RETURNING id)
SELECT (SELECT count(*) FROM d) AS d, (SELECT count(*) FROM i) AS i, (SELECT count(*) FROM u) AS u;
SELECT * FROM compare('events');
-- With triggers that change the source meanwhile.
CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE changed int;
BEGIN
  IF pg_trigger_depth() > 1 THEN RETURN NULL; END IF;
  WITH i AS (INSERT INTO events SELECT max(id) + 1, 'a', 1 FROM events WHERE id < 1000 RETURNING id), u AS (UPDATE events SET v = v + 1 WHERE id = 10 RETURNING id)
  SELECT count(*) INTO changed FROM i, u;
  RETURN NULL;
END $$;
CREATE TRIGGER again BEFORE INSERT OR UPDATE ON events FOR EACH STATEMENT EXECUTE FUNCTION again();
WITH i AS (INSERT INTO events VALUES (30, 'b', 30) RETURNING id), u AS (UPDATE events SET v = 63 WHERE id = 6 RETURNING id) SELECT (SELECT count(*) FROM i) AS i, (SELECT count(*) FROM u) AS u;
DROP TRIGGER again ON events;
SELECT * FROM compare('events');
CREATE TRIGGER again AFTER INSERT OR UPDATE ON events FOR EACH ROW EXECUTE FUNCTION again();
WITH i AS (INSERT INTO events VALUES (40, 'b', 40) RETURNING id), u AS (UPDATE events SET v = 64 WHERE id = 6 RETURNING id) SELECT (SELECT count(*) FROM i) AS i, (SELECT count(*) FROM u) AS u;
DROP TRIGGER again ON events;
SELECT * FROM compare('events');
CREATE TRIGGER again AFTER INSERT OR UPDATE ON events FOR EACH STATEMENT EXECUTE FUNCTION again();
WITH i AS (INSERT INTO events VALUES (50, 'b', 50) RETURNING id), u AS (UPDATE events SET v = 65 WHERE id = 6 RETURNING id) SELECT (SELECT count(*) FROM i) AS i, (SELECT count(*) FROM u) AS u;
DROP TRIGGER again ON events;
SELECT * FROM compare('events');

-- An INSERT does not wait for what ends without a trigger. Rows are then changed one by one.
SELECT format('ALTER TABLE events DISABLE TRIGGER feature_end_%s', id) AS disable FROM feature_state.view WHERE relation = 'plain_events'::regclass \gset
BEGIN;
:disable;
WITH i AS (INSERT INTO events VALUES (70, 'b', 70) RETURNING id), u AS (UPDATE events SET v = 66 WHERE id = 6 RETURNING id) SELECT (SELECT count(*) FROM i) AS i, (SELECT count(*) FROM u) AS u;
SELECT id, v FROM plain_events WHERE id IN (6, 70) ORDER BY id;
ROLLBACK;
DROP SCHEMA with_parts CASCADE;
