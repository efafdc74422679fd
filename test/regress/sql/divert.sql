-- on_error => 'divert': a row that cannot be processed is put aside with its error, the other rows of its statement get the
-- features that they would have without it, and it can be processed again later.
CREATE SCHEMA divert;
SET search_path = divert;
SET timezone = 'UTC';
SET datestyle = 'ISO';

-- What a view on the source should hold is what the same view holds over a table without the bad rows.
CREATE TABLE payments (id int PRIMARY KEY, card text, at timestamptz, amount numeric, rate text);
CREATE TABLE good_payments (LIKE payments INCLUDING ALL);
CREATE FUNCTION checked(amount numeric) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  IF amount > 1000 THEN RAISE EXCEPTION 'amount % is too large', amount USING DETAIL = 'It is checked.'; END IF;
  RETURN amount;
END $$;
CREATE FUNCTION definition(source regclass) RETURNS text LANGUAGE sql AS $$
  SELECT format('SELECT id, card, at, 100 / amount AS share, sum(rate::int) OVER hour AS rates, count(*) OVER hour AS n,
                        lag(amount) OVER hour AS previous, max(checked(amount)) OVER days AS most,
                        count(*) OVER (PARTITION BY tens ORDER BY at) AS of_tens
                 FROM (SELECT p.*, count(*) OVER (PARTITION BY lower(card) ORDER BY at) / 10 AS tens FROM %s p
                       WHERE 1 / (id - 13) > -2) p
                 WINDOW hour AS (PARTITION BY card ORDER BY at RANGE ''1 hour'' PRECEDING),
                        days AS (PARTITION BY card ORDER BY at)', source)
$$;
SELECT feature.create_view('features', definition('payments'), on_error => 'divert');
SELECT feature.create_view('good_features', definition('good_payments'));
CREATE VIEW differences AS
  (TABLE features EXCEPT ALL TABLE good_features) UNION ALL (TABLE good_features EXCEPT ALL TABLE features);
-- A row is either in the view or among the errors.
CREATE VIEW lost AS
  SELECT id FROM payments WHERE 1 = (SELECT count(*) FROM features f WHERE f.id = payments.id) +
                                    (SELECT count(*) FROM feature.errors WHERE relation = 'features'::regclass
                                       AND (row ->> 'id')::int = payments.id) IS FALSE;
SELECT relation, on_error FROM feature.views ORDER BY relation::text;

-- WHERE, time, arguments, features of two levels, a function: each bad row alone, and with good ones around it
INSERT INTO payments VALUES
  (1, 'anna', '2024-05-01 10:00', 5, '1'), (2, 'anna', '2024-05-01 10:01', 0, '1'), (3, 'anna', '2024-05-01 10:02', 5, 'one'),
  (13, 'anna', '2024-05-01 10:03', 5, '1'), (5, 'anna', 'infinity', 5, '1'), (6, 'anna', NULL, 5, '1'),
  (7, 'anna', '2024-05-01 10:04', 1001, '1'), (8, 'anna', '2024-05-01 10:05', 7, '2'), (9, 'bert', '2024-05-01 10:02', 8, '3');
INSERT INTO good_payments SELECT * FROM payments WHERE id IN (1, 8, 9);
INSERT INTO payments VALUES (10, 'carl', '2024-05-01 10:06', 0, '1');
SELECT row ->> 'id' AS id, sqlstate, message, detail, feature, context FROM feature.errors ORDER BY (row ->> 'id')::int;
SELECT relation, row FROM feature.errors WHERE row ->> 'id' = '5';
TABLE differences;
TABLE lost;
-- one after the other, late, in savepoints
BEGIN;
INSERT INTO payments VALUES (20, 'anna', '2024-05-01 10:03', 0, '1'), (21, 'anna', '2024-05-01 10:03', 2, '4');
SAVEPOINT s;
INSERT INTO payments VALUES (22, 'anna', '2024-05-01 10:04', 0, '1'), (23, 'anna', '2024-05-01 10:04', 2, '4');
ROLLBACK TO s;
INSERT INTO payments VALUES (24, 'anna', '2024-05-01 10:07', 3, 'x'), (25, 'anna', '2024-05-01 10:07', 3, '5');
COMMIT;
INSERT INTO good_payments SELECT * FROM payments WHERE id IN (21);
INSERT INTO good_payments SELECT * FROM payments WHERE id IN (25);
TABLE differences;
TABLE lost;
-- many, in small batches and in one
INSERT INTO payments
SELECT i, 'c' || i % 7, timestamptz '2024-05-02' + (i * 7919 % 20000) * interval '1 second', i % 500,
       CASE WHEN i % 331 = 0 THEN 'bad' ELSE (i % 9)::text END
FROM generate_series(1000, 7000) i;
SET feature_ext.batch_rows = 100;
INSERT INTO payments
SELECT i, 'c' || i % 7, timestamptz '2024-05-02' + (i * 7919 % 20000) * interval '1 second', i % 500,
       CASE WHEN i % 331 = 0 THEN 'bad' ELSE (i % 9)::text END
FROM generate_series(7001, 9000) i;
RESET feature_ext.batch_rows;
INSERT INTO good_payments SELECT * FROM payments WHERE id BETWEEN 1000 AND 7000 AND amount > 0 AND rate <> 'bad';
SET feature_ext.batch_rows = 100;
INSERT INTO good_payments SELECT * FROM payments WHERE id BETWEEN 7001 AND 9000 AND amount > 0 AND rate <> 'bad';
RESET feature_ext.batch_rows;
SELECT count(*) AS bad FROM feature.errors WHERE (row ->> 'id')::int > 1000;
TABLE lost;
SELECT count(*) FROM features JOIN good_features USING (id) WHERE features <> good_features AND id < 7001;
-- the states hold the events of good rows alone
SELECT d.list, d.entity, d.entities, d.events = g.events AS same_events
FROM feature.stats d JOIN feature.stats g USING (list)
WHERE d.relation = 'features'::regclass AND g.relation = 'good_features'::regclass ORDER BY list;

-- the entities of a statement of many batches are sorted on disk before, and go on being sorted when a row has failed
CREATE TABLE sorted (id int PRIMARY KEY, at int NOT NULL, per int);
SELECT feature.create_view('sorted_features', $$
  SELECT id, count(*) OVER (PARTITION BY id, 10 / per ORDER BY at) AS n FROM sorted $$, on_error => 'divert');
SET feature_ext.batch_rows = 1000;
SET work_mem = '64kB';
INSERT INTO sorted SELECT i, i, CASE WHEN i % 700 = 0 THEN 0 ELSE 1 END FROM generate_series(1, 10000) i;
RESET work_mem;
RESET feature_ext.batch_rows;
SELECT count(*), max(n) FROM sorted_features;
SELECT count(*), string_agg(DISTINCT sqlstate, ',') AS sqlstates FROM feature.errors WHERE relation = 'sorted_features'::regclass;
DROP TABLE sorted CASCADE;

-- what does not belong to a row aborts the statement
CREATE TABLE codes (id int PRIMARY KEY, at int, code text);
CREATE FUNCTION failing(code text) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  IF code = '00000' THEN RETURN 0; END IF;
  RAISE EXCEPTION USING ERRCODE = code, MESSAGE = code;
END $$;
SELECT feature.create_view('code_features', $$
  SELECT id, failing(code) AS v, count(*) OVER (ORDER BY at) AS n FROM codes
$$, on_error => 'divert');
DO $$
DECLARE
  code text;
BEGIN
  FOREACH code IN ARRAY '{57014,40001,40P01,53100,53200,42501,42883,XX000,XX001,25P02,
                          22012,23514,54000,P0001,P0004,21000,MY001}'::text[] LOOP
    BEGIN
      INSERT INTO codes VALUES ((SELECT count(*) FROM codes), 1, code);
    EXCEPTION WHEN OTHERS OR query_canceled OR assert_failure THEN
      RAISE NOTICE '% aborts', SQLSTATE;
    END;
  END LOOP;
END $$;
SELECT sqlstate FROM feature.errors WHERE relation = 'code_features'::regclass ORDER BY 1;
INSERT INTO codes VALUES (100, 2, '00000');
TABLE code_features;

-- what the feature table cannot take
CREATE TABLE notes (id int, author text, at int, body text);
SELECT feature.create_view('note_features', $$
  SELECT id, author, at, body, count(*) OVER (PARTITION BY author ORDER BY at) AS n,
         count(*) OVER (ORDER BY at) AS of_all FROM notes
$$, on_error => 'divert');
ALTER TABLE note_features ADD CHECK (n < 4), ADD UNIQUE (id);
CREATE INDEX ON note_features ((1 / (at - 50)));
SELECT string_agg(md5(x::text), '') AS long_text FROM generate_series(1, 200) x \gset
INSERT INTO notes VALUES
  (1, 'anna', 1, 'a'), (2, 'anna', 2, 'b'), (1, 'anna', 3, 'again'), (3, :'long_text', 4, 'c'), (4, 'carl', 50, 'd'), (5, 'anna', 6, 'e'), (6, 'anna', 7, 'f'), (7, 'bert', 8, 'g');
INSERT INTO notes VALUES (7, 'bert', 9, 'again');
SELECT sqlstate, regexp_replace(message, 'size \d+', 'size ..') AS message, row ->> 'id' AS id FROM feature.errors
WHERE relation = 'note_features'::regclass ORDER BY (row ->> 'at')::int;
SELECT id, left(author, 5) AS author, n, of_all FROM note_features ORDER BY at;
SELECT entities, events FROM feature.stats WHERE relation = 'note_features'::regclass ORDER BY list;
-- a trigger before the insert may refuse a row; what it wrote for the row is undone
CREATE TABLE seen (id int);
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO seen VALUES (NEW.id);
  IF NEW.author = 'carl' THEN RAISE EXCEPTION 'carl is refused'; END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER refuse BEFORE INSERT ON note_features FOR EACH ROW EXECUTE FUNCTION refuse();
INSERT INTO notes VALUES (10, 'dora', 10, 'h'), (11, 'carl', 11, 'i'), (12, 'dora', 12, 'j');
SELECT * FROM seen ORDER BY id;
SELECT id, n, of_all FROM note_features WHERE id >= 10 ORDER BY id;
DROP TRIGGER refuse ON note_features;

-- replay: in the order of event time, as late rows; what fails again stays
CREATE OR REPLACE FUNCTION checked(amount numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT amount';
SELECT count(*) FROM feature.errors WHERE relation = 'features'::regclass AND message LIKE 'amount %';
SELECT feature.replay('features');
SELECT count(*) FROM feature.errors WHERE relation = 'features'::regclass AND message LIKE 'amount %';
SELECT id, n, previous, most FROM features WHERE id = 7;
TABLE lost;
SELECT feature.replay('features');
ALTER TABLE note_features DROP CONSTRAINT note_features_n_check;
SELECT feature.replay('note_features');
SELECT id, left(author, 5) AS author, n, of_all FROM note_features ORDER BY at;

-- every type comes back as it was
CREATE TYPE mood AS ENUM ('happy', 'it''s "fine"');
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TABLE typed (id int PRIMARY KEY, at timestamp, b bool, i2 int2, i8 int8, n numeric, f4 float4, f8 float8, t text, c char(5),
  v varchar(5), d date, ti time, tz timetz, ts timestamptz, iv interval, u uuid, by bytea, j json, jb jsonb, ar int[], tar text[], m mood,
  r int4range, tr tstzrange, ip inet, x xml, dom positive, row_type notes, dropped int, bits bit(3), cl regclass);
ALTER TABLE typed DROP COLUMN dropped;
CREATE FUNCTION mended(id int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN 1 / 0; END $$;
SELECT feature.create_view('typed_features', $$
  SELECT t.*, mended(id) AS v2, count(*) OVER (ORDER BY at) AS number FROM typed t
$$, on_error => 'divert');
INSERT INTO typed VALUES
  (1, '2024-05-01 10:00:00.123456', true, -1, 9223372036854775807, 1.500, 0.1, 1e300, E'a "b" \\ \n', 'ab', 'ab', '2024-02-29', '10:00:00.5',
   '10:00+02', '2024-05-01 10:00+02', '1 year 2 days -03:04:05.6', '12345678-1234-1234-1234-123456789012', '\xdead00',
   '{"b":  1, "b": 2}', 'null', '[0:1]={1,NULL}', '{"a,b","",NULL}', 'it''s "fine"', '[1,5)', '[2024-01-01,)', '10.0.0.0/8', '<a>b</a>', 3,
   ROW(1, 'x', NULL, ''), '101', 'notes'),
  (2, '0044-03-15 BC', false, 0, 0, 'NaN', '-0', 'Infinity', '', '', '', 'infinity', '24:00', '00:00-15', '-infinity', '-1 day', NULL, '',
   '[]', '{"a": [1, 2.50]}', '{}', '{}', NULL, 'empty', NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  (3, '294276-12-31 23:59:59.999999', NULL, NULL, NULL, 1e100, 'NaN', '-0', repeat('long ', 200000), NULL, NULL, NULL, NULL,
   NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
SET intervalstyle = 'sql_standard';
SET extra_float_digits = -5;
SET datestyle = 'German';
SELECT count(*) FROM typed_features;
CREATE OR REPLACE FUNCTION mended(id int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT id';
SELECT feature.replay('typed_features');
RESET intervalstyle;
RESET extra_float_digits;
SET datestyle = 'ISO';
ALTER TABLE typed_features DROP COLUMN v2, DROP COLUMN number;
SELECT s.id FROM typed s JOIN typed_features f USING (id) WHERE s::text <> f::text;
SELECT count(*) FROM typed_features;

-- late rows that are computed from the source: those that were diverted are not events
CREATE TABLE visits (id int PRIMARY KEY, page text, at timestamp, weight int);
SELECT feature.create_view('visit_features', $$
  SELECT id, at, 60 / weight AS inverse, count(*) OVER (PARTITION BY page ORDER BY at) AS n,
         sum(weight) OVER (PARTITION BY page ORDER BY at RANGE '1 minute' PRECEDING) AS recent FROM visits
$$, lateness => '0', on_error => 'divert');
INSERT INTO visits SELECT i, 'p', timestamp '2024-01-01' + i * interval '1 minute', i % 50 FROM generate_series(1, 2000) i;
INSERT INTO visits VALUES (3001, 'p', '2024-01-01 00:10:30', 5), (3002, 'p', '2024-01-01 00:10:40', 0);
SELECT id, n, recent FROM visit_features WHERE id > 3000;
-- one that is too late for what the source holds by now
INSERT INTO visits SELECT 10000 + i, 'q', timestamp '2024-01-01' + i * interval '1 minute', 1 FROM generate_series(1, 1000) i;
SET session_replication_role = replica;
DELETE FROM visits WHERE id = 10007;
RESET session_replication_role;
INSERT INTO visits VALUES (12001, 'q', '2024-01-01 00:10:45', 5), (12002, 'q', '2024-01-02', 5);
SELECT sqlstate, row ->> 'id' AS id FROM feature.errors
WHERE relation = 'visit_features'::regclass AND (row ->> 'id')::int > 3000 ORDER BY (row ->> 'id')::int;
SELECT id, n FROM visit_features WHERE id > 12000;

-- set_on_error
SELECT feature.set_on_error('visit_features', 'abort');
SELECT on_error FROM feature.views WHERE relation = 'visit_features'::regclass;
INSERT INTO visits VALUES (3005, 'n', '2024-01-01 00:10:46', 0);
SELECT feature.set_on_error('visit_features', 'ignore');
SELECT feature.create_view('x', 'SELECT id FROM visits', on_error => 'ignore');
SELECT feature.create_view('x', 'SELECT id FROM visits', on_error => NULL);
SELECT feature.set_on_error('visits', 'divert');
SELECT feature.replay('visits');

-- refresh computes diverted rows with the others; alter_view mends a definition
SELECT feature.set_on_error('visit_features', 'divert');
SELECT feature.refresh('visit_features') AS refreshed \gset
SELECT :refreshed + count(*) = (SELECT count(*) FROM visits) AS all_there, count(*), min(message)
FROM feature.errors WHERE relation = 'visit_features'::regclass;
SELECT feature.refresh('visit_features', '2024-01-01 10:00');
CREATE TABLE trips (id int PRIMARY KEY, driver text, at int, km int, hours int);
SELECT feature.create_view('trip_features', $$
  SELECT id, at, km / hours AS speed, count(*) OVER w AS n FROM trips WINDOW w AS (PARTITION BY driver ORDER BY at)
$$, on_error => 'divert');
INSERT INTO trips VALUES (1, 'mia', 1, 10, 1), (2, 'mia', 3, 10, 0), (3, 'mia', 4, 10, 2);
INSERT INTO trips VALUES (4, 'mia', 2, 0, 2);
SELECT * FROM trip_features ORDER BY at;
SELECT feature.alter_view('trip_features', $$
  SELECT id, at, km / nullif(hours, 0) AS speed, count(*) OVER w AS n, 100 / km AS inverse
  FROM trips WINDOW w AS (PARTITION BY driver ORDER BY at)
$$);
SELECT * FROM trip_features ORDER BY at;
SELECT row ->> 'id' AS id, feature FROM feature.errors WHERE relation = 'trip_features'::regclass;
SELECT on_error FROM feature.views WHERE relation = 'trip_features'::regclass;

-- two views on a source divert each for itself; a view on a view does not see what was diverted below it
SELECT feature.create_view('other_visits', $$
  SELECT id, at, 60 / (weight - 2) AS inverse, count(*) OVER (ORDER BY at) AS n FROM visits $$, on_error => 'divert');
SELECT feature.create_view('of_visits', $$
  SELECT id, 1 / (inverse - 20) AS v, count(*) OVER (ORDER BY at) AS n FROM visit_features $$, on_error => 'divert');
SELECT relation, count(*) FROM feature.errors WHERE relation::text LIKE '%visit%' GROUP BY relation ORDER BY relation::text;
INSERT INTO visits VALUES (4001, 'z', '2024-02-01 00:00', 0), (4002, 'z', '2024-02-01 00:01', 1),
  (4003, 'z', '2024-02-01 00:02', 2), (4004, 'z', '2024-02-01 00:03', 3);
SELECT relation, row ->> 'id' AS id, message FROM feature.errors
WHERE row ->> 'page' = 'z' OR (row ->> 'inverse' = '20' AND row ->> 'id' = '4004') ORDER BY relation::text, id;
SELECT (SELECT array_agg(id ORDER BY id) FROM visit_features WHERE id BETWEEN 4001 AND 4004) AS visit_features,
       (SELECT array_agg(id ORDER BY id) FROM other_visits WHERE id BETWEEN 4001 AND 4004) AS other_visits,
       (SELECT array_agg(id ORDER BY id) FROM of_visits WHERE id BETWEEN 4001 AND 4004) AS of_visits;
SELECT feature.drop_view('other_visits');
SELECT count(*) FROM feature_state.error WHERE view NOT IN (SELECT id FROM feature_state.view);

-- DELETE of a row that was diverted takes its entry off; UPDATE processes the new version as a row that comes now
CREATE TABLE orders (id int PRIMARY KEY, shop text, at int, price int, pieces int, note text);
SELECT feature.create_view('order_features', $$
  SELECT id, shop, at, price / pieces AS piece, count(*) OVER w AS n, sum(price) OVER w AS total
  FROM orders WINDOW w AS (PARTITION BY shop ORDER BY at)
$$, on_error => 'divert');
CREATE VIEW order_errors AS
  SELECT row ->> 'id' AS id, message, row ->> 'pieces' AS pieces, row ->> 'note' AS note FROM feature.errors
  WHERE relation = 'order_features'::regclass ORDER BY (row ->> 'id')::int, row::text;
INSERT INTO orders VALUES (1, 'a', 10, 6, 2), (2, 'a', 20, 6, 0), (3, 'a', 30, 6, 3), (4, 'a', 40, 6, 0), (5, 'a', 50, 6, 0), (6, 'b', 60, 6, 0);
SELECT * FROM order_errors;
DELETE FROM orders WHERE id = 2;
UPDATE orders SET pieces = 6 WHERE id = 4;
UPDATE orders SET pieces = NULL, price = 7 WHERE id = 5;
UPDATE orders SET shop = 'a', at = 25 WHERE id = 6;
SELECT * FROM order_errors;
SELECT * FROM order_features ORDER BY at;
-- a good row that becomes bad loses event and feature row; several at once, one becoming good, one going
UPDATE orders SET pieces = 0 WHERE id = 3;
SELECT * FROM order_errors;
INSERT INTO orders VALUES (7, 'a', 70, 1, 1), (8, 'b', 80, 1, 1), (9, 'b', 90, 0, 0), (10, 'b', 100, 1, 1);
SELECT * FROM order_features ORDER BY at;
UPDATE orders SET id = id + 10, pieces = CASE id WHEN 9 THEN 1 WHEN 10 THEN 0 ELSE pieces END, price = price + 1 WHERE id >= 8;
SELECT * FROM order_errors;
SELECT * FROM order_features ORDER BY at;
WITH gone AS (DELETE FROM orders WHERE id IN (1, 6) RETURNING id), changed AS (UPDATE orders SET pieces = 1 WHERE id = 3)
SELECT count(*) FROM gone;
SELECT * FROM order_errors;
SELECT feature.replay('order_features');
SELECT feature.refresh('order_features');
SELECT * FROM order_features ORDER BY at;
BEGIN;
DELETE FROM orders;
SELECT count(*) FROM order_errors;
ROLLBACK;
SELECT count(*) FROM order_errors;
-- an update of a column that the definition does not read is free: the entry keeps the row as it was
UPDATE orders SET note = 'later' WHERE id = 20;
SELECT * FROM order_errors;
DELETE FROM orders WHERE id = 20;
SELECT * FROM order_errors;
-- after on_error was set to abort, too; then a row that becomes bad fails its statement
INSERT INTO orders VALUES (12, 'c', 120, 1, 0), (13, 'c', 130, 1, 0), (14, 'c', 140, 1, 1);
SELECT feature.set_on_error('order_features', 'abort');
UPDATE orders SET pieces = 0 WHERE id = 14;
DELETE FROM orders WHERE id = 12;
UPDATE orders SET pieces = 1 WHERE id = 13;
SELECT feature.set_on_error('order_features', 'divert');
SELECT * FROM order_errors;
SELECT * FROM order_features WHERE shop = 'c' ORDER BY at;
-- the next rows see what is left
INSERT INTO orders VALUES (31, 'a', 200, 0, 1), (32, 'b', 210, 0, 1), (33, 'c', 220, 0, 1);
SELECT id, n, total, (SELECT (count(*), sum(price)) FROM orders o WHERE o.shop = f.shop AND pieces <> 0) AS in_source
FROM order_features f WHERE id > 30 ORDER BY id;
TRUNCATE orders;
SELECT count(*) FROM order_errors;
-- what the feature table does not take: a row that was diverted before is diverted again, another fails its statement
ALTER TABLE order_features ADD CHECK (total < 10);
INSERT INTO orders VALUES (1, 'a', 10, 6, 1), (2, 'a', 20, 6, 1), (3, 'a', 30, 1, 1);
UPDATE orders SET price = 5 WHERE id = 2;
SELECT * FROM order_errors;
UPDATE orders SET price = 9 WHERE id = 3;
UPDATE orders SET price = 3 WHERE id = 2;
SELECT * FROM order_errors;
SELECT * FROM order_features ORDER BY at;

-- rows that are the same to the view have an entry each; one that is the same in all columns goes first
CREATE TABLE clicks (page text, at int, weight int, who text);
SELECT feature.create_view('click_features', $$
  SELECT page, at, 1 / weight AS inverse, count(*) OVER (PARTITION BY page ORDER BY at) AS n FROM clicks
$$, on_error => 'divert');
INSERT INTO clicks VALUES ('p', 1, 0, 'anna'), ('p', 1, 0, 'bert'), ('p', 1, 0, 'bert'), ('p', 1, 0, 'carl');
CREATE VIEW click_errors AS SELECT row FROM feature.errors WHERE relation = 'click_features'::regclass ORDER BY row::text;
DELETE FROM clicks WHERE who = 'carl';
TABLE click_errors;
DELETE FROM clicks WHERE ctid = (SELECT max(ctid) FROM clicks);
TABLE click_errors;
UPDATE clicks SET who = 'dora' WHERE who = 'anna';
TABLE click_errors;
DELETE FROM clicks WHERE who = 'dora';
SELECT count(*) FROM click_errors;
UPDATE clicks SET weight = 1;
TABLE click_errors;
TABLE click_features;

-- a view whose states are made anew when an event cannot be told: rows that were diverted stay out of them
CREATE TABLE nested (id int PRIMARY KEY, k int, at int, v int);
SELECT feature.create_view('nested_features', $$
  SELECT id, at, 10 / v AS share, count(*) OVER (PARTITION BY n % 2 ORDER BY at) AS of_half
  FROM (SELECT *, count(*) OVER (PARTITION BY k ORDER BY at) AS n FROM nested) x
$$, on_error => 'divert');
INSERT INTO nested VALUES (1, 1, 1, 1), (2, 1, 2, 0), (3, 1, 3, 1), (4, 1, 4, 1), (5, 1, 5, 0), (6, 1, 6, 1);
UPDATE nested SET v = 0 WHERE id = 3;
UPDATE nested SET v = 2 WHERE id = 2;
DELETE FROM nested WHERE id = 5;
INSERT INTO nested VALUES (7, 1, 7, 1);
SELECT * FROM nested_features ORDER BY at;
SELECT row ->> 'id' AS id FROM feature.errors WHERE relation = 'nested_features'::regclass;
DELETE FROM nested WHERE id = 1;
SELECT row ->> 'id' AS id FROM feature.errors WHERE relation = 'nested_features'::regclass;
INSERT INTO nested VALUES (8, 1, 8, 1);
SELECT f.*, (SELECT count(*) FROM nested n WHERE n.v <> 0 AND n.at <= f.at) AS rows FROM nested_features f WHERE id = 8;

-- partitions, of which one is written to directly; views on the view
CREATE TABLE rides (id int, taxi text, at int, km int) PARTITION BY RANGE (at);
CREATE TABLE rides_1 PARTITION OF rides FOR VALUES FROM (0) TO (10);
CREATE TABLE rides_2 (km int, gone int, at int, taxi text, id int);
ALTER TABLE rides_2 DROP COLUMN gone;
ALTER TABLE rides ATTACH PARTITION rides_2 FOR VALUES FROM (10) TO (20);
SELECT feature.create_view('ride_features', $$
  SELECT id, at, 12 / km AS inverse, count(*) OVER (PARTITION BY taxi ORDER BY at) AS n FROM rides $$, on_error => 'divert');
SELECT feature.create_view('on_rides', $$
  SELECT id, at, inverse, 1 / (inverse - 4) AS v, count(*) OVER (ORDER BY at) AS n FROM ride_features $$, on_error => 'divert');
INSERT INTO rides VALUES (1, 'x', 1, 0), (2, 'x', 2, 1), (3, 'x', 13, 0), (4, 'x', 14, 3), (5, 'x', 15, 0);
DELETE FROM rides_2 WHERE id = 5;
UPDATE rides_2 SET km = 2 WHERE id = 3;
UPDATE rides SET at = 12, km = 3 WHERE id = 1;
SELECT relation, row ->> 'id' AS id FROM feature.errors WHERE relation::text LIKE '%ride%' ORDER BY 1::text, 2;
SELECT * FROM ride_features ORDER BY at;
SELECT * FROM on_rides ORDER BY at;
UPDATE rides SET km = 0 WHERE id IN (1, 2);
UPDATE rides SET km = 6 WHERE id = 4;
SELECT relation, row ->> 'id' AS id FROM feature.errors WHERE relation::text LIKE '%ride%' ORDER BY 1::text, 2;
SELECT * FROM on_rides ORDER BY at;

-- feature.verify leaves rows that were diverted out of the plain query
CREATE TABLE readings (id int, sensor text, at timestamptz NOT NULL, v text, dropped int);
ALTER TABLE readings DROP COLUMN dropped;
SELECT feature.create_view('reading_features', $$
  SELECT id, at, v::int AS value, sum(value) OVER (PARTITION BY sensor ORDER BY at) AS total
  FROM (SELECT r.*, v::numeric AS value FROM readings r WHERE 1 / (id - 13) > -2) r $$, on_error => 'divert');
INSERT INTO readings
SELECT i, 's' || i % 3, timestamptz '2024-05-01' + i * interval '1 minute', CASE WHEN i % 7 = 0 THEN 'bad' ELSE i::text END
FROM generate_series(1, 50) i;
INSERT INTO readings VALUES (7, 's1', '2024-05-01 00:07', 'bad'), (60, 's0', '2024-06-01', 'good');
ALTER TABLE readings ADD COLUMN more int;
INSERT INTO readings VALUES (61, 's0', '2024-06-02', 'x', 1), (62, 's0', '2024-06-03', '1', 1);
SELECT count(*) FROM feature.errors WHERE relation = 'reading_features'::regclass;
SELECT feature, rows_compared, mismatches FROM feature.verify('reading_features');
UPDATE reading_features SET total = 0 WHERE id IN (1, 2);
DELETE FROM reading_features WHERE id = 3;
SELECT feature, rows_compared, mismatches FROM feature.verify('reading_features');
SELECT feature, rows_compared, mismatches FROM feature.verify('ride_features');
SELECT feature_state.was_processed(NULL, ROW(1));

-- feature.forget removes entries of the entity, but for those whose keys cannot be evaluated
CREATE TABLE calls (id int PRIMARY KEY, phone text, at timestamptz NOT NULL, seconds int);
SELECT feature.create_view('call_features', $$
  SELECT id, phone, at, 60 / seconds AS per_minute, count(*) OVER (PARTITION BY phone ORDER BY at) AS n FROM calls
$$, on_error => 'divert');
SELECT feature.create_view('of_prefix', $$
  SELECT id, at, count(*) OVER (PARTITION BY phone::bigint / 1000 ORDER BY at) AS n, 60 / seconds AS per_minute FROM calls
$$, on_error => 'divert');
INSERT INTO calls VALUES (1, '111222', '2024-01-01', 1), (2, '111222', '2024-01-02', 0), (3, '111333', '2024-01-03', 0),
  (4, 'none', '2024-01-04', 1), (5, '222333', '2024-01-05', 1), (6, '222333', '2024-01-06', 0);
CREATE VIEW call_errors AS
  SELECT relation, row ->> 'id' AS id, message FROM feature.errors
  WHERE relation IN ('call_features'::regclass, 'of_prefix'::regclass) ORDER BY relation::text, 2;
TABLE call_errors;
SELECT feature.forget('call_features', '{"phone": "111222"}');
TABLE call_errors;
SELECT feature.forget('of_prefix', '{"((phone)::bigint / 1000)": 111}');
TABLE call_errors;
TABLE calls;
-- also those of rows that the source has lost before
SET session_replication_role = replica;
DELETE FROM calls WHERE id = 6;
RESET session_replication_role;
SELECT feature.forget('call_features', '{"phone": "222333"}');
TABLE call_errors;

-- feature.expire takes entries along with the source's rows
INSERT INTO calls VALUES (10, '5', '2024-01-10', 0), (11, '5', '2024-01-11', 1), (12, '5', '2024-01-12', 0);
SELECT feature.expire('of_prefix', '2024-01-12');
SELECT feature.expire('call_features', '2024-01-11 12:00');
TABLE call_errors;
SELECT feature.expire('call_features', '2024-01-11 12:00', source => true);
TABLE call_errors;
TABLE calls;

-- only its owner sees what a view has diverted, and replays it
CREATE ROLE regress_divert_owner;
CREATE ROLE regress_divert_client;
GRANT CREATE, USAGE ON SCHEMA divert TO regress_divert_owner;
GRANT USAGE ON SCHEMA divert TO regress_divert_client;
SET ROLE regress_divert_owner;
CREATE TABLE owned (id int PRIMARY KEY, at int, v int);
SELECT feature.create_view('owned_features', $$
  SELECT id, 1 / v AS inverse, count(*) OVER (ORDER BY at) AS n FROM owned $$, on_error => 'divert');
GRANT INSERT ON owned TO regress_divert_client;
SET ROLE regress_divert_client;
INSERT INTO owned VALUES (1, 1, 1), (2, 2, 0), (3, 3, 1);
SELECT count(*) FROM feature.errors;
SELECT count(*) FROM feature_state.error;
SELECT feature.replay('owned_features');
SELECT feature.set_on_error('owned_features', 'abort');
SET ROLE regress_divert_owner;
SELECT relation, row FROM feature.errors;
SELECT feature.replay('owned_features');
TABLE owned_features ORDER BY id;
RESET ROLE;

-- What verify computes without the rows that were put aside may go to disk; nothing is left open.
CREATE TABLE many (id int PRIMARY KEY, k int, t int);
SELECT feature.create_view('many_features', 'SELECT id, 1 / k AS share, t FROM many', on_error => 'divert');
INSERT INTO many SELECT i, i % 10, i FROM generate_series(1, 3000) AS i;
SET work_mem = '64kB';
SELECT * FROM feature.verify('many_features');
RESET work_mem;

SET client_min_messages = warning;
DROP SCHEMA divert CASCADE;
DROP OWNED BY regress_divert_owner, regress_divert_client;
DROP ROLE regress_divert_owner, regress_divert_client;
