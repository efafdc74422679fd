-- feature.refresh(view, since): rows of events from a time on are computed anew, all earlier ones stay as they were
-- recorded; and what feeds on the view follows.
CREATE SCHEMA refreshing_since;
SET search_path = refreshing_since;
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE TABLE events (id int PRIMARY KEY, k text, t timestamptz NOT NULL, v int);
SELECT feature.create_view('features', $$
  SELECT id, k, t, sum(v) OVER w AS s, lag(v) OVER w AS previous FROM events WINDOW w AS (PARTITION BY k ORDER BY t) $$);
INSERT INTO events SELECT i, 'k' || i % 2, timestamptz '2024-01-01' + i * interval '1 day', i FROM generate_series(1, 10) i;
-- Late on both sides of the time: the record of what follows them is not revised by themselves.
INSERT INTO events VALUES (11, 'k0', '2024-01-02 12:00', 100), (12, 'k1', '2024-01-07 12:00', 1000);
CREATE TABLE before AS SELECT * FROM features;
SELECT feature.refresh('features', '2024-01-08');
-- From the time on it is the definition's; before it nothing has changed.
SELECT id, t FROM features WHERE t >= '2024-01-08' EXCEPT SELECT id, t FROM events;
(SELECT * FROM features WHERE t >= '2024-01-08' EXCEPT ALL SELECT id, k, t, sum, previous FROM
  (SELECT *, sum(v) OVER w, lag(v) OVER w AS previous FROM events WINDOW w AS (PARTITION BY k ORDER BY t)) q);
(TABLE features EXCEPT ALL TABLE before) EXCEPT ALL SELECT * FROM features WHERE t >= '2024-01-08';
SELECT id, t, s, previous FROM features ORDER BY t, id;
-- The states are those of all events, so the view goes on as after a full refresh.
BEGIN;
INSERT INTO events VALUES (20, 'k0', '2024-02-01', 1), (21, 'k1', '2024-02-01', 1);
CREATE TEMP TABLE continued AS SELECT * FROM features WHERE id >= 20;
DELETE FROM events WHERE id >= 20;
SELECT feature.refresh('features');
INSERT INTO events VALUES (20, 'k0', '2024-02-01', 1), (21, 'k1', '2024-02-01', 1);
(TABLE continued EXCEPT ALL SELECT * FROM features WHERE id >= 20) UNION ALL (SELECT * FROM features WHERE id >= 20 EXCEPT ALL TABLE continued);
ROLLBACK;
-- The time itself is included; after the last event there is nothing to do; before the first it is a full refresh.
SELECT feature.refresh('features', '2024-01-11'), feature.refresh('features', '2024-01-11 00:00:00.000001');
BEGIN;
SELECT feature.refresh('features', '1900-01-01');
SELECT sum(mismatches) FROM feature.verify('features');
ROLLBACK;
-- Rows that are gone from the source go; corrected ones are corrected.
BEGIN;
DELETE FROM events WHERE id = 9;
UPDATE events SET v = 0 WHERE id IN (3, 10);
SELECT feature.refresh('features', timestamptz '2024-01-08');
SELECT id, s, previous FROM features WHERE id IN (3, 5, 9, 10) ORDER BY id;
ROLLBACK;
-- The time may be given in any type that casts to the event time's without a loss.
SELECT feature.refresh('features', date '2024-01-11'), feature.refresh('features', timestamp '2024-01-11'), feature.refresh('features', text '2024-01-11'), feature.refresh('features', NULL);
SET timezone = 'Asia/Tokyo';
SELECT feature.refresh('features', '2024-01-11 09:00'), feature.refresh('features', '2024-01-11 09:00:01');
SET timezone = 'UTC';
SELECT feature.refresh('features', 42);
SELECT feature.refresh('features', 'tomorrowish');
SELECT feature.refresh('features', 'infinity');
SELECT feature.refresh('features', '-infinity');
SELECT feature.refresh('events', '2024-01-01');
-- A renamed time column is followed; one that was dropped or never kept is not there to find rows by.
BEGIN;
ALTER TABLE features RENAME COLUMN t TO at;
SELECT feature.refresh('features', '2024-01-11');
ALTER TABLE features DROP COLUMN at;
SELECT feature.refresh('features', '2024-01-11');
ROLLBACK;
SELECT feature.create_view('timeless', 'SELECT id, count(*) OVER (ORDER BY t) AS n FROM events');
SELECT feature.refresh('timeless', '2024-01-11');
SELECT feature.create_view('windowless', 'SELECT id, t, v + 1 AS w FROM events');
SELECT feature.refresh('windowless', '2024-01-11');
DROP TABLE timeless, windowless;
-- Other event times.
CREATE TABLE numbered (id int PRIMARY KEY, n bigint NOT NULL, i int NOT NULL, d date NOT NULL, ts timestamp NOT NULL);
INSERT INTO numbered SELECT i, i, i, date '2024-01-01' + i, timestamp '2024-01-01' + i * interval '1 hour' FROM generate_series(1, 50) i;
SELECT feature.create_view('by_n', 'SELECT id, n, count(*) OVER (ORDER BY n) AS c FROM numbered');
SELECT feature.create_view('by_i', 'SELECT id, i, count(*) OVER (ORDER BY i) AS c FROM numbered');
SELECT feature.create_view('by_d', 'SELECT id, d, count(*) OVER (ORDER BY d) AS c FROM numbered');
SELECT feature.create_view('by_ts', 'SELECT id, ts, count(*) OVER (ORDER BY ts) AS c FROM numbered');
SELECT feature.refresh('by_n', 42), feature.refresh('by_n', 42::bigint), feature.refresh('by_n', '42'), feature.refresh('by_i', 42), feature.refresh('by_i', 42::bigint);
SELECT feature.refresh('by_i', 3000000000);
SELECT feature.refresh('by_d', '2024-02-12'), feature.refresh('by_d', date '2024-02-12');
SELECT feature.refresh('by_d', timestamptz '2024-02-12 15:00');
SELECT feature.refresh('by_ts', '2024-01-02 18:00'), feature.refresh('by_ts', date '2024-01-03');
SELECT feature.refresh('by_ts', now());
SELECT sum(mismatches) FROM feature.verify('by_n') UNION ALL SELECT sum(mismatches) FROM feature.verify('by_d');
-- A view on the view is refreshed from the same time on; one without windows as a whole, which changes nothing.
SELECT feature.create_view('on_features', 'SELECT id, t AS at, s, max(s) OVER (ORDER BY t) AS most FROM features');
SELECT feature.create_view('plain', 'SELECT id, s * 2 AS double FROM features');
INSERT INTO events VALUES (13, 'k0', '2024-01-03 12:00', 5), (14, 'k0', '2024-01-09 12:00', 7);
CREATE TABLE before_on AS SELECT * FROM on_features;
SELECT feature.refresh('features', '2024-01-08');
SELECT count(*) FROM before_on WHERE at < '2024-01-08' AND NOT EXISTS (SELECT FROM on_features o WHERE o = ROW(before_on.*)::on_features);
(SELECT id, at, s FROM on_features EXCEPT ALL SELECT id, t, s FROM features) UNION ALL (SELECT id, t, s FROM features EXCEPT ALL SELECT id, at, s FROM on_features);
(SELECT id, most FROM on_features WHERE at >= '2024-01-08' EXCEPT ALL SELECT id, max(s) OVER (ORDER BY t) FROM features);
SELECT sum(mismatches) FROM feature.verify('plain');
SELECT id, s, most FROM on_features ORDER BY at, id;
-- One that orders by something else, or does not keep the time, cannot follow.
SELECT feature.create_view('otherwise', 'SELECT id, count(*) OVER (ORDER BY id) AS n FROM features');
SELECT feature.refresh('features', '2024-01-08');
SELECT feature.refresh('features'), feature.refresh('features');
SELECT sum(mismatches) FROM feature.verify('otherwise');
DROP SCHEMA refreshing_since CASCADE;
