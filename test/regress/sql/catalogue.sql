-- The catalogue views feature.views and feature.columns, and a comment on every object of the extension.
CREATE SCHEMA catalogue;
SET search_path = catalogue;
CREATE TABLE events (id int PRIMARY KEY, k text, device text, t timestamptz NOT NULL, v numeric(10,2));
SELECT feature.create_view('simple', 'SELECT id, v * 2 AS twice, sum(v) OVER (PARTITION BY k ORDER BY t) AS total FROM events WHERE v > 0');
SELECT feature.create_view('nested', $$
  SELECT id, t AS "when", k || device AS both, recent, lag(recent, 2, 0::numeric) OVER (PARTITION BY device ORDER BY t) AS before, n + recent AS n_plus, count(*) OVER (ORDER BY t) AS everything
  FROM (SELECT *, sum(v) FILTER (WHERE v > 1) OVER h AS recent, count(*) OVER (PARTITION BY k, upper(device) ORDER BY t ROWS BETWEEN 5 PRECEDING AND 1 PRECEDING) AS n
        FROM events WINDOW h AS (PARTITION BY k ORDER BY t RANGE BETWEEN '1 hour' PRECEDING AND CURRENT ROW)) s $$);
SELECT feature.create_view('on_view', 'SELECT id, max(recent) OVER (ORDER BY "when" ROWS UNBOUNDED PRECEDING) AS highest FROM nested');
SELECT feature.create_view('stateless', 'SELECT id, k IS NULL AS unknown FROM events');
SELECT relation, source, query, entity_lists FROM feature.views WHERE relation IN ('simple'::regclass, 'nested', 'on_view', 'stateless') ORDER BY relation::text COLLATE "C";
\x on
SELECT relation, position, feature, type, expression, "window", entity FROM feature.columns WHERE relation IN ('simple'::regclass, 'nested', 'on_view', 'stateless') ORDER BY relation::text COLLATE "C", position;
\x off
-- The definition is a SQL view of the same columns.
SELECT relation, (SELECT array_agg(attname ORDER BY attnum) FROM pg_attribute WHERE attrelid = definition AND attnum > 0) AS columns, pg_get_viewdef(definition) LIKE '%OVER%' AS has_windows
FROM feature.views WHERE relation IN ('simple'::regclass, 'stateless') ORDER BY relation::text COLLATE "C";
SELECT definition::text AS definition FROM feature.views WHERE relation = 'simple'::regclass \gset
INSERT INTO events VALUES (1, 'a', 'x', '2024-01-01 00:00+00', 5), (2, 'a', 'x', '2024-01-01 00:01+00', -5), (3, 'a', 'y', '2024-01-01 00:02+00', 7);
SELECT * FROM :definition ORDER BY id;
-- They follow renames.
ALTER TABLE events RENAME v TO value;
ALTER TABLE events RENAME TO moved;
ALTER TABLE simple RENAME TO renamed;
ALTER TABLE renamed RENAME twice TO "Two Times";
SELECT relation, source FROM feature.views WHERE relation = 'renamed'::regclass;
SELECT feature, expression, "window" FROM feature.columns WHERE relation = 'renamed'::regclass ORDER BY position;
-- The settings that a definition depends on are those of the session that created the view.
SET TimeZone = 'Asia/Tokyo';
SET search_path = catalogue, pg_catalog;
SELECT feature.create_view('in_tokyo', 'SELECT id, t::date AS day, to_char(t, ''HH24:MI'') AS clock, count(*) OVER (ORDER BY t RANGE ''1 day'' PRECEDING) AS n FROM moved');
RESET TimeZone;
SET search_path = catalogue;
SET DateStyle = 'ISO';
SELECT settings ->> 'TimeZone' AS zone, settings ->> 'search_path' LIKE 'catalogue%' AS path FROM feature.views WHERE relation = 'in_tokyo'::regclass;
INSERT INTO moved VALUES (4, 'a', 'x', '2024-01-01 20:00+00', 5);
SELECT * FROM in_tokyo ORDER BY id;
SELECT sum(mismatches) AS mismatches FROM feature.verify('in_tokyo');
SELECT current_setting('TimeZone') <> 'Asia/Tokyo' AS time_zone_is_our_own;
-- describe, of what is none.
SELECT * FROM feature.describe('moved');
SELECT * FROM feature.describe(0);
-- Views whose tables are gone are not listed.
DROP TABLE renamed;
SELECT relation FROM feature.views WHERE source = 'moved'::regclass ORDER BY relation::text COLLATE "C";
SELECT count(*) FROM feature.columns WHERE relation::text = 'simple';

-- Every object of the extension has a comment, and every column that the catalogue views show.
SELECT pg_describe_object(classid, objid, objsubid) AS object_without_comment
FROM (SELECT d.classid, d.objid, 0 AS objsubid
      FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid WHERE e.extname = 'feature_ext' AND d.deptype = 'e'
      UNION ALL
      SELECT 'pg_class'::regclass, a.attrelid, a.attnum
      FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid JOIN pg_attribute a ON a.attrelid = c.oid
      WHERE e.extname = 'feature_ext' AND d.deptype = 'e' AND c.relkind IN ('r', 'v') AND a.attnum > 0) o
WHERE NOT EXISTS (SELECT FROM pg_description c WHERE c.classoid = o.classid AND c.objoid = o.objid AND c.objsubid = o.objsubid)
  -- Types that come with a table or another type.
  AND NOT (classid = 'pg_type'::regclass AND EXISTS (SELECT FROM pg_type t WHERE t.oid = objid AND (t.typrelid <> 0 OR t.typelem <> 0)))
ORDER BY 1;
SELECT obj_description(oid, 'pg_extension') IS NOT NULL AS extension_has_comment FROM pg_extension WHERE extname = 'feature_ext';
-- What there is to call.
SELECT p.proname AS function, pg_get_function_arguments(p.oid) AS arguments, pg_get_function_result(p.oid) AS result
FROM pg_proc p WHERE pronamespace = 'feature'::regnamespace AND p.proname IN ('create_view', 'drop_view', 'refresh', 'verify', 'create_transaction_pipeline', 'haversine_km', 'is_private_ip') ORDER BY 1;
-- The type of states is opaque: no text but its own makes one.
SELECT 'anything'::feature.state;
SELECT ''::feature.state;
SELECT feature.maintain();

SET client_min_messages = warning;
DROP SCHEMA catalogue CASCADE;
