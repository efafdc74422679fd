-- Every frame that looks back sees the rows that PostgreSQL's frame sees: RANGE and ROWS, offsets and UNBOUNDED, the
-- default, named windows and windows that inherit; over event times of every type.
CREATE SCHEMA frames;
SET search_path = frames;
CREATE FUNCTION differences(view regclass) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE answer bigint;
BEGIN
  EXECUTE (SELECT format('SELECT count(*) FROM ((TABLE %1$s EXCEPT ALL (%2$s)) UNION ALL ((%2$s) EXCEPT ALL TABLE %1$s)) d',
                         view, query) FROM feature.views WHERE relation = view) INTO answer;
  RETURN answer;
END $$;
-- The names of a frame's features tell what it is computed from: an array of the rows that the frame holds, so that
-- not one row more or less goes unseen.
CREATE TABLE events (id int PRIMARY KEY, k text, t timestamptz NOT NULL, v int);
CREATE FUNCTION add_events(first int, last int) RETURNS void LANGUAGE sql AS $$
  -- Times are irregular and never equal; gaps from seconds to weeks.
  INSERT INTO frames.events
    SELECT i, 'k' || i % 3, timestamptz '2023-10-20 00:00+00' + (i * i * 997 + i * 61) * interval '1 second', i * 7919 % 1009
    FROM generate_series(first, last) i
$$;

-- A small example, to be read: five events, at 0, 30, 60, 61 and 120 minutes.
CREATE TABLE small (id int PRIMARY KEY, t timestamptz NOT NULL);
SELECT feature.create_view('of_small', $$
  SELECT id, array_agg(id) OVER (ORDER BY t) AS default_frame,
         array_agg(id) OVER (ORDER BY t RANGE BETWEEN '1 hour' PRECEDING AND CURRENT ROW) AS last_hour,
         array_agg(id) OVER (ORDER BY t RANGE BETWEEN '1 hour' PRECEDING AND '30 minutes' PRECEDING) AS hour_to_half,
         array_agg(id) OVER (ORDER BY t ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS three_rows,
         array_agg(id) OVER (ORDER BY t ROWS BETWEEN 2 PRECEDING AND 1 PRECEDING) AS two_before,
         array_agg(id) OVER (ORDER BY t ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS past,
         array_agg(id) OVER (ORDER BY t ROWS CURRENT ROW) AS itself
  FROM small $$);
INSERT INTO small SELECT i, timestamptz '2024-01-01 00:00+00' + (ARRAY[0, 30, 60, 61, 120])[i] * interval '1 minute' FROM generate_series(1, 5) i;
SELECT * FROM of_small ORDER BY id;
SELECT differences('of_small');

-- All frames, over one order.
CREATE TABLE frame (name text PRIMARY KEY, clause text);
INSERT INTO frame VALUES
  ('default', ''), ('range_unbounded', 'RANGE UNBOUNDED PRECEDING'), ('rows_unbounded', 'ROWS UNBOUNDED PRECEDING'),
  ('rows_unbounded_1', 'ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING'), ('rows_unbounded_40', 'ROWS BETWEEN UNBOUNDED PRECEDING AND 40 PRECEDING'),
  ('range_unbounded_1h', 'RANGE BETWEEN UNBOUNDED PRECEDING AND ''1 hour'' PRECEDING'), ('range_unbounded_30d', 'RANGE BETWEEN UNBOUNDED PRECEDING AND ''30 days'' PRECEDING'),
  ('range_0', 'RANGE BETWEEN ''0'' PRECEDING AND CURRENT ROW'), ('range_1s', 'RANGE ''1 second'' PRECEDING'), ('range_1h', 'RANGE BETWEEN ''1 hour'' PRECEDING AND CURRENT ROW'),
  ('range_10h', 'RANGE BETWEEN interval ''10 hours'' PRECEDING AND CURRENT ROW'), ('range_1d', 'RANGE BETWEEN ''1 day'' PRECEDING AND CURRENT ROW'),
  ('range_7d12h', 'RANGE BETWEEN ''7 days 12 hours'' PRECEDING AND CURRENT ROW'), ('range_month', 'RANGE BETWEEN ''1 month'' PRECEDING AND CURRENT ROW'),
  ('range_year', 'RANGE BETWEEN ''1 year 2 months'' PRECEDING AND CURRENT ROW'), ('range_7d_1d', 'RANGE BETWEEN ''7 days'' PRECEDING AND ''1 day'' PRECEDING'),
  ('range_month_week', 'RANGE BETWEEN ''1 month'' PRECEDING AND ''1 week'' PRECEDING'), ('range_month_0', 'RANGE BETWEEN ''1 month'' PRECEDING AND ''0'' PRECEDING'),
  ('range_empty', 'RANGE BETWEEN ''1 hour'' PRECEDING AND ''2 hours'' PRECEDING'), ('range_current', 'RANGE CURRENT ROW'),
  ('range_ages', 'RANGE BETWEEN ''500 years'' PRECEDING AND CURRENT ROW'),
  ('rows_0', 'ROWS 0 PRECEDING'), ('rows_1', 'ROWS BETWEEN 1 PRECEDING AND CURRENT ROW'), ('rows_50', 'ROWS BETWEEN 50 PRECEDING AND CURRENT ROW'), ('rows_5_1', 'ROWS BETWEEN 5 PRECEDING AND 1 PRECEDING'),
  ('rows_90_80', 'ROWS BETWEEN 90 PRECEDING AND 80 PRECEDING'), ('rows_3_3', 'ROWS BETWEEN 3 PRECEDING AND 3 PRECEDING'), ('rows_empty', 'ROWS BETWEEN 1 PRECEDING AND 5 PRECEDING'),
  ('rows_current', 'ROWS BETWEEN CURRENT ROW AND CURRENT ROW'), ('rows_most', 'ROWS BETWEEN 9223372036854775807 PRECEDING AND CURRENT ROW'),
  ('rows_none', 'ROWS BETWEEN 9223372036854775807 PRECEDING AND 9223372036854775806 PRECEDING'), ('rows_computed', 'ROWS 2 * 3 + 1 PRECEDING');
SELECT format('SELECT id, k, t, %s FROM events', string_agg(format(
         'count(*) OVER (PARTITION BY k ORDER BY t %1$s) AS %2$I, sum(v) OVER (PARTITION BY k ORDER BY t %1$s) AS %3$I, max(v) OVER (PARTITION BY k ORDER BY t %1$s) AS %4$I,
          first_value(v) OVER (PARTITION BY k ORDER BY t %1$s) AS %5$I, last_value(id) OVER (PARTITION BY k ORDER BY t %1$s) AS %6$I',
         clause, 'count_' || name, 'sum_' || name, 'max_' || name, 'first_' || name, 'last_' || name), ', ' ORDER BY name)) AS definition
FROM frame \gset
SELECT feature.create_view('all_frames', :'definition');
SELECT add_events(1, 200);
DO $$ BEGIN FOR i IN 201..260 LOOP PERFORM frames.add_events(i, i); END LOOP; END $$;
SELECT (SELECT count(*) FROM frame) AS frames, (SELECT count(*) FROM all_frames) AS rows, differences('all_frames');
SELECT id, count_range_1d, count_range_month, count_range_7d_1d, count_rows_90_80, count_range_current FROM all_frames WHERE id IN (1, 100, 260) ORDER BY id;
-- One after the other, for what sharing of a window between features might hide.
SELECT count(feature.create_view('alone_' || name, format('SELECT id, array_agg(id) OVER (PARTITION BY k ORDER BY t %s) AS ids FROM events', clause))) FROM frame;
SELECT add_events(261, 300);
SELECT name, differences(('alone_' || name)::regclass) FROM frame WHERE differences(('alone_' || name)::regclass) <> 0 ORDER BY name;

-- Named windows; windows that inherit partition, order or both; NULLS FIRST and USING; aliases of time.
SELECT feature.create_view('named', $$
  SELECT id, sum(v) OVER a AS a, sum(v) OVER (a) AS a_again, sum(v) OVER b AS b, sum(v) OVER c AS c, sum(v) OVER (b ROWS 3 PRECEDING) AS b_rows,
         sum(v) OVER (p ORDER BY t) AS p_ordered, sum(v) OVER (p ORDER BY t NULLS FIRST ROWS 2 PRECEDING) AS nulls_first, sum(v) OVER (ORDER BY t USING <) AS using_less,
         sum(v) OVER "Quoted W" AS quoted, sum(v) OVER (c2 RANGE '1 day' PRECEDING) AS inherited_twice
  FROM events
  WINDOW p AS (PARTITION BY k), a AS (p ORDER BY t), b AS (PARTITION BY k ORDER BY t), c AS (a RANGE BETWEEN '2 hours' PRECEDING AND CURRENT ROW),
         c2 AS (p ORDER BY t), "Quoted W" AS (a ROWS BETWEEN 4 PRECEDING AND 2 PRECEDING), unused AS (PARTITION BY v ORDER BY id DESC) $$);
SELECT add_events(301, 320);
SELECT differences('named');

-- Event times of all types, before and after their epoch.
CREATE TABLE times (id int PRIMARY KEY, k int, tz timestamptz, ts timestamp, d date, i8 int8, i4 int4, i2 int2, v int);
SELECT feature.create_view('over_' || column_name, format($$
  SELECT id, %1$I, sum(v) OVER (PARTITION BY k ORDER BY %1$I) AS total, count(*) OVER (PARTITION BY k ORDER BY %1$I RANGE BETWEEN %2$s PRECEDING AND CURRENT ROW) AS recent,
         array_agg(id) OVER (PARTITION BY k ORDER BY %1$I RANGE BETWEEN %3$s PRECEDING AND %2$s PRECEDING) AS before, lag(%1$I) OVER (PARTITION BY k ORDER BY %1$I) AS last_time,
         first_value(%1$I) OVER (PARTITION BY k ORDER BY %1$I) AS first_time, last_value(%1$I) OVER (PARTITION BY k ORDER BY %1$I ROWS 1 PRECEDING) AS this_time,
         max(%1$I) OVER (PARTITION BY k ORDER BY %1$I ROWS BETWEEN 3 PRECEDING AND 1 PRECEDING) AS highest_time
  FROM times $$, column_name, near, far)) AS view
FROM (VALUES ('tz', '''36 hours''', '''5 days'''), ('ts', '''36 hours''', '''1 month'''), ('d', '''36 hours''', '''100 days'''), ('i8', '36', '5000000000'), ('i4', '36', '2000::int8'), ('i2', '36::smallint', '400')) c (column_name, near, far);
INSERT INTO times VALUES (0, 1, '4713-01-01 00:00:00+00 BC', '4713-01-01 00:00:00 BC', '4712-01-01 BC', -9223372036854775808, -2147483648, -32768, 1);
INSERT INTO times
  SELECT i, i % 2, timestamptz '1999-11-01 00:00+00' + i * interval '17 hours', timestamp '1999-11-01 00:00' + i * interval '17 hours', date '1999-01-01' + i * 3, (i - 100) * 1000000007::int8,
         (i - 100) * 13, (i - 100) * 7, i * 31 % 17
  FROM generate_series(1, 200) i;
INSERT INTO times VALUES (201, 1, '294276-12-31 23:00:00+00', '294276-12-31 23:00:00', '290000-12-31', 9223372036854775807, 2147483647, 32767, 1);
SELECT view, differences(view) FROM unnest('{over_tz,over_ts,over_d,over_i8,over_i4,over_i2}'::regclass[]) view;
-- A date is compared as its midnight: an offset of hours is another bound at a frame's end than at its start.
CREATE TABLE days (d date PRIMARY KEY);
SELECT feature.create_view('over_days', $$
  SELECT d, array_agg(extract(day FROM d)) OVER (ORDER BY d RANGE BETWEEN '36 hours' PRECEDING AND CURRENT ROW) AS begins,
         array_agg(extract(day FROM d)) OVER (ORDER BY d RANGE BETWEEN '3 days' PRECEDING AND '36 hours' PRECEDING) AS ends,
         count(*) OVER (ORDER BY d RANGE BETWEEN '36 hours' PRECEDING AND '36 hours' PRECEDING) AS none
  FROM days $$);
INSERT INTO days SELECT date '1999-12-28' + i FROM generate_series(1, 6) i;
SELECT * FROM over_days ORDER BY d;
SELECT differences('over_days');
-- Before the least bigint there is nothing: a frame that would end there is empty.
CREATE TABLE least (id int PRIMARY KEY, t bigint NOT NULL);
SELECT feature.create_view('over_least', $$
  SELECT id, array_agg(id) OVER (ORDER BY t RANGE BETWEEN 5 PRECEDING AND 2 PRECEDING) AS ids,
         count(*) OVER (ORDER BY t RANGE BETWEEN 9223372036854775807 PRECEDING AND 9223372036854775807 PRECEDING) AS furthest,
         count(*) OVER (ORDER BY t RANGE BETWEEN UNBOUNDED PRECEDING AND 0 PRECEDING) AS up_to_itself
  FROM least $$);
INSERT INTO least SELECT i, -9223372036854775808 + i FROM generate_series(0, 4) i;
INSERT INTO least VALUES (5, -1), (6, 9223372036854775806), (7, 9223372036854775807);
SELECT * FROM over_least ORDER BY id;
SELECT differences('over_least');
-- An offset that leads out of the type's range is an error, as it is in PostgreSQL.
CREATE TABLE ancient (d date NOT NULL);
SELECT feature.create_view('over_ancient', 'SELECT d, count(*) OVER (ORDER BY d RANGE ''100 days'' PRECEDING) AS n FROM ancient');
INSERT INTO ancient VALUES ('4713-01-01 BC');
SELECT count(*) OVER (ORDER BY d RANGE '100 days' PRECEDING) FROM (VALUES (date '4713-01-01 BC'), ('4712-01-01 BC')) v (d);

-- Days and months are those of the calendar in the time zone of the session that made the view: a day before 1 April
-- 00:30 is an hour less in Berlin, where clocks went forward on 31 March.
SET TimeZone = 'Europe/Berlin';
CREATE TABLE clock_change (id int PRIMARY KEY, t timestamptz NOT NULL);
SELECT feature.create_view('over_clock_change', $$
  SELECT id, array_agg(id) OVER (ORDER BY t RANGE '1 day' PRECEDING) AS day, array_agg(id) OVER (ORDER BY t RANGE '24 hours' PRECEDING) AS hours,
         array_agg(id) OVER (ORDER BY t RANGE BETWEEN '1 month' PRECEDING AND '1 day' PRECEDING) AS month
  FROM clock_change $$);
INSERT INTO clock_change VALUES (1, '2024-02-29 12:00'), (2, '2024-03-29 12:00'), (3, '2024-03-30 23:45'), (4, '2024-03-31 01:30'), (5, '2024-03-31 03:30'), (6, '2024-03-31 12:00');
-- The session that inserts may live elsewhere.
SET TimeZone = 'America/New_York';
INSERT INTO clock_change VALUES (7, '2024-03-31 18:45-04'), (8, '2024-03-31 19:35-04'), (9, '2024-04-30 00:00-04');
SET TimeZone = 'Europe/Berlin';
TABLE over_clock_change ORDER BY id;
-- The oracle is the arithmetic of the row itself: PostgreSQL's window executor never moves the start of a frame back,
-- which 31 March 01:30 less a month, after 30 March 23:45 less a month, asks for.
SELECT id, day, hours, month FROM over_clock_change
EXCEPT ALL
SELECT id, (SELECT array_agg(e.id ORDER BY e.t) FROM clock_change e WHERE e.t BETWEEN c.t - interval '1 day' AND c.t),
       (SELECT array_agg(e.id ORDER BY e.t) FROM clock_change e WHERE e.t BETWEEN c.t - interval '24 hours' AND c.t),
       (SELECT array_agg(e.id ORDER BY e.t) FROM clock_change e WHERE e.t BETWEEN c.t - interval '1 month' AND c.t - interval '1 day')
FROM clock_change c;
RESET TimeZone;

-- A sum of negative zeros is one, their mean is not; also where both are read from the same moments.
CREATE TABLE zeros (id int PRIMARY KEY, x float8);
SELECT feature.create_view('of_zeros', $$
  SELECT id, sum(x) OVER w, avg(x) OVER w, stddev(x) OVER w FROM zeros
  WINDOW w AS (ORDER BY id RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) $$);
INSERT INTO zeros VALUES (1, '-0'), (2, '-0'), (3, 0), (4, 1);
TABLE of_zeros ORDER BY id;
SELECT feature, mismatches FROM feature.verify('of_zeros');

-- Before the first timestamp PostgreSQL has none to compare with, so that the plain query would fail.
CREATE TABLE beginnings (id int PRIMARY KEY, t timestamptz NOT NULL);
SELECT feature.create_view('of_beginnings', $$ SELECT id, t, count(*) OVER (ORDER BY t RANGE '1 hour' PRECEDING) AS n,
  count(*) OVER (ORDER BY t RANGE BETWEEN UNBOUNDED PRECEDING AND '1 hour' PRECEDING) AS before FROM beginnings $$);
INSERT INTO beginnings VALUES (1, '4714-11-24 01:00:00+00 BC'), (2, '4714-11-24 01:00:01+00 BC');
INSERT INTO beginnings VALUES (3, '4714-11-24 00:59:59.999999+00 BC');
INSERT INTO beginnings VALUES (4, '4714-11-24 00:00:00+00 BC'), (5, '4714-11-24 00:00:01+00 BC');
SELECT id, n, before FROM of_beginnings ORDER BY id;
SELECT sum(mismatches) FROM feature.verify('of_beginnings');

SET client_min_messages = warning;
DROP SCHEMA frames CASCADE;
