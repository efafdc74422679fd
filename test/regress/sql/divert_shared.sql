-- on_error => 'divert' over a shared list: a row that cannot be processed leaves nothing in the slots of its entity, whichever
-- it was put into. Sessions side by side are in test/isolation/specs/divert_shared.spec.
CREATE SCHEMA divert_shared;
SET search_path = divert_shared;
SET timezone = 'UTC';

-- What a view on the source should hold is what the same view holds over a table without the bad rows.
CREATE TABLE sales (id int PRIMARY KEY, merchant text, card text, at timestamptz, amount numeric, rate text);
CREATE TABLE good_sales (LIKE sales INCLUDING ALL);
CREATE FUNCTION definition(source regclass) RETURNS text LANGUAGE sql AS $$
  SELECT format('SELECT id, merchant, card, at, 100 / amount AS share, sum(rate::int) OVER hour AS rates, count(*) OVER hour AS n,
                        10 / (sum(amount) OVER days - 77) AS of_total, feature.count_distinct(card) OVER days AS cards,
                        lag(amount) OVER (PARTITION BY card ORDER BY at) AS previous
                 FROM %s
                 WINDOW hour AS (PARTITION BY merchant ORDER BY at RANGE ''1 hour'' PRECEDING),
                        days AS (PARTITION BY merchant ORDER BY at)', source)
$$;
SELECT feature.create_view('features', definition('sales'), lateness => '0', on_error => 'divert', shared => '{merchant}');
SELECT feature.create_view('good_features', definition('good_sales'), lateness => '0', shared => '{merchant}');
CREATE VIEW differences AS
  (TABLE features EXCEPT ALL TABLE good_features) UNION ALL (TABLE good_features EXCEPT ALL TABLE features);
-- A row is either in the view or among the errors.
CREATE VIEW lost AS
  SELECT id FROM sales WHERE 1 = (SELECT count(*) FROM features f WHERE f.id = sales.id) +
                                 (SELECT count(*) FROM feature.errors WHERE relation = 'features'::regclass
                                    AND (row ->> 'id')::int = sales.id) IS FALSE;
CREATE VIEW errors AS
  SELECT (row ->> 'id')::int AS id, sqlstate, message, feature FROM feature.errors WHERE relation = 'features'::regclass;

-- before the entity is known, after its event is there, and by the frame that it would be in; late, too
INSERT INTO sales VALUES
  (1, 'shop', 'anna', '2024-05-01 10:00', 5, '1'), (2, 'shop', 'anna', '2024-05-01 10:01', 0, '1'),
  (3, 'shop', 'bert', '2024-05-01 10:02', 6, 'one'), (4, 'shop', 'anna', 'infinity', 5, '1'),
  (5, 'shop', 'carl', '2024-05-01 10:03', 72, '1'), (6, 'shop', 'anna', '2024-05-01 10:04', 7, '2'),
  (7, 'stall', 'anna', '2024-05-01 10:05', 0, '1');
INSERT INTO sales VALUES
  (8, 'shop', 'anna', '2024-05-01 10:00:30', 0, '3'), (9, 'shop', 'carl', '2024-05-01 10:00:45', 8, '3');
SELECT * FROM errors ORDER BY id;
INSERT INTO good_sales SELECT * FROM sales WHERE id IN (1, 6);
INSERT INTO good_sales SELECT * FROM sales WHERE id = 9;
TABLE differences;
TABLE lost;
-- many, in small batches, between which states are set aside
SET feature_ext.batch_rows = 50;
SET feature_ext.entity_memory = '64kB';
INSERT INTO sales
SELECT i, 'm' || i % 3, 'c' || i % 7, timestamptz '2024-05-02' + i * interval '1 minute', i % 50, CASE i % 31 WHEN 0 THEN 'bad' ELSE '1' END
FROM generate_series(1000, 4000) i;
INSERT INTO good_sales SELECT * FROM sales WHERE id IN (SELECT id FROM sales WHERE id >= 1000 EXCEPT SELECT id FROM errors) ORDER BY id;
RESET feature_ext.batch_rows;
RESET feature_ext.entity_memory;
SELECT count(*) AS bad FROM errors WHERE id >= 1000;
TABLE differences;
TABLE lost;
-- late rows that are computed from the source, one of them bad
INSERT INTO sales VALUES (5001, 'm1', 'c1', '2024-05-02 20:00:30', 0, '1'), (5002, 'm1', 'c1', '2024-05-02 20:00:45', 4, '1');
INSERT INTO good_sales SELECT * FROM sales WHERE id = 5002;
TABLE differences;
TABLE lost;
-- the states hold the events of good rows alone
SELECT d.list, d.entity, d.entities - g.entities AS more_entities, d.events = g.events AS same_events
FROM feature.stats d JOIN feature.stats g USING (list)
WHERE d.relation = 'features'::regclass AND g.relation = 'good_features'::regclass ORDER BY list;
SELECT bool_and(rows_compared = (SELECT count(*) FROM features)) AS all_compared FROM feature.verify('features');

-- bad rows that are mended, good rows that become bad, and both that go
UPDATE sales SET amount = 3 WHERE id IN (2, 7);
UPDATE sales SET rate = 'two' WHERE id = 6;
DELETE FROM sales WHERE id IN (1, 3);
INSERT INTO sales VALUES (6001, 'shop', 'anna', '2024-05-01 10:30', 1, '1');
SELECT * FROM errors WHERE id < 1000 ORDER BY id;
SELECT id, share, rates, n, cards, previous FROM features WHERE id < 1000 OR id > 6000 ORDER BY at, id;
TABLE lost;
-- replay
SELECT feature.replay('features');
CREATE FUNCTION parsed(rate text) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT CASE WHEN rate ~ '^\d+$' THEN rate::int ELSE 0 END $$;
SELECT feature.alter_view('features', replace(replace(definition('sales'), 'rate::int', 'parsed(rate)'), '/ amount', '/ nullif(amount, 0)'));
SELECT * FROM errors ORDER BY id;
TABLE lost;
INSERT INTO sales VALUES (6002, 'shop', 'anna', '2024-05-01 10:31', -16, '1');
SELECT count(*) FROM errors;
-- refresh, verify, expire, forget
SELECT feature.refresh('features');
SELECT * FROM errors ORDER BY id;
SELECT feature, mismatches FROM feature.verify('features') WHERE mismatches > 0;
SELECT feature.expire('features', '2024-05-01 10:01:30', source => true);
SELECT count(*) FROM sales WHERE at < '2024-05-01 10:01:30';
INSERT INTO sales VALUES (6003, 'shop', 'anna', '2024-05-01 10:40', 2, 'two'), (6004, 'shop', 'anna', '2024-05-01 10:41', 0, '1');
SELECT id, share, rates, n, cards FROM features WHERE id > 6000 ORDER BY at;
SELECT feature.forget('features', '{"merchant": "shop"}');
SELECT feature.refresh('features');
SELECT feature.forget('features', '{"merchant": "shop"}');
SELECT count(*) FILTER (WHERE merchant = 'shop') AS of_shop FROM sales;
SELECT * FROM errors WHERE id < 1000 OR id > 6000 ORDER BY id;
TABLE lost;
-- and back
SELECT feature.set_on_error('features', 'abort');
INSERT INTO sales VALUES (7000, 'm1', 'c1', 'infinity', 1, '1');
SELECT feature.set_on_error('features', 'divert');
INSERT INTO sales VALUES (7000, 'm1', 'c1', 'infinity', 1, '1');
SELECT id, sqlstate FROM errors WHERE id = 7000;
TRUNCATE sales;
SELECT count(*) FROM errors;

-- A correction makes the states anew, in the order of event time. In that order the feature of row 1 would fail; it stays as it
-- was recorded.
CREATE TABLE events (id int PRIMARY KEY, k text, t int, v int);
SELECT feature.create_view('event_features', $$
  SELECT id, 10 / (count(*) OVER w - 3) AS share, sum(v) OVER w AS total FROM events WINDOW w AS (PARTITION BY k ORDER BY t)
$$, on_error => 'divert', shared => '{k}');
INSERT INTO events VALUES (1, 'a', 10, 1), (2, 'a', 20, 2), (9, 'b', 10, 9);
INSERT INTO events VALUES (3, 'a', 5, 3);
INSERT INTO events VALUES (4, 'a', 7, 4), (5, 'a', 15, 5);
DELETE FROM events WHERE id = 9;
UPDATE events SET v = 10 WHERE id = 5;
INSERT INTO events VALUES (6, 'a', 25, 6);
TABLE event_features ORDER BY id;
SELECT row ->> 'id' AS id, message FROM feature.errors WHERE relation = 'event_features'::regclass ORDER BY 1;

-- So does one of more rows than stay in memory: its new versions are gone through after the old ones.
CREATE TABLE many (id int PRIMARY KEY, k text, t int, v int);
SELECT feature.create_view('many_features', $$
  SELECT id, 12 / v AS share, count(*) OVER w AS n, sum(v) OVER w AS total FROM many WINDOW w AS (PARTITION BY k ORDER BY t)
$$, on_error => 'divert', shared => '{k}');
INSERT INTO many SELECT i, 'a', i, i % 4 FROM generate_series(1, 3000) i;
SET work_mem = '64kB';
UPDATE many SET v = v + 1;
RESET work_mem;
INSERT INTO many VALUES (3001, 'a', 3001, 1);
SELECT * FROM many_features WHERE id = 3001;
SELECT count(*) AS rows, (SELECT count(*) FROM feature.errors WHERE relation = 'many_features'::regclass) AS diverted FROM many_features;

SET client_min_messages = warning;
DROP SCHEMA divert_shared CASCADE;
