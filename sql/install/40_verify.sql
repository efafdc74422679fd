-- verify -------------------------------------------------------------------------------------------------------------

-- One row a column: rows compared, rows that differ or are missing on one side, and the largest relative error of a
-- number. Rows are paired by the primary key; without one, by the columns that read no window, ties by the rest.
-- Floats are equal up to 1e-9 of the larger one (float4: 1e-6), everything else must be the same; values of types that
-- are not PostgreSQL's own are compared as text. O(n log n) in the rows of the source.
CREATE FUNCTION feature.verify(view regclass)
  RETURNS TABLE (feature text, rows_compared bigint, mismatches bigint, largest_relative_error double precision)
  LANGUAGE plpgsql VOLATILE STRICT SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  definition_view regclass;
  pinned jsonb;
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
  answer refcursor;
  col record;
BEGIN
  SELECT v.definition, v.settings INTO definition_view, pinned FROM feature.views v WHERE v.relation = verify.view;
  IF NOT FOUND THEN
    RAISE EXCEPTION '"%" is not a feature view', verify.view USING ERRCODE = 'wrong_object_type',
      HINT = 'SELECT relation FROM feature.views lists the feature views.';
  END IF;
  IF NOT (has_table_privilege(verify.view, 'SELECT') AND has_table_privilege(definition_view, 'SELECT')) THEN
    RAISE EXCEPTION 'permission denied for feature view %', verify.view USING ERRCODE = 'insufficient_privilege',
      DETAIL = 'Reading the definition needs privileges on the source.',
      HINT = 'Run feature.verify as the owner of the feature view.';
  END IF;

  -- Local to this function, as its own SET clause is.
  PERFORM set_config(s.key, s.value, true) FROM jsonb_each_text(pinned) s WHERE s.key <> 'search_path';

  -- Columns are paired by number: either side may have been renamed, and the table may have lost some or have more.
  SELECT string_agg(format('%I AS c%s', f.attname, d.attnum), ', ' ORDER BY d.attnum),
         string_agg(format('%I AS c%s', d.attname, d.attnum), ', ' ORDER BY d.attnum)
  INTO stored, computed
  FROM feature.describe(verify.view) c
  JOIN pg_attribute f ON f.attrelid = verify.view AND f.attnum = c.attribute AND NOT f.attisdropped
  JOIN pg_attribute d ON d.attrelid = definition_view AND d.attnum = c."position";

  -- A key that is not all of the definition does not tell its rows.
  SELECT array_agg('c' || c."position" ORDER BY c."position") INTO key_columns
  FROM pg_index i CROSS JOIN unnest(i.indkey) k LEFT JOIN feature.describe(verify.view) c ON c.attribute = k
  WHERE i.indrelid = verify.view AND i.indisprimary
  HAVING bool_and(c."position" IS NOT NULL);
  IF key_columns IS NOT NULL THEN
    SELECT string_agg(format('f.%1$s = d.%1$s', k), ' AND ') INTO matched FROM unnest(key_columns) k;
  ELSE
    SELECT string_agg('c' || c."position", ', ' ORDER BY c."position") FILTER (WHERE c."window" IS NULL),
           string_agg('c' || c."position", ', ' ORDER BY c."position") FILTER (WHERE c."window" IS NOT NULL)
    INTO stateless, stateful
    FROM feature.columns c WHERE c.relation = verify.view;
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
    FROM feature.describe(verify.view) c
    JOIN pg_attribute f ON f.attrelid = verify.view AND f.attnum = c.attribute AND NOT f.attisdropped
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

  -- The comparison is analysed under the safe search path, and run under the one that the definition's functions had.
  OPEN answer FOR EXECUTE
    'SELECT answer.feature, answer.compared, answer.mismatches, answer.error FROM (SELECT count(*) AS compared' ||
    counters || ' FROM (SELECT *, true AS present' || pairing || ' FROM (SELECT ' || stored || ' FROM ONLY ' ||
    verify.view || ') t) f FULL JOIN (SELECT *, true AS present' || pairing || ' FROM (SELECT ' || computed ||
    ' FROM ' || definition_view || ') t) d ON ' || matched || ') total CROSS JOIN LATERAL (VALUES ' || answers ||
    ') answer (feature, compared, mismatches, error)';
  PERFORM set_config('search_path', pinned ->> 'search_path', true);
  LOOP
    FETCH answer INTO feature, rows_compared, mismatches, largest_relative_error;
    EXIT WHEN NOT FOUND;
    RETURN NEXT;
  END LOOP;
  CLOSE answer;
END
$function$;
COMMENT ON FUNCTION feature.verify(regclass) IS
  'compares a feature view with its definition run as a plain query: one row a column, with mismatches';
