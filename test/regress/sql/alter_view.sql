-- feature.alter_view: adds, drops and replaces features of a live view; what stays keeps its records, and the view goes
-- on as one that was created with the new definition.
CREATE SCHEMA altering;
SET search_path = altering;
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE TABLE events (id int PRIMARY KEY, k text, m text, t timestamptz NOT NULL, v int, p numeric(8,2));
SELECT feature.create_view('features', $$
  SELECT id, k, t, sum(v) OVER w AS s, lag(v) OVER w AS previous FROM events WINDOW w AS (PARTITION BY k ORDER BY t) $$);
INSERT INTO events SELECT i, 'k' || i % 3, 'm' || i % 7, timestamptz '2024-01-01' + i * interval '1 hour', i, i / 8.0 FROM generate_series(1, 500) i;
GRANT SELECT ON features TO PUBLIC;
CREATE INDEX by_s ON features (s);
CREATE VIEW dependent AS SELECT id, s FROM features;
CREATE TABLE before AS SELECT 'features'::regclass::oid AS oid, relacl, (SELECT count(*) FROM pg_index WHERE indrelid = 'features'::regclass) AS indexes FROM pg_class WHERE oid = 'features'::regclass;
-- Features are added over the same partition list and over others, at more levels.
SELECT feature.alter_view('features', $$
  SELECT id, k, t, s, previous, n_hour, by_m, mean, max(n_hour) OVER (PARTITION BY k ORDER BY t) AS most, round(p * 2) AS twice
  FROM (SELECT *, sum(v) OVER w AS s, lag(v) OVER w AS previous,
               count(*) OVER (PARTITION BY m ORDER BY t RANGE '10 hours' PRECEDING) AS n_hour,
               count(*) OVER (PARTITION BY m ORDER BY t) AS by_m, avg(p) OVER w AS mean
        FROM events WINDOW w AS (PARTITION BY k ORDER BY t)) e $$);
SELECT * FROM feature.verify('features');
SELECT position, feature, type, expression, "window", entity FROM feature.columns WHERE relation = 'features'::regclass ORDER BY position;
SELECT before.oid = c.oid AS same_table, before.relacl = c.relacl AS same_grants, (SELECT count(*) FROM pg_index WHERE indrelid = c.oid) = indexes AS same_indexes FROM before, pg_class c WHERE c.oid = 'features'::regclass;
SELECT entity_lists, query ~ 'n_hour' AS new_query FROM feature.views WHERE relation = 'features'::regclass;
SELECT count(*) FROM pg_class WHERE relnamespace = 'feature_state'::regnamespace AND relname ~ 'altered';
INSERT INTO events SELECT i, 'k' || i % 3, 'm' || i % 7, timestamptz '2024-01-01' + i * interval '1 hour', i, i / 8.0 FROM generate_series(501, 700) i;
SELECT sum(mismatches) FROM feature.verify('features');
-- Dropped ones leave no trace in catalogue and comparison; a column of the owner's own between features stays theirs.
ALTER TABLE features ADD COLUMN note text DEFAULT 'none';
SELECT feature.alter_view('features', $$
  SELECT twice, id, k, t, s, count(e.id) OVER w AS n FROM (SELECT *, sum(v) OVER w AS s, round(p * 2) AS twice FROM events WINDOW w AS (PARTITION BY k ORDER BY t)) e
  WINDOW w AS (PARTITION BY k ORDER BY t ROWS 3 PRECEDING) $$);
INSERT INTO events VALUES (701, 'k1', 'm1', '2024-03-01', 1, 1);
SELECT * FROM features WHERE id >= 700 ORDER BY id;
SELECT feature, rows_compared, mismatches FROM feature.verify('features');
SELECT position, feature, type, expression FROM feature.columns WHERE relation = 'features'::regclass ORDER BY position;
UPDATE features SET note = 'mine' WHERE id = 1;
-- A feature comes back under its old name: filled anew.
SELECT feature.alter_view('features', $$
  SELECT id, k, t, sum(v) OVER w AS s, lag(v) OVER w AS previous FROM events WINDOW w AS (PARTITION BY k ORDER BY t) $$);
SELECT feature, rows_compared, mismatches FROM feature.verify('features');
SELECT * FROM features WHERE id IN (1, 701) ORDER BY id;
SELECT feature.refresh('features');
SELECT feature, mismatches FROM feature.verify('features');
-- What stays is the record, late rows and all; what is added is computed in order; what is computed in another way, anew.
INSERT INTO events VALUES (800, 'late', 'm', '2024-04-01 10:00', 1, 1), (801, 'late', 'm', '2024-04-01 12:00', 2, 1);
INSERT INTO events VALUES (802, 'late', 'm', '2024-04-01 11:00', 4, 1);
SELECT feature.alter_view('features', $$
  SELECT id, k, t, sum(v) OVER u AS s, lag(v, 1) OVER u AS previous, sum(v) OVER u AS s_again
  FROM events WINDOW u AS (PARTITION BY k ORDER BY t RANGE UNBOUNDED PRECEDING) $$);
SELECT id, s, previous, s_again FROM features WHERE k = 'late' ORDER BY t;
SELECT feature, mismatches FROM feature.verify('features');
INSERT INTO events VALUES (803, 'late', 'm', '2024-04-01 13:00', 8, 1);
SELECT id, s, previous, s_again FROM features WHERE id = 803;
SELECT feature.alter_view('features', $$
  SELECT id, k, t, sum(v) OVER (PARTITION BY k ORDER BY t ROWS 2 PRECEDING) AS s, lag(v) OVER (PARTITION BY k ORDER BY t) AS previous, sum(v) OVER (PARTITION BY m ORDER BY t) AS s_again FROM events $$);
SELECT id, s, previous, s_again FROM features WHERE k = 'late' ORDER BY t;
SELECT feature, mismatches FROM feature.verify('features') WHERE mismatches > 0;
-- The same definition again changes nothing, however it is written.
CREATE TABLE unchanged AS SELECT ctid AS place, * FROM features;
SELECT feature.alter_view('features', $$
  SELECT id, k, t, sum(v) OVER x AS s, lag(v) OVER (PARTITION BY inside.k ORDER BY inside.t) AS previous, sum(v) OVER (PARTITION BY m ORDER BY t) AS s_again
  FROM (SELECT * FROM events) inside WINDOW x AS (PARTITION BY k ORDER BY t ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) $$);
(TABLE unchanged EXCEPT ALL SELECT ctid, * FROM features) UNION ALL (SELECT ctid, * FROM features EXCEPT ALL TABLE unchanged);
SELECT sum(mismatches) FROM feature.verify('features') WHERE feature <> 'previous';
-- Windows partitioned by the result of another window are the same only if that is.
SELECT feature.create_view('nested', $$
  SELECT id, sum(v) OVER (PARTITION BY c ORDER BY t) AS s, sum(v) OVER (PARTITION BY c, k ORDER BY t) AS unlike FROM (SELECT *, count(*) OVER (PARTITION BY k ORDER BY t) % 2 AS c FROM events) e $$);
SELECT feature.alter_view('nested', $$
  SELECT id, sum(v) OVER (PARTITION BY c ORDER BY t) AS s, sum(v) OVER (PARTITION BY c, k ORDER BY t) AS unlike FROM (SELECT *, count(*) OVER (PARTITION BY k ORDER BY t) % 3 AS c FROM events) e $$);
SELECT sum(mismatches) FROM feature.verify('nested') WHERE feature <> 'previous';
-- A view without rows, with no key; a view without windows; a table that was renamed and moved.
CREATE TABLE none (t timestamptz NOT NULL, v int);
SELECT feature.create_view('empty', 'SELECT v FROM none');
SELECT feature.alter_view('empty', 'SELECT v, t, count(*) OVER (ORDER BY t) AS n FROM none');
INSERT INTO none VALUES ('2024-01-01', 1), ('2024-01-02', 2);
SELECT * FROM empty ORDER BY t;
CREATE SCHEMA elsewhere;
ALTER TABLE nested SET SCHEMA elsewhere;
ALTER TABLE elsewhere.nested RENAME TO "Odd name";
ALTER TABLE elsewhere."Odd name" RENAME COLUMN s TO "The sum";
SELECT feature.alter_view('elsewhere."Odd name"', $$SELECT id, sum(v) OVER (ORDER BY t) AS "The sum", count(*) OVER (ORDER BY t) AS "The count" FROM events$$);
SELECT feature, mismatches FROM feature.verify('elsewhere."Odd name"');
-- Literals are read with the view's settings, so they do not change with the session; names are those of the caller.
SELECT feature.create_view('literal', 'SELECT id, t > timestamptz ''2024-01-10 00:00'' AS later, count(*) OVER (ORDER BY t) AS n FROM events');
SET timezone = 'Asia/Tokyo';
SELECT feature.alter_view('literal', 'SELECT id, t > timestamptz ''2024-01-10 00:00'' AS later, count(*) OVER (ORDER BY t) AS n, extract(hour FROM t) AS hour FROM events');
SET timezone = 'UTC';
SELECT sum(mismatches) FROM feature.verify('literal');
-- Views on the view: their rows follow what was computed anew, and keep what was not.
SELECT feature.create_view('on_literal', 'SELECT id, max(n) OVER (ORDER BY id) AS most, later FROM literal');
UPDATE on_literal SET most = -1;
SELECT feature.alter_view('literal', 'SELECT id, t > timestamptz ''2024-01-10 00:00'' AS later, count(*) OVER (ORDER BY t) AS n FROM events');
SELECT count(*) FROM on_literal WHERE most <> -1;
SELECT feature.alter_view('literal', 'SELECT id, t > timestamptz ''2024-01-10 00:00'' AS later, count(v) OVER (PARTITION BY k ORDER BY t) AS n FROM events');
SELECT count(*) FROM on_literal WHERE most = -1;
SELECT sum(mismatches) FROM feature.verify('on_literal');
INSERT INTO events VALUES (900, 'k1', 'm', '2024-05-01', 1, 1);
SELECT sum(mismatches) FROM feature.verify('on_literal');
SELECT feature.alter_view('literal', 'SELECT id, count(v) OVER (PARTITION BY k ORDER BY t) AS n FROM events');
-- ROLLBACK takes all of it back, and the view goes on as it was.
DROP VIEW dependent;
BEGIN;
SELECT feature.alter_view('features', 'SELECT id, t, count(*) OVER (ORDER BY t) AS n FROM events');
INSERT INTO events VALUES (901, 'k1', 'm', '2024-05-02', 1, 1);
ROLLBACK;
INSERT INTO events VALUES (901, 'k1', 'm', '2024-05-02', 1, 1);
SELECT sum(mismatches) FROM feature.verify('features') WHERE feature <> 'previous';
BEGIN;
SELECT feature.alter_view('features', 'SELECT id, t, count(*) OVER (ORDER BY t) AS n FROM events');
INSERT INTO events VALUES (902, 'k1', 'm', '2024-05-03', 1, 1);
SELECT sum(mismatches) FROM feature.verify('features');
SELECT feature.alter_view('features', 'SELECT id, t, count(*) OVER (ORDER BY t) AS n, sum(v) OVER (ORDER BY t) AS s FROM events');
INSERT INTO events VALUES (903, 'k1', 'm', '2024-05-04', 1, 1);
SELECT sum(mismatches) FROM feature.verify('features');
ROLLBACK;
-- Refusals. Nothing of them stays behind.
CREATE VIEW dependent AS SELECT id, s FROM features;
SELECT feature.alter_view('features', 'SELECT id, k, t FROM events');
SELECT feature.alter_view('features', 'SELECT id, k, t, s FROM unchanged');
SELECT feature.alter_view('features', 'SELECT id, k, t, sum(v) OVER (ORDER BY t) AS s FROM events WHERE v > 0');
SELECT feature.alter_view('features', 'SELECT id, k, t, sum(v) OVER (ORDER BY t)::int AS s FROM events');
SELECT feature.alter_view('features', 'SELECT id, k, t, sum(v) OVER (ORDER BY t) AS s, lead(v) OVER (ORDER BY t) AS next FROM events');
SELECT feature.alter_view('features', 'SELECT id, k, t, sum(v) OVER (PARTITION BY k ORDER BY t ROWS 2 PRECEDING) AS s, 1 AS note FROM events');
SELECT feature.alter_view('elsewhere."Odd name"', 'SELECT id, sum(v) OVER (ORDER BY t) AS "The sum", 1 AS s FROM events');
SELECT feature.alter_view('elsewhere."Odd name"', 'SELECT -id AS id, sum(v) OVER (ORDER BY t) AS "The sum" FROM events');
SELECT feature.alter_view('elsewhere."Odd name"', 'SELECT v, sum(v) OVER (ORDER BY t) AS "The sum" FROM events');
SELECT feature.alter_view('empty', 'SELECT t FROM none');
SELECT feature.alter_view('events', 'SELECT id FROM events');
ALTER TABLE features RENAME COLUMN s TO total;
SELECT feature.alter_view('features', 'SELECT id, k, t, sum(v) OVER (PARTITION BY k ORDER BY t ROWS 2 PRECEDING) AS s FROM events');
ALTER TABLE features RENAME COLUMN total TO s;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT feature.alter_view('features', 'SELECT id, k, t FROM events');
ROLLBACK;
-- A source that has lost rows does not tell the past of those that it has.
BEGIN;
ALTER TABLE events DISABLE TRIGGER USER;
DELETE FROM events WHERE id = 10;
SELECT feature.alter_view('literal', 'SELECT id, later, n, v FROM (SELECT *, t > timestamptz ''2024-01-10 00:00'' AS later, count(v) OVER (PARTITION BY k ORDER BY t) AS n FROM events) e');
ROLLBACK;
BEGIN;
ALTER TABLE events DISABLE TRIGGER USER;
UPDATE events SET id = 10000 WHERE id = 10;
SELECT feature.alter_view('literal', 'SELECT id, later, n, v FROM (SELECT *, t > timestamptz ''2024-01-10 00:00'' AS later, count(v) OVER (PARTITION BY k ORDER BY t) AS n FROM events) e');
ROLLBACK;
SELECT feature.alter_view('literal', 'SELECT id, later, n, v FROM (SELECT *, t > timestamptz ''2024-01-10 00:00'' AS later, count(v) OVER (PARTITION BY k ORDER BY t) AS n FROM events) e');
INSERT INTO events VALUES (904, 'k1', 'm', '2024-05-05', 1, 1);
SELECT sum(mismatches) FROM feature.verify('literal');
-- An owner without further rights may alter, and nobody else.
CREATE ROLE altering_owner;
GRANT USAGE, CREATE ON SCHEMA altering TO altering_owner;
SELECT feature.create_view('owned', 'SELECT id, t, count(*) OVER (ORDER BY t) AS n FROM events');
SET ROLE altering_owner;
SELECT feature.alter_view('owned', 'SELECT id, t FROM events');
RESET ROLE;
CREATE TABLE own_events (id int PRIMARY KEY, t timestamptz NOT NULL);
INSERT INTO own_events VALUES (1, '2024-01-01'), (2, '2024-01-02');
ALTER TABLE own_events OWNER TO altering_owner;
SET ROLE altering_owner;
SELECT feature.create_view('own', 'SELECT id, t FROM own_events');
SELECT feature.alter_view('own', 'SELECT id, t, count(*) OVER (ORDER BY t) AS n FROM own_events');
INSERT INTO own_events VALUES (3, '2024-01-03');
RESET ROLE;
SELECT feature.alter_view('own', 'SELECT id, n, lag(id) OVER (ORDER BY t) AS last FROM (SELECT *, count(*) OVER (ORDER BY t) AS n FROM own_events) e');
SET ROLE altering_owner;
INSERT INTO own_events VALUES (4, '2024-01-04');
TABLE own ORDER BY id;
RESET ROLE;
-- The trigger and columns of the owner's own: an UPDATE of theirs sees the features come, defaults are as ever.
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE NOTICE ''% gets %'', NEW.id, NEW.twice; RETURN NEW; END';
ALTER TABLE own ADD COLUMN made text DEFAULT 'here', ADD COLUMN gone int DEFAULT 1, ADD COLUMN seen text DEFAULT 'there';
ALTER TABLE own DROP COLUMN gone;
CREATE TRIGGER note BEFORE UPDATE ON own FOR EACH ROW WHEN (OLD.id < 3) EXECUTE FUNCTION note();
SELECT feature.alter_view('own', 'SELECT id, id * 2 AS twice FROM own_events');
INSERT INTO own_events VALUES (5, '2024-01-05');
TABLE own ORDER BY id;
-- Dropping still takes everything with it.
SELECT feature.drop_view('elsewhere."Odd name"');
DROP TABLE on_literal, literal;
SELECT count(*) FROM pg_class WHERE relnamespace = 'feature_state'::regnamespace AND relname ~ '_[0-9]' AND NOT EXISTS (SELECT FROM feature_state.view v WHERE relname ~ ('_' || v.id || '(_|$)'));
SET client_min_messages = warning;
DROP SCHEMA altering, elsewhere CASCADE;
DROP ROLE altering_owner;
