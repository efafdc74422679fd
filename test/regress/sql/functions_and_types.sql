-- Every window function over every type it takes gives what PostgreSQL gives for the same query, of the same type:
-- integers, counts, text and numeric exactly, floats to 1e-9 (float4: 1e-6) as feature.verify compares them.
CREATE SCHEMA functions;
SET search_path = functions;
CREATE TYPE color AS ENUM ('red', 'green', 'blue');
CREATE DOMAIN cents AS int CHECK (VALUE >= -100000);
CREATE TYPE pair AS (a int, b text);

-- Values of many types, every fifth of them NULL; one entity has nothing else.
CREATE TABLE numbers (id int PRIMARY KEY, k text, t timestamptz NOT NULL,
                      i2 int2, i4 int4, i8 int8, f4 float4, f8 float8, n numeric, n2 numeric(12,2), c cents);
CREATE FUNCTION fill_numbers(first int, last int) RETURNS void LANGUAGE sql AS $$
  INSERT INTO functions.numbers
    SELECT i, 'k' || i % 4, timestamptz '2024-03-01 00:00+00' + i * interval '17 minutes',
           m, m * 100003, m * 1000000000000037, m / 8.0, m * 1.1e3, m / 7.0, m * 1.25, m
    FROM (SELECT i, CASE WHEN i % 5 = 0 OR i % 4 = 3 THEN NULL ELSE i * 7919 % 2003 - 1000 END AS m
          FROM generate_series(first, last) i) s
$$;
SELECT format($$
  SELECT id, k, t, count(*) OVER w AS n_rows, row_number() OVER w AS number, %s
  FROM numbers WINDOW w AS (PARTITION BY k ORDER BY t ROWS BETWEEN 6 PRECEDING AND CURRENT ROW),
                      u AS (PARTITION BY k ORDER BY t) $$,
  string_agg(format('%1$s(%2$I) OVER w AS %1$s_%2$s, %1$s(%2$I) OVER u AS %1$s_%2$s_of_all', function, type), ', '
             ORDER BY function, type)) AS definition
FROM unnest('{count,sum,avg,min,max,stddev_samp,stddev_pop,stddev,var_samp,var_pop,variance}'::text[]) function,
     unnest('{i2,i4,i8,f4,f8,n,n2,c}'::text[]) type \gset
SELECT feature.create_view('of_numbers', :'definition');
SELECT fill_numbers(1, 300);
DO $$ BEGIN FOR i IN 301..320 LOOP PERFORM functions.fill_numbers(i, i); END LOOP; END $$;
SELECT count(*) AS columns, min(rows_compared), max(rows_compared), string_agg(feature, ' ') FILTER (WHERE mismatches > 0) AS different
FROM feature.verify('of_numbers');
-- Exactly equal, scales of numerics included, where no float is.
SELECT string_agg(format('%1$s::text', quote_ident(feature)), ', ' ORDER BY position) AS exact
FROM feature.columns WHERE relation = 'of_numbers'::regclass AND type NOT IN ('double precision', 'real') \gset
SELECT count(*) AS rows_that_differ
FROM ((SELECT :exact FROM of_numbers EXCEPT ALL SELECT :exact FROM (:definition) q) UNION ALL
      (SELECT :exact FROM (:definition) q EXCEPT ALL SELECT :exact FROM of_numbers)) d;
-- Result types.
SELECT type, string_agg(feature, ' ' ORDER BY position) AS features
FROM feature.columns WHERE relation = 'of_numbers'::regclass AND feature ~ '^(count|sum|avg|max|var_pop)_' AND feature !~ '_of_all$' GROUP BY type ORDER BY type;
CREATE TEMPORARY VIEW plain AS :definition;
SELECT attname, f.atttypid::regtype AS feature_view, p.atttypid::regtype AS plain
FROM pg_attribute f JOIN pg_attribute p USING (attname)
WHERE f.attrelid = 'of_numbers'::regclass AND p.attrelid = 'plain'::regclass AND f.attnum > 0 AND f.atttypid <> p.atttypid;
DROP VIEW plain;

-- min, max, lag, first_value, last_value over anything with an order; lag, first_value and last_value over anything.
CREATE TABLE things (id int PRIMARY KEY, k int, t timestamptz NOT NULL,
                     x_text text, x_varchar varchar(20), x_bpchar char(8), x_name name, x_bool bool, x_uuid uuid, x_bytea bytea,
                     x_date date, x_time time, x_timetz timetz, x_timestamp timestamp, x_timestamptz timestamptz,
                     x_interval interval, x_inet inet, x_cidr cidr, x_macaddr macaddr, x_money money, x_oid oid,
                     x_color color, x_ints int[], x_texts text[], x_pair pair, x_json json, x_jsonb jsonb, x_point point,
                     x_range int4range, x_bit bit(5), x_lsn pg_lsn);
SELECT format($$
  SELECT id, k, t, %s
  FROM things WINDOW w AS (PARTITION BY k ORDER BY t ROWS BETWEEN 4 PRECEDING AND 1 PRECEDING),
                     u AS (PARTITION BY k ORDER BY t) $$,
  string_agg(format('%1$s(%2$I%3$s) OVER w AS %1$s_%2$s, %1$s(%2$I%3$s) OVER u AS %1$s_%2$s_of_all', function, attname,
                    CASE function WHEN 'lag' THEN ', 2' ELSE '' END), ', ' ORDER BY function, attnum)) AS definition
FROM unnest('{count,lag,first_value,last_value,min,max}'::text[]) function, pg_attribute
WHERE attrelid = 'things'::regclass AND attname LIKE 'x\_%'
  AND (function NOT IN ('min', 'max') OR attname <> ALL ('{x_name,x_bool,x_uuid,x_bytea,x_macaddr,x_pair,x_json,x_jsonb,x_point,x_range,x_bit}')) \gset
SELECT feature.create_view('of_things', :'definition');
INSERT INTO things
  SELECT i, i % 3, timestamptz '2024-03-01 00:00+00' + i * interval '1 hour',
         md5(m::text), left(md5(m::text), m % 20), left(md5(m::text), m % 8), 'n' || m, m % 2 = 0, md5(m::text)::uuid, decode(md5(m::text), 'hex'),
         date '2024-01-01' + m, time '00:00' + m * interval '13 minutes', timetz '00:00+02' + m * interval '13 minutes',
         timestamp '2024-01-01' + m * interval '1 hour', timestamptz '2024-01-01 00:00+00' + m * interval '1 hour',
         m * interval '1 day 1 hour', inet '10.0.0.0' + m * 77, network(set_masklen(inet '10.0.0.0' + m * 77, 24)),
         ('08:00:2b:01:02:' || lpad(to_hex(m % 256), 2, '0'))::macaddr, (m / 100.0)::numeric::money, m::oid,
         (enum_range(NULL::color))[1 + m % 3], ARRAY[m % 5, NULL, m], ARRAY['a', md5(m::text)], (m, 'x')::pair,
         json_build_object('m', m), jsonb_build_object('m', m), point(m, 1), int4range(m, m + 5), m::bit(5), ('0/' || to_hex(m))::pg_lsn
  FROM (SELECT i, CASE WHEN i % 6 <> 0 THEN i * 7919 % 997 END AS m FROM generate_series(1, 200) i) s;
SELECT count(*) AS columns, min(rows_compared), max(rows_compared), string_agg(feature, ' ') FILTER (WHERE mismatches > 0) AS different
FROM feature.verify('of_things');
SELECT id, first_value_x_inet, lag_x_bool, max_x_text_of_all, min_x_timestamptz, last_value_x_json, max_x_color FROM of_things WHERE id IN (1, 4, 7, 200) ORDER BY id;

-- lag: offsets, defaults, and NULLs that are values.
SELECT $$
  SELECT id, lag(i4) OVER u AS one, lag(i4, 0) OVER u AS zero, lag(i4, 3) OVER u AS three, lag(i4, 300) OVER u AS never,
         lag(i4, 2, -1) OVER u AS or_minus_one, lag(i4, 2, id) OVER u AS or_id, lag(i4, 2, 0.5) OVER u AS or_half,
         lag(k, 1, 'none') OVER u AS or_none, lag(i4, NULL) OVER u AS null_offset, lag(i4, 1 + 1) OVER u AS computed,
         lag(i4 + id) OVER u AS of_expression, lag(t) OVER u AS time, lag(t, 1, '2000-01-01') OVER u AS time_or_2000,
         lag(7) OVER u AS constant, lag(NULL::text) OVER u AS nothing, t - lag(t) OVER u AS since
  FROM numbers WINDOW u AS (PARTITION BY k ORDER BY t)
$$ AS definition \gset
SELECT feature.create_view('lags', :'definition');
SELECT fill_numbers(321, 340);
(TABLE lags EXCEPT ALL (:definition)) UNION ALL ((:definition) EXCEPT ALL TABLE lags);
SELECT id, one, zero, three, or_minus_one, or_half, or_none, since FROM lags WHERE id IN (1, 2, 5, 9, 13, 17) ORDER BY id;

-- FILTER, count of anything, expressions as arguments, and the same function twice.
SELECT $$
  SELECT id, count(*) FILTER (WHERE i4 > 0) OVER u AS positive, sum(n2) FILTER (WHERE k = 'k1' OR i4 IS NULL) OVER w AS filtered,
         count(ARRAY[k]) OVER w AS arrays, count(NULL) OVER w AS nothing, count(1) OVER w AS one, count(n) OVER w AS numerics,
         sum(CASE WHEN i4 > 100 THEN 1 ELSE 0 END) OVER w AS over_100, sum(i4) OVER w + sum(i4) OVER w AS twice,
         sum(1) OVER w AS ones, max(k || i4) OVER w AS text, avg(i4) FILTER (WHERE false) OVER w AS never,
         abs(sum(i4) OVER w) AS absolute, sum(n2 * id) OVER w AS product, max(length(k)) FILTER (WHERE id % 2 = 0) OVER u AS longest
  FROM numbers WINDOW w AS (PARTITION BY k ORDER BY t ROWS BETWEEN 6 PRECEDING AND 1 PRECEDING), u AS (PARTITION BY k ORDER BY t)
$$ AS definition \gset
SELECT feature.create_view('filters', :'definition');
SELECT fill_numbers(341, 360);
(TABLE filters EXCEPT ALL (:definition)) UNION ALL ((:definition) EXCEPT ALL TABLE filters);

-- Special values: not-a-number, infinities, zeros of both signs, extremes. Compared as text, for -0.
CREATE TABLE special (id int PRIMARY KEY, t timestamptz NOT NULL, f8 float8, f4 float4, n numeric, i8 int8, i2 int2);
SELECT $$
  SELECT id, t, sum(f8) OVER w AS sum_f8, avg(f8) OVER w AS avg_f8, min(f8) OVER w AS min_f8, max(f8) OVER w AS max_f8, var_pop(f8) OVER w AS var_f8,
         sum(f4) OVER w AS sum_f4, min(f4) OVER w AS min_f4, max(f4) OVER w AS max_f4, sum(n) OVER w AS sum_n, avg(n) OVER w AS avg_n,
         min(n) OVER w AS min_n, max(n) OVER w AS max_n, sum(i8) OVER w AS sum_i8, avg(i8) OVER w AS avg_i8, min(i8) OVER w AS min_i8, sum(i2) OVER w AS sum_i2,
         stddev(n) OVER w AS stddev_n, var_samp(i8) OVER w AS var_i8,
         lag(f8) OVER w AS lag_f8, sum(f8) OVER u AS total_f8, max(f8) OVER u AS highest_f8, sum(i8) OVER u AS total_i8, sum(n) OVER u AS total_n
  FROM special WINDOW u AS (ORDER BY t), w AS (ORDER BY t ROWS 2 PRECEDING)
$$ AS definition \gset
SELECT feature.create_view('of_special', :'definition');
INSERT INTO special
  SELECT n, timestamptz '2024-03-01 00:00+00' + n * interval '1 hour', f8, f4, x, i8, i2
  FROM (VALUES (1, 0::float8, 0::float4, 0::numeric, 0::int8, 0::int2), (2, '-0', '-0', 0.000, 1, -1), (3, 'NaN', 1, 'NaN', 9223372036854775807, 32767),
               (4, 1, 'NaN', 5, 9223372036854775807, 32767), (5, 'Infinity', 3e38, 'Infinity', 9223372036854775807, 32767), (6, 2, 'Infinity', 1e100, -9223372036854775808, -32768),
               (7, '-Infinity', '-Infinity', '-Infinity', -9223372036854775808, -32768), (8, 1e150, 1e-40, 1e-100, NULL, NULL), (9, 1e-150, NULL, 123456789.987654321, 5, 5),
               (10, NULL, 1, NULL, NULL, 1), (11, NULL, 1, NULL, NULL, 1), (12, NULL, 1, NULL, NULL, 1), (13, NULL, 2, 7, 1, 2)) v (n, f8, f4, x, i8, i2);
SELECT count(*) AS columns, min(rows_compared), max(rows_compared), string_agg(feature, ' ') FILTER (WHERE mismatches > 0) AS different
FROM feature.verify('of_special');
SELECT v.* FROM (SELECT to_jsonb(f) - 't' FROM of_special f EXCEPT ALL SELECT to_jsonb(d) - 't' FROM (:definition) d) v (feature_row);
-- Overflow is an error, as it is in PostgreSQL, and leaves the state as it was.
CREATE TABLE overflowing (t timestamptz NOT NULL, f8 float8);
SELECT feature.create_view('of_overflowing', 'SELECT t, sum(f8) OVER (ORDER BY t) AS s FROM overflowing');
INSERT INTO overflowing VALUES ('2024-01-01 00:00+00', 1e308);
INSERT INTO overflowing VALUES ('2024-01-02 00:00+00', 1e308);
INSERT INTO overflowing VALUES ('2024-01-02 00:00+00', -1e308);
SELECT s FROM of_overflowing ORDER BY t;

-- PARTITION BY: any columns, immutable expressions, nothing, many; equal values of other types of text and number.
CREATE COLLATION ignoring_nothing FROM "C";
CREATE TABLE keys (id int PRIMARY KEY, t timestamptz NOT NULL, a int, b text, c numeric, d float8, e date, f inet, g uuid, h bool, i int[], j char(5));
SELECT $$
  SELECT id, count(*) OVER (PARTITION BY a, b ORDER BY t) AS ab, count(*) OVER (PARTITION BY b, a ORDER BY t) AS ba, count(*) OVER (PARTITION BY c ORDER BY t) AS c,
         count(*) OVER (PARTITION BY d ORDER BY t) AS d, count(*) OVER (PARTITION BY e ORDER BY t) AS e, count(*) OVER (PARTITION BY f ORDER BY t) AS f,
         count(*) OVER (PARTITION BY g ORDER BY t) AS g, count(*) OVER (PARTITION BY h ORDER BY t) AS h, count(*) OVER (PARTITION BY i ORDER BY t) AS i,
         count(*) OVER (PARTITION BY j ORDER BY t) AS j, count(*) OVER (ORDER BY t) AS nothing, count(*) OVER (PARTITION BY a % 3, upper(b) ORDER BY t) AS expressions,
         count(*) OVER (PARTITION BY 1 ORDER BY t) AS constant, count(*) OVER (PARTITION BY t ORDER BY t) AS time, count(*) OVER (PARTITION BY a, b, c, d, e, f, g, h, i, j ORDER BY t) AS all_of_them,
         count(*) OVER (PARTITION BY date_trunc('day', t AT TIME ZONE 'UTC') ORDER BY t) AS day, count(*) OVER (PARTITION BY (a, b)::pair ORDER BY t) AS pair,
         count(*) OVER (PARTITION BY b COLLATE ignoring_nothing ORDER BY t) AS collated, count(*) OVER (PARTITION BY a, a ORDER BY t) AS doubled
  FROM keys
$$ AS definition \gset
SELECT feature.create_view('of_keys', :'definition');
INSERT INTO keys
  SELECT i, timestamptz '2024-03-01 00:00+00' + i * interval '1 hour', nullif(i % 7, 3), nullif(CASE WHEN i % 2 = 0 THEN 'a' ELSE 'A' END || i % 5, 'a2'),
         (ARRAY[1, 1.0, 1.00, 2.5, NULL])[1 + i % 5], (ARRAY[0, '-0', 'NaN', 'NaN', 1, NULL]::float8[])[1 + i % 6], date '2024-01-01' + i % 4,
         inet '10.0.0.1' + i % 3, md5((i % 9)::text)::uuid, nullif(i % 3, 0) = 1, ARRAY[i % 2, NULL], (ARRAY['x', 'x ', 'x  ', 'y'])[1 + i % 4]
  FROM generate_series(1, 150) i;
(TABLE of_keys EXCEPT ALL (:definition)) UNION ALL ((:definition) EXCEPT ALL TABLE of_keys);

-- States of every small type are as a writer writes them, negative values and large OIDs among them.
CREATE TABLE small (id int PRIMARY KEY, t timestamptz NOT NULL, r real, s smallint, c "char", o oid, b bool, d date);
SELECT feature.create_view('of_small', $$
  SELECT id, max(r) OVER w AS r, lag(r) OVER w AS before, min(s) OVER w AS s, lag(c) OVER w AS c, lag(o) OVER w AS o, bool_or(b) OVER w AS b, max(d) OVER w AS d, bit_xor(s) OVER w AS x
  FROM small WINDOW w AS (ORDER BY t) $$, NULL);
INSERT INTO small SELECT i, timestamptz '2024-01-01 00:00+00' + i * interval '1 hour', -1.25 * i, -i, chr(100 + i % 20)::"char", 4294967295 - i, i % 2 = 0, date '1990-01-01' - i FROM generate_series(1, 300) i;
CREATE FUNCTION read_states(view regclass, OUT heads bigint, OUT nodes bigint) LANGUAGE plpgsql AS $$
DECLARE
  stored record;
BEGIN
  SELECT l.states, l.chunks INTO stored FROM feature_state.list l JOIN feature_state.view v ON v.id = l.view WHERE v.relation = read_states.view;
  EXECUTE format('SELECT count(state::text::feature.state) FROM %s', stored.states) INTO heads;
  EXECUTE format('SELECT count(events::text::feature.state) FROM %s', stored.chunks) INTO nodes;
END $$;
SELECT heads, nodes > 2 AS has_nodes FROM read_states('of_small');
SELECT sum(mismatches) FROM feature.verify('of_small');

-- What folding constants leaves of an expression may have another type modifier; its column has that of the definition.
CREATE TABLE folded (id int PRIMARY KEY, t timestamptz NOT NULL, x numeric, k text);
INSERT INTO folded VALUES (1, '2024-01-01', 2.345, 'abcd'), (2, '2024-01-02', NULL, NULL);
SELECT feature.create_view('of_folded', $$
  SELECT id, coalesce(NULL, x::numeric(20, 2)) AS a, CASE WHEN false THEN 1 ELSE x::numeric(20, 2) END AS b,
         coalesce(2.5::numeric(20, 2), 0) AS c, coalesce(NULL, k::varchar(3), k::varchar(4)) AS d,
         sum(coalesce(NULL, x::numeric(20, 1))) OVER (ORDER BY t) AS e FROM folded $$);
INSERT INTO folded VALUES (3, '2024-01-03', 1.25, 'xyz');
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'of_folded'::regclass AND attnum > 0 ORDER BY attnum;
TABLE of_folded ORDER BY id;
SELECT sum(mismatches) FROM feature.verify('of_folded');

SET client_min_messages = warning;
DROP SCHEMA functions CASCADE;
