-- EXCLUDE, nth_value, rank and dense_rank: equal to the plain query in time order, and by the rules of arrival for ties.
CREATE SCHEMA exclusion;
SET search_path = exclusion;
SET timezone = 'UTC';
CREATE TABLE events (id int PRIMARY KEY, k int, t timestamptz NOT NULL, v int, n numeric, s text);
SELECT feature.create_view('features', $$
  SELECT id, k, t,
         sum(v)           OVER (w RANGE '10 seconds' PRECEDING EXCLUDE CURRENT ROW)            AS before_10s,
         sum(n)           OVER (w RANGE UNBOUNDED PRECEDING EXCLUDE GROUP)                     AS all_before,
         array_agg(s)     OVER (w ROWS 3 PRECEDING EXCLUDE TIES)                               AS no_ties,
         array_agg(s)     OVER (w ROWS UNBOUNDED PRECEDING EXCLUDE TIES)                       AS all_no_ties,
         count(*)         OVER (w ROWS BETWEEN 5 PRECEDING AND CURRENT ROW EXCLUDE TIES)       AS n_no_ties,
         max(v)           OVER (w RANGE UNBOUNDED PRECEDING EXCLUDE TIES)                      AS max_no_ties,
         avg(n)           OVER (w RANGE UNBOUNDED PRECEDING EXCLUDE TIES)                      AS avg_no_ties,
         first_value(s)   OVER (w RANGE UNBOUNDED PRECEDING EXCLUDE CURRENT ROW)               AS first_before,
         last_value(s)    OVER (w RANGE UNBOUNDED PRECEDING EXCLUDE GROUP)                     AS last_before,
         nth_value(s, 2)  OVER w                                                               AS second,
         nth_value(v, 3)  OVER (w ROWS 4 PRECEDING EXCLUDE CURRENT ROW)                        AS third_of_four,
         rank()           OVER w                                                               AS rank,
         dense_rank()     OVER w                                                               AS dense_rank
  FROM events WINDOW w AS (PARTITION BY k ORDER BY t) $$);
-- In time order, beyond what the head of a state holds.
INSERT INTO events SELECT i, i % 3, timestamptz '2024-01-01' + i * interval '1 second', i * 7 % 11, i / 3.0, 's' || i FROM generate_series(1, 600) i;
SELECT feature, mismatches FROM feature.verify('features') WHERE mismatches > 0;
-- Ties: of three events of one time each sees those that arrived before it, as peers.
INSERT INTO events VALUES (1001, 9, '2024-02-01', 1, 1, 'a'), (1002, 9, '2024-02-01', 2, 2, 'b'), (1003, 9, '2024-02-01', 3, 3, 'c');
INSERT INTO events VALUES (1004, 9, '2024-02-01 00:00:05', 4, 4, 'd');
SELECT id, before_10s, all_before, no_ties, all_no_ties, n_no_ties, max_no_ties FROM features WHERE k = 9 ORDER BY id;
SELECT id, round(avg_no_ties, 2) AS avg_no_ties, first_before, last_before, second, third_of_four, rank, dense_rank FROM features WHERE k = 9 ORDER BY id;
-- A late event: its rank is that of its own time, and the next one counts it.
INSERT INTO events VALUES (1005, 9, '2024-01-31', 5, 5, 'e');
INSERT INTO events VALUES (1006, 9, '2024-02-02', 6, 6, 'f');
SELECT id, before_10s, all_before, rank, dense_rank, second FROM features WHERE id > 1004 ORDER BY id;
-- What is asked of them must be known when the view is created.
SELECT feature.create_view('refused', 'SELECT nth_value(v, 0) OVER (ORDER BY t) FROM events');
SELECT feature.create_view('refused', 'SELECT nth_value(v, v) OVER (ORDER BY t) FROM events');
SELECT feature.create_view('refused', 'SELECT percent_rank() OVER (ORDER BY t) FROM events');
SET client_min_messages = warning;
DROP SCHEMA exclusion CASCADE;
