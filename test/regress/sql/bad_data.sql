-- Bad data: one row that cannot be processed fails its statement, and the error says which row, and in which feature.

CREATE SCHEMA bad_data;
SET search_path = bad_data;
SET timezone = 'UTC';
CREATE TABLE payments (id int PRIMARY KEY, card text, at timestamptz, amount numeric, rate text);
SELECT feature.create_view('features', $$
  SELECT id, at, 100 / amount AS share, sum(rate::int) OVER hour AS rates, count(*) OVER hour AS n
  FROM payments WHERE 1 / (id - 13) > -2
  WINDOW hour AS (PARTITION BY card ORDER BY at RANGE '1 hour' PRECEDING)
$$);
-- expressions of the top level, arguments of windows, WHERE, the time
INSERT INTO payments VALUES (1, 'anna', '2024-05-01 10:00', 5, '1'), (2, 'anna', '2024-05-01 10:01', 0, '1');
INSERT INTO payments VALUES (3, 'anna', '2024-05-01 10:00', 5, 'one');
INSERT INTO payments VALUES (13, 'anna', '2024-05-01 10:00', 5, '1');
INSERT INTO payments VALUES (4, 'anna', 'infinity', 5, '1');
-- what a constraint of the feature table, an index or a page cannot take
ALTER TABLE features ADD CONSTRAINT positive CHECK (rates > 0);
INSERT INTO payments VALUES (5, 'anna', '2024-05-01 10:00', 5, '-1');
-- a row without a primary key is told by its time and the columns of its entity
CREATE TABLE logins (account text, device text, at timestamp, attempts int, note int[]);
SELECT feature.create_view('login_features', $$
  SELECT account, sum(100 / attempts) OVER (PARTITION BY account, lower(device) ORDER BY at) AS total FROM logins
$$);
INSERT INTO logins VALUES (repeat('ä', 50), 'phone', '2024-05-01 10:00', 0);
INSERT INTO logins VALUES (NULL, 'phone', '2024-05-01 10:00', 0);
-- values that are long or of other types are not shown
CREATE TABLE parcels (label int[], code text, at int, weight int, PRIMARY KEY (label, code));
SELECT feature.create_view('parcel_features', $$
  SELECT label, code, 1 / weight AS lightness, max(weight) OVER (ORDER BY at) AS heaviest FROM parcels
$$);
INSERT INTO parcels VALUES ('{1}', 'a', 1, 0);
-- sums that overflow
CREATE TABLE sums (id bigint PRIMARY KEY, at int, v bigint, f float8);
SELECT feature.create_view('sum_features', $$
  SELECT id, sum(f) OVER w AS floats, (sum(v) OVER w)::bigint AS integers
  FROM sums WINDOW w AS (ORDER BY at ROWS 2 PRECEDING)
$$);
INSERT INTO sums VALUES (1, 1, 9223372036854775807, 1e308);
INSERT INTO sums VALUES (2, 2, 1, 1);
INSERT INTO sums VALUES (3, 2, 0, 1e308);
-- a level below
SELECT feature.create_view('of_levels', $$
  SELECT id, max(inverse) OVER (ORDER BY at) AS most FROM (SELECT id, at, 1 / v AS inverse FROM sums) s
$$);
INSERT INTO sums VALUES (4, 3, 0, 0);
-- in a batch with rows that fit: the one that does not
SELECT string_agg(md5(x::text), '') AS long_text FROM generate_series(1, 200) x \gset
CREATE TABLE notes (id int PRIMARY KEY, author text, at int);
SELECT feature.create_view('note_features', $$
  SELECT id, author, at, count(*) OVER (PARTITION BY author ORDER BY at) AS n FROM notes
$$);
INSERT INTO notes SELECT i, CASE i WHEN 700 THEN :'long_text' ELSE 'anna' END, i FROM generate_series(1, 999) i;
-- nothing was left behind
SELECT count(*) AS features FROM features;
SELECT relation, entities FROM feature.stats WHERE entities > 0 ORDER BY relation::text;
-- nor does a later statement meet a row of one that failed, which was too large for the memory of a transition table
SET work_mem = '64kB';
CREATE TABLE letters (id int PRIMARY KEY, at timestamp, body text);
SELECT feature.create_view('letter_features', 'SELECT id, count(*) OVER (ORDER BY at) AS n FROM letters');
INSERT INTO letters VALUES (1, 'infinity', repeat('x', 40000000)), (2, '2024-01-01', 'y');
INSERT INTO letters VALUES (2, '2024-01-01', 'y');
INSERT INTO letters VALUES (3, '2024-01-02', repeat('x', 40000000)), (4, '2024-01-03', 'y');
SELECT * FROM letter_features ORDER BY id;
RESET work_mem;

SET client_min_messages = warning;
DROP SCHEMA bad_data CASCADE;
