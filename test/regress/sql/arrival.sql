-- A feature row is what was known when its event was processed. Events of equal time, late events, unsorted statements
-- and batches.
--
-- The oracle is a join that knows the order of arrival: an event sees the events of its entity that arrived before it
-- and lie in its frame by event time, itself included; among equal times the earlier arrival comes first.
CREATE SCHEMA arrival;
SET search_path = arrival;
CREATE TABLE events (id int PRIMARY KEY, k text, t timestamptz NOT NULL, v int);
SELECT feature.create_view('features', $$
  SELECT id, k, t, v, count(*) OVER u AS n, sum(v) OVER u AS total, array_agg(id) OVER u AS ids,
         array_agg(id) OVER (u RANGE '10 minutes' PRECEDING) AS ten_minutes, array_agg(id) OVER (u ROWS 2 PRECEDING) AS three_rows,
         array_agg(id) OVER (u RANGE BETWEEN '10 minutes' PRECEDING AND '1 minute' PRECEDING) AS not_the_last,
         array_agg(id) OVER (u RANGE CURRENT ROW) AS peers, lag(id) OVER u AS before, lag(v, 2, -1) OVER u AS before_that,
         first_value(id) OVER u AS first, first_value(id) OVER (u RANGE '10 minutes' PRECEDING) AS first_of_ten, last_value(id) OVER u AS last,
         row_number() OVER u AS number, min(v) OVER u AS lowest, max(v) OVER (u ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS highest_before
  FROM events WINDOW u AS (PARTITION BY k ORDER BY t) $$);
-- The order in which the events of each test arrive, and what each of them must see.
CREATE TABLE arrived (id int PRIMARY KEY, position int NOT NULL);
CREATE VIEW expected AS
  SELECT e.id, e.k, e.t, e.v, s.*
  FROM events e JOIN arrived a USING (id) CROSS JOIN LATERAL (
    SELECT count(*) AS n, sum(o.v) AS total, array_agg(o.id ORDER BY o.t, b.position) AS ids,
           array_agg(o.id ORDER BY o.t, b.position) FILTER (WHERE o.t >= e.t - interval '10 minutes') AS ten_minutes,
           (array_agg(o.id ORDER BY o.t, b.position))[greatest(count(*) - 2, 1) : count(*)] AS three_rows,
           array_agg(o.id ORDER BY o.t, b.position) FILTER (WHERE o.t BETWEEN e.t - interval '10 minutes' AND e.t - interval '1 minute') AS not_the_last,
           array_agg(o.id ORDER BY o.t, b.position) FILTER (WHERE o.t = e.t) AS peers,
           (array_agg(o.id ORDER BY o.t, b.position))[count(*) - 1] AS before,
           CASE WHEN count(*) > 2 THEN (array_agg(o.v ORDER BY o.t, b.position))[count(*) - 2] ELSE -1 END AS before_that,
           (array_agg(o.id ORDER BY o.t, b.position))[1] AS first,
           (array_agg(o.id ORDER BY o.t, b.position) FILTER (WHERE o.t >= e.t - interval '10 minutes'))[1] AS first_of_ten, e.id AS last, count(*) AS number, min(o.v) AS lowest,
           max(o.v) FILTER (WHERE o.id <> e.id) AS highest_before
    FROM events o JOIN arrived b USING (id)
    WHERE o.k IS NOT DISTINCT FROM e.k AND o.t <= e.t AND b.position <= a.position) s;
CREATE VIEW differences AS (TABLE features EXCEPT ALL TABLE expected) UNION ALL (TABLE expected EXCEPT ALL TABLE features);

-- Equal times, one statement each: the earlier arrival is in the frame, the later one is not.
INSERT INTO events VALUES (1, 'tie', '2024-01-01 00:00+00', 10);
INSERT INTO events VALUES (2, 'tie', '2024-01-01 00:00+00', 20);
INSERT INTO events VALUES (3, 'tie', '2024-01-01 00:00+00', 30);
INSERT INTO events VALUES (4, 'tie', '2024-01-01 00:05+00', 40);
-- In one statement: in the order of the statement's rows.
INSERT INTO events VALUES (7, 'tie', '2024-01-01 00:05+00', 70), (6, 'tie', '2024-01-01 00:05+00', 60), (5, 'tie', '2024-01-01 00:05+00', 50);
INSERT INTO arrived VALUES (1, 1), (2, 2), (3, 3), (4, 4), (7, 5), (6, 6), (5, 7);
SELECT id, ids, peers, three_rows, before, before_that, first, last FROM features WHERE k = 'tie' ORDER BY number;
TABLE differences;

-- Late: each takes its place by event time, sees what lies before that, and is seen by what arrives after it.
INSERT INTO events VALUES (11, 'late', '2024-01-01 00:00+00', 1);
INSERT INTO events VALUES (12, 'late', '2024-01-01 00:20+00', 2);
INSERT INTO events VALUES (13, 'late', '2024-01-01 00:08+00', 4);
INSERT INTO events VALUES (14, 'late', '2023-12-31 23:55+00', 8);
INSERT INTO events VALUES (15, 'late', '2024-01-01 00:08+00', 16);
INSERT INTO events VALUES (16, 'late', '2024-01-01 00:20+00', 32);
INSERT INTO events VALUES (17, 'late', '2020-01-01 00:00+00', 64);
INSERT INTO events VALUES (18, 'late', '2024-01-01 00:21+00', 128);
INSERT INTO arrived SELECT id, id FROM events WHERE id BETWEEN 11 AND 18;
SELECT id, t AT TIME ZONE 'UTC' AS t, ids, total, ten_minutes, not_the_last, before, first FROM features WHERE k = 'late' ORDER BY id;
TABLE differences;

-- An unsorted statement is processed in order of time, equal times in order of position.
INSERT INTO events SELECT 100 + i, 'unsorted', timestamptz '2024-01-01 00:00+00' + i * 37 % 23 * interval '1 minute', i FROM generate_series(1, 60) i;
INSERT INTO arrived SELECT id, 1000 + row_number() OVER (ORDER BY t, id) FROM events WHERE k = 'unsorted';
TABLE differences;
SELECT id, ids, peers FROM features WHERE k = 'unsorted' AND number <= 6 ORDER BY number;
-- Two statements that overlap in time.
INSERT INTO events SELECT 200 + i, 'unsorted', timestamptz '2024-01-01 00:00+00' + i * 41 % 29 * interval '1 minute', i FROM generate_series(1, 60) i;
INSERT INTO arrived SELECT id, 2000 + row_number() OVER (ORDER BY t, id) FROM events WHERE id BETWEEN 201 AND 260;
TABLE differences;

-- Within a batch rows are sorted, across batches the order of arrival holds: batches of 1, of 7, of more than there are.
SET feature_ext.batch_rows = 1;
INSERT INTO events SELECT 300 + i, 'batch 1', timestamptz '2024-01-01 00:00+00' + i * 37 % 23 * interval '1 minute', i FROM generate_series(1, 40) i;
INSERT INTO arrived SELECT id, id FROM events WHERE k = 'batch 1';
SET feature_ext.batch_rows = 7;
INSERT INTO events SELECT 400 + i, 'batch 7', timestamptz '2024-01-01 00:00+00' + i * 37 % 23 * interval '1 minute', i FROM generate_series(1, 40) i;
INSERT INTO arrived SELECT id, 4000 + row_number() OVER (ORDER BY (id - 401) / 7, t, id) FROM events WHERE k = 'batch 7';
SET feature_ext.batch_rows = 1000;
INSERT INTO events SELECT 500 + i, 'batch 1000', timestamptz '2024-01-01 00:00+00' + i * 37 % 23 * interval '1 minute', i FROM generate_series(1, 40) i;
INSERT INTO arrived SELECT id, 5000 + row_number() OVER (ORDER BY t, id) FROM events WHERE k = 'batch 1000';
RESET feature_ext.batch_rows;
TABLE differences;
SET feature_ext.batch_rows = 0;
SHOW feature_ext.batch_rows;
-- COPY too.
SET feature_ext.batch_rows = 2;
COPY events FROM stdin;
601	copy	2024-01-01 00:03:00+00	1
602	copy	2024-01-01 00:01:00+00	2
603	copy	2024-01-01 00:02:00+00	3
604	copy	2024-01-01 00:02:00+00	4
605	copy	2024-01-01 00:00:00+00	5
\.
RESET feature_ext.batch_rows;
INSERT INTO arrived VALUES (602, 6001), (601, 6002), (603, 6003), (604, 6004), (605, 6005);
SELECT id, ids FROM features WHERE k = 'copy' ORDER BY id;
TABLE differences;

-- What is there when the view is made arrived in order of time.
INSERT INTO events SELECT 700 + i, 'refreshed', timestamptz '2024-01-01 00:00+00' + i * 37 % 23 * interval '1 minute', i FROM generate_series(1, 40) i;
INSERT INTO arrived SELECT id, 7000 + row_number() OVER (ORDER BY t, id) FROM events WHERE k = 'refreshed';
SELECT feature.refresh('features') = (SELECT count(*) FROM events) AS refreshed;
TRUNCATE arrived;
INSERT INTO arrived SELECT id, row_number() OVER (ORDER BY t, ctid) FROM events;
TABLE differences;

-- NULL keys are one entity; NULL values count as rows and not as values.
INSERT INTO events VALUES (801, NULL, '2024-01-01 00:00+00', 1), (802, NULL, '2024-01-01 00:01+00', NULL), (803, '', '2024-01-01 00:02+00', 5);
INSERT INTO events VALUES (804, NULL, '2024-01-01 00:03+00', 4), (805, NULL, '2024-01-01 00:02+00', 8);
INSERT INTO arrived VALUES (801, 8001), (802, 8002), (803, 8003), (805, 8004), (804, 8005);
SELECT id, k, n, total, ids, before_that FROM features WHERE id BETWEEN 801 AND 805 ORDER BY id;
TABLE differences;

-- An event from the future expires nothing: what arrives now sees its last hour, and the future event is not in it.
CREATE TABLE clicks (id int PRIMARY KEY, t timestamptz NOT NULL);
SELECT feature.create_view('click_counts', $$
  SELECT id, count(*) OVER (ORDER BY t RANGE '1 hour' PRECEDING) AS last_hour, count(*) OVER (ORDER BY t) AS so_far, lag(id) OVER (ORDER BY t) AS before FROM clicks $$);
INSERT INTO clicks SELECT i, now() - interval '50 minutes' + i * interval '1 minute' FROM generate_series(1, 5) i;
INSERT INTO clicks VALUES (6, now() + interval '1 year'), (7, now() + interval '200 years');
INSERT INTO clicks SELECT i, now() - interval '30 minutes' + i * interval '1 minute' FROM generate_series(8, 10) i;
INSERT INTO clicks VALUES (11, now() + interval '1 year 30 minutes');
SELECT * FROM click_counts ORDER BY id;

SET client_min_messages = warning;
DROP SCHEMA arrival CASCADE;
