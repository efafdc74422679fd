-- feature.verify(view): one row per feature column, with the rows compared, those that differ or are missing on one
-- side, and the largest relative error of a number.
CREATE SCHEMA verifying;
SET search_path = verifying;
CREATE TABLE events (id int PRIMARY KEY, k text, t timestamptz NOT NULL, v int, p float8, n numeric, f float4);
SELECT feature.create_view('features', $$
  SELECT id, k, t, sum(v) OVER w AS s, avg(p) OVER w AS mean, avg(n) OVER w AS mean_n, sum(f) OVER w AS sum_f, lag(k) OVER w AS last_k, p > 3 AS large
  FROM events WINDOW w AS (PARTITION BY k ORDER BY t) $$);
-- Nothing to compare.
SELECT * FROM feature.verify('features');
INSERT INTO events SELECT i, 'k' || i % 3, timestamptz '2024-01-01 00:00+00' + i * interval '1 minute', i, i / 4.0, i / 4.0, i / 4.0 FROM generate_series(1, 100) i;
SELECT * FROM feature.verify('features');
-- Each kind of difference is found in its column: a value, a NULL, a rounding within and beyond the tolerance.
BEGIN;
UPDATE features SET s = s + 1 WHERE id = 50;
UPDATE features SET mean = mean * 1.5 WHERE id IN (51, 52);
UPDATE features SET mean_n = NULL WHERE id = 53;
UPDATE features SET last_k = 'x' WHERE id IN (1, 54);
UPDATE features SET large = NOT large WHERE id <= 3;
UPDATE features SET sum_f = sum_f + 1 WHERE id = 99;
SELECT feature, rows_compared, mismatches, largest_relative_error::numeric(6,4) FROM feature.verify('features');
ROLLBACK;
BEGIN;
UPDATE features SET mean = mean * (1 + 1e-12), mean_n = mean_n * 1.000000000001, sum_f = sum_f * (1 + 1e-7);
SELECT feature, mismatches, largest_relative_error > 0 AS has_error, largest_relative_error < 1e-6 AS is_small FROM feature.verify('features') WHERE feature ~ 'mean|sum_f';
ROLLBACK;
-- A row that is missing, in the view and in the source; both count in every column.
BEGIN;
DELETE FROM features WHERE id = 7;
ALTER TABLE events DISABLE TRIGGER USER;
DELETE FROM events WHERE id = 100;
SELECT feature, rows_compared, mismatches FROM feature.verify('features');
ROLLBACK;
-- Late events make the record differ from the query, as they should: the record is what was known.
BEGIN;
INSERT INTO events VALUES (200, 'k1', '2024-01-01 00:00:30+00', 7, 1, 1, 1);
SELECT feature, rows_compared, mismatches FROM feature.verify('features') WHERE mismatches > 0;
SELECT feature.refresh('features');
SELECT sum(mismatches) FROM feature.verify('features');
ROLLBACK;
-- Numbers of all sizes: zeros, infinities, not-a-number, opposite extremes.
CREATE TABLE extremes (id int PRIMARY KEY, t timestamptz NOT NULL, p float8, n numeric);
SELECT feature.create_view('of_extremes', 'SELECT id, lag(p, 0) OVER (ORDER BY t) AS p, lag(n, 0) OVER (ORDER BY t) AS n FROM extremes');
INSERT INTO extremes SELECT i, timestamptz '2024-01-01 00:00+00' + i * interval '1 minute', (ARRAY[0, '-0', 'NaN', 'Infinity', '-Infinity', 1e308, 5e-324]::float8[])[i], (ARRAY[0, 0.000, 'NaN', 'Infinity', '-Infinity', 1e300, 1e-300]::numeric[])[i] FROM generate_series(1, 7) i;
SELECT * FROM feature.verify('of_extremes');
UPDATE of_extremes SET p = -p, n = -n;
SELECT feature, rows_compared, mismatches FROM feature.verify('of_extremes');
UPDATE of_extremes SET p = 0, n = 0;
SELECT feature, rows_compared, mismatches FROM feature.verify('of_extremes');
-- Without a primary key rows are paired by what reads no window; equal ones in any order.
CREATE TABLE keyless (k text, t timestamptz NOT NULL, v int, doc json, spot point);
SELECT feature.create_view('of_keyless', 'SELECT k, t, doc, spot, count(*) OVER w AS n, sum(v) OVER w AS s FROM keyless WINDOW w AS (PARTITION BY k ORDER BY t ROWS 10 PRECEDING)');
INSERT INTO keyless SELECT 'k' || i % 2, timestamptz '2024-01-01 00:00+00' + i * interval '1 minute', i, json_build_object('i', i), point(i, i) FROM generate_series(1, 20) i;
SELECT * FROM feature.verify('of_keyless');
SELECT feature.create_view('of_nothing_else', 'SELECT count(*) OVER (ORDER BY t) AS n, sum(v) OVER (ORDER BY t) AS s FROM keyless');
SELECT * FROM feature.verify('of_nothing_else');
UPDATE of_nothing_else SET s = -1 WHERE n = 5;
SELECT feature, mismatches > 0 AS differs FROM feature.verify('of_nothing_else');
-- After columns of the feature view were renamed, dropped and added.
ALTER TABLE features RENAME s TO "Sum of v";
ALTER TABLE features DROP COLUMN last_k;
ALTER TABLE features ADD COLUMN reviewed boolean;
INSERT INTO events SELECT i, 'k' || i % 3, timestamptz '2024-01-01 00:00+00' + i * interval '1 minute', i, i / 4.0, i / 4.0, i / 4.0 FROM generate_series(101, 110) i;
SELECT feature, rows_compared, mismatches FROM feature.verify('features');
-- Not a feature view.
SELECT * FROM feature.verify('events');
SELECT * FROM feature.verify('pg_class');
SELECT * FROM feature.verify(0);
SELECT * FROM feature.verify(NULL);

SET client_min_messages = warning;
DROP SCHEMA verifying CASCADE;
