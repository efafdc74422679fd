-- Aggregates that the extension knows nothing of, over frames of several hundred events: PostgreSQL's that depend on the
-- order of input or on two arguments, and a user's in PL/pgSQL, with and without a combine function.
--
-- Leaves of an entity's tree are summarised where an aggregate can be combined, so order matters twice: within a leaf, and
-- from leaf to leaf. The user's aggregates tell every order from every other: a polynomial over the values, modulo a prime.
CREATE SCHEMA aggregates_of_others;
SET search_path = aggregates_of_others;
SET jit = off;
CREATE FUNCTION append(state bigint, value int) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  RETURN (state * 1009 + coalesce(value, 500)) % 1000000007;
END $$;
CREATE AGGREGATE fingerprint (int) (SFUNC = append, STYPE = bigint, INITCOND = '7');
-- The same as {sum, power}: that of a part can be put behind that of another part.
CREATE FUNCTION append(state bigint[], value int) RETURNS bigint[] LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  RETURN ARRAY[(state[1] * 1009 + coalesce(value, 500)) % 1000000007, state[2] * 1009 % 1000000007];
END $$;
CREATE FUNCTION put_behind(first bigint[], second bigint[]) RETURNS bigint[] LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
  RETURN ARRAY[(first[1] * second[2] + second[1]) % 1000000007, first[2] * second[2] % 1000000007];
END $$;
CREATE FUNCTION result(state bigint[]) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  RETURN (7 * state[2] + state[1]) % 1000000007;
END $$;
CREATE AGGREGATE fingerprint_of_parts (int) (SFUNC = append, STYPE = bigint[], FINALFUNC = result, COMBINEFUNC = put_behind, INITCOND = '{0,1}');
-- Strict, so that the first value is the first state, and there may be none.
CREATE FUNCTION longer(a text, b text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
  RETURN CASE WHEN length(b) > length(a) THEN b ELSE a END;
END $$;
CREATE AGGREGATE first_longest (text) (SFUNC = longer, STYPE = text);
CREATE AGGREGATE first_longest_of_parts (text) (SFUNC = longer, STYPE = text, COMBINEFUNC = longer);

CREATE TABLE events (id int PRIMARY KEY, k text, t timestamptz NOT NULL, v int, f float8, s text);
-- What is computed, over which frames; and the same for one row as aggregates over all events that had arrived before it.
-- Those of later ids arrived later.
CREATE TABLE calls (number int, exact bool, call text);
INSERT INTO calls VALUES
  (1, true, 'md5((array_agg(v [order]) [where])::text)'), (2, true, 'md5(string_agg(s, '','' [order]) [where])'), (3, true, 'md5((json_agg(f [order]) [where])::text)'),
  (4, true, 'md5((jsonb_object_agg(mod(id, 50), s [order]) FILTER (WHERE v IS NOT NULL [and]))::text)'), (5, false, 'regr_slope(f, v [order]) [where]'), (6, false, 'corr(v, f [order]) [where]'),
  (7, true, 'fingerprint(v [order]) [where]'), (8, true, 'fingerprint_of_parts(v [order]) [where]'), (9, true, 'fingerprint_of_parts(v [order]) FILTER (WHERE v > 300 [and])'),
  (10, true, 'first_longest(s [order]) [where]'), (11, true, 'first_longest_of_parts(s [order]) [where]');
CREATE TABLE frames (w text, is_in text);
INSERT INTO frames VALUES ('unbounded', 'true'), ('two_days', 'o.t >= e.t - interval ''2 days'''), ('three_to_300_ago', 'o.ago BETWEEN 4 AND 301'), ('until_150_ago', 'o.ago > 150');
SELECT string_agg(replace(replace(replace(call, ' [order]', ''), ' [where]', ' OVER ' || w), ' [and])', ') OVER ' || w) || format(' AS c%s_%s', number, w), ', ' ORDER BY number, w) AS columns,
       string_agg(replace(replace(replace(call, '[order]', 'ORDER BY o.t, o.id'), '[where]', format('FILTER (WHERE %s)', is_in)), '[and]', 'AND ' || is_in) || format(' AS c%s_%s', number, w), ', ' ORDER BY number, w) AS expected,
       string_agg(format('c%s_%s', number, w), ', ' ORDER BY number, w) FILTER (WHERE exact) AS exact, string_agg(format('(f.c%1$s_%2$s, x.c%1$s_%2$s)', number, w), ', ' ORDER BY number, w) FILTER (WHERE NOT exact) AS floats
FROM calls, frames \gset
SELECT feature.create_view('features', format($$
  SELECT id, %s FROM events WINDOW unbounded AS (PARTITION BY k ORDER BY t), two_days AS (unbounded RANGE '2 days' PRECEDING),
    three_to_300_ago AS (unbounded ROWS BETWEEN 300 PRECEDING AND 3 PRECEDING), until_150_ago AS (unbounded ROWS BETWEEN UNBOUNDED PRECEDING AND 150 PRECEDING) $$, :'columns'));
SELECT format($$
  CREATE VIEW expected AS SELECT e.id, s.*
  FROM events e CROSS JOIN LATERAL (
    SELECT %s FROM (SELECT o.*, row_number() OVER (ORDER BY o.t DESC, o.id DESC) AS ago FROM events o WHERE o.k = e.k AND o.t <= e.t AND o.id <= e.id) o) s $$, :'expected') AS view \gset
:view;

-- In order: in one statement, in batches, one by one.
CREATE FUNCTION add(first int, last int) RETURNS void LANGUAGE sql AS $$
  INSERT INTO aggregates_of_others.events
  SELECT i, CASE WHEN i % 3 > 0 THEN 'busy' ELSE 'k' || i % 30 END, timestamptz '2024-01-01 00:01+00' + i * interval '14 minutes', CASE WHEN i % 13 > 0 THEN i * 7919 % 1009 END, i * 31 % 1013 / 8.0,
         CASE WHEN i % 17 > 0 THEN repeat(chr(97 + i % 26), i * 37 % 23) END
  FROM generate_series(first, last) i
$$;
SELECT add(1, 500);
SET feature_ext.batch_rows = 50;
SELECT add(501, 850);
RESET feature_ext.batch_rows;
DO $$ BEGIN FOR i IN 851..900 LOOP PERFORM aggregates_of_others.add(i, i); END LOOP; END $$;
SELECT count(*) AS columns, min(rows_compared) AS rows, string_agg(feature, ' ') FILTER (WHERE mismatches > 0) AS different FROM feature.verify('features');
SELECT k, count(*) AS events FROM events WHERE k IN ('busy', 'k3') GROUP BY k ORDER BY k;
SELECT chunks > 5 AS has_leaves FROM feature.list_stats('features');

-- Late, one by one, from a minute to a lifetime late; and then in order again.
DO $$
BEGIN
  FOR i IN 2001..2050 LOOP
    INSERT INTO aggregates_of_others.events VALUES (i, CASE WHEN i % 5 > 0 THEN 'busy' ELSE 'k3' END, timestamptz '2024-01-09 18:00+00' - (i - 2000) * (i - 2000) * interval '5 minutes', i % 1009, i / 16.0, nullif(repeat('z', i % 30), ''));
  END LOOP;
  FOR i IN 2101..2130 LOOP
    INSERT INTO aggregates_of_others.events VALUES (i, 'busy', timestamptz '2024-01-10 00:00+00' + i * interval '1 minute', i % 1009, i / 16.0, 'in order');
  END LOOP;
END $$;
SELECT late_events FROM feature.list_stats('features');
CREATE TEMPORARY TABLE computed AS SELECT * FROM expected WHERE id > 2000;
SELECT (SELECT count(*) FROM computed) AS rows, count(*) AS different
FROM ((SELECT id, :exact FROM features WHERE id > 2000 EXCEPT ALL SELECT id, :exact FROM computed) UNION ALL (SELECT id, :exact FROM computed EXCEPT ALL SELECT id, :exact FROM features WHERE id > 2000)) d;
SELECT count(*) AS compared, count(*) FILTER (WHERE (kept IS NULL) <> (computed IS NULL) OR abs(kept - computed) > 1e-9 * greatest(abs(kept), abs(computed))) AS different, count(kept) > 400 AS are_not_null
FROM features f JOIN computed x USING (id) CROSS JOIN LATERAL (VALUES :floats) v (kept, computed);
-- Of two equally good ways one result.
SELECT count(*) AS rows, count(*) FILTER (WHERE c7_two_days <> c8_two_days OR c7_unbounded <> c8_unbounded OR c10_two_days <> c11_two_days) AS different FROM features;

SET client_min_messages = warning;
DROP SCHEMA aggregates_of_others CASCADE;
