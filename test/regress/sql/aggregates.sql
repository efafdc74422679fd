-- The extension's aggregates: what each gives for known input, for NULL, for nothing, and what it refuses. That they
-- agree with PostgreSQL's own formulations on random input is test/aggregates' business.
CREATE SCHEMA aggregates;
SET search_path = aggregates;
\pset null '(null)'
CREATE TABLE r (i int PRIMARY KEY, g text, v int, f float8, s text, t timestamptz);
INSERT INTO r VALUES
  (1, 'a', 3, 3, 'x', '2024-01-01 00:00+00'), (2, 'a', 1, 1, 'y', '2024-01-01 01:00+00'), (3, 'a', NULL, NULL, NULL, '2024-01-01 02:00+00'),
  (4, 'a', 1, 5, 'y', '2024-01-01 03:00+00'), (5, 'a', 2, 2, 'x', '2024-01-01 04:00+00'), (6, 'b', 7, 7, 'z', '2024-01-01 05:00+00'),
  (7, 'none', NULL, NULL, NULL, '2024-01-01 06:00+00');

-- Groups: several values, one value, only NULL.
SELECT g, feature.count_distinct(v) AS count_distinct, feature.mode(v) AS mode, feature.top_n(v, 2) AS top_2, feature.entropy(v) AS entropy,
       feature.percentile(f, 0.25) AS quartile, feature.median(f) AS median
FROM r GROUP BY g ORDER BY g;
SELECT g, feature.change_count(s ORDER BY i) AS change_count, feature.drawdown(f ORDER BY i) AS drawdown, feature.last_distinct(s, 2 ORDER BY i) AS last_2,
       feature.ew_sum(f, t, '1 hour') AS ew_sum, feature.ew_avg(f, t, '1 hour') AS ew_avg
FROM r GROUP BY g ORDER BY g;
-- No rows at all.
SELECT feature.count_distinct(v) AS count_distinct, feature.mode(v) AS mode, feature.top_n(v, 2) AS top_2, feature.entropy(v) AS entropy, feature.percentile(f, 0.25) AS quartile,
       feature.median(f) AS median, feature.change_count(s) AS change_count, feature.drawdown(f) AS drawdown, feature.last_distinct(s, 2) AS last_2, feature.ew_sum(f, t, '1 hour') AS ew_sum,
       feature.ew_avg(f, t, '1 hour') AS ew_avg
FROM r WHERE false;
-- FILTER and DISTINCT.
SELECT feature.median(f) FILTER (WHERE g = 'a') AS filtered, feature.median(DISTINCT v) AS median_of_different, feature.entropy(DISTINCT s) AS bits_of_different FROM r;
-- Sliding frames, in and out of each.
SELECT i, v, feature.count_distinct(v) OVER w AS count_distinct, feature.mode(v) OVER w AS mode, feature.top_n(v, 2) OVER w AS top_2, round(feature.entropy(v) OVER w::numeric, 3) AS entropy,
       feature.percentile(v, 0.9) OVER w AS p90, feature.median(v) OVER w AS median, feature.change_count(v) OVER w AS changes, feature.drawdown(v) OVER w AS drawdown, feature.last_distinct(v, 2) OVER w AS last_2
FROM r WINDOW w AS (ORDER BY i ROWS 2 PRECEDING) ORDER BY i;

-- Equality is that of the type, and of the collation. Of values that are equal and written differently the same one is
-- shown in any order of input.
CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
SELECT feature.count_distinct(s) AS c, feature.count_distinct(s COLLATE folded) AS folded, feature.mode(s COLLATE folded ORDER BY n) AS mode, feature.mode(s COLLATE folded ORDER BY -n) AS backwards
FROM (VALUES (1, 'A'), (2, 'b'), (3, 'a')) v (n, s);
SELECT feature.count_distinct(x) AS numerics, feature.mode(x ORDER BY n) AS mode, feature.mode(x ORDER BY -n) AS backwards, feature.last_distinct(x, 5 ORDER BY n) AS last, feature.change_count(x ORDER BY n) AS changes
FROM (VALUES (1, 1.0), (2, 1.00), (3, 2)) v (n, x);
SELECT feature.count_distinct(x) AS floats, feature.top_n(x, 5) AS top, feature.change_count(x) AS changes FROM unnest('{0,-0,NaN,NaN,Infinity}'::float8[]) x;
-- All sorts of types: by value, of fixed and of variable length, out of line, composite, domains, enumerations.
CREATE TYPE mood AS ENUM ('sad', 'ok', 'glad');
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN cents AS int;
SELECT feature.top_n(b, 2) AS bools, feature.top_n(m, 2) AS moods, feature.top_n(u, 2) AS uuids, feature.top_n(p, 2) AS pairs, feature.top_n(c, 2) AS cents, feature.mode(a) AS arrays
FROM (VALUES (true, 'ok'::mood, '00000000-0000-0000-0000-000000000001'::uuid, (1, 'x')::pair, 5::cents, '{1,2}'::int[]),
             (false, 'sad', '00000000-0000-0000-0000-000000000002', (1, NULL)::pair, 7, '{}'), (true, 'sad', '00000000-0000-0000-0000-000000000002', (1, NULL)::pair, 7, '{}')) v (b, m, u, p, c, a);
CREATE TABLE wide (x text);
ALTER TABLE wide ALTER x SET STORAGE EXTERNAL;
INSERT INTO wide SELECT repeat(chr(97 + i % 3), 10000) FROM generate_series(1, 7) i;
SELECT feature.count_distinct(x) AS c, left(feature.mode(x), 3) AS mode, array_length(feature.top_n(x, 2), 1) AS top, left((feature.last_distinct(x, 2))[1], 1) AS last, feature.change_count(x) AS changes FROM wide;
-- Types that cannot be hashed or ordered.
SELECT feature.count_distinct(x) FROM (VALUES ('1'::json)) v (x);
SELECT feature.count_distinct(x) FROM (VALUES ('1'::money)) v (x);
SELECT feature.count_distinct(x) AS xids FROM (VALUES ('1'::xid)) v (x);
SELECT feature.mode(x) FROM (VALUES ('1'::xid)) v (x);

-- percentile: as percentile_cont, to the last bit.
SELECT p, feature.percentile(x, p), percentile_cont(p) WITHIN GROUP (ORDER BY x) FROM unnest('{-Infinity,0.1,0.7,1e300,NaN}'::float8[]) x, unnest('{0,0.1,0.25,0.6,0.99,1}'::float8[]) p GROUP BY p ORDER BY p;
SELECT feature.percentile(x, NULL) AS null_fraction FROM generate_series(1, 3) x;
SELECT feature.percentile(x, 1.01) FROM generate_series(1, 3) x;
SELECT feature.percentile(x, -0.01) FROM generate_series(1, 3) x;
SELECT feature.percentile(x, 'NaN') FROM generate_series(1, 3) x;
SELECT feature.percentile(x, x / 4.0) FROM generate_series(1, 3) x;
SELECT feature.percentile(x, nullif(0.5, x / 2.0)) FROM generate_series(1, 3) x;
-- It may differ from one frame to the next.
SELECT x, feature.percentile(x, (x % 2)::float8) OVER (ORDER BY x ROWS BETWEEN CURRENT ROW AND CURRENT ROW) FROM generate_series(1, 3) x;
SELECT x, feature.percentile(x, (x / 3) / 2.0) OVER (ORDER BY x ROWS 1 PRECEDING) FROM generate_series(1, 4) x;

-- top_n and last_distinct: n.
SELECT feature.top_n(x, 0) FROM generate_series(1, 3) x;
SELECT feature.last_distinct(x, -1) FROM generate_series(1, 3) x;
SELECT feature.top_n(x, x) FROM generate_series(1, 3) x;
SELECT feature.last_distinct(x, x) FROM generate_series(1, 3) x;
SELECT feature.top_n(x, NULL) AS top, feature.last_distinct(x, NULL) AS last FROM generate_series(1, 3) x;

-- drawdown: infinities and NaN.
SELECT name, feature.drawdown(x) FROM (VALUES ('rising', '{1,2,3}'::float8[]), ('from infinity', '{Infinity,1}'), ('to -infinity', '{1,-Infinity}'), ('infinities', '{Infinity,Infinity}'), ('NaN', '{5,NaN,1}')) v (name, xs), unnest(xs) x GROUP BY name ORDER BY name;
SELECT feature.drawdown(x) FROM unnest('{1e308,-1e308}'::float8[]) x;

-- ew_sum, ew_avg: times in any order, of any kind, however far apart.
SELECT feature.ew_sum(x, t, '1 hour') AS forwards, feature.ew_sum(x, t, '1 hour' ORDER BY t DESC) AS backwards, feature.ew_sum(x, t::timestamp, '1 hour') AS local, feature.ew_sum(x, extract(epoch FROM t)::bigint, 3600) AS seconds,
       feature.ew_avg(x, t, '1 hour') AS average, feature.ew_sum(x, t, '1 day') = feature.ew_sum(x, t, '24 hours') AS days
FROM (VALUES (8, '2024-01-01 00:00+00'::timestamptz), (4, '2024-01-01 01:00+00'), (1, '2024-01-01 02:00+00')) v (x, t);
SELECT feature.ew_sum(x, t, '1 microsecond') AS far_apart FROM (VALUES (8, '4000-01-01 BC'::timestamptz), (1, '200000-01-01')) v (x, t);
SELECT feature.ew_sum(x, t, '1 hour') AS ignored, feature.ew_sum(x, t, NULL) AS null_half_life FROM (VALUES (8, '2024-01-01 00:00+00'::timestamptz), (NULL, '2024-01-01 05:00+00'), (1, NULL)) v (x, t);
SELECT feature.ew_sum(1, now(), '1 month');
SELECT feature.ew_sum(1, now(), '0');
SELECT feature.ew_sum(1, now(), '-1 hour');
SELECT feature.ew_sum(1, 5, 0);
SELECT feature.ew_sum(1, now(), '178000000 years' - interval '178000000 years' + interval '2000000000 days');
SELECT feature.ew_sum(1, 'infinity'::timestamptz, '1 hour');
SELECT feature.ew_sum(1, now(), x * interval '1 hour') FROM generate_series(1, 2) x;
SELECT feature.ew_sum(1e308, now(), '1 hour') FROM generate_series(1, 2);

-- In a feature view, with every kind of frame; states are stored and read again.
CREATE TABLE events (id int PRIMARY KEY, k int, t timestamptz NOT NULL, v float8, s text COLLATE "C", n numeric);
SELECT format('SELECT id, k, t, %s FROM events WINDOW w AS (PARTITION BY k ORDER BY t RANGE ''1 hour'' PRECEDING), u AS (PARTITION BY k ORDER BY t), p AS (PARTITION BY k ORDER BY t ROWS BETWEEN 5 PRECEDING AND 1 PRECEDING)',
              string_agg(format('feature.%s OVER %I AS %I', call, w, w || number), ', ' ORDER BY number, w)) AS definition
FROM unnest('{count_distinct(s),mode(n),"top_n(s, 2)",entropy(n),"percentile(v, 0.95)",median(v),change_count(s),drawdown(v),"last_distinct(n, 3)","ew_sum(v, t, ''10 minutes'')","ew_avg(v, t, ''10 minutes'')"}'::text[]) WITH ORDINALITY c (call, number),
     unnest('{w,u,p}'::text[]) w \gset
SELECT feature.create_view('kept', :'definition');
CREATE FUNCTION fill(first int, last int) RETURNS void LANGUAGE sql AS $$
  INSERT INTO aggregates.events
  SELECT i, i % 3, timestamptz '2024-01-01 00:00+00' + i * interval '3 minutes', CASE WHEN i % 7 > 0 THEN i * 7919 % 1009 / 8.0 END,
         CASE WHEN i % 5 > 0 THEN repeat(chr(97 + i * 31 % 11), i % 40) END, round(i * 37 % 10 / 2.0, i % 3)
  FROM generate_series(first, last) i
$$;
SELECT fill(1, 700);
DO $$ BEGIN FOR i IN 701..730 LOOP PERFORM aggregates.fill(i, i); END LOOP; END $$;
SELECT count(*) AS columns, min(rows_compared) AS rows, string_agg(feature, ' ') FILTER (WHERE mismatches > 0) AS different FROM feature.verify('kept');

-- Which aggregates can take values back, and which run in parallel workers.
SELECT string_agg(DISTINCT proname, ' ' ORDER BY proname) AS aggregates, aggminvtransfn <> 0 AS takes_back, proparallel AS parallel, concat(aggfinalmodify, aggmfinalmodify) AS final_functions
FROM pg_aggregate a JOIN pg_proc p ON p.oid = a.aggfnoid WHERE p.pronamespace = 'feature'::regnamespace AND aggcombinefn <> 0 AND aggserialfn <> 0 GROUP BY 2, 3, 4 ORDER BY 1;
SELECT count(*) AS aggregates FROM pg_aggregate a JOIN pg_proc p ON p.oid = a.aggfnoid WHERE p.pronamespace = 'feature'::regnamespace;
DROP SCHEMA aggregates CASCADE;
