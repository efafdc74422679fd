-- Every kind of ordinary table can be a source, under any name, and may be changed in every way that PostgreSQL allows:
-- the view follows, or the change is refused.
CREATE SCHEMA sources;
SET search_path = sources;
-- What the view has and the query has not, or the other way round.
CREATE FUNCTION differences(view regclass) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE definition regclass;
BEGIN
  SELECT v.definition INTO definition FROM feature.views v WHERE relation = view;
  RETURN QUERY EXECUTE format('(SELECT to_jsonb(f)::text FROM %1$s f EXCEPT ALL SELECT to_jsonb(d)::text FROM %2$s d) UNION ALL '
                              '(SELECT to_jsonb(d)::text FROM %2$s d EXCEPT ALL SELECT to_jsonb(f)::text FROM %1$s f)', view, definition);
END $$;

-- Identity columns, always and by default; values that are overridden.
CREATE TABLE numbered (id bigint GENERATED ALWAYS AS IDENTITY (START 10) PRIMARY KEY, k text, t timestamptz NOT NULL DEFAULT '2024-01-01 00:00+00');
SELECT feature.create_view('of_numbered', 'SELECT id, k, sum(id) OVER (PARTITION BY k ORDER BY t) AS total FROM numbered');
INSERT INTO numbered (k) VALUES ('a'), ('b') RETURNING id;
INSERT INTO numbered (id, k) OVERRIDING SYSTEM VALUE VALUES (5, 'a');
INSERT INTO numbered (id, k) OVERRIDING USER VALUE VALUES (5, 'a');
COPY numbered (k) FROM stdin;
a
b
\.
SELECT * FROM of_numbered ORDER BY total;

-- Stored generated columns, of a domain, as key, as time and as argument.
CREATE DOMAIN cents AS int CHECK (VALUE >= 0);
CREATE DOMAIN moment AS timestamp NOT NULL;
CREATE DOMAIN small_cents AS cents CHECK (VALUE < 1000);
CREATE TABLE generated (id int PRIMARY KEY, epoch int, paid small_cents,
                        t moment GENERATED ALWAYS AS (timestamp '1970-01-01' + epoch * interval '1 second') STORED,
                        parity int GENERATED ALWAYS AS (id % 2) STORED, twice cents GENERATED ALWAYS AS (paid * 2) STORED);
SELECT feature.create_view('of_generated', 'SELECT *, sum(twice) OVER w AS total, max(paid) OVER w AS most, lag(paid) OVER w AS before FROM generated WINDOW w AS (PARTITION BY parity ORDER BY t)');
INSERT INTO generated (id, epoch, paid) SELECT i, i * 60, i FROM generate_series(1, 6) i;
SELECT id, twice, total, most, before FROM of_generated ORDER BY id;
-- A value outside the domain never gets as far as the view; NULL does, as in SQL.
INSERT INTO generated (id, epoch, paid) VALUES (7, 420, 1000);
INSERT INTO generated (id, epoch, paid) VALUES (7, 420, NULL);
SELECT attribute.attname, format_type(atttypid, atttypmod) AS type FROM pg_attribute attribute WHERE attrelid = 'of_generated'::regclass AND attnum > 2 ORDER BY attnum;
-- A domain that gets narrower is checked by PostgreSQL, in the feature table as well.
ALTER DOMAIN small_cents ADD CONSTRAINT tiny CHECK (VALUE < 5);
ALTER DOMAIN small_cents ADD CONSTRAINT odd CHECK (VALUE < 500);
INSERT INTO generated (id, epoch, paid) VALUES (8, 480, 700);
INSERT INTO generated (id, epoch, paid) VALUES (8, 480, 400);
SELECT differences('of_generated');
-- A generated column that is in use cannot be dropped; it may become an ordinary one.
ALTER TABLE generated DROP COLUMN twice;
ALTER TABLE generated ALTER COLUMN parity DROP EXPRESSION;
INSERT INTO generated (id, epoch, paid, parity) VALUES (9, 540, 1, 1);
SELECT differences('of_generated');

-- COPY FREEZE, into a table that the same transaction has emptied or made.
CREATE TABLE frozen (id int PRIMARY KEY, k text, t timestamptz NOT NULL, v int);
SELECT feature.create_view('of_frozen', 'SELECT id, k, sum(v) OVER (PARTITION BY k ORDER BY t) AS total, lag(v) OVER (PARTITION BY k ORDER BY t) AS before FROM frozen');
BEGIN;
TRUNCATE frozen;
COPY frozen FROM stdin WITH (FREEZE);
1	a	2024-01-01 00:02:00+00	3
2	a	2024-01-01 00:01:00+00	2
3	b	2024-01-01 00:00:00+00	1
\.
SELECT * FROM of_frozen ORDER BY id;
COMMIT;
INSERT INTO frozen VALUES (4, 'a', '2024-01-01 00:03+00', 4);
SELECT differences('of_frozen');
BEGIN;
CREATE TABLE new (id int, t timestamptz NOT NULL);
SELECT feature.create_view('of_new', 'SELECT id, count(*) OVER (ORDER BY t) AS n FROM new');
COPY new FROM stdin WITH (FREEZE);
1	2024-01-01 00:02:00+00
2	2024-01-01 00:01:00+00
\.
SELECT * FROM of_new ORDER BY id;
ROLLBACK;

-- Names of 63 bytes, in one and in several bytes a character, for schema, source, view, columns and window; with quotes
-- and blanks. What is longer is cut between characters, by PostgreSQL.
CREATE SCHEMA "schéma ""of"" names, that are as long as a name can be: 63 bytes";
SELECT octet_length('schéma "of" names, that are as long as a name can be: 63 bytes');
SET search_path = "schéma ""of"" names, that are as long as a name can be: 63 bytes", sources;
CREATE TABLE "éééééééééééééééééééééééééééééé's." (
  "id of the row, in a name  that is as long as a name can be: 63" int PRIMARY KEY, "日本語日本語日本語日本語日本語日本語日本語" text,
  "time of the row, a name that is as long as a name can be: 63 b" timestamptz NOT NULL, "'; DROP TABLE numbered; --" int);
SELECT feature.create_view('"日本語日本語日本語日本語日本語日本語日本語"',
  'SELECT s.*, sum("''; DROP TABLE numbered; --") OVER "日本語日本語日本語日本語日本語日本語日本語" AS "ΩΩΩΩΩΩΩΩΩΩΩΩΩΩΩΩΩΩΩΩΩΩΩΩΩΩΩΩΩΩΩx"
   FROM "éééééééééééééééééééééééééééééé''s." s
   WINDOW "日本語日本語日本語日本語日本語日本語日本語" AS (PARTITION BY "日本語日本語日本語日本語日本語日本語日本語" ORDER BY "time of the row, a name that is as long as a name can be: 63 b")');
INSERT INTO "éééééééééééééééééééééééééééééé's." SELECT i, 'k' || i % 2, timestamptz '2024-01-01 00:00+00' + i * interval '1 minute', i FROM generate_series(1, 300) i;
-- Late by more than the lateness: the source is read by these names.
INSERT INTO "éééééééééééééééééééééééééééééé's." VALUES (301, 'k1', '2024-01-01 00:01:30+00', 1);
SELECT "ΩΩΩΩΩΩΩΩΩΩΩΩΩΩΩΩΩΩΩΩΩΩΩΩΩΩΩΩΩΩΩx" AS total FROM "日本語日本語日本語日本語日本語日本語日本語" WHERE "id of the row, in a name  that is as long as a name can be: 63" = 301;
SELECT feature.refresh('"日本語日本語日本語日本語日本語日本語日本語"');
SELECT differences('"日本語日本語日本語日本語日本語日本語日本語"');
SELECT count(*) AS features, max(mismatches) FROM feature.verify('"日本語日本語日本語日本語日本語日本語日本語"');
SELECT feature, octet_length(feature) FROM feature.columns WHERE relation = '"日本語日本語日本語日本語日本語日本語日本語"'::regclass ORDER BY position;
SELECT feature.alter_view('"日本語日本語日本語日本語日本語日本語日本語"', 'SELECT *, count(*) OVER (ORDER BY "time of the row, a name that is as long as a name can be: 63 b") AS "more ''n'' ""more""" FROM "éééééééééééééééééééééééééééééé''s."');
SELECT differences('"日本語日本語日本語日本語日本語日本語日本語"');
ALTER SCHEMA "schéma ""of"" names, that are as long as a name can be: 63 bytes" RENAME TO "Short one";
SET search_path = sources;
INSERT INTO "Short one"."éééééééééééééééééééééééééééééé's." VALUES (302, 'k1', '2024-01-02', 1);
SELECT differences('"Short one"."日本語日本語日本語日本語日本語日本語日本語"');

-- Columns: added, with and without a rewrite of the table; retyped, renamed and dropped, where the definition uses them
-- and where not; in the transaction that goes on inserting.
CREATE TABLE changing (id int PRIMARY KEY, unused int, k text, t timestamptz NOT NULL, v int);
SELECT feature.create_view('of_changing', 'SELECT id, k, sum(v) OVER (PARTITION BY k ORDER BY t) AS total, lag(v) OVER (PARTITION BY k ORDER BY t ROWS UNBOUNDED PRECEDING) AS before FROM changing');
INSERT INTO changing SELECT i, 0, 'k' || i % 2, timestamptz '2024-01-01 00:00+00' + i * interval '1 minute', i FROM generate_series(1, 300) i;
BEGIN;
INSERT INTO changing VALUES (301, 1, 'k1', '2024-01-01 06:00+00', 1);
ALTER TABLE changing ADD COLUMN filled int DEFAULT 7, ADD COLUMN random float8 DEFAULT random();
INSERT INTO changing VALUES (302, 1, 'k1', '2024-01-01 06:01+00', 1, 8, 9);
ALTER TABLE changing ALTER COLUMN unused TYPE text;
INSERT INTO changing VALUES (303, 'x', 'k1', '2024-01-01 06:02+00', 1, 8, 9);
ALTER TABLE changing RENAME COLUMN v TO value;
ALTER TABLE changing DROP COLUMN unused;
INSERT INTO changing VALUES (304, 'k1', '2024-01-01 06:03+00', 1, 8, 9);
SAVEPOINT before_mistake;
\set VERBOSITY terse
ALTER TABLE changing ALTER COLUMN value TYPE bigint;
ROLLBACK TO SAVEPOINT before_mistake;
ALTER TABLE changing DROP COLUMN value;
\set VERBOSITY default
ROLLBACK TO SAVEPOINT before_mistake;
ALTER TABLE changing ADD COLUMN value_2 int GENERATED ALWAYS AS (value * 2) STORED;
INSERT INTO changing VALUES (305, 'k1', '2024-01-01 06:04+00', 1, 8, 9);
COMMIT;
SELECT differences('of_changing');
-- The physical order of rows is that of their arrival, or another one after CLUSTER; either way a late row finds its past.
CREATE INDEX by_time ON changing (t DESC);
CLUSTER changing USING by_time;
INSERT INTO changing VALUES (306, 'k1', '2024-01-01 00:01:30+00', 1, 8, 9);
VACUUM FULL changing;
INSERT INTO changing VALUES (307, 'k1', '2024-01-01 00:01:40+00', 1, 8, 9);
SELECT total, before FROM of_changing WHERE id IN (306, 307) ORDER BY id;
-- Logged or not, stored in one way or another.
ALTER TABLE changing SET UNLOGGED;
ALTER TABLE changing SET (fillfactor = 40);
ALTER TABLE changing ALTER COLUMN k SET STORAGE EXTERNAL, ALTER COLUMN k SET STATISTICS 10, ALTER COLUMN value SET DEFAULT 5;
INSERT INTO changing (id, k, t) VALUES (308, 'k1', '2024-01-01 07:00+00');
SELECT feature.refresh('of_changing');
SELECT differences('of_changing');

-- Inheritance. A table with children is refused; a child that comes later adds nothing, to the view as to the query.
CREATE TABLE parent (id int PRIMARY KEY, t timestamptz NOT NULL);
CREATE TABLE child (note text) INHERITS (parent);
SELECT feature.create_view('of_parent', 'SELECT id, count(*) OVER (ORDER BY t) AS n FROM parent');
-- A child is a table of its own.
SELECT feature.create_view('of_child', 'SELECT id, count(*) OVER (ORDER BY t) AS n FROM child');
INSERT INTO parent VALUES (1, '2024-01-01 00:00+00');
INSERT INTO child VALUES (2, '2024-01-01 00:01+00', 'x');
SELECT * FROM of_child;
ALTER TABLE child NO INHERIT parent;
SELECT feature.create_view('of_parent', 'SELECT id, count(*) OVER (ORDER BY t) AS n FROM parent');
ALTER TABLE child INHERIT parent;
INSERT INTO child VALUES (3, '2024-01-01 00:02+00', 'y');
INSERT INTO parent VALUES (4, '2024-01-01 00:03+00');
SELECT * FROM of_parent ORDER BY id;
SELECT * FROM of_child ORDER BY id;
SELECT feature.refresh('of_parent'), feature.refresh('of_child');
SELECT differences('of_parent'), differences('of_child');
-- The feature table may have a child as well; its rows are not the view's.
CREATE TABLE of_parent_child () INHERITS (of_parent);
INSERT INTO of_parent_child VALUES (100, 100);
INSERT INTO parent VALUES (5, '2024-01-01 00:04+00');
SELECT feature.refresh('of_parent');
SELECT * FROM ONLY of_parent ORDER BY id;
SELECT feature, rows_compared, mismatches FROM feature.verify('of_parent');

SET client_min_messages = warning;
DROP SCHEMA sources, "Short one" CASCADE;
