-- Entities whose keys have one hash are told apart: here all have.
SET client_min_messages = warning;
CREATE TYPE odd;
CREATE FUNCTION odd_in(cstring) RETURNS odd AS 'int8in' LANGUAGE internal IMMUTABLE STRICT;
CREATE FUNCTION odd_out(odd) RETURNS cstring AS 'int8out' LANGUAGE internal IMMUTABLE STRICT;
CREATE TYPE odd (INPUT = odd_in, OUTPUT = odd_out, LIKE = int8);
RESET client_min_messages;
CREATE FUNCTION odd_equal(odd, odd) RETURNS bool AS 'int8eq' LANGUAGE internal IMMUTABLE STRICT;
CREATE FUNCTION odd_hash(odd) RETURNS int IMMUTABLE STRICT LANGUAGE sql AS 'SELECT 0';
CREATE FUNCTION odd_hash(odd, bigint) RETURNS bigint IMMUTABLE STRICT LANGUAGE sql AS 'SELECT 0::bigint';
CREATE OPERATOR = (LEFTARG = odd, RIGHTARG = odd, FUNCTION = odd_equal, COMMUTATOR = =, HASHES);
CREATE OPERATOR CLASS odd_ops DEFAULT FOR TYPE odd USING hash
  AS OPERATOR 1 =, FUNCTION 1 odd_hash(odd), FUNCTION 2 odd_hash(odd, bigint);
CREATE TABLE events (id int PRIMARY KEY, k odd, t timestamptz NOT NULL);

-- Counts them as the plain query does, if it could: the type has no order.
CREATE FUNCTION wrong(view regclass) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  rows bigint;
BEGIN
  EXECUTE format('SELECT count(*) FROM (SELECT f.id, f.n, (SELECT count(*) FROM events e WHERE e.k = s.k AND (e.t, e.id) <= (s.t, s.id)) AS plain FROM %s f JOIN events s USING (id)) AS both_ways WHERE n IS DISTINCT FROM plain', view) INTO rows;
  RETURN rows;
END $$;

-- By a backfill, in several batches.
SET feature_ext.batch_rows = 10;
INSERT INTO events SELECT i, (i % 7)::text::odd, '2025-01-01'::timestamptz + i * interval '1 s' FROM generate_series(1, 40) AS i;
SELECT feature.create_view('features', 'SELECT id, count(*) OVER (PARTITION BY k ORDER BY t) AS n FROM events');
SELECT wrong('features'), (SELECT entities FROM feature.list_stats('features'));
RESET feature_ext.batch_rows;

-- One by one, by statements of a batch and of several, known ones and new ones.
INSERT INTO events VALUES (41, '3', '2025-01-02'), (42, '7', '2025-01-02');
INSERT INTO events SELECT i, (i % 12)::text::odd, '2025-01-02'::timestamptz + i * interval '1 s' FROM generate_series(43, 80) AS i;
SET feature_ext.batch_rows = 10;
INSERT INTO events SELECT i, (i % 17)::text::odd, '2025-01-02'::timestamptz + i * interval '1 s' FROM generate_series(81, 150) AS i;
SELECT wrong('features'), (SELECT entities FROM feature.list_stats('features'));

-- Where rows are corrected, and states made anew.
UPDATE events SET k = '20' WHERE id % 40 = 39;
SELECT feature.refresh('features');
INSERT INTO events SELECT i, (i % 23)::text::odd, '2025-01-02'::timestamptz + i * interval '1 s' FROM generate_series(151, 200) AS i;
SELECT wrong('features'), (SELECT entities FROM feature.list_stats('features'));

-- States that a statement sets aside.
SET feature_ext.batch_rows = 10;
SET feature_ext.entity_memory = '64kB';
INSERT INTO events SELECT i, (i * 31 % 211)::text::odd, '2025-01-03'::timestamptz + i * interval '1 s' FROM generate_series(201, 1200) AS i;
SELECT wrong('features'), (SELECT entities FROM feature.list_stats('features'));
SELECT feature.refresh('features');
SELECT wrong('features'), (SELECT entities FROM feature.list_stats('features'));
RESET feature_ext.batch_rows;
RESET feature_ext.entity_memory;
DROP TABLE events CASCADE;

-- Of new entities of one hash, some are written before the end while others are loaded, as entities of the other lists come
-- and go: slots of none may be given to another.
CREATE CAST (odd AS bigint) WITHOUT FUNCTION;
CREATE CAST (bigint AS odd) WITHOUT FUNCTION;
CREATE OR REPLACE FUNCTION odd_hash(odd, bigint) RETURNS bigint IMMUTABLE STRICT LANGUAGE sql AS 'SELECT CASE WHEN $1::bigint >= 1000000 THEN 0 ELSE $1::bigint END';
CREATE TABLE events (id serial PRIMARY KEY, k odd, m int, n int, t timestamptz NOT NULL DEFAULT '2025-01-01');
INSERT INTO events (k, m, n) SELECT CASE WHEN i <= 3 THEN 1000000 + i ELSE i END::bigint::odd, 0, 0 FROM generate_series(1, 250) AS i;
INSERT INTO events (k, m, n) SELECT 1000001::bigint::odd, i, CASE WHEN i <= 150 THEN i ELSE 0 END FROM generate_series(1, 250) AS i;
INSERT INTO events (k, m, n) VALUES (1000004::bigint::odd, 0, 0);
INSERT INTO events (k, m, n) SELECT 1000004::bigint::odd, 300 + i, 0 FROM generate_series(1, 250) AS i;
INSERT INTO events (k, m, n) SELECT (1000 + i)::bigint::odd, 0, 0 FROM generate_series(1, 250) AS i;
INSERT INTO events (k, m, n) SELECT 1000004::bigint::odd, 1000 + i, 0 FROM generate_series(1, 250) AS i;
INSERT INTO events (k, m, n) VALUES (1000005::bigint::odd, 0, 0);
UPDATE events SET t = t + id * interval '1 s';
CLUSTER events USING events_pkey;
SET feature_ext.entity_memory = '64kB';
SET feature_ext.batch_rows = 8;
SELECT feature.create_view('features', 'SELECT id, count(*) OVER (PARTITION BY k ORDER BY t) AS n, count(*) OVER (PARTITION BY m ORDER BY t) AS of_m, count(*) OVER (PARTITION BY n ORDER BY t) AS of_n FROM events');
SELECT wrong('features');
SELECT list, entities FROM feature.list_stats('features') ORDER BY list;
RESET feature_ext.batch_rows;
RESET feature_ext.entity_memory;

DROP TABLE events CASCADE;
DROP FUNCTION wrong;
SET client_min_messages = warning;
DROP TYPE odd CASCADE;
