-- Names and texts are only ever names and texts: those of tables, columns, schemas, types, labels, collations and roles, and
-- the definition, may hold quotes, comments, line ends and whole statements.
CREATE SCHEMA "injection'); DROP TABLE canary; --";
SET search_path = "injection'); DROP TABLE canary; --";
\set SHOW_CONTEXT never
CREATE ROLE "regress_injection""; DROP TABLE canary; --";
GRANT ALL ON SCHEMA "injection'); DROP TABLE canary; --" TO "regress_injection""; DROP TABLE canary; --";
SET ROLE "regress_injection""; DROP TABLE canary; --";
CREATE TABLE canary (x int);

CREATE TYPE "mood'"";--" AS ENUM ('ok''); DROP TABLE canary; --', '$$', E'\\''', E'line\nend');
CREATE DOMAIN "amount""; --" AS numeric(10,2);
CREATE COLLATION "order"" $$" (provider = libc, locale = 'C');
CREATE TABLE "events"" (x); DROP TABLE canary; --" (
  "id'"                              int PRIMARY KEY,
  "key""'; DROP TABLE canary; --"    text COLLATE "order"" $$",
  "found"                            "mood'"";--" DEFAULT 'ok''); DROP TABLE canary; --',
  "at
/*"                                  timestamptz NOT NULL,
  "$$ END; DROP TABLE canary; $$"    "amount""; --",
  "über ☃ 'x'"                       int,
  "a23456789b23456789c23456789d23456789e23456789f23456789g23456''\\" int);
SELECT feature.create_view('"features''); DROP TABLE canary; -- $$"', $definition$
  SELECT *, count(*) OVER w AS "n; DROP TABLE canary; --", lag("found") OVER w AS "%s %L $1 '", /* ; */ -- '
         sum("$$ END; DROP TABLE canary; $$") OVER (PARTITION BY "found" ORDER BY "at
/*" RANGE '1 hour' PRECEDING) AS "sum\n""$body$"
  FROM "events"" (x); DROP TABLE canary; --"
  WHERE "key""'; DROP TABLE canary; --" <> ''''
  WINDOW w AS (PARTITION BY "key""'; DROP TABLE canary; --" ORDER BY "at
/*") $definition$);
INSERT INTO "events"" (x); DROP TABLE canary; --" VALUES (1, $$'); DROP TABLE canary; --$$, DEFAULT, '2024-01-01', 5, 1, 1);
INSERT INTO "events"" (x); DROP TABLE canary; --" VALUES (2, $$'); DROP TABLE canary; --$$, '$$', '2024-01-02', 5, 1, 1), (3, E'\\''', E'\\''', '2024-01-03', 7, 1, 1);
-- A late one.
INSERT INTO "events"" (x); DROP TABLE canary; --" VALUES (4, $$'); DROP TABLE canary; --$$, E'line\nend', '2024-03-01', 5, 1, 1);
INSERT INTO "events"" (x); DROP TABLE canary; --" VALUES (5, $$'); DROP TABLE canary; --$$, E'line\nend', '2024-02-01', 5, 1, 1);
SELECT "id'" AS id, "n; DROP TABLE canary; --" AS n, "%s %L $1 '" AS last, "sum\n""$body$" AS sum FROM "features'); DROP TABLE canary; -- $$" ORDER BY 1;
SELECT feature, mismatches FROM feature.verify('"features''); DROP TABLE canary; -- $$"') WHERE mismatches > 0;
SELECT feature.refresh('"features''); DROP TABLE canary; -- $$"');
SELECT feature.refresh('"features''); DROP TABLE canary; -- $$"', $$2024-02-01'; DROP TABLE canary; --$$);
SELECT feature.refresh('"features''); DROP TABLE canary; -- $$"', '2024-02-01');
SELECT feature, mismatches FROM feature.verify('"features''); DROP TABLE canary; -- $$"');
SELECT position, feature, expression FROM feature.columns WHERE relation = '"features''); DROP TABLE canary; -- $$"'::regclass AND position > 7 ORDER BY position;
SELECT list, entity, entities, largest_entity FROM feature.stats WHERE relation = '"features''); DROP TABLE canary; -- $$"'::regclass ORDER BY list;
SELECT feature.alter_view('"features''); DROP TABLE canary; -- $$"', $definition$
  SELECT "id'", "found", count(*) OVER (ORDER BY "at
/*") AS "m'); DROP TABLE canary; $$ --" FROM "events"" (x); DROP TABLE canary; --" WHERE "key""'; DROP TABLE canary; --" <> '''' $definition$);
INSERT INTO "events"" (x); DROP TABLE canary; --" VALUES (6, 'x', DEFAULT, '2024-05-01', 5, 1, 1);
SELECT * FROM "features'); DROP TABLE canary; -- $$" ORDER BY 1;

-- Texts that are no definitions.
SELECT feature.create_view('x', 'SELECT 1; DROP TABLE canary');
SELECT feature.create_view('x', 'DROP TABLE canary');
SELECT feature.create_view('x', 'SELECT id FROM canary); DROP TABLE canary; --');
SELECT feature.create_view('x; DROP TABLE canary', 'SELECT x FROM canary');
SELECT feature.create_view('x (y); DROP TABLE canary; --', 'SELECT x FROM canary');
SELECT feature.create_view('', 'SELECT x FROM canary');
SELECT feature.create_view('a.b.c.d', 'SELECT x FROM canary');
-- Values that session settings may have are pinned as what they are.
SET search_path = "injection'); DROP TABLE canary; --", "$user", """'; DROP TABLE canary; --";
SET timezone = '<x''y>-3';
SELECT feature.create_view('pinned', 'SELECT x::text AS x FROM canary');
RESET timezone;
INSERT INTO canary VALUES (1);
SELECT x, settings ->> 'TimeZone' AS zone, settings ->> 'search_path' AS path FROM pinned, feature.views WHERE relation = 'pinned'::regclass;
SELECT feature.drop_view('pinned');
SELECT feature.drop_view('"features''); DROP TABLE canary; -- $$"');
SELECT count(*) AS canaries FROM canary;

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA "injection'); DROP TABLE canary; --" CASCADE;
DROP ROLE "regress_injection""; DROP TABLE canary; --";
