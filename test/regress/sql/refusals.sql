-- What cannot be kept up to date is refused when the view is created: with the position in the definition, the reason
-- and a hint. Nothing is left behind.
CREATE SCHEMA refusals;
SET search_path = refusals;
CREATE TABLE events (id int PRIMARY KEY, k text, t timestamptz NOT NULL, later timestamptz, v int, r float8, spot point, doc json, price money);
CREATE TABLE users (k text PRIMARY KEY, name text);
CREATE FUNCTION refused(query text) RETURNS void LANGUAGE sql AS 'SELECT feature.create_view(''refused'', query)';
\set SHOW_CONTEXT never

-- Not one SELECT.
SELECT refused('');
SELECT refused('  -- nothing but a comment');
SELECT refused('SELECT id FROM events; SELECT v FROM events');
SELECT refused('INSERT INTO events SELECT * FROM events RETURNING id');
SELECT refused('DELETE FROM events');
SELECT refused('TABLE events; DROP TABLE events');
SELECT refused('VALUES (1, 2)');
SELECT refused('SELECT id INTO other FROM events');
SELECT refused('CREATE TABLE other AS SELECT id FROM events');
SELECT refused('SELECT 1 AS one');
SELECT refused('SELECT FROM events');
-- What the parser has to say keeps its place in the definition, on its line.
SELECT refused('SELECT id, FROM events');
SELECT refused(E'SELECT id,\n       v AS value,\n       nonsense\nFROM events');
SELECT refused('SELECT id FROM no_such_table');
SELECT refused('SELECT no_such_function(id) FROM events');
SELECT refused('SELECT k + v FROM events');
SELECT refused('SELECT $1 FROM events');
SELECT refused('SELECT v, sum(v) FROM events');
SELECT refused('SELECT id FROM events WHERE sum(v) OVER (ORDER BY t) > 1');
SELECT refused('SELECT sum(v) OVER nowhere FROM events');
SELECT refused('SELECT sum(v) OVER (ORDER BY k RANGE ''1 hour'' PRECEDING) FROM events');
-- The position counts characters, whatever comes before.
SELECT refused('SELECT ''äöü€'' AS "naïve", random() FROM events');

-- A second table, a join, anything but one table.
SELECT refused('SELECT e.id, u.name FROM events e, users u');
SELECT refused('SELECT e.id, u.name FROM events e JOIN users u USING (k)');
SELECT refused('SELECT e.id, u.name FROM events e LEFT JOIN (SELECT * FROM users) u USING (k)');
SELECT refused('SELECT e.id, x FROM events e CROSS JOIN LATERAL generate_series(1, e.v) x');
SELECT refused('SELECT id FROM (SELECT e.id FROM events e, users) s');
SELECT refused('SELECT x FROM generate_series(1, 10) x');
SELECT refused('SELECT id FROM events TABLESAMPLE SYSTEM (10)');
SELECT refused('SELECT x FROM (VALUES (1), (2)) v (x)');

-- Clauses that make rows depend on each other, or change which rows there are.
SELECT refused('SELECT k, count(*) FROM events GROUP BY k');
SELECT refused('SELECT count(*) FROM events');
SELECT refused('SELECT 1 AS one FROM events GROUP BY ()');
SELECT refused('SELECT 1 AS one FROM events HAVING count(*) > 1');
SELECT refused('SELECT n FROM (SELECT k, count(*) AS n FROM events GROUP BY k) s');
SELECT refused('SELECT m FROM (SELECT max(v) AS m FROM events) s');
SELECT refused('SELECT DISTINCT k FROM events');
SELECT refused('SELECT DISTINCT ON (k) k, v FROM events');
SELECT refused('SELECT id FROM events LIMIT 10');
SELECT refused('SELECT id FROM events OFFSET 10');
SELECT refused('SELECT id FROM events FETCH FIRST 10 ROWS ONLY');
SELECT refused('SELECT id FROM (SELECT * FROM events LIMIT 5) s');
SELECT refused('SELECT id FROM events ORDER BY t');
SELECT refused('SELECT id FROM events FOR UPDATE');
SELECT refused('SELECT id FROM events UNION ALL SELECT id FROM events');
SELECT refused('SELECT id FROM (SELECT id FROM events EXCEPT SELECT id FROM events) s');
SELECT refused('WITH e AS (SELECT * FROM events) SELECT id FROM e');
SELECT refused('SELECT id, generate_series(1, v) AS i FROM events');
SELECT refused('SELECT id, c FROM (SELECT id, regexp_split_to_table(k, '','') AS c FROM events) s');
-- Sub-selects, wherever they stand.
SELECT refused('SELECT id, (SELECT name FROM users u WHERE u.k = e.k) FROM events e');
SELECT refused('SELECT id FROM events WHERE k IN (SELECT k FROM users)');
SELECT refused('SELECT id, EXISTS (SELECT FROM users) AS some FROM events');
SELECT refused('SELECT sum(v) FILTER (WHERE k = ANY (ARRAY(SELECT k FROM users))) OVER (ORDER BY t) FROM events');
SELECT refused('SELECT sum(v) OVER (PARTITION BY (SELECT 1) ORDER BY t) FROM events');
SELECT refused('SELECT sum(v) OVER w FROM events WINDOW w AS (ORDER BY t ROWS (SELECT 1) PRECEDING)');
-- WHERE above the level that reads the source.
SELECT refused('SELECT id FROM (SELECT id, sum(v) OVER (ORDER BY t) AS s FROM events) x WHERE s > 10');
SELECT refused('SELECT * FROM (SELECT * FROM (SELECT * FROM events WHERE v > 0) a WHERE v > 1) b');

-- Windows: one ascending time column orders all of them.
SELECT refused('SELECT id, sum(v) OVER () FROM events');
SELECT refused('SELECT id, sum(v) OVER (PARTITION BY k) FROM events');
SELECT refused('SELECT id, lag(v) OVER w FROM events WINDOW w AS (PARTITION BY k)');
SELECT refused('SELECT id, sum(v) OVER (PARTITION BY k ORDER BY t, id) FROM events');
SELECT refused('SELECT id, sum(v) OVER (PARTITION BY k ORDER BY t DESC) FROM events');
SELECT refused('SELECT id, sum(v) OVER (PARTITION BY k ORDER BY t USING >) FROM events');
SELECT refused('SELECT id, sum(v) OVER (ORDER BY t) AS a, sum(v) OVER (ORDER BY later) AS b FROM events');
SELECT refused('SELECT id, sum(a) OVER (ORDER BY later) FROM (SELECT id, later, count(*) OVER (ORDER BY t) AS a FROM events) s');
SELECT refused('SELECT id, sum(v) OVER (PARTITION BY k ORDER BY t + interval ''1 hour'') FROM events');
SELECT refused('SELECT id, sum(v) OVER (ORDER BY moved) FROM (SELECT *, t + interval ''1 hour'' AS moved FROM events) s');
SELECT refused('SELECT id, sum(v) OVER (ORDER BY before) FROM (SELECT *, lag(t) OVER (ORDER BY t) AS before FROM events) s');
SELECT refused('SELECT id, sum(v) OVER (ORDER BY k) FROM events');
SELECT refused('SELECT id, sum(v) OVER (ORDER BY r) FROM events');
SELECT refused('SELECT id, sum(v) OVER (ORDER BY 1) FROM events');
-- Frames look back.
SELECT refused('SELECT sum(v) OVER (ORDER BY t ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) FROM events');
SELECT refused('SELECT sum(v) OVER (ORDER BY t ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) FROM events');
SELECT refused('SELECT sum(v) OVER (ORDER BY t RANGE BETWEEN CURRENT ROW AND ''1 hour'' FOLLOWING) FROM events');
SELECT refused('SELECT sum(v) OVER (ORDER BY t RANGE BETWEEN ''1 hour'' FOLLOWING AND ''2 hours'' FOLLOWING) FROM events');
SELECT refused('SELECT sum(v) OVER (ORDER BY t GROUPS 2 PRECEDING) FROM events');
SELECT refused('SELECT sum(v) OVER (ORDER BY t GROUPS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) FROM events');
SELECT refused('SELECT sum(v) OVER (ORDER BY t ROWS -1 PRECEDING) FROM events');
SELECT refused('SELECT sum(v) OVER (ORDER BY t ROWS NULL PRECEDING) FROM events');
SELECT refused('SELECT sum(v) OVER (ORDER BY t ROWS v PRECEDING) FROM events');
SELECT refused('SELECT sum(v) OVER (ORDER BY t ROWS (random() * 5)::int PRECEDING) FROM events');
SELECT refused('SELECT sum(v) OVER (ORDER BY t RANGE ''-1 hour'' PRECEDING) FROM events');
SELECT refused('SELECT sum(v) OVER (ORDER BY t RANGE NULL::interval PRECEDING) FROM events');
SELECT refused('SELECT sum(v) OVER (ORDER BY t RANGE BETWEEN ''3 days'' PRECEDING AND ''1 month -29 days'' PRECEDING) FROM events');
SELECT refused('SELECT sum(v) OVER (ORDER BY t RANGE BETWEEN ''3 days'' PRECEDING AND ''1 day -24 hours'' PRECEDING) FROM events');
SELECT refused('SELECT sum(v) OVER (ORDER BY t RANGE 5 PRECEDING) FROM events');
-- Entities are found by hash and do not change.
SELECT refused('SELECT sum(v) OVER (PARTITION BY spot ORDER BY t) FROM events');
SELECT refused('SELECT sum(v) OVER (PARTITION BY doc ORDER BY t) FROM events');
SELECT refused('SELECT sum(v) OVER (PARTITION BY k, price ORDER BY t) FROM events');
SELECT refused('SELECT sum(v) OVER (PARTITION BY t::date ORDER BY t) FROM events');
-- A row of no named type means nothing to another session.
SELECT refused('SELECT sum(v) OVER (PARTITION BY ROW(k, v) ORDER BY t) FROM events');
SELECT refused('SELECT lag(ROW(k, v)) OVER (ORDER BY t) = ROW(k, v) AS same FROM events');
SELECT refused('SELECT array_length(lag(ARRAY[ROW(k, v)]) OVER (ORDER BY t), 1) FROM events');
SELECT refused('SELECT sum(v) OVER (PARTITION BY to_char(t, ''Day'') ORDER BY t) FROM events');

-- Functions: named in the message.
SELECT refused('SELECT lead(v) OVER (ORDER BY t) FROM events');
SELECT refused('SELECT id, row_number() OVER (ORDER BY t), percent_rank() OVER (ORDER BY t) FROM events');
SELECT refused('SELECT ntile(4) OVER (ORDER BY t) FROM events');
SELECT refused('SELECT cume_dist() OVER (ORDER BY t) FROM events');
SELECT refused('SELECT count(DISTINCT v) OVER (ORDER BY t) FROM events');
SELECT refused('SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY v) OVER (ORDER BY t) FROM events');
SELECT refused('SELECT lag(v, -1) OVER (ORDER BY t) FROM events');
SELECT refused('SELECT lag(v, id) OVER (ORDER BY t) FROM events');
SELECT refused('SELECT sum(lag(v) OVER (ORDER BY t)) OVER (ORDER BY t) FROM events');
-- Volatile functions, wherever they stand, and what else depends on the moment or the session.
CREATE FUNCTION dice(int) RETURNS int LANGUAGE sql AS 'SELECT $1';
CREATE SEQUENCE numbers;
SELECT refused('SELECT id, random() AS r FROM events');
SELECT refused('SELECT id, dice(v) FROM events');
SELECT refused('SELECT id, nextval(''numbers'') FROM events');
SELECT refused('SELECT id, gen_random_uuid() FROM events');
SELECT refused('SELECT id, clock_timestamp() - t AS age FROM events');
SELECT refused('SELECT id FROM events WHERE random() < 0.5');
SELECT refused('SELECT sum(dice(v)) OVER (ORDER BY t) FROM events');
SELECT refused('SELECT sum(v) FILTER (WHERE dice(v) > 1) OVER (ORDER BY t) FROM events');
SELECT refused('SELECT sum(v) OVER (PARTITION BY dice(v) ORDER BY t) FROM events');
SELECT refused('SELECT id, now() - t AS age FROM events');
SELECT refused('SELECT id, CURRENT_DATE AS today FROM events');
SELECT refused('SELECT id, LOCALTIMESTAMP AS today FROM events');
SELECT refused('SELECT id, age(t) AS age FROM events');
SELECT refused('SELECT id, current_user AS who FROM events');
SELECT refused('SELECT id, current_setting(''TimeZone'') AS zone FROM events');
SELECT refused('SELECT id, pg_backend_pid() AS pid FROM events');
SELECT refused('SELECT id FROM events WHERE t < now()');
-- References to the row as such.
SELECT refused('SELECT id, e FROM events e');
SELECT refused('SELECT id, row_to_json(e) FROM events e');
SELECT refused('SELECT id, count(e) OVER (ORDER BY t) FROM events e');
SELECT refused('SELECT id, ctid FROM events');
SELECT refused('SELECT id, tableoid::regclass FROM events');
SELECT refused('SELECT id, xmin FROM events');

-- Sources whose inserts cannot be followed.
CREATE VIEW a_view AS SELECT * FROM events;
CREATE MATERIALIZED VIEW a_materialized_view AS SELECT * FROM events;
CREATE TEMPORARY TABLE a_temporary_table (t timestamptz, v int);
CREATE TABLE a_partitioned_table (t timestamptz, v int) PARTITION BY RANGE (t);
CREATE TABLE a_partition PARTITION OF a_partitioned_table DEFAULT;
CREATE TABLE a_parent (t timestamptz, v int);
CREATE TABLE a_child () INHERITS (a_parent);
CREATE SEQUENCE a_sequence;
CREATE FOREIGN DATA WRAPPER refusals_wrapper;
CREATE SERVER refusals_server FOREIGN DATA WRAPPER refusals_wrapper;
CREATE FOREIGN TABLE a_foreign_table (t timestamptz, v int) SERVER refusals_server;
SELECT refused('SELECT v, sum(v) OVER (ORDER BY t) FROM a_view');
SELECT refused('SELECT v, sum(v) OVER (ORDER BY t) FROM a_materialized_view');
SELECT refused('SELECT v, sum(v) OVER (ORDER BY t) FROM a_temporary_table');
SELECT refused('SELECT v, sum(v) OVER (ORDER BY t) FROM a_partition');
SELECT refused('SELECT v, sum(v) OVER (ORDER BY t) FROM a_parent');
SELECT refused('SELECT v, sum(v) OVER (ORDER BY t) FROM a_foreign_table');
SELECT refused('SELECT last_value FROM a_sequence');
SELECT refused('SELECT relname FROM pg_class');
SELECT refused('SELECT table_name FROM information_schema.tables');
SELECT refused('SELECT s FROM (SELECT sum(v) OVER (ORDER BY t) AS s FROM a_view) x');

-- Columns and names.
SELECT refused('SELECT id, v AS id FROM events');
SELECT refused('SELECT *, v FROM events');
SELECT refused('SELECT sum(v) OVER (ORDER BY t), sum(r) OVER (ORDER BY t) FROM events');
SELECT refused('SELECT v + 1, v + 2 FROM events');
SELECT refused('SELECT id AS ctid FROM events');
SELECT refused('SELECT ROW(id, v) AS r FROM events');
CREATE TABLE refused ();
SELECT refused('SELECT id FROM events');
DROP TABLE refused;
CREATE VIEW refused AS SELECT 1;
SELECT refused('SELECT id FROM events');
DROP VIEW refused;
CREATE INDEX refused ON users (name);
SELECT refused('SELECT id FROM events');
DROP INDEX refused;
CREATE TYPE refused AS (x int);
SELECT refused('SELECT id FROM events');
DROP TYPE refused;
SELECT feature.create_view('events', 'SELECT id FROM events');
SELECT feature.create_view('', 'SELECT id FROM events');
SELECT feature.create_view('a b', 'SELECT id FROM events');
SELECT feature.create_view('no_such_schema.x', 'SELECT id FROM events');
SELECT feature.create_view('no_such_database.refusals.x', 'SELECT id FROM events');
SELECT feature.create_view('a.b.c.d', 'SELECT id FROM events');
SELECT feature.create_view('pg_temp.x', 'SELECT id FROM events');
SELECT feature.create_view('pg_catalog.x', 'SELECT id FROM events');
SET search_path = '';
SELECT feature.create_view('x', 'SELECT id FROM refusals.events');
SET search_path = refusals;

-- Event times: NULL and infinite ones are errors on INSERT, and when the view is created; SQLSTATEs for both.
CREATE TABLE timeless (t timestamptz, v int);
SELECT feature.create_view('over_time', 'SELECT v, count(*) OVER (ORDER BY t) AS n FROM timeless');
SELECT feature.create_view('over_some_time', 'SELECT v, count(*) OVER (ORDER BY t) AS n FROM timeless WHERE isfinite(t)');
INSERT INTO timeless VALUES (NULL, 1);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO timeless VALUES ('2024-01-01', 1), ('infinity', 1);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO timeless VALUES ('-infinity', 1);
SELECT feature.drop_view('over_time');
INSERT INTO timeless VALUES (NULL, 1), ('infinity', 2), ('-infinity', 3), ('2024-01-01', 4);
SELECT * FROM over_some_time;
SELECT feature.create_view('over_time', 'SELECT v, count(*) OVER (ORDER BY t) AS n FROM timeless');
CREATE TABLE dated (d date, v int);
SELECT feature.create_view('over_dates', 'SELECT v, count(*) OVER (ORDER BY d) AS n FROM dated');
INSERT INTO dated VALUES ('infinity', 1);
INSERT INTO dated VALUES (NULL, 1);

-- SQLSTATEs of refusals: what is not supported is 0A000, what is no query at all 42601, a wrong source 42809, names
-- 42P07 and 42701.
DO $$
DECLARE query text;
BEGIN
  FOREACH query IN ARRAY ARRAY['SELECT lead(v) OVER (ORDER BY t) FROM events', 'SELECT DISTINCT k FROM events',
                               'SELECT random() FROM events', 'SELECT id FROM events; SELECT 1', 'SELEC', 'SELECT v FROM a_view',
                               'SELECT id, id FROM events', 'SELECT nonsense FROM events',
                               'SELECT sum(v) OVER (ORDER BY t ROWS -1 PRECEDING) FROM events'] LOOP
    BEGIN
      PERFORM refusals.refused(query);
    EXCEPTION WHEN others THEN
      RAISE NOTICE '%  %', SQLSTATE, query;
    END;
  END LOOP;
END $$;

-- None of this made a view.
SELECT relation FROM feature.views WHERE source IN (SELECT oid FROM pg_class WHERE relnamespace = 'refusals'::regnamespace) ORDER BY 1;

SET client_min_messages = warning;
DROP FOREIGN DATA WRAPPER refusals_wrapper CASCADE;
DROP SCHEMA refusals CASCADE;
