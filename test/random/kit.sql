-- What the random cases have beside their tables: domains, an enumeration, aggregates of the user's own. Made once, in
-- a schema of its own, so that a case reported as failed can be run by hand after this file.
DROP SCHEMA IF EXISTS random_kit CASCADE;
CREATE SCHEMA random_kit;

CREATE DOMAIN random_kit.label AS text CHECK (length(VALUE) < 20000);
CREATE DOMAIN random_kit.price AS numeric(12,2) CHECK (VALUE > 0);
CREATE DOMAIN random_kit.count AS int4 CHECK (VALUE >= 0);
CREATE TYPE random_kit.mood AS ENUM ('sad', 'ok', 'happy');

-- The last element: what last_value is over an array of the frame.
CREATE FUNCTION random_kit.last_element(list anyarray) RETURNS anyelement
  LANGUAGE sql IMMUTABLE AS 'SELECT list[array_upper(list, 1)]';

CREATE FUNCTION random_kit.count_distinct(list anyarray) RETURNS bigint
  LANGUAGE sql IMMUTABLE AS 'SELECT count(DISTINCT element) FROM unnest(list) element';

-- The longest text, the first of several: PL/pgSQL, strict, without an initial value.
CREATE FUNCTION random_kit.longer(a text, b text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
  RETURN CASE WHEN length(b) > length(a) THEN b ELSE a END;
END $$;
CREATE AGGREGATE random_kit.longest(text) (sfunc = random_kit.longer, stype = text);

-- How often a value differs from the one before it, NULL being a value: not strict, a final function, a polymorphic
-- argument.
CREATE FUNCTION random_kit.note_switch(state text[], value anyelement) RETURNS text[] LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  RETURN ARRAY[((state[1])::int + (state[2] IS DISTINCT FROM value::text AND state[1] <> '-1')::int
                + (state[1] = '-1')::int)::text, value::text];
END $$;
CREATE FUNCTION random_kit.switches(state text[]) RETURNS int
  LANGUAGE sql IMMUTABLE AS 'SELECT greatest(state[1]::int, 0)';
CREATE AGGREGATE random_kit.switch_count(anyelement) (
  sfunc = random_kit.note_switch, stype = text[], initcond = '{-1,NULL}', finalfunc = random_kit.switches);

-- Two arguments, of which one may be NULL, and a combine function.
CREATE FUNCTION random_kit.add_weighted(state numeric[], value numeric, weight numeric) RETURNS numeric[]
  LANGUAGE sql IMMUTABLE STRICT AS 'SELECT ARRAY[state[1] + value * weight, state[2] + weight]';
CREATE FUNCTION random_kit.add_sums(a numeric[], b numeric[]) RETURNS numeric[]
  LANGUAGE sql IMMUTABLE STRICT AS 'SELECT ARRAY[a[1] + b[1], a[2] + b[2]]';
CREATE FUNCTION random_kit.weighted_mean(state numeric[]) RETURNS numeric
  LANGUAGE sql IMMUTABLE AS 'SELECT round(state[1] / nullif(state[2], 0), 6)';
CREATE AGGREGATE random_kit.weighted_mean(numeric, numeric) (
  sfunc = random_kit.add_weighted, stype = numeric[], initcond = '{0,0}', finalfunc = random_kit.weighted_mean,
  combinefunc = random_kit.add_sums);

-- With a moving-aggregate mode, which PostgreSQL uses and the extension must not need.
CREATE FUNCTION random_kit.plus(a bigint, b bigint) RETURNS bigint
  LANGUAGE sql IMMUTABLE STRICT AS 'SELECT (a + b % 1000003 + 1000003) % 1000003';
CREATE FUNCTION random_kit.minus(a bigint, b bigint) RETURNS bigint
  LANGUAGE sql IMMUTABLE STRICT AS 'SELECT (a - b % 1000003 + 1000003) % 1000003';
CREATE AGGREGATE random_kit.ring_sum(bigint) (
  sfunc = random_kit.plus, stype = bigint, initcond = '0',
  msfunc = random_kit.plus, minvfunc = random_kit.minus, mstype = bigint, minitcond = '0');
