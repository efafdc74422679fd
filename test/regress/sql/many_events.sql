-- Any number of events per entity: when the head of an entity's state is full, older events go to sealed chunks. Frames
-- that lie in the head, in chunks and across both; late events into chunks; arguments and keys of up to a megabyte.
CREATE SCHEMA many_events;
SET search_path = many_events;
CREATE TABLE events (id int PRIMARY KEY, k text, t timestamptz NOT NULL, v int, p float8, s text);
SELECT $$
  SELECT id, k, count(*) OVER u AS n, sum(v) OVER u AS total, min(v) OVER u AS lowest, max(s) OVER u AS last_text, count(*) OVER (u RANGE '1 hour' PRECEDING) AS n_1h,
         sum(v) OVER (u RANGE '1 hour' PRECEDING) AS sum_1h, sum(v) OVER (u RANGE '1 day' PRECEDING) AS sum_1d, max(v) OVER (u RANGE '20 days' PRECEDING) AS max_20d,
         count(*) OVER (u RANGE BETWEEN '3 days' PRECEDING AND '1 day' PRECEDING) AS n_before, sum(v) OVER (u ROWS 100 PRECEDING) AS sum_100, min(v) OVER (u ROWS BETWEEN 2000 PRECEDING AND 1500 PRECEDING) AS min_far,
         lag(v) OVER u AS one_ago, lag(s, 700) OVER u AS text_700_ago, first_value(v) OVER (u RANGE '2 days' PRECEDING) AS first_2d, first_value(s) OVER u AS first_text,
         row_number() OVER u AS number, sum(v) OVER (u ROWS BETWEEN UNBOUNDED PRECEDING AND 1000 PRECEDING) AS sum_until_1000, sum(v) FILTER (WHERE v % 2 = 0) OVER (u RANGE '1 day' PRECEDING) AS even_1d
  FROM events WINDOW u AS (PARTITION BY k ORDER BY t)
$$ AS definition \gset
SELECT $$ SELECT id, avg(p) OVER u AS mean, stddev(p) OVER u AS deviation, sum(p) OVER (u RANGE '1 day' PRECEDING) AS sum_1d, var_pop(p) OVER (u ROWS 300 PRECEDING) AS var_300,
                 avg(v) OVER (u RANGE '5 days' PRECEDING) AS mean_5d, stddev_pop(v) OVER (u RANGE '5 days' PRECEDING) AS deviation_5d
          FROM events WINDOW u AS (PARTITION BY k ORDER BY t) $$ AS statistics \gset
SELECT feature.create_view('features', :'definition'), feature.create_view('statistics', :'statistics');
CREATE FUNCTION add(first int, last int) RETURNS void LANGUAGE sql AS $$
  -- 2 of 3 events are one entity's; a time every 7 minutes, odd minutes only, so that there is room for late ones.
  INSERT INTO many_events.events
    SELECT i, CASE WHEN i % 3 > 0 THEN 'busy' ELSE 'k' || i % 30 END, timestamptz '2024-01-01 00:01+00' + i * interval '14 minutes', i * 7919 % 10007, i * 31 % 1009 / 8.0, nullif('text ' || i * 7919 % 10007, 'text 5')
    FROM generate_series(first, last) i
$$;
-- In one statement, in many, in batches, one by one.
SELECT add(1, 2000);
DO $$ BEGIN FOR i IN 20..29 LOOP PERFORM many_events.add(i * 100 + 1, i * 100 + 100); END LOOP; END $$;
SET feature_ext.batch_rows = 64;
SELECT add(3001, 4500);
RESET feature_ext.batch_rows;
DO $$ BEGIN FOR i IN 4501..5000 LOOP PERFORM many_events.add(i, i); END LOOP; END $$;
SELECT count(*) AS rows, max(n) FILTER (WHERE k = 'busy') AS busy FROM features;
SELECT count(*) AS differences FROM ((TABLE features EXCEPT ALL (:definition)) UNION ALL ((:definition) EXCEPT ALL TABLE features)) d;
SELECT feature, rows_compared, mismatches FROM feature.verify('statistics') ORDER BY feature COLLATE "C";

-- Late events, from a moment to months late: before the first event, into chunks, into the head. What each sees is
-- computed from its own time; what comes after them sees them.
CREATE TABLE arrived AS SELECT id, row_number() OVER (ORDER BY id) AS position FROM events;
INSERT INTO events SELECT 10000 + i, 'busy', timestamptz '2024-02-18 14:00+00' - (i * i * 3) * interval '10 minutes', 100000 + i, i, 'late ' || i FROM generate_series(1, 50) i;
INSERT INTO arrived SELECT id, 10000 + row_number() OVER (ORDER BY t) FROM events WHERE id BETWEEN 10001 AND 10050;
DO $$
BEGIN
  FOR i IN 51..60 LOOP
    INSERT INTO many_events.events SELECT 10000 + i, 'busy', timestamptz '2024-01-01 00:00+00' + (i * 7919 % 50) * interval '1 day', -i, i, 'later ' || i;
    INSERT INTO many_events.arrived VALUES (10000 + i, 20000 + i);
  END LOOP;
END $$;
SELECT add(5001, 5100);
INSERT INTO arrived SELECT id, 30000 + id FROM events WHERE id BETWEEN 5001 AND 5100;
-- Each event that arrived since, against a join over all that had arrived before it.
CREATE VIEW expected AS
  SELECT e.id, s.*
  FROM events e JOIN arrived a USING (id) CROSS JOIN LATERAL (
    SELECT count(*) AS n, sum(o.v) AS total, min(o.v) AS lowest, max(o.s) AS last_text, count(*) FILTER (WHERE o.t >= e.t - interval '1 hour') AS n_1h,
           sum(o.v) FILTER (WHERE o.t >= e.t - interval '1 day') AS sum_1d, max(o.v) FILTER (WHERE o.t >= e.t - interval '20 days') AS max_20d,
           count(*) FILTER (WHERE o.t BETWEEN e.t - interval '3 days' AND e.t - interval '1 day') AS n_before,
           (array_agg(o.v ORDER BY o.t DESC, b.position DESC))[2] AS one_ago, (array_agg(o.s ORDER BY o.t DESC, b.position DESC))[701] AS text_700_ago,
           (array_agg(o.v ORDER BY o.t, b.position) FILTER (WHERE o.t >= e.t - interval '2 days'))[1] AS first_2d, (array_agg(o.s ORDER BY o.t, b.position))[1] AS first_text
    FROM events o JOIN arrived b USING (id) WHERE o.k = e.k AND o.t <= e.t AND b.position <= a.position) s
  WHERE a.position > 10000;
SELECT id, n, total, lowest, last_text, n_1h, sum_1d, max_20d, n_before, one_ago, text_700_ago, first_2d, first_text FROM features WHERE id > 5000 EXCEPT ALL TABLE expected;
SELECT id, n, total, n_1h, sum_1d, one_ago, first_text FROM features WHERE id IN (10001, 10030, 10050, 10051, 5100) ORDER BY id;
-- Computed anew from the source, all of it is in its order again.
SELECT feature.refresh('features'), feature.refresh('statistics');
SELECT count(*) AS differences FROM ((TABLE features EXCEPT ALL (:definition)) UNION ALL ((:definition) EXCEPT ALL TABLE features)) d;
SELECT feature, mismatches FROM feature.verify('statistics') WHERE mismatches > 0;
-- And goes on.
DO $$ BEGIN FOR i IN 5101..5200 LOOP PERFORM many_events.add(i, i); END LOOP; END $$;
SELECT count(*) AS differences FROM ((TABLE features EXCEPT ALL (:definition)) UNION ALL ((:definition) EXCEPT ALL TABLE features)) d;

-- A statement that reaches back over all chunks, unsorted, of many entities.
CREATE TABLE scattered (id int PRIMARY KEY, k int, t bigint NOT NULL, v int);
SELECT $$ SELECT id, sum(v) OVER (PARTITION BY k ORDER BY t) AS total, lag(v, 5) OVER (PARTITION BY k ORDER BY t) AS five_ago, count(*) OVER (PARTITION BY k ORDER BY t RANGE 1000 PRECEDING) AS n FROM scattered $$ AS definition \gset
SELECT feature.create_view('of_scattered', :'definition');
INSERT INTO scattered SELECT i, i % 4, (i * 7919::bigint) % 20011, i FROM generate_series(1, 20000) i;
SELECT count(*) AS differences FROM ((TABLE of_scattered EXCEPT ALL (:definition)) UNION ALL ((:definition) EXCEPT ALL TABLE of_scattered)) d;

-- Long texts, compressible and not, up to a megabyte: as arguments of lag, max and first_value, and as keys.
CREATE TABLE texts (id int PRIMARY KEY, k text NOT NULL, t timestamptz NOT NULL, s text);
SELECT $$
  SELECT id, md5(k) AS k, length(s) AS length, md5(lag(s) OVER u) AS last, md5(lag(s, 3) OVER u) AS third_last, md5(max(s) OVER u) AS greatest, md5(first_value(s) OVER (u ROWS 4 PRECEDING)) AS first,
         count(s) OVER u AS n, md5(min(s) OVER (ORDER BY t ROWS 3 PRECEDING)) AS least, length(string_agg(s, '') OVER (u ROWS 2 PRECEDING)) AS total_length
  FROM texts WINDOW u AS (PARTITION BY k ORDER BY t)
$$ AS definition \gset
SELECT feature.create_view('of_texts', :'definition');
CREATE FUNCTION noise(seed int, length int) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT left(string_agg(md5(seed || ' ' || i), '' ORDER BY i), length) FROM generate_series(1, length / 32 + 1) i
$$;
INSERT INTO texts
  SELECT i, 'short ' || i % 2, timestamptz '2024-01-01 00:00+00' + i * interval '1 minute', CASE i % 4 WHEN 0 THEN NULL WHEN 1 THEN repeat('x', size) WHEN 2 THEN noise(i, size) ELSE '' END
  FROM generate_series(1, 64) i, LATERAL (SELECT (ARRAY[1, 100, 3000, 9000, 70000, 1000000])[1 + i % 6] AS size) s;
INSERT INTO texts
  SELECT 100 + i, CASE i % 3 WHEN 0 THEN repeat('key', 1000000 / 3) WHEN 1 THEN noise(1, 1000000) ELSE noise(2, 5000) END, timestamptz '2024-01-02 00:00+00' + i * interval '1 minute', noise(i, 20000)
  FROM generate_series(1, 12) i;
DO $$ BEGIN FOR i IN 1..3 LOOP INSERT INTO many_events.texts VALUES (200 + i, many_events.noise(1, 1000000), timestamptz '2024-01-03 00:00+00' + i * interval '1 minute', repeat('y', 1000000)); END LOOP; END $$;
SELECT count(*) AS differences FROM ((TABLE of_texts EXCEPT ALL (:definition)) UNION ALL ((:definition) EXCEPT ALL TABLE of_texts)) d;
SELECT id, length, n, total_length FROM of_texts WHERE id IN (1, 64, 112, 203) ORDER BY id;
-- Keys that the definition keeps, and which no btree entry could hold.
SELECT feature.create_view('of_long_keys', 'SELECT id, k, t, count(*) OVER (PARTITION BY k ORDER BY t) AS n FROM texts');
INSERT INTO texts VALUES (301, noise(1, 1000000), '2024-01-04 00:00+00'), (302, repeat('key', 1000000 / 3), '2024-01-04 00:01+00'), (303, noise(2, 5000), '2024-01-04 00:02+00');
SELECT id, length(k) AS length, n FROM of_long_keys WHERE id > 300 ORDER BY id;

-- Wide states: many arguments.
SELECT format('SELECT id, %s FROM events', string_agg(format('sum(v + %1$s) OVER (PARTITION BY k ORDER BY t) AS total_%1$s, lag(s || %1$s, %1$s) OVER (PARTITION BY k ORDER BY t) AS lag_%1$s', i), ', ')) AS definition
FROM generate_series(1, 80) i \gset
SELECT feature.create_view('wide', :'definition');
SELECT add(5201, 5230);
SELECT count(*) AS differences FROM ((TABLE wide EXCEPT ALL (:definition)) UNION ALL ((:definition) EXCEPT ALL TABLE wide)) d;

SET client_min_messages = warning;
DROP SCHEMA many_events CASCADE;
