-- feature.create_view(name, query): the table that it makes, the rows that are there when it returns, and the rows of
-- any number of views, on tables and on each other, afterwards.
--
-- The oracle is the definition itself, run as a plain query: `differences` counts the rows that the view and the query
-- do not share.
CREATE SCHEMA creation;
SET search_path = creation;
CREATE FUNCTION differences(view regclass) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE answer bigint;
BEGIN
  EXECUTE (SELECT format('SELECT count(*) FROM ((TABLE %1$s EXCEPT ALL (%2$s)) UNION ALL ((%2$s) EXCEPT ALL TABLE %1$s)) d',
                         view, query) FROM feature.views WHERE relation = view) INTO answer;
  RETURN answer;
END $$;

CREATE TABLE payments (
  payment_id bigint PRIMARY KEY,
  card       text NOT NULL,
  paid_at    timestamptz NOT NULL,
  amount     numeric(10,2),
  country    char(2));

-- The answer is the regclass of an ordinary table, in the first schema of search_path, with the primary key of the
-- source and an index on entity and time.
SELECT feature.create_view('spend', $$
  SELECT t.*, sum(amount) OVER h AS spent_1h, count(*) OVER h AS payments_1h
  FROM payments t
  WINDOW h AS (PARTITION BY card ORDER BY paid_at RANGE BETWEEN '1 hour' PRECEDING AND CURRENT ROW) $$);
SELECT pg_typeof(feature.create_view('stateless', 'SELECT payment_id, amount > 100 AS is_large FROM payments'));
\d spend
\d stateless
SELECT relkind, relpersistence, relispartition FROM pg_class WHERE oid = 'spend'::regclass;

INSERT INTO payments VALUES
  (1, 'a', '2024-05-01 10:00+00', 10.00, 'DE'), (2, 'b', '2024-05-01 10:10+00', 20.00, 'FR'),
  (3, 'a', '2024-05-01 10:30+00', 30.00, NULL), (4, 'a', '2024-05-01 11:00+00', NULL, 'DE'),
  (5, 'a', '2024-05-01 11:30:00.000001+00', 500.00, 'DE');
SELECT payment_id, card, amount, country, spent_1h, payments_1h FROM spend ORDER BY payment_id;
SELECT * FROM stateless ORDER BY payment_id;

-- Columns have the names, types, typmods and collations that a SQL view of the same query has.
CREATE VIEW plain AS
  SELECT payment_id, card, amount, country, amount * 2 AS twice, amount::numeric(12,4) AS scaled, 'x' AS literal,
         NULL AS nothing, ARRAY[card] AS cards, card COLLATE "C" AS in_c, 1::smallint AS small, amount > 1 AS larger,
         lag(country) OVER w AS last_country, lag(amount) OVER w AS last_amount, avg(amount) OVER w AS average,
         row_number() OVER w AS number, interval '1 hour' AS hour
  FROM payments WINDOW w AS (PARTITION BY card ORDER BY paid_at);
SELECT feature.create_view('typed', rtrim(pg_get_viewdef('plain'::regclass), ';'));
SELECT coalesce(v.attname, p.attname) AS column_that_differs, format_type(v.atttypid, v.atttypmod) AS feature_view,
       format_type(p.atttypid, p.atttypmod) AS plain_view
FROM (SELECT * FROM pg_attribute WHERE attrelid = 'typed'::regclass AND attnum > 0) v
FULL JOIN (SELECT * FROM pg_attribute WHERE attrelid = 'plain'::regclass AND attnum > 0) p USING (attnum)
WHERE (v.attname, v.atttypid, v.atttypmod, v.attcollation) IS DISTINCT FROM
      (p.attname, p.atttypid, p.atttypmod, p.attcollation)
ORDER BY 1;
SELECT differences('typed');

-- The primary key follows its columns: through levels and under other names, of several columns; not where one is left
-- out, computed, or the key is deferrable. The same for the index on entity and time.
CREATE TABLE two_keys (a int, b int, t timestamptz, v int, PRIMARY KEY (b, a));
CREATE TABLE deferred (a int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, t timestamptz, v int);
CREATE TABLE keyless (a int NOT NULL UNIQUE, t timestamptz, v int);
SELECT feature.create_view('renamed', $$
  SELECT "B and more", x + 1 AS y, a, at, entity
  FROM (SELECT a, b AS "B and more", t AS at, v AS entity, sum(v) OVER (PARTITION BY v ORDER BY t) AS x FROM two_keys) s
$$);
SELECT feature.create_view('key_left_out', 'SELECT b, t, sum(v) OVER (ORDER BY t) FROM two_keys');
SELECT feature.create_view('key_computed', 'SELECT a + 0 AS a, b, v, sum(v) OVER (PARTITION BY v + 1 ORDER BY t) FROM two_keys');
SELECT feature.create_view('entity_computed', 'SELECT v + 1 AS e, t, sum(v) OVER (PARTITION BY v + 1 ORDER BY t) FROM two_keys');
SELECT feature.create_view('key_deferred', 'SELECT *, sum(v) OVER (PARTITION BY v ORDER BY t) FROM deferred');
SELECT feature.create_view('key_missing', 'SELECT *, sum(v) OVER (PARTITION BY v ORDER BY t) FROM keyless');
SELECT c.relname AS feature_view, i.indisprimary AS is_primary_key,
       (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY k.n)
        FROM unnest(i.indkey) WITH ORDINALITY k (attnum, n) JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum)
         AS index_on
FROM pg_class c LEFT JOIN pg_index i ON i.indrelid = c.oid
WHERE c.oid IN ('renamed'::regclass, 'key_left_out'::regclass, 'key_computed'::regclass, 'entity_computed'::regclass,
                'key_deferred'::regclass, 'key_missing'::regclass)
ORDER BY 1, 2, 3;

-- Rows that are there already are computed before the call returns, in event-time order, not in that of the table.
CREATE TABLE existing (id int PRIMARY KEY, k text, t timestamptz, v int);
INSERT INTO existing
  SELECT i, 'k' || i % 7, timestamptz '2024-01-01 00:00+00' + (i * 7919 % 1009) * interval '1 minute', i * 31 % 53
  FROM generate_series(1, 1000) i;
UPDATE existing SET v = v + 1 WHERE id % 3 = 0;
SELECT $$
  SELECT *, sum(v) OVER w AS total, lag(v, 2) OVER w AS before_last, row_number() OVER w AS number,
         count(*) OVER (w RANGE BETWEEN '2 hours' PRECEDING AND CURRENT ROW) AS recent,
         max(v) OVER (ORDER BY t ROWS BETWEEN 10 PRECEDING AND 1 PRECEDING) AS highest
  FROM existing WHERE v <> 13 WINDOW w AS (PARTITION BY k ORDER BY t)
$$ AS definition \gset
SELECT feature.create_view('backfilled', :'definition');
SELECT count(*) FROM backfilled;
(TABLE backfilled EXCEPT ALL (:definition)) UNION ALL ((:definition) EXCEPT ALL TABLE backfilled);
-- The state goes on from there.
INSERT INTO existing
  SELECT i, 'k' || i % 7, timestamptz '2024-01-01 00:00+00' + i * interval '1 minute', i * 31 % 53
  FROM generate_series(1010, 1300) i;
(TABLE backfilled EXCEPT ALL (:definition)) UNION ALL ((:definition) EXCEPT ALL TABLE backfilled);

-- The source may have had columns that were dropped, and columns that were added to rows that were there.
CREATE TABLE reshaped (dropped_1 text DEFAULT 'x', id int PRIMARY KEY, dropped_2 numeric DEFAULT 1, t timestamptz, v int);
INSERT INTO reshaped (id, t, v) SELECT i, timestamptz '2024-01-01 00:00+00' + i * interval '1 minute', i FROM generate_series(1, 5) i;
ALTER TABLE reshaped DROP COLUMN dropped_1, ADD COLUMN added int DEFAULT 7, DROP COLUMN dropped_2;
SELECT feature.create_view('of_reshaped', 'SELECT *, sum(v + added) OVER (ORDER BY t) AS total FROM reshaped');
SELECT differences('of_reshaped');
INSERT INTO reshaped VALUES (6, '2024-01-02', 6, 8);
SELECT differences('of_reshaped');
SELECT id, v, added, total FROM of_reshaped ORDER BY id;

-- Generated columns and defaults are the row's own values.
CREATE TABLE generated (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, epoch bigint,
                        t timestamp GENERATED ALWAYS AS (timestamp '1970-01-01' + epoch * interval '1 second') STORED,
                        v int DEFAULT 5);
SELECT feature.create_view('of_generated', 'SELECT *, sum(v) OVER (ORDER BY t RANGE ''1 minute'' PRECEDING) AS total FROM generated');
INSERT INTO generated (epoch) VALUES (1700000000), (1700000030), (1700000090);
SELECT id, t, total FROM of_generated ORDER BY id;

-- Any number of views on one source; a view on a view, and on that one another.
SELECT feature.create_view('second', 'SELECT payment_id, card, paid_at, lag(amount) OVER (PARTITION BY card ORDER BY paid_at) AS last_amount FROM payments');
SELECT feature.create_view('by_country', 'SELECT payment_id, count(*) OVER (PARTITION BY country ORDER BY paid_at) AS n FROM payments');
SELECT feature.create_view('on_a_view', 'SELECT *, max(spent_1h) OVER (PARTITION BY card ORDER BY paid_at) AS most_spent_1h FROM spend');
SELECT feature.create_view('on_a_view_on_a_view', 'SELECT payment_id, card, paid_at, most_spent_1h - lag(most_spent_1h) OVER (PARTITION BY card ORDER BY paid_at) AS rise FROM on_a_view');
INSERT INTO payments
  SELECT i, chr(97 + i % 5), timestamptz '2024-05-02 00:00+00' + i * interval '11 minutes', (i * 37 % 101) / 4.0, (ARRAY['DE', 'FR', NULL])[1 + i % 3]
  FROM generate_series(6, 200) i;
SELECT view, count, differences(view)
FROM (VALUES ('spend'::regclass, (SELECT count(*) FROM spend)), ('stateless', (SELECT count(*) FROM stateless)),
             ('typed', (SELECT count(*) FROM typed)), ('second', (SELECT count(*) FROM second)),
             ('by_country', (SELECT count(*) FROM by_country)), ('on_a_view', (SELECT count(*) FROM on_a_view)),
             ('on_a_view_on_a_view', (SELECT count(*) FROM on_a_view_on_a_view))) v (view, count);
-- The chain is what the nested query over the source is.
SELECT $$
  SELECT payment_id, card, paid_at, most_spent_1h - lag(most_spent_1h) OVER (PARTITION BY card ORDER BY paid_at) AS rise
  FROM (SELECT *, max(spent_1h) OVER (PARTITION BY card ORDER BY paid_at) AS most_spent_1h
        FROM (SELECT *, sum(amount) OVER (PARTITION BY card ORDER BY paid_at RANGE BETWEEN '1 hour' PRECEDING AND CURRENT ROW) AS spent_1h
              FROM payments) a) b
$$ AS nested \gset
(TABLE on_a_view_on_a_view EXCEPT ALL (:nested)) UNION ALL ((:nested) EXCEPT ALL TABLE on_a_view_on_a_view);

-- All in one transaction: rows inserted before and after the call.
BEGIN;
CREATE TABLE fresh (t timestamptz, v int);
INSERT INTO fresh VALUES ('2024-01-01 00:00+00', 1);
SELECT feature.create_view('of_fresh', 'SELECT *, sum(v) OVER (ORDER BY t) AS total FROM fresh');
INSERT INTO fresh VALUES ('2024-01-02 00:00+00', 2);
COMMIT;
INSERT INTO fresh VALUES ('2024-01-03 00:00+00', 3);
SELECT v, total FROM of_fresh ORDER BY v;
-- A call that is rolled back, or fails, leaves nothing behind.
SELECT count(*) AS tables_before FROM pg_class WHERE relnamespace IN ('creation'::regnamespace, 'feature_state'::regnamespace) \gset
BEGIN;
SELECT feature.create_view('undone', 'SELECT *, sum(v) OVER (ORDER BY t) AS total FROM fresh');
INSERT INTO fresh VALUES ('2024-01-04 00:00+00', 4);
SELECT v, total FROM undone ORDER BY v;
ROLLBACK;
INSERT INTO fresh VALUES (NULL, 5);
SELECT count(*) FROM of_fresh;
CREATE TABLE divided (t timestamptz NOT NULL, v int);
INSERT INTO divided VALUES ('2024-01-01 00:00+00', 0);
SELECT feature.create_view('failing', 'SELECT t, 1 / v AS share, count(*) OVER (ORDER BY t) AS n FROM divided');
SELECT count(*) - :tables_before - 1 AS tables_left_behind
FROM pg_class WHERE relnamespace IN ('creation'::regnamespace, 'feature_state'::regnamespace);
INSERT INTO divided VALUES ('2024-01-02 00:00+00', 1);
SELECT count(*) FROM feature.views WHERE source = 'divided'::regclass;

-- From PL/pgSQL, and again under a name that is free again.
DO $$
BEGIN
  PERFORM feature.create_view('again', 'SELECT t, count(*) OVER (ORDER BY t) AS n FROM divided');
  PERFORM feature.drop_view('again');
  PERFORM feature.create_view('again', 'SELECT t, sum(v) OVER (ORDER BY t) AS s FROM divided');
END $$;
SELECT * FROM again ORDER BY t;
-- There is no default for a name or a definition.
SELECT feature.create_view(NULL, 'SELECT * FROM divided');
SELECT feature.create_view('nothing', NULL);

-- The rows that a fixed snapshot does not see would be missed.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT feature.create_view('fixed', 'SELECT t, count(*) OVER (ORDER BY t) AS n FROM divided');
ROLLBACK;
\echo :LAST_ERROR_SQLSTATE
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT feature.create_view('fixed', 'SELECT t, count(*) OVER (ORDER BY t) AS n FROM divided');
ROLLBACK;
BEGIN READ ONLY;
SELECT feature.create_view('read_only', 'SELECT t, count(*) OVER (ORDER BY t) AS n FROM divided');
ROLLBACK;

-- Comments and white space in the definition, a semicolon after it, and a source named by schema or by ONLY.
SELECT feature.create_view('commented', $$ -- what we know about a payment
  SELECT /* all of */ *, count(*) OVER (ORDER BY t) AS n
  FROM ONLY creation.divided AS d(t, v);  $$);
SELECT differences('spend'), (SELECT count(*) FROM commented) AS commented;

SET client_min_messages = warning;
DROP SCHEMA creation CASCADE;
