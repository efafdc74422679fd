-- new in 0.2
-- comparison -----------------------------------------------------------------------------------------------------------

-- The query that feature.verify runs, from the view's columns and those of its definition. It is made, and analysed, under
-- a safe search path, so that operators of the view's owner do not get into it.
-- `definition_rows` is what holds the rows that the definition gives: itself, or what stands for it.
CREATE FUNCTION feature_state.comparison(view oid, definition oid, definition_rows text) RETURNS text
  LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  feature_table CONSTANT regclass := view;
  definition_view CONSTANT regclass := definition;
  stored text;       -- the feature table's columns as c1, c2, ..
  computed text;     -- those of the definition
  key_columns text[];
  stateless text;
  stateful text;
  pairing text := '';
  matched text;
  same text;
  difference text;
  larger text;
  counters text := '';
  answers text := '';
  col record;
BEGIN
  -- Columns are paired by number: either side may have been renamed, and the table may have lost some or have more.
  SELECT string_agg(format('%I AS c%s', f.attname, d.attnum), ', ' ORDER BY d.attnum),
         string_agg(format('%I AS c%s', d.attname, d.attnum), ', ' ORDER BY d.attnum)
  INTO stored, computed
  FROM feature.describe(feature_table) c
  JOIN pg_attribute f ON f.attrelid = feature_table AND f.attnum = c.attribute AND NOT f.attisdropped
  JOIN pg_attribute d ON d.attrelid = definition_view AND d.attnum = c."position";

  -- A key that is not all of the definition does not tell its rows.
  SELECT array_agg('c' || c."position" ORDER BY c."position") INTO key_columns
  FROM pg_index i CROSS JOIN unnest(i.indkey) k LEFT JOIN feature.describe(feature_table) c ON c.attribute = k
  WHERE i.indrelid = feature_table AND i.indisprimary
  HAVING bool_and(c."position" IS NOT NULL);
  IF key_columns IS NOT NULL THEN
    SELECT string_agg(format('f.%1$s = d.%1$s', k), ' AND ') INTO matched FROM unnest(key_columns) k;
  ELSE
    SELECT string_agg('c' || c."position", ', ' ORDER BY c."position") FILTER (WHERE c."window" IS NULL),
           string_agg('c' || c."position", ', ' ORDER BY c."position") FILTER (WHERE c."window" IS NOT NULL)
    INTO stateless, stateful
    FROM feature.describe(feature_table) c
    JOIN pg_attribute f ON f.attrelid = feature_table AND f.attnum = c.attribute AND NOT f.attisdropped;
    pairing := format(', ROW(%1$s)::text AS row_key, '
                      'row_number() OVER (PARTITION BY ROW(%1$s)::text ORDER BY ROW(%2$s)::text) AS row_number',
                      stateless, stateful);
    matched := 'f.row_key = d.row_key AND f.row_number = d.row_number';
  END IF;

  FOR col IN
    SELECT 'c' || d.attnum AS name, d.attnum AS number, f.attname::text AS title, f.atttypid AS type,
           CASE f.atttypid WHEN 'real'::regtype THEN '::float8' ELSE '' END AS widened,
           EXISTS (SELECT FROM pg_opclass o JOIN pg_am m ON m.oid = o.opcmethod
                   WHERE m.amname = 'btree' AND o.opcdefault AND o.opcintype = f.atttypid
                     AND o.opcnamespace = 'pg_catalog'::regnamespace) AS comparable
    FROM feature.describe(feature_table) c
    JOIN pg_attribute f ON f.attrelid = feature_table AND f.attnum = c.attribute AND NOT f.attisdropped
    JOIN pg_attribute d ON d.attrelid = definition_view AND d.attnum = c."position"
    ORDER BY d.attnum
  LOOP
    -- As numeric: the difference of two floats can be out of their range.
    difference := format('(f.%1$s%2$s::numeric - d.%1$s%2$s::numeric)', col.name, col.widened);
    larger := format('greatest(abs(f.%1$s%2$s::numeric), abs(d.%1$s%2$s::numeric))', col.name, col.widened);
    same := format(CASE WHEN col.comparable THEN 'f.%1$s IS NOT DISTINCT FROM d.%1$s'
                   ELSE 'f.%1$s::text IS NOT DISTINCT FROM d.%1$s::text' END, col.name);
    IF col.type IN ('real'::regtype, 'double precision'::regtype) THEN
      same := format('(%s OR coalesce(abs(%s) <= %s * %s AND %4$s < ''Infinity'', false))', same, difference,
                     CASE col.type WHEN 'real'::regtype THEN '1e-6' ELSE '1e-9' END, larger);
    END IF;
    counters := counters || format(
      ', count(*) FILTER (WHERE NOT (coalesce(f.present AND d.present, false) AND %s)) AS mismatches_%s',
      same, col.number);
    counters := counters || format(
      CASE WHEN col.type IN ('real'::regtype, 'double precision'::regtype, 'numeric'::regtype) THEN
        ', max(CASE WHEN f.%1$s = d.%1$s THEN 0 ELSE round(abs(%3$s) / %4$s, 40)::float8 END) AS error_%2$s'
      ELSE ', NULL::float8 AS error_%2$s' END, col.name, col.number, difference, larger);
    answers := answers || format('%s (%L, total.compared, mismatches_%s, error_%s)',
                                 CASE answers WHEN '' THEN '' ELSE ',' END, col.title, col.number, col.number);
  END LOOP;

  RETURN
    'SELECT answer.feature, answer.compared, answer.mismatches, answer.error FROM (SELECT count(*) AS compared' ||
    counters || ' FROM (SELECT *, true AS present' || pairing || ' FROM (SELECT ' || stored || ' FROM ONLY ' ||
    feature_table || ') t) f FULL JOIN (SELECT *, true AS present' || pairing || ' FROM (SELECT ' || computed ||
    ' FROM ' || definition_rows || ') t) d ON ' || matched || ') total CROSS JOIN LATERAL (VALUES ' || answers ||
    ') answer (feature, compared, mismatches, error)';
END
$function$;
COMMENT ON FUNCTION feature_state.comparison(oid, oid, text) IS 'the query that feature.verify runs';

CREATE FUNCTION feature_state.was_processed(internal, "row" record) RETURNS boolean
  AS 'MODULE_PATHNAME', 'feature_was_processed' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION feature_state.was_processed(internal, record) IS
  'whether a row of the source was not diverted; for the query that feature.verify runs';
