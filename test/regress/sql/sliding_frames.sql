-- Distinct counts and percentiles follow a frame from row to row: what comes into it is taken in, what leaves is taken out.
CREATE SCHEMA sliding_frames;
SET search_path = sliding_frames;
SET timezone = 'UTC';
CREATE TABLE readings (id int PRIMARY KEY, sensor int, at timestamptz, value float8, code text, kind smallint, part uuid, divisor int DEFAULT 1);
CREATE FUNCTION definition(source regclass) RETURNS text LANGUAGE sql AS $$
  SELECT format('SELECT id, 1 / divisor AS share, feature.count_distinct(code) OVER minutes AS codes, feature.count_distinct(kind) OVER minutes AS kinds,
                        feature.count_distinct(value) OVER minutes AS numbers, feature.count_distinct(part) OVER many AS parts,
                        feature.percentile(value, 0.9) OVER minutes AS p90, feature.median(value) OVER minutes AS middle,
                        feature.median(value) OVER (by_sensor RANGE BETWEEN ''30 minutes'' PRECEDING AND ''10 minutes'' PRECEDING) AS before,
                        feature.count_distinct(code) OVER (by_sensor RANGE ''20 minutes'' PRECEDING EXCLUDE CURRENT ROW) AS others,
                        feature.count_distinct(code) OVER (by_sensor RANGE ''20 minutes'' PRECEDING EXCLUDE GROUP) AS earlier,
                        feature.median(value) OVER (by_sensor RANGE ''20 minutes'' PRECEDING EXCLUDE TIES) AS without_ties,
                        feature.count_distinct(kind) OVER by_sensor AS kinds_so_far
                 FROM %s
                 WINDOW by_sensor AS (PARTITION BY sensor ORDER BY at), minutes AS (by_sensor RANGE ''10 minutes'' PRECEDING),
                        many AS (by_sensor ROWS 300 PRECEDING)', source)
$$;
CREATE FUNCTION differences(a regclass, b text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  number bigint;
BEGIN
  EXECUTE format('SELECT count(*) FROM ((TABLE %1$s EXCEPT ALL (%2$s)) UNION ALL ((%2$s) EXCEPT ALL TABLE %1$s)) AS differences', a, b) INTO number;
  RETURN number;
END $$;
SELECT feature.create_view('features', definition('readings'), on_error => 'divert');

-- Values that come back and such that do not, and NULLs; frames of some to some hundred events, in batches.
CREATE FUNCTION sample(first int, last int, start timestamptz, tied int) RETURNS SETOF readings LANGUAGE sql AS $$
  SELECT i, i % 3, start + i / tied * interval '3 s', CASE i % 11 WHEN 0 THEN NULL WHEN 1 THEN 'NaN' WHEN 2 THEN -0.0 ELSE i * 7919 % 101 END,
         CASE WHEN i % 13 > 0 THEN 'code ' || i * 31 % 57 END, i / 100 % 7, md5((i % 83)::text)::uuid, 1
  FROM generate_series(first, last) i
$$;
INSERT INTO readings SELECT * FROM sample(1, 2500, '2024-05-01', 1);
SET feature_ext.batch_rows = 70;
SET feature_ext.entity_memory = '64kB';
INSERT INTO readings SELECT * FROM sample(2501, 4500, '2024-05-01', 1);
RESET feature_ext.batch_rows;
RESET feature_ext.entity_memory;
INSERT INTO readings SELECT * FROM sample(4501, 4501, '2024-05-01', 1);
INSERT INTO readings SELECT * FROM sample(4502, 4520, '2024-05-01', 1);
SELECT differences('features', definition('readings'));
SELECT id, codes, kinds, numbers, parts, p90, middle, before, others, earlier, without_ties, kinds_so_far FROM features WHERE id % 900 = 500 ORDER BY id;

-- Equal times, rows that fail behind their events, and late ones, which come into the middle: as where each row is a statement.
CREATE TABLE single (LIKE readings INCLUDING ALL);
INSERT INTO single TABLE readings;
SELECT feature.create_view('single_features', definition('single'), on_error => 'divert');
INSERT INTO readings
SELECT id, sensor, at, value, code, kind, part, (id % 17 > 0)::int FROM sample(5000, 5399, '2024-05-01 03:00', 4) WHERE id % 2 = 0 ORDER BY at, id;
INSERT INTO readings
SELECT id, sensor, at, value, code, kind, part, (id % 17 > 0)::int FROM sample(5000, 5599, '2024-05-01 03:00', 4) WHERE id % 2 = 1 ORDER BY at, id;
DO $$
DECLARE
  reading readings;
BEGIN
  FOR reading IN SELECT * FROM readings WHERE id >= 5000 ORDER BY id % 2, at, id LOOP
    INSERT INTO single SELECT reading.*;
  END LOOP;
END $$;
SELECT relation, count(*) FROM feature.errors GROUP BY relation ORDER BY relation::text;
SELECT differences('features', 'TABLE single_features'), count(*) FROM features WHERE id >= 5000;

SET client_min_messages = warning;
DROP SCHEMA sliding_frames CASCADE;
