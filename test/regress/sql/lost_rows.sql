-- Where states are computed anew from the source, which no longer has all rows that they know of, nothing is made up:
-- it is refused if rows that are still to come may ask for those, and goes on if not.
\set VERBOSITY default
CREATE SCHEMA lost_rows;
SET search_path = lost_rows;
SET timezone = 'UTC';

-- Lifetime features outlive the rows that they were made of, until somebody wants to have the states computed anew.
CREATE TABLE visits (id int PRIMARY KEY, who text, at timestamptz NOT NULL, value int);
SELECT feature.create_view('counted', 'SELECT id, who, at, count(*) OVER (PARTITION BY who ORDER BY at) AS n FROM visits');
INSERT INTO visits VALUES (1, 'a', '2024-01-01', 1), (2, 'a', '2024-01-02', 2), (3, 'a', '2024-01-03', 2);
SELECT feature.expire('counted', '2024-01-03', source => true);
SELECT feature.alter_view('counted', 'SELECT id, who, at, count(*) OVER w AS n, sum(value) OVER w AS s
                                      FROM visits WINDOW w AS (PARTITION BY who ORDER BY at)');
INSERT INTO visits VALUES (4, 'a', '2024-01-04', 1);
SELECT id, n FROM counted ORDER BY id;
-- Features that look back over a while go on, if it is there.
SELECT feature.alter_view('counted', $$SELECT id, who, at, count(*) OVER w AS n_1h FROM visits
                                      WINDOW w AS (PARTITION BY who ORDER BY at RANGE '1 hour' PRECEDING)$$);
-- And once they are given up, so do the others.
INSERT INTO visits VALUES (5, 'b', '2024-01-05', 1);
SELECT feature.expire('counted', '2024-01-04 12:00', source => true);
SELECT feature.alter_view('counted', 'SELECT id, who, at, count(*) OVER (PARTITION BY who ORDER BY at) AS n FROM visits');
SELECT feature.refresh('counted');
SELECT feature.alter_view('counted', 'SELECT id, who, at, count(*) OVER (PARTITION BY who ORDER BY at) AS n FROM visits');
INSERT INTO visits VALUES (6, 'b', '2024-01-06', 1);
SELECT id, n FROM counted ORDER BY id;
DROP TABLE counted;

-- Partitions that go take rows with them as well.
CREATE TABLE days (id int, who text, at timestamptz NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE day_1 PARTITION OF days FOR VALUES FROM ('2024-01-01') TO ('2024-01-02');
CREATE TABLE day_2 PARTITION OF days FOR VALUES FROM ('2024-01-02') TO ('2024-01-03');
SELECT feature.create_view('of_days', 'SELECT id, who, at, count(*) OVER (PARTITION BY who ORDER BY at) AS n FROM days');
ALTER TABLE of_days ADD PRIMARY KEY (id);
INSERT INTO days VALUES (1, 'a', '2024-01-01'), (2, 'a', '2024-01-02');
DROP TABLE day_1;
SELECT feature.expire('of_days', '2024-01-02');
SELECT feature.alter_view('of_days', 'SELECT id, who, at, count(*) OVER (PARTITION BY who ORDER BY at) AS n, 1 AS one FROM days');
INSERT INTO days VALUES (3, 'a', '2024-01-02 01:00');
SELECT id, n FROM of_days ORDER BY id;

-- Corrections that compute the states anew: of shared lists, and of keys that are results of windows.
TRUNCATE visits;
SELECT feature.create_view('shared', 'SELECT id, who, at, value, count(*) OVER (PARTITION BY who ORDER BY at) AS n FROM visits',
                           shared => '{who}');
SELECT feature.create_view('by_result', $$
  SELECT id, at, count(*) OVER (PARTITION BY who, before ORDER BY at) AS n
  FROM (SELECT id, who, at, lag(value) OVER (PARTITION BY who ORDER BY at) AS before FROM visits WHERE value < 100) v $$);
SELECT feature.create_view('hourly', $$SELECT id, who, at, value, count(*) OVER (PARTITION BY who ORDER BY at RANGE '1 hour' PRECEDING) AS n
                                       FROM visits$$, shared => '{who}');
INSERT INTO visits VALUES (1, 'a', '2024-01-01', 2), (2, 'a', '2024-01-02', 2), (3, 'a', '2024-01-03', 2), (4, 'a', '2024-01-04', 2),
                          (5, 'b', '2024-01-04', 1), (6, 'b', '2024-01-04', 100);
UPDATE visits SET value = 3 WHERE id = 5;
DELETE FROM visits WHERE id = 3;
UPDATE visits SET value = 101 WHERE id = 6;
SELECT feature.expire('shared', '2024-01-02'), feature.expire('by_result', '2024-01-02'),
       feature.expire('hourly', '2024-01-02', source => true);
SELECT relation, max(events) FROM feature.stats WHERE relation::text IN ('shared', 'by_result', 'hourly') GROUP BY relation ORDER BY relation::text;
-- One of another entity.
UPDATE visits SET value = 4 WHERE id = 5;
DELETE FROM visits WHERE id = 5;
-- Nor do rows that WHERE leaves out hide that others are gone.
SELECT feature.drop_view('shared');
UPDATE visits SET value = 102 WHERE id = 6;
UPDATE visits SET value = 99 WHERE id = 6;
SELECT feature.drop_view('by_result');
UPDATE visits SET value = 4 WHERE id = 5;
INSERT INTO visits VALUES (7, 'a', '2024-01-04 00:30', 2);
SELECT id, value, n FROM hourly ORDER BY id;
-- It looks back over an hour, and is late by one at most.
SELECT feature.expire('hourly', '2024-01-04 00:15', source => true);
UPDATE visits SET value = 5 WHERE id = 7;
SELECT feature.refresh('hourly');
UPDATE visits SET value = 5 WHERE id = 7;
SELECT id, value, n FROM hourly ORDER BY id;
DROP TABLE hourly;

-- A row that was never taken, as it has no finite time, is none that is known.
CREATE TABLE stops (id int PRIMARY KEY, who text, at timestamptz NOT NULL);
SELECT feature.create_view('of_stops', $$SELECT id, count(*) OVER (PARTITION BY who ORDER BY at RANGE '1 hour' PRECEDING) AS n FROM stops$$, shared => '{who}');
INSERT INTO stops VALUES (1, 'a', '2024-01-01');
ALTER TABLE stops DISABLE TRIGGER USER;
INSERT INTO stops VALUES (2, 'a', 'infinity');
ALTER TABLE stops ENABLE TRIGGER USER;
DELETE FROM stops WHERE id = 2;
SELECT id FROM stops;

-- Rows that go with others, by a key or a trigger, are not lost: their turn comes.
CREATE TABLE tree (id int PRIMARY KEY, above int REFERENCES tree ON DELETE CASCADE, who text, at timestamptz NOT NULL);
SELECT feature.create_view('of_tree', 'SELECT id, at, count(*) OVER (PARTITION BY who ORDER BY at) AS n FROM tree', shared => '{who}');
INSERT INTO tree VALUES (1, NULL, 'a', '2024-01-01'), (2, 1, 'a', '2024-01-02'), (3, 2, 'a', '2024-01-03'), (4, NULL, 'a', '2024-01-04');
DELETE FROM tree WHERE id = 1;
INSERT INTO tree VALUES (5, 4, 'a', '2024-01-05');
SELECT id, n FROM of_tree ORDER BY id;

CREATE TABLE chain (id int PRIMARY KEY, who text, at timestamptz NOT NULL);
SELECT feature.create_view('of_chain', 'SELECT id, at, count(*) OVER (PARTITION BY who ORDER BY at) AS n, sum(id) OVER (PARTITION BY who ORDER BY at) AS ids FROM chain', shared => '{who}');
CREATE FUNCTION remove_next() RETURNS trigger LANGUAGE plpgsql AS
  'BEGIN DELETE FROM lost_rows.chain WHERE id = old.id + 1; RETURN NULL; END';
CREATE TRIGGER remove_next AFTER DELETE ON chain FOR EACH ROW EXECUTE FUNCTION remove_next();
INSERT INTO chain VALUES (1, 'a', '2024-01-01'), (3, 'a', '2024-01-03'), (4, 'a', '2024-01-04'), (5, 'b', '2024-01-05');
DELETE FROM chain WHERE id = 3;
INSERT INTO chain VALUES (7, 'a', '2024-01-07');
SELECT id, n, ids FROM of_chain ORDER BY id;
-- also where some that the statement itself changes have gone, and have not been told of yet
INSERT INTO chain SELECT i, 'c', timestamptz '2024-02-01' + i * interval '1 hour' FROM generate_series(20, 40) i;
ALTER TABLE chain DISABLE TRIGGER remove_next;
CREATE TRIGGER a_remove_next AFTER DELETE ON chain FOR EACH ROW WHEN (old.id % 10 = 0) EXECUTE FUNCTION remove_next();
DELETE FROM chain WHERE id IN (20, 25, 30, 40);
CREATE FUNCTION removes(int) RETURNS bool LANGUAGE plpgsql AS 'BEGIN DELETE FROM lost_rows.chain WHERE id = $1; RETURN true; END';
DELETE FROM chain WHERE id IN (22, 23) AND removes(id + 10);
DROP TRIGGER a_remove_next ON chain;
ALTER TABLE chain ENABLE TRIGGER remove_next;
INSERT INTO chain VALUES (50, 'c', '2024-02-04');
SELECT n, ids, (SELECT count(*) FROM chain WHERE who = 'c'), (SELECT sum(id) FROM chain WHERE who = 'c') FROM of_chain WHERE id = 50;
BEGIN;
DELETE FROM chain WHERE id = 1;
INSERT INTO chain VALUES (9, 'a', '2024-01-09');
UPDATE chain SET who = 'b' WHERE id = 9;
COMMIT;
INSERT INTO chain VALUES (11, 'b', '2024-01-11');
SELECT id, n FROM of_chain WHERE id < 20 ORDER BY id;
-- but those that have been expired are noticed there, too
SELECT feature.expire('of_chain', '2024-01-09', source => true);
DELETE FROM chain WHERE id = 36;
SELECT feature.refresh('of_chain');
DELETE FROM chain WHERE id = 36;

-- Where an event could be taken out alone, if only it could be told from others, states are not computed anew in the middle of
-- another statement: that would take out of them what is not there any more.
CREATE TABLE twins (id int PRIMARY KEY, above int, at timestamptz NOT NULL, x int);
SELECT feature.create_view('of_twins', 'SELECT id, array_agg(x) OVER (ORDER BY at) AS a FROM twins');
CREATE FUNCTION remove_below() RETURNS trigger LANGUAGE plpgsql AS
  'BEGIN DELETE FROM lost_rows.twins WHERE above = old.id; RETURN old; END';
CREATE TRIGGER remove_below AFTER DELETE ON twins FOR EACH ROW EXECUTE FUNCTION remove_below();
INSERT INTO twins VALUES (1, NULL, '2024-01-01', 7), (2, NULL, '2024-01-01', 7),
                         (11, 1, '2024-01-02', 1), (12, NULL, '2024-01-02', 2), (13, NULL, '2024-01-02', 1);
DELETE FROM twins WHERE id = 1;
DROP TRIGGER remove_below ON twins;
CREATE TRIGGER remove_below BEFORE UPDATE ON twins FOR EACH ROW EXECUTE FUNCTION remove_below();
UPDATE twins SET x = 8 WHERE id = 1;
DELETE FROM twins WHERE id = 11;
UPDATE twins SET x = 8 WHERE id = 1;
INSERT INTO twins VALUES (20, NULL, '2024-01-03', 0);
SELECT a FROM of_twins WHERE id = 20;

-- How far rows look back counts from the newest event, but not from the future; and a very late row changes nothing.
CREATE TABLE calls (id int PRIMARY KEY, who text, at timestamptz NOT NULL, x int);
SELECT feature.create_view('of_calls', $$SELECT id, at, count(*) OVER (PARTITION BY who ORDER BY at RANGE '1 hour' PRECEDING) AS n FROM calls$$,
                           shared => '{who}');
INSERT INTO calls SELECT i, 'a', now() - (100 - i) * interval '1 minute', 1 FROM generate_series(1, 100) i;
INSERT INTO calls VALUES (1000, 'b', now() + interval '30 years', 1);
SELECT feature.expire('of_calls', now() - interval '30 minutes', source => true);
INSERT INTO calls VALUES (1001, 'c', '2000-01-01', 1);
UPDATE calls SET who = 'd' WHERE id = 100;
SELECT feature.refresh('of_calls');
UPDATE calls SET who = 'd' WHERE id = 100;

\set VERBOSITY terse
DROP SCHEMA lost_rows CASCADE;
