-- Rows of a megabyte and more in batches: the memory that a batch takes is given back whatever the lengths of its rows, and
-- long rows of one batch do not end the next one early.
CREATE SCHEMA long_rows;
SET search_path = long_rows;
CREATE TABLE events (id int PRIMARY KEY, k text, t timestamptz NOT NULL, long text);
CREATE FUNCTION batches_mb() RETURNS bigint STABLE LANGUAGE sql
  RETURN (SELECT sum(total_bytes) / (1024 * 1024) FROM pg_backend_memory_contexts WHERE name = 'feature_ext statement');
SELECT feature.create_view('features', $$
  SELECT id, k, t, length(long) AS length, batches_mb() AS mb, count(*) OVER (PARTITION BY k ORDER BY t) AS n FROM events $$);

-- Batches of one row, each a bit longer than the one before.
SET feature_ext.batch_rows = 1;
INSERT INTO events SELECT i, 'longer', timestamptz '2024-01-01' + i * interval '1 minute', repeat('x', 1100000 + i * 20000) FROM generate_series(1, 50) i;
SELECT max(length), max(mb) < 10 AS given_back FROM features WHERE k = 'longer';

-- A batch of 70 MB. The rows of the next one, the newest of which come first, take two.
SET feature_ext.batch_rows = 70;
INSERT INTO events SELECT i, CASE WHEN i <= 170 THEN 'long' ELSE 'short' END, timestamptz '2024-01-01' - i * interval '1 minute',
                          repeat('x', CASE WHEN i <= 170 THEN 1000000 WHEN i = 171 THEN 1900000 ELSE 1 END)
                   FROM generate_series(101, 240) i;
RESET feature_ext.batch_rows;
SELECT feature, rows_compared, mismatches FROM feature.verify('features') WHERE feature = 'n';

SET client_min_messages = warning;
DROP SCHEMA long_rows CASCADE;
