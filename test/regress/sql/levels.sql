-- A definition may be nested to any number of levels. Windows may stand at every level, also over the results of windows
-- below; expressions between them stay PostgreSQL's.
CREATE SCHEMA levels;
SET search_path = levels;
CREATE TABLE events (id int PRIMARY KEY, k text, device text, t timestamptz NOT NULL, v int, p float8);
CREATE FUNCTION add_events(first int, last int) RETURNS void LANGUAGE sql AS $$
  INSERT INTO levels.events
    SELECT i, 'k' || i % 5, nullif('d' || i * 7 % 4, 'd2'), timestamptz '2024-01-01 00:00+00' + (i * 53 + i % 3 * 10) * interval '1 second', nullif(i * 7919 % 101, 13), i * 31 % 17 / 4.0
    FROM generate_series(first, last) i
$$;
CREATE TABLE def (name text PRIMARY KEY, query text);
INSERT INTO def VALUES
-- A gap between events, then the average and the longest gap, then how far this one is off.
('three_levels', $$
  SELECT *, CASE WHEN gaps > 2 THEN gap_s - mean_gap END AS off, lag(longest) OVER (PARTITION BY k ORDER BY t) AS longest_before
  FROM (SELECT id, k, t, gap_s, round(avg(gap_s) OVER u, 6) AS mean_gap, max(gap_s) OVER u AS longest, count(gap_s) OVER u AS gaps
        FROM (SELECT id, k, t, extract(epoch FROM t - lag(t) OVER (PARTITION BY k ORDER BY t)) AS gap_s FROM events) gaps
        WINDOW u AS (PARTITION BY k ORDER BY t)) stats $$),
-- Several partition lists at once and in turn; the same window at two levels.
('crossed', $$
  SELECT id, n_k, n_d, n_kd, n_all, sum(n_k) OVER (PARTITION BY device ORDER BY t) AS over_device, max(n_d) OVER (PARTITION BY k ORDER BY t ROWS 3 PRECEDING) AS over_k,
         count(*) OVER (PARTITION BY k ORDER BY t) AS n_k_again
  FROM (SELECT *, count(*) OVER (PARTITION BY k ORDER BY t) AS n_k, count(*) OVER (PARTITION BY device ORDER BY t) AS n_d,
               count(*) OVER (PARTITION BY k, device ORDER BY t) AS n_kd, count(*) OVER (ORDER BY t) AS n_all FROM events) s $$),
-- Entities that are results of windows: known only when the level below is.
('computed_entity', $$
  SELECT id, session, count(*) OVER (PARTITION BY k, session ORDER BY t) AS in_session, first_value(v) OVER (PARTITION BY k, session ORDER BY t) AS first_v,
         sum(v) OVER (PARTITION BY session % 2 ORDER BY t) AS by_parity
  FROM (SELECT *, sum(is_new) OVER (PARTITION BY k ORDER BY t) AS session
        FROM (SELECT *, CASE WHEN t - lag(t) OVER (PARTITION BY k ORDER BY t) < interval '270 seconds' THEN 0 ELSE 1 END AS is_new FROM events) a) b $$),
-- Columns under other names, swapped, left out, used more than once; levels without windows; a filter at the base.
('projections', $$
  SELECT a, b AS "Event Time", c + c AS twice, sum(c) OVER (PARTITION BY e ORDER BY b) AS s, e
  FROM (SELECT id AS a, t AS b, v AS c, k AS e, device AS unused FROM (SELECT * FROM (SELECT device, k, v, t, id FROM events WHERE v > 5 AND device IS NOT NULL) x) y (device, k, v, t, id)) z $$),
-- Aggregates that PostgreSQL computes, over windows of windows; arguments of several levels in one expression.
('aggregates', $$
  SELECT id, array_agg(rank) OVER w AS ranks, string_agg(k || '/' || rank, ',') OVER w AS texts, bool_or(rank > 30) OVER w AS many, v - before AS step,
         sum(v - before) OVER w AS steps, regr_count(v, before) OVER w AS pairs
  FROM (SELECT *, row_number() OVER (PARTITION BY device ORDER BY t) AS rank, lag(v) OVER (PARTITION BY k ORDER BY t) AS before FROM events) s
  WINDOW w AS (PARTITION BY k ORDER BY t ROWS BETWEEN 4 PRECEDING AND CURRENT ROW) $$),
-- lag's default and FILTER read other windows' results.
('defaults', $$
  SELECT id, lag(n, 3, total) OVER u AS n3, sum(v) FILTER (WHERE n % 2 = 1) OVER u AS odd, count(*) FILTER (WHERE total > 200) OVER u AS late
  FROM (SELECT *, count(*) OVER (PARTITION BY k ORDER BY t) AS n, sum(v) OVER (PARTITION BY k ORDER BY t) AS total FROM events) s WINDOW u AS (PARTITION BY k ORDER BY t) $$),
-- No window anywhere, none at the top, none at the base.
('stateless', $$ SELECT id, upper(k) AS k, v * 2 AS v FROM (SELECT * FROM events) s $$),
('top_without', $$ SELECT id, n * 2 AS n FROM (SELECT id, count(*) OVER (PARTITION BY k ORDER BY t) AS n FROM events) s $$),
('base_without', $$ SELECT id, sum(w) OVER (PARTITION BY kk ORDER BY t) AS s FROM (SELECT id, t, k || device AS kk, v * 2 AS w FROM events) s $$);
-- Twenty levels of one.
INSERT INTO def
  WITH RECURSIVE nested (depth, query) AS (
    SELECT 0, 'SELECT id, k, t, id * 100 AS x FROM events'
    UNION ALL
    SELECT depth + 1, format('SELECT id, k, t, lag(x) OVER (PARTITION BY k ORDER BY t) + 1 AS x FROM (%s) level_%s', query, depth) FROM nested WHERE depth < 20)
  SELECT 'twenty', query FROM nested WHERE depth = 20;
SELECT add_events(1, 60);
SELECT name, feature.create_view(name, query) FROM def ORDER BY name;
SELECT add_events(61, 200);
DO $$ BEGIN FOR i IN 201..260 LOOP PERFORM levels.add_events(i, i); END LOOP; END $$;
DO $$ BEGIN FOR i IN 0..9 LOOP PERFORM levels.add_events(261 + i * 7, 267 + i * 7); END LOOP; END $$;
CREATE FUNCTION differences(view regclass, query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE answer bigint;
BEGIN
  EXECUTE format('SELECT count(*) FROM ((TABLE %1$s EXCEPT ALL (%2$s)) UNION ALL ((%2$s) EXCEPT ALL TABLE %1$s)) d', view, query) INTO answer;
  RETURN answer;
END $$;
SELECT name, (SELECT max(rows_compared) FROM feature.verify(name::regclass)) AS rows, differences(name::regclass, query) FROM def ORDER BY name;
SELECT id, gap_s, mean_gap, longest, gaps, off, longest_before FROM three_levels WHERE k = 'k1' ORDER BY t LIMIT 6;
SELECT id, session, in_session, first_v, by_parity FROM computed_entity WHERE id <= 12 ORDER BY id;
SELECT id, x FROM twenty WHERE id IN (55, 100, 101, 300) ORDER BY id;

-- A window over windows reads the inner results of earlier rows as they were recorded: a late event does not change them.
CREATE TABLE late (id int PRIMARY KEY, t timestamptz NOT NULL);
SELECT feature.create_view('recorded', 'SELECT id, n, sum(n) OVER (ORDER BY t) AS total, lag(n) OVER (ORDER BY t) AS before FROM (SELECT id, t, count(*) OVER (ORDER BY t) AS n FROM late) s');
INSERT INTO late VALUES (1, '2024-01-01 10:00+00');
INSERT INTO late VALUES (2, '2024-01-01 12:00+00');
-- Late: n is 2 here, and stays 2 for the event at 12:00, though it would be 3 now.
INSERT INTO late VALUES (3, '2024-01-01 11:00+00');
INSERT INTO late VALUES (4, '2024-01-01 13:00+00');
SELECT * FROM recorded ORDER BY id;

-- What all levels compute is numbered as columns of a table are.
CREATE TABLE wide (v int);
DO $$
DECLARE
  columns text := (SELECT string_agg(format('c%s + 1 AS c%1$s', i), ', ') FROM generate_series(1, 1600) i);
  query text := (SELECT format('SELECT %s FROM wide', string_agg(format('v AS c%s', i), ', ')) FROM generate_series(1, 1600) i);
BEGIN
  FOR level IN 1..21 LOOP query := format('SELECT %s FROM (%s) s', columns, query); END LOOP;
  PERFORM feature.create_view('too_much', format('SELECT c1 FROM (%s) s', query));
END $$;

SET client_min_messages = warning;
DROP SCHEMA levels CASCADE;
