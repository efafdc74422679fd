-- Sketches of other extensions over frames of thousands of events, so that those of leaves and nodes are merged:
-- HyperLogLog of extension hll for distinct counts, t-digest of extension tdigest for percentiles.
-- needs: hll tdigest
--
-- A HyperLogLog is the same whatever it was merged of, in whatever order: it must equal that of the plain query to the
-- last register. A t-digest is not, it depends on which centroids met: so percentiles are held against the true ones, with
-- the error of one hundredth of the events that is documented for a compression of 100, and those of the plain query too.
CREATE SCHEMA sketches;
SET search_path = sketches;
SET timezone = 'UTC';
SET jit = off;
SET work_mem = '64MB';
CREATE EXTENSION hll;
CREATE EXTENSION tdigest;
-- The example of docs/reference.md. Versions of tdigest differ in the digits of their answers.
CREATE TABLE page_views (site text, at timestamptz NOT NULL, visitor text, ms float8);
SELECT feature.create_view('site_features', $$
  SELECT site, at, round(hll_cardinality(hll_add_agg(hll_hash_text(visitor), 11, 5, -1, 1) OVER month)) AS visitors_30d,
         tdigest_percentile(ms, 100, 0.95) OVER month AS p95_30d
  FROM page_views
  WINDOW month AS (PARTITION BY site ORDER BY at RANGE '30 days' PRECEDING)
$$);
INSERT INTO page_views
SELECT 'example.org', timestamptz '2024-05-01' + i * interval '1 minute', 'visitor ' || i % 3000, i % 1000
FROM generate_series(1, 20000) i;
SELECT visitors_30d, p95_30d BETWEEN 940 AND 960 AS p95_30d FROM site_features ORDER BY at DESC LIMIT 1;
DROP TABLE page_views CASCADE;

CREATE TABLE visits (id int PRIMARY KEY, site text, at timestamptz NOT NULL, visitor text, ms float8);
SELECT $$
  SELECT *, hll_cardinality(seen_3d) AS visitors_3d
  FROM (SELECT id, site, at, hll_add_agg(hll_hash_text(visitor), 11, 5, -1, 1) OVER three_days AS seen_3d, hll_cardinality(hll_add_agg(hll_hash_text(visitor), 11, 5, -1, 1) OVER ever) AS visitors,
               hll_add_agg(hll_hash_text(visitor), 11, 5, -1, 1) FILTER (WHERE ms > 100) OVER three_days AS slow_3d, tdigest(ms, 100) OVER three_days AS digest_3d,
               tdigest_percentile(ms, 100, 0.95) OVER three_days AS p95_3d, tdigest_percentile(ms, 100, ARRAY[0.01, 0.5]) OVER ever AS percentiles
        FROM visits WINDOW ever AS (PARTITION BY site ORDER BY at), three_days AS (ever RANGE '3 days' PRECEDING)) s
$$ AS definition \gset
SELECT feature.create_view('features', :'definition');
CREATE FUNCTION add(first int, last int) RETURNS void LANGUAGE sql AS $$
  INSERT INTO sketches.visits
  SELECT i, CASE WHEN i % 3 > 0 THEN 'busy' ELSE 's' || i % 20 END, timestamptz '2024-01-01 00:00+00' + i * interval '1 minute', CASE WHEN i % 19 > 0 THEN 'visitor ' || i * 7919 % 4001 END, exp(sqrt(i * 7919 % 10007) / 15)
  FROM generate_series(first, last) i
$$;
SELECT add(1, 5500);
DO $$ BEGIN FOR i IN 5501..5520 LOOP PERFORM sketches.add(i, i); END LOOP; END $$;
-- Registers as text, and what is estimated from them.
SELECT feature, rows_compared, mismatches FROM feature.verify('features') WHERE feature !~ '^(digest|p)' ORDER BY feature;

-- For every twentieth row of the large entity: how far the share of values below a percentile is from what it should be, beyond
-- the one event that it may lie next to. Equal values have all shares in between.
CREATE FUNCTION off(value float8, p float8, row_id int, since interval) RETURNS float8 LANGUAGE sql AS $$
  SELECT (greatest(0, count(*) FILTER (WHERE o.ms < value) - p * count(*) - 1, p * count(*) - count(*) FILTER (WHERE o.ms <= value) - 1) / count(*))::float8
  FROM sketches.visits o JOIN sketches.visits e ON e.id = row_id AND o.site = e.site AND o.at BETWEEN e.at - since AND e.at AND o.id <= e.id
$$;
SELECT count(*) AS rows, max(tdigest_count(digest_3d)) AS most_events, max(off(p95_3d, 0.95, id, '3 days')) < 0.01 AS p95, max(off(percentiles[1], 0.01, id, '100 days')) < 0.01 AS p1, max(off(percentiles[2], 0.5, id, '100 days')) < 0.01 AS median,
       max(off((SELECT tdigest_percentile(kept, 0.95) FROM (SELECT digest_3d AS kept) d), 0.95, id, '3 days')) < 0.01 AS p95_of_digest
FROM features WHERE site = 'busy' AND id % 20 = 1;
SELECT count(*) AS rows, max(off(p95_3d, 0.95, id, '3 days')) < 0.01 AS p95, max(off(percentiles[1], 0.01, id, '100 days')) < 0.01 AS p1, max(off(percentiles[2], 0.5, id, '100 days')) < 0.01 AS median FROM (:definition) q WHERE site = 'busy' AND id % 20 = 1;
-- No event is lost or counted twice.
SELECT count(*) AS rows, count(*) FILTER (WHERE tdigest_count(f.digest_3d) <> tdigest_count(q.digest_3d)) AS different FROM features f JOIN (:definition) q USING (id);

-- Late events, one by one, and what comes after them, against what had arrived before each.
DO $$
BEGIN
  FOR i IN 10001..10060 LOOP
    INSERT INTO sketches.visits VALUES (i, 'busy', timestamptz '2024-01-04 20:00:30+00' - (i - 10000) * interval '97 minutes', 'late visitor ' || i % 40, i % 500);
  END LOOP;
  FOR i IN 10061..10080 LOOP
    INSERT INTO sketches.visits VALUES (i, 'busy', timestamptz '2024-01-05 00:00+00' + i * interval '1 second', 'visitor ' || i, i % 500);
  END LOOP;
END $$;
SELECT count(*) AS rows, count(*) FILTER (WHERE f.seen_3d::text <> d.seen_3d::text) AS seen_3d, count(*) FILTER (WHERE f.visitors <> d.visitors) AS visitors, count(*) FILTER (WHERE tdigest_count(f.digest_3d) <> d.n_3d) AS events
FROM features f CROSS JOIN LATERAL (
  SELECT hll_add_agg(hll_hash_text(visitor), 11, 5, -1, 1) FILTER (WHERE o.at >= f.at - interval '3 days') AS seen_3d, hll_cardinality(hll_add_agg(hll_hash_text(visitor), 11, 5, -1, 1)) AS visitors, count(*) FILTER (WHERE o.at >= f.at - interval '3 days') AS n_3d
  FROM visits o WHERE o.site = f.site AND o.at <= f.at AND o.id <= f.id) d
WHERE id > 10000;
SELECT count(*) AS rows, max(off(p95_3d, 0.95, id, '3 days')) < 0.01 AS p95, max(off(percentiles[2], 0.5, id, '100 days')) < 0.01 AS median FROM features WHERE id > 10000;

SET client_min_messages = warning;
DROP SCHEMA sketches CASCADE;
