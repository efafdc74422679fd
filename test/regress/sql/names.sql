-- Names: quoted, awkward, long, reserved, in other schemas; of views, sources, columns and windows.
CREATE SCHEMA names;
CREATE SCHEMA "Other ""schema";
SET search_path = names;

-- The name of a view is SQL text: folded unless quoted, qualified if wanted.
CREATE TABLE events (id int PRIMARY KEY, k text, t timestamptz NOT NULL, v int);
INSERT INTO events VALUES (1, 'a', '2024-01-01 00:00+00', 5);
SELECT given, feature.create_view(given, 'SELECT id, sum(v) OVER (PARTITION BY k ORDER BY t) AS total FROM events') AS view
FROM unnest(ARRAY['Folded', '"Not Folded"', 'names.qualified', '"Other ""schema".v', '"Other ""schema"."V"', 'select', '"a.b"', ' spaced ', '"semi;colon -- and ''quotes''"', '"%s %I"', '"$1"', '"with
newline"', '"tab	in it"', '"ünïcödé"', '"ends with \"', repeat('x', 63)]) WITH ORDINALITY n (given, n)
ORDER BY n;
INSERT INTO events VALUES (2, 'a', '2024-01-01 00:01+00', 7);
-- All of them have both rows, agree with their definition, and are in the catalogue under their names.
SELECT v.relation, (SELECT sum(rows_compared) + 100 * sum(mismatches) FROM feature.verify(v.relation)) AS "2 columns, 2 rows", (SELECT count(*) FROM feature.columns c WHERE c.relation = v.relation) AS columns
FROM feature.views v WHERE v.source = 'events'::regclass ORDER BY v.relation::text COLLATE "C";
SELECT feature.drop_view(relation) IS NOT NULL AS dropped, count(*) FROM feature.views WHERE source = 'events'::regclass GROUP BY 1;
SELECT count(*) FROM feature.views WHERE source = 'events'::regclass;
-- Longer than a name can be: cut, as PostgreSQL cuts names.
SELECT length(feature.create_view(repeat('y', 100), 'SELECT id FROM events')::text);
SELECT feature.create_view(repeat('y', 80), 'SELECT id FROM events');

-- Columns of the source under any name, and under the names that the engine might use itself.
CREATE TABLE "Source; DROP" ("Key ""id""" int, "select" text, "50%" timestamptz NOT NULL, "it's" int, "is present" int, "row key" int, "row number" int, "%s" int, "$1" int, "a.b" int, "rows" int, f int, d int, state int, key_1 int,
                             key_hash int, slot int, "mismatches 1" int, "50%%" int, "back\slash" int, "ünïcödé" int, "new
line" int, feature int, total int, PRIMARY KEY ("Key ""id""", "select"));
SELECT format('SELECT s.*, %s FROM "Source; DROP" s', string_agg(format('sum(%1$I) OVER (PARTITION BY "select", %1$I ORDER BY "50%%") AS %2$I', attname, 'sum of ' || attname), ', ' ORDER BY attnum)) AS definition
FROM pg_attribute WHERE attrelid = '"Source; DROP"'::regclass AND atttypid = 'int'::regtype AND attnum > 0 \gset
SELECT feature.create_view('awkward', :'definition');
INSERT INTO "Source; DROP" SELECT i, 'x' || i % 2, timestamptz '2024-01-01 00:00+00' + i * interval '1 minute', i % 3, i, i, i, i % 5, i, i, i, i, i, i % 2, i, i, i, i, i, i, i, i, i, i FROM generate_series(1, 20) i;
(TABLE awkward EXCEPT ALL (:definition)) UNION ALL ((:definition) EXCEPT ALL TABLE awkward);
SELECT count(*) AS features, min(rows_compared), max(mismatches) FROM feature.verify('awkward');
SELECT feature, expression, "window", entity FROM feature.columns WHERE relation = 'awkward'::regclass AND feature ~ '^sum of (it|50|Key|back)' ORDER BY position;
SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'awkward'::regclass AND contype = 'p';
-- The same without a primary key, where verify pairs rows by their text.
ALTER TABLE "Source; DROP" DROP CONSTRAINT "Source; DROP_pkey";
SELECT feature.drop_view('awkward'), feature.create_view('awkward_without_key', :'definition');
SELECT count(*) AS features, min(rows_compared), max(mismatches) FROM feature.verify('awkward_without_key');
SELECT feature.refresh('awkward_without_key');

-- Columns that have no name of their own.
SELECT feature.create_view('unnamed', 'SELECT id, v + 1, count(*) OVER (ORDER BY t), CASE WHEN v > 1 THEN 2 END, (v)::text, upper(k), ARRAY[v], EXTRACT(year FROM t) FROM events');
SELECT feature FROM feature.columns WHERE relation = 'unnamed'::regclass ORDER BY position;
-- Names of windows, aliases of tables and of levels, shadowing each other.
SELECT $$
  SELECT names.id, sum(v) OVER t AS "OVER", max(names.n) OVER "t" AS "Max", min(n) OVER (t ROWS 1 PRECEDING) AS "min"
  FROM (SELECT t.id, t.t, t.v, t.k AS v2, count(*) OVER t AS n FROM names.events t WINDOW t AS (PARTITION BY t.k ORDER BY t.t)) names
  WINDOW t AS (PARTITION BY v2 ORDER BY t)
$$ AS definition \gset
SELECT feature.create_view('shadowed', :'definition');
INSERT INTO events SELECT i, 'k' || i % 2, timestamptz '2024-01-02 00:00+00' + i * interval '1 minute', i FROM generate_series(3, 10) i;
(TABLE shadowed EXCEPT ALL (:definition)) UNION ALL ((:definition) EXCEPT ALL TABLE shadowed);

-- Source and view in different schemas, neither in the search_path; a source of the same name elsewhere.
CREATE TABLE "Other ""schema".events (id int PRIMARY KEY, t timestamptz NOT NULL);
SET search_path = "Other ""schema";
SELECT feature.create_view('names.elsewhere', 'SELECT id, count(*) OVER (ORDER BY t) AS n FROM events');
SET search_path = '';
SELECT feature.create_view('names.unqualified', 'SELECT id FROM events');
INSERT INTO names.events VALUES (11, 'a', '2024-01-03 00:00+00', 1);
INSERT INTO "Other ""schema".events VALUES (1, '2024-01-01 00:00+00');
SELECT * FROM names.elsewhere;
SELECT relation, source FROM feature.views WHERE relation = 'names.elsewhere'::pg_catalog.regclass;
SET search_path = names;
-- A table, type or function of a known name in front of pg_catalog is taken where the definition says so, and only there.
CREATE DOMAIN names.timestamptz AS pg_catalog.timestamptz;
CREATE AGGREGATE names.max(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0');
SELECT $$ SELECT id, count(*) OVER (PARTITION BY k ORDER BY t) AS n, max(v) OVER (PARTITION BY k ORDER BY t) AS really_a_sum, pg_catalog.max(v) OVER (PARTITION BY k ORDER BY t) AS a_max FROM names.events $$ AS definition \gset
SET search_path = names, pg_catalog;
SELECT feature.create_view('own_functions', :'definition');
INSERT INTO events SELECT i, 'k' || i % 2, pg_catalog.timestamptz '2024-01-04 00:00+00' + i * interval '1 minute', i FROM generate_series(12, 20) i;
(TABLE own_functions EXCEPT ALL (:definition)) UNION ALL ((:definition) EXCEPT ALL TABLE own_functions);
SELECT really_a_sum > a_max AS it_is FROM own_functions WHERE id = 20;

SET search_path = names;
SET client_min_messages = warning;
DROP SCHEMA names, "Other ""schema" CASCADE;
