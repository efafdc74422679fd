-- Values at the ends of their types: features are those of the plain query, or the error is PostgreSQL's own.
CREATE SCHEMA extremes;
SET search_path = extremes;
SET timezone = 'UTC';

-- The rows in which a view differs from its definition run as a plain query.
CREATE FUNCTION differences(view regclass) RETURNS bigint LANGUAGE sql AS $$
  SELECT sum(mismatches)::bigint FROM feature.verify(view)
$$;

-- event times at both ends of each type, and a clock that has run ahead: the next row comes as from the past
CREATE TABLE zoned (id int PRIMARY KEY, k text, t timestamptz);
CREATE TABLE plain (id int PRIMARY KEY, k text, t timestamp);
CREATE TABLE days (id int PRIMARY KEY, k text, t date);
CREATE TABLE longs (id int PRIMARY KEY, k text, t bigint);
CREATE TABLE ints (id int PRIMARY KEY, k text, t int);
CREATE TABLE shorts (id int PRIMARY KEY, k text, t smallint);
DO $$
DECLARE
  source text;
BEGIN
  FOREACH source IN ARRAY '{zoned,plain,days,longs,ints,shorts}'::text[] LOOP
    PERFORM feature.create_view('of_' || source, format(
      'SELECT id, count(*) OVER near AS n, max(id) OVER near AS most, lag(t) OVER w AS before, first_value(t) OVER w AS first,
              row_number() OVER w AS number
       FROM %s WINDOW w AS (PARTITION BY k ORDER BY t), near AS (w RANGE BETWEEN %s PRECEDING AND CURRENT ROW)', source,
      CASE WHEN source IN ('zoned', 'plain', 'days') THEN 'interval ''1 hour''' ELSE '100' END), '0');
  END LOOP;
END $$;
INSERT INTO zoned VALUES (1, 'a', '4713-01-01 00:00:00 BC'), (2, 'a', '294276-12-31 23:59:59.999999'),
  (3, 'a', '294276-12-31 23:30');
INSERT INTO zoned VALUES (4, 'a', '2024-01-01'), (5, 'b', '2999-01-01'), (6, 'b', '2024-01-01');
INSERT INTO plain VALUES (1, 'a', '4713-01-01 00:00:00 BC'), (2, 'a', '294276-12-31 23:59:59.999999'),
  (3, 'a', '294276-12-31 23:30');
INSERT INTO days VALUES (1, 'a', '4713-01-01 BC'), (2, 'a', '294276-12-31'), (3, 'a', '2024-01-01');
INSERT INTO days VALUES (4, 'a', '5874897-12-31');
INSERT INTO longs VALUES (1, 'a', -9223372036854775808), (2, 'a', 9223372036854775807), (3, 'a', 9223372036854775800), (4, 'a', 0);
INSERT INTO ints VALUES (1, 'a', -2147483648), (2, 'a', 2147483647), (3, 'a', 2147483600), (4, 'a', 0);
INSERT INTO shorts VALUES (1, 'a', -32768), (2, 'a', 32767), (3, 'a', 32760), (4, 'a', 0);
SELECT id, n, before, number FROM of_zoned ORDER BY id;
SELECT id, n, before, number FROM of_longs ORDER BY id;
SELECT relation, differences(relation) FROM feature.views WHERE relation <> 'of_zoned'::regclass ORDER BY relation::text;

-- NaN, infinities, zeros of both signs, empty strings, NULLs; as keys and as values
CREATE TABLE floats (id int PRIMARY KEY, k float8, s text, t int, v float8, n numeric);
SELECT feature.create_view('of_floats', $$
  SELECT id, count(*) OVER w AS n_k, sum(v) OVER s AS sum, avg(v) OVER s AS avg, max(v) OVER s AS max, min(n) OVER s AS min,
         sum(n) OVER s AS sum_n, stddev(v) OVER s AS deviation, count(s) OVER s AS strings,
         feature.count_distinct(v) OVER s AS different
  FROM floats WINDOW w AS (PARTITION BY k ORDER BY t), s AS (PARTITION BY s ORDER BY t ROWS 3 PRECEDING)
$$);
INSERT INTO floats VALUES
  (1, 'NaN', '', 1, 1, 1), (2, 'NaN', '', 2, 'NaN', 'NaN'), (3, 'Infinity', '', 3, 2, 'Infinity'), (4, '-Infinity', '', 4, 3, 2),
  (5, 0, ' ', 5, 'Infinity', 3), (6, '-0', ' ', 6, '-Infinity', '-Infinity'), (7, NULL, NULL, 7, NULL, NULL),
  (8, NULL, NULL, 8, 1e308, 1e10), (9, 1, '', 9, 4, 4), (10, 'Infinity', '', 10, 5, 5), (11, 1, '', 11, 6, 6);
SELECT * FROM of_floats ORDER BY id;
SELECT differences('of_floats');
INSERT INTO floats VALUES (12, 1, 'o', 12, 1.7e308, 1);
INSERT INTO floats VALUES (13, 1, 'o', 13, 1.7e308, 1);

-- sums of integers: bigint's wrap into numeric, int's into bigint, and a cast back fails as PostgreSQL's does
CREATE TABLE integers (id int PRIMARY KEY, v bigint, i int, s smallint);
SELECT feature.create_view('of_integers', $$
  SELECT id, sum(v) OVER w AS sum_v, avg(v) OVER w AS avg_v, sum(i) OVER w AS sum_i, sum(s) OVER w AS sum_s,
         (sum(i) OVER w)::int AS narrow
  FROM integers WINDOW w AS (ORDER BY id)
$$);
INSERT INTO integers VALUES (1, 9223372036854775807, 2147483647, 32767), (2, 9223372036854775807, 0, 32767), (3, 1, -1, 1);
SELECT * FROM of_integers ORDER BY id;
INSERT INTO integers VALUES (4, 1, 2, 1);
SELECT differences('of_integers');

-- a megabyte as key and as value
CREATE TABLE texts (id int PRIMARY KEY, k text, t int, v text);
SELECT feature.create_view('of_texts', $$
  SELECT id, count(*) OVER w AS n, md5(lag(v) OVER w) AS before, length(max(v) OVER w) AS longest
  FROM texts WINDOW w AS (PARTITION BY k ORDER BY t)
$$);
INSERT INTO texts SELECT i, repeat(chr(65 + i % 2), 1 << 20), i, repeat(i::text, 1 << 19) FROM generate_series(1, 6) i;
INSERT INTO texts SELECT i, repeat(chr(65 + i % 2), 1 << 20), i, repeat(i::text, 1 << 18) FROM generate_series(7, 8) i;
SELECT id, n, longest FROM of_texts ORDER BY id;
SELECT differences('of_texts');

-- a thousand columns
DO $$ BEGIN
  EXECUTE (SELECT format('CREATE TABLE wide (id int PRIMARY KEY, %s)', string_agg(format('c%s int', i), ', '))
           FROM generate_series(1, 999) i);
  PERFORM feature.create_view('of_wide', (
    SELECT format('SELECT id, %s FROM wide WINDOW w AS (PARTITION BY c1 ORDER BY c2)',
                  string_agg(format('sum(c%s) OVER w AS s%s', i, i), ', ')) FROM generate_series(1, 999) i));
  EXECUTE (SELECT format('INSERT INTO wide SELECT i, %s FROM generate_series(1, 20) i',
                         string_agg(CASE i WHEN 1 THEN 'i % 2' WHEN 2 THEN 'i' ELSE 'i * ' || i END, ', ' ORDER BY i))
           FROM generate_series(1, 999) i);
END $$;
SELECT id, s1, s2, s999 FROM of_wide WHERE id > 18 ORDER BY id;
CREATE FUNCTION differing_rows(view regclass) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  counted bigint;
BEGIN
  EXECUTE (SELECT format('SELECT count(*) FROM (TABLE %s EXCEPT TABLE %s) d', relation, definition)
           FROM feature.views WHERE relation = view) INTO counted;
  RETURN counted;
END $$;
SELECT differing_rows('of_wide');
-- and rows that no page has room for
DO $$ BEGIN
  EXECUTE (SELECT format('CREATE TABLE wider (id int PRIMARY KEY, %s)', string_agg(format('c%s int', i), ', '))
           FROM generate_series(1, 20) i);
  PERFORM feature.create_view('of_wider', (
    SELECT format('SELECT id, %s FROM wider WINDOW w AS (ORDER BY id)',
                  string_agg(format('sum(c%s) OVER w AS s%s', i % 20 + 1, i), ', ')) FROM generate_series(1, 1200) i));
END $$;
INSERT INTO wider VALUES (1);
INSERT INTO wider VALUES (2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1);
SELECT feature.set_on_error('of_wider', 'divert');
INSERT INTO wider
SELECT id, v, v, v, v, v, v, v, v, v, v, v, v, v, v, v, v, v, v, v, v FROM (VALUES (3, NULL), (4, 1), (5, NULL)) r (id, v);
SELECT message, row ->> 'id' AS id FROM feature.errors WHERE relation = 'of_wider'::regclass;
SELECT id, s1 FROM of_wider ORDER BY id;

SET client_min_messages = warning;
DROP SCHEMA extremes CASCADE;
