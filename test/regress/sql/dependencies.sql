-- A feature view stands to its source as a view does: DROP of the source, or of a column in use, is refused or cascades.
-- Nothing that belongs to it outlives it; the source table outlives all.
CREATE SCHEMA dependencies;
SET search_path = dependencies;
-- Names of objects in feature_state carry the number of the view, which is not the same in each run.
CREATE FUNCTION attempt(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE message text; detail text; hint text;
BEGIN
  EXECUTE command;
  RETURN 'done';
EXCEPTION WHEN others THEN
  GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
  RETURN regexp_replace(concat_ws(E'\n', SQLSTATE || ' ' || message, nullif(detail, ''), nullif(hint, '')), '(definition|states|chunks|feature)_\d+', '\1_N', 'g');
END $$;
CREATE FUNCTION parts(view text) RETURNS TABLE (kind text, parts bigint) LANGUAGE sql AS $$
  -- Everything in feature_state that the catalogue does not know is left over.
  SELECT 'left over', count(*) FROM pg_class c WHERE c.relnamespace = 'feature_state'::regnamespace AND c.relkind IN ('r', 'v')
    AND c.relname NOT IN ('view', 'list', 'error')
    AND NOT EXISTS (SELECT FROM feature.views v WHERE v.definition = c.oid)
    AND NOT EXISTS (SELECT FROM feature_state.list l JOIN feature_state.view v ON v.id = l.view JOIN pg_class f ON f.oid = v.relation WHERE c.oid IN (l.states, l.chunks))
  UNION ALL
  SELECT 'triggers', count(*) FROM pg_trigger WHERE tgfoid = 'feature.maintain'::regproc AND tgrelid = view::regclass
$$;
CREATE TABLE events (id int PRIMARY KEY, k text, t timestamptz NOT NULL, used_in_window int, used_in_filter int, used_in_column int, unused int);
SELECT $$ SELECT id, used_in_column, sum(used_in_window) OVER (PARTITION BY k ORDER BY t) AS total FROM events WHERE used_in_filter > 0 $$ AS definition \gset
SELECT feature.create_view('features', :'definition');
SELECT * FROM parts('events');
\pset format unaligned
\pset tuples_only on
-- The source.
SELECT attempt('DROP TABLE dependencies.events');
SELECT attempt('ALTER TABLE dependencies.events DROP COLUMN used_in_window');
SELECT attempt('ALTER TABLE dependencies.events DROP COLUMN used_in_filter');
SELECT attempt('ALTER TABLE dependencies.events DROP COLUMN used_in_column');
SELECT attempt('ALTER TABLE dependencies.events DROP COLUMN k');
SELECT attempt('ALTER TABLE dependencies.events DROP COLUMN t');
SELECT attempt('ALTER TABLE dependencies.events ALTER COLUMN used_in_window TYPE bigint');
SELECT attempt('ALTER TABLE dependencies.events ALTER COLUMN t TYPE timestamp');
SELECT attempt('ALTER TABLE dependencies.events DROP COLUMN unused');
SELECT attempt('ALTER TABLE dependencies.events ADD COLUMN added int DEFAULT 5');
SELECT attempt('ALTER TABLE dependencies.events ALTER COLUMN k SET NOT NULL');
SELECT attempt('ALTER TABLE dependencies.events DROP CONSTRAINT events_pkey');
-- What belongs to the view.
SELECT attempt(format('DROP VIEW %s', definition)) FROM feature.views WHERE relation = 'features'::regclass;
SELECT attempt(format('DROP TABLE %s', states)) FROM feature_state.list l JOIN feature_state.view v ON v.id = l.view WHERE relation = 'features'::regclass;
SELECT attempt(format('DROP TABLE %s', chunks)) FROM feature_state.list l JOIN feature_state.view v ON v.id = l.view WHERE relation = 'features'::regclass;
SELECT attempt('DROP FUNCTION feature.maintain()');
SELECT attempt('DROP SCHEMA feature_state');
SELECT attempt('DROP TYPE feature.state');
SELECT attempt('DROP TABLE feature_state.view');
-- The extension.
SELECT split_part(attempt('DROP EXTENSION feature_ext'), E'\n', 1);
\pset tuples_only off
\pset format aligned
INSERT INTO events VALUES (1, 'a', '2024-01-01 00:00+00', 1, 1, 1), (2, 'a', '2024-01-01 00:01+00', 2, 0, 2), (3, 'a', '2024-01-01 00:02+00', 3, 1, 3);
SELECT * FROM features ORDER BY id;

SET client_min_messages = warning;
-- CASCADE takes the view and all that belongs to it, whether for the table, for a column, for the schema.
ALTER TABLE events DROP COLUMN used_in_filter CASCADE;
SELECT to_regclass('features') IS NULL AS gone;
SELECT * FROM parts('events');
INSERT INTO events VALUES (4, 'a', '2024-01-01 00:03+00', 4, 4);
SELECT feature.create_view('features', 'SELECT id, used_in_column, sum(used_in_window) OVER (PARTITION BY k ORDER BY t) AS total FROM events');
SELECT feature.create_view('on_features', 'SELECT id, total FROM features');
SELECT feature.create_view('other', 'SELECT id, count(*) OVER (ORDER BY t) AS n FROM events');
CREATE VIEW reader AS SELECT * FROM features;
-- A feature view that others are made on, or a plain view reads.
RESET client_min_messages;
DROP TABLE features;
SELECT feature.drop_view('features');
SET client_min_messages = warning;
DROP VIEW reader;
SELECT feature.drop_view('on_features');
SELECT feature.drop_view('features');
SELECT relation FROM feature.views WHERE source = 'events'::regclass;
SELECT * FROM parts('events');
INSERT INTO events VALUES (5, 'a', '2024-01-01 00:04+00', 5, 5);
SELECT * FROM other ORDER BY id;
-- DROP TABLE of the feature view is feature.drop_view.
DROP TABLE other;
SELECT * FROM parts('events');
INSERT INTO events VALUES (6, 'a', '2024-01-01 00:05+00', 6, 6);
-- A chain goes with its source, and only it.
CREATE TABLE others (id int PRIMARY KEY, t timestamptz NOT NULL);
SELECT feature.create_view('a', 'SELECT *, count(*) OVER (ORDER BY t) AS n FROM events'), feature.create_view('b', 'SELECT *, lag(n) OVER (ORDER BY t) AS m FROM a'), feature.create_view('c', 'SELECT *, sum(m) OVER (ORDER BY t) AS o FROM b'),
       feature.create_view('stays', 'SELECT *, count(*) OVER (ORDER BY t) AS n FROM others');
DROP TABLE a CASCADE;
SELECT to_regclass('b') IS NULL AND to_regclass('c') IS NULL AS gone;
SELECT * FROM parts('events');
SELECT feature.create_view('a', 'SELECT *, count(*) OVER (ORDER BY t) AS n FROM events'), feature.create_view('b', 'SELECT *, lag(n) OVER (ORDER BY t) AS m FROM a');
DROP TABLE events CASCADE;
SELECT to_regclass('a') IS NULL AND to_regclass('b') IS NULL AS gone, to_regclass('stays') IS NOT NULL AS stays;
SELECT kind, parts FROM parts('others');
INSERT INTO others VALUES (1, '2024-01-01');
SELECT n FROM stays;

-- The feature view itself may be changed: columns renamed, dropped and added. A column of another type is not written
-- into; the default of one that was added is.
CREATE TABLE source (id int PRIMARY KEY, t timestamptz NOT NULL, v int);
SELECT feature.create_view('changed', 'SELECT id, t, v, sum(v) OVER (ORDER BY t) AS total, count(*) OVER (ORDER BY t) AS n, max(v) OVER (ORDER BY t) AS highest FROM source');
INSERT INTO source VALUES (1, '2024-01-01 00:00+00', 5);
ALTER TABLE changed RENAME COLUMN total TO sum_of_v;
ALTER TABLE changed DROP COLUMN n;
ALTER TABLE changed ADD COLUMN reviewed boolean NOT NULL DEFAULT false, ADD COLUMN note text;
ALTER TABLE changed DROP CONSTRAINT changed_pkey;
CREATE INDEX ON changed (sum_of_v);
INSERT INTO source VALUES (2, '2024-01-01 00:01+00', 7);
SELECT * FROM changed ORDER BY id;
SELECT feature, type, expression FROM feature.columns WHERE relation = 'changed'::regclass ORDER BY position;
ALTER TABLE changed ALTER COLUMN sum_of_v TYPE numeric;
INSERT INTO source VALUES (3, '2024-01-01 00:02+00', 9);
SELECT feature.refresh('changed');
ALTER TABLE changed ALTER COLUMN sum_of_v TYPE int;
INSERT INTO source VALUES (3, '2024-01-01 00:02+00', 9);
ALTER TABLE changed ALTER COLUMN sum_of_v TYPE bigint;
INSERT INTO source VALUES (3, '2024-01-01 00:02+00', 9);
SELECT id, v, sum_of_v, highest, reviewed FROM changed ORDER BY id;
-- Renamed and moved, view and source and the columns of both.
CREATE SCHEMA elsewhere;
ALTER TABLE source RENAME COLUMN v TO value;
ALTER TABLE source RENAME COLUMN t TO "event time";
ALTER TABLE source RENAME TO "Source";
ALTER TABLE "Source" SET SCHEMA elsewhere;
ALTER TABLE changed RENAME TO "Changed";
ALTER TABLE "Changed" SET SCHEMA elsewhere;
INSERT INTO elsewhere."Source" VALUES (4, '2024-01-01 00:03+00', 11);
SELECT id, v, sum_of_v, highest FROM elsewhere."Changed" ORDER BY id;
SELECT feature.refresh('elsewhere."Changed"');
SELECT feature, mismatches FROM feature.verify('elsewhere."Changed"') WHERE mismatches > 0;
SELECT relation, source FROM feature.views WHERE relation = 'elsewhere."Changed"'::regclass;
-- Functions, types and collations in a definition are its dependencies as well.
CREATE FUNCTION double(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 2 * $1';
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TABLE felt (t timestamptz NOT NULL, v int);
SELECT feature.create_view('feelings', 'SELECT t, double(v) AS d, CASE WHEN v > 0 THEN ''good''::mood ELSE ''bad'' END AS mood, count(*) OVER (PARTITION BY double(v) ORDER BY t) AS n FROM felt');
\pset format unaligned
\pset tuples_only on
SELECT attempt('DROP FUNCTION dependencies.double(int)');
SELECT attempt('DROP TYPE dependencies.mood');
\pset tuples_only off
\pset format aligned
-- A function that is replaced is taken up by the next statement.
INSERT INTO felt VALUES ('2024-01-01', 5);
CREATE OR REPLACE FUNCTION double(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 20 * $1';
INSERT INTO felt VALUES ('2024-01-02', 5);
SELECT d, mood, n FROM feelings ORDER BY t;
ALTER TYPE mood ADD VALUE 'excellent';
INSERT INTO felt VALUES ('2024-01-03', -5);
SELECT d, mood, n FROM feelings ORDER BY t;
DROP FUNCTION double(int) CASCADE;
SELECT to_regclass('feelings') IS NULL AS gone;
INSERT INTO felt VALUES ('2024-01-04', 5);
-- Not what it was made for: the trigger function on other tables, or with other arguments.
CREATE TABLE victim (id int, t timestamptz);
CREATE TRIGGER stray AFTER INSERT ON victim REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION feature.maintain('0');
INSERT INTO victim VALUES (1, now());
DROP TRIGGER stray ON victim;
SELECT id FROM feature_state.view WHERE relation = 'stays'::regclass \gset
CREATE TRIGGER stray AFTER INSERT ON victim REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION feature.maintain(:id);
INSERT INTO victim VALUES (1, now());
DROP TRIGGER stray ON victim;
CREATE TRIGGER stray AFTER INSERT ON victim REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION feature.maintain('nonsense');
INSERT INTO victim VALUES (1, now());
DROP TRIGGER stray ON victim;
CREATE TRIGGER stray AFTER INSERT ON victim FOR EACH ROW EXECUTE FUNCTION feature.maintain();
INSERT INTO victim VALUES (1, now());
DROP TRIGGER stray ON victim;
CREATE TRIGGER stray BEFORE UPDATE ON victim FOR EACH ROW EXECUTE FUNCTION feature.maintain('1');
INSERT INTO victim VALUES (1, now());
UPDATE victim SET id = 2;
DROP TRIGGER stray ON victim;
SELECT feature.drop_view('victim');
SELECT feature.refresh('victim');
SELECT feature.drop_view(0);
SELECT feature.drop_view(NULL), feature.refresh(NULL);

-- DROP EXTENSION .. CASCADE takes the feature views and leaves the sources, which work on; then it can be made again.
BEGIN;
DROP EXTENSION feature_ext CASCADE;
SELECT to_regclass('elsewhere."Changed"') IS NULL AS view_is_gone, to_regnamespace('feature') IS NULL AND to_regnamespace('feature_state') IS NULL AS schemas_are_gone, count(*) AS source_rows FROM elsewhere."Source";
INSERT INTO elsewhere."Source" VALUES (5, '2024-01-01 00:04+00', 13);
CREATE EXTENSION feature_ext;
SELECT feature.create_view('again', 'SELECT id, sum(value) OVER (ORDER BY "event time") AS total FROM elsewhere."Source"');
SELECT * FROM again ORDER BY id;
ROLLBACK;
SELECT count(*) FROM elsewhere."Changed";
-- Source and view at once, with their schema.
DROP SCHEMA elsewhere CASCADE;
SELECT kind, parts FROM parts('others') WHERE kind = 'left over';
SELECT relation FROM feature.views WHERE relation = 'stays'::regclass;

DROP SCHEMA dependencies CASCADE;
