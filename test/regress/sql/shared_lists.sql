-- Shared lists: an entity that several sessions write at once. Here by one session; test/isolation has several.
CREATE SCHEMA shared_lists;
SET search_path = shared_lists;
SET timezone = 'UTC';

CREATE TABLE payments (id int PRIMARY KEY, merchant text, card text, at timestamptz NOT NULL, amount numeric(10,2), fee real, score float8);

-- What can be put together from several slots is shared; names are those of feature.columns.
SELECT feature.create_view('of_merchants', $$
  SELECT id, merchant, card, at,
         count(*) OVER hour AS n, sum(amount) OVER hour AS spent, avg(score) OVER hour AS score_avg, max(amount) OVER hour AS most,
         stddev_samp(score) OVER hour AS score_std, feature.count_distinct(card) OVER hour AS cards,
         feature.percentile(score, 0.5) OVER hour AS score_median, count(amount) OVER (merchant RANGE BETWEEN '1 hour' PRECEDING AND '1 minute' PRECEDING EXCLUDE GROUP) AS before,
         sum(amount) OVER merchant AS lifetime, avg(amount) OVER merchant AS lifetime_avg, row_number() OVER merchant, rank() OVER merchant,
         min(card) OVER merchant AS first_card, bool_or(amount > 50) OVER merchant AS any_large, feature.count_distinct(card) OVER merchant AS cards_ever,
         lag(amount) OVER (PARTITION BY card ORDER BY at) AS previous
  FROM payments
  WINDOW merchant AS (PARTITION BY merchant ORDER BY at),
         hour AS (PARTITION BY merchant ORDER BY at RANGE '1 hour' PRECEDING)
$$, shared => '{merchant}');
SELECT list, entity, shared FROM feature.stats WHERE relation = 'of_merchants'::regclass ORDER BY list;
INSERT INTO payments SELECT i, 'm' || i % 2, 'c' || i % 7, timestamptz '2024-01-01' + i * interval '1 minute', i % 90, i, sqrt(i) FROM generate_series(1, 1000) i;
INSERT INTO payments VALUES (1001, 'm1', 'c1', '2024-01-01 20:00', 1, 1, 1), (1002, NULL, 'c1', '2024-01-01 20:00', 1, 1, 1);
SELECT feature, mismatches FROM feature.verify('of_merchants') WHERE mismatches > 0;
-- Later than is kept: from the source.
INSERT INTO payments VALUES (1003, 'm1', 'c9', '2024-01-01 02:00:30', 5, 5, 5);
SELECT f.n = count(*) AND f.spent = sum(amount) AS same FROM of_merchants f JOIN payments p ON p.merchant = 'm1' AND p.at BETWEEN f.at - interval '1 hour' AND f.at
WHERE f.id = 1003 GROUP BY f.n, f.spent;
-- Altered, it stays shared as long as it is there.
SELECT feature.alter_view('of_merchants', $$SELECT id, merchant, count(*) OVER (PARTITION BY card ORDER BY at) AS n, sum(amount) OVER (PARTITION BY merchant ORDER BY at) AS lifetime FROM payments$$);
SELECT list, entity, shared FROM feature.stats WHERE relation = 'of_merchants'::regclass ORDER BY list;
INSERT INTO payments VALUES (1004, 'm1', 'c9', '2024-01-02', 5, 5, 5);
SELECT lifetime = (SELECT sum(amount) FROM payments WHERE merchant = 'm1') AS same FROM of_merchants WHERE id = 1004;
SELECT feature.alter_view('of_merchants', $$SELECT id, merchant, count(*) OVER (PARTITION BY card ORDER BY at) AS n, lag(amount) OVER (PARTITION BY merchant ORDER BY at) AS lifetime FROM payments$$);
SELECT feature.alter_view('of_merchants', $$SELECT id, count(*) OVER (PARTITION BY card ORDER BY at) AS n FROM payments$$);
SELECT list, entity, shared FROM feature.stats WHERE relation = 'of_merchants'::regclass ORDER BY list;
SELECT feature.drop_view('of_merchants');

-- Several lists; blanks do not matter; all of a table as one entity.
SELECT feature.create_view('of_all', $$SELECT id, count(*) OVER (PARTITION BY merchant, card ORDER BY at) AS n, count(*) OVER (ORDER BY at) AS n_all, count(*) OVER (PARTITION BY card ORDER BY at) AS n_card FROM payments$$,
                           shared => '{"merchant,card", ()}');
SELECT list, entity, shared FROM feature.stats WHERE relation = 'of_all'::regclass ORDER BY list;
SELECT feature.drop_view('of_all');
-- The wide catalogue's merchants, devices and addresses can be shared.
SELECT feature.create_transaction_pipeline();
SELECT feature.create_view('wide', feature.wide_transaction_features(), shared => '{merchant_id, device_id, ip_address}');
SELECT list, entity, shared FROM feature.stats WHERE relation = 'wide'::regclass ORDER BY list;

-- What depends on an order of events is refused.
CREATE FUNCTION try(feature text, shared text[] DEFAULT '{merchant}') RETURNS regclass LANGUAGE sql AS
  $$SELECT feature.create_view('x', 'SELECT id, ' || feature || ' FROM payments', shared => shared)$$;
\set VERBOSITY default
SELECT try('lag(amount) OVER (PARTITION BY merchant ORDER BY at)');
\set VERBOSITY terse
SELECT try('sum(amount) OVER (PARTITION BY merchant ORDER BY at ROWS 3 PRECEDING)');
SELECT try('count(*) OVER (PARTITION BY merchant ORDER BY at ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)');
SELECT try('first_value(amount) OVER (PARTITION BY merchant ORDER BY at)');
SELECT try('last_value(amount) OVER (PARTITION BY merchant ORDER BY at RANGE ''1 hour'' PRECEDING)');
SELECT try('nth_value(amount, 2) OVER (PARTITION BY merchant ORDER BY at)');
SELECT try('dense_rank() OVER (PARTITION BY merchant ORDER BY at)');
SELECT try('sum(fee) OVER (PARTITION BY merchant ORDER BY at)');
SELECT try('array_agg(amount) OVER (PARTITION BY merchant ORDER BY at RANGE ''1 hour'' PRECEDING)');
SELECT try('string_agg(card, '','') OVER (PARTITION BY merchant ORDER BY at)');
SELECT try('feature.last_distinct(card, 2) OVER (PARTITION BY merchant ORDER BY at)');
SELECT try('sum(amount) OVER (PARTITION BY merchant ORDER BY at RANGE UNBOUNDED PRECEDING EXCLUDE TIES)');
SELECT feature.create_view('x', 'SELECT id, max(n) OVER (PARTITION BY n ORDER BY at) FROM (SELECT id, at, count(*) OVER (PARTITION BY card ORDER BY at) AS n FROM payments) s',
                           shared => ARRAY['count(*) OVER (PARTITION BY card ORDER BY at)']);
-- Names must be those of lists.
\set VERBOSITY default
SELECT try('count(*) OVER (PARTITION BY merchant ORDER BY at)', '{merchant, nobody}');
SELECT try('id AS same');
\set VERBOSITY terse
SELECT try('count(*) OVER (PARTITION BY merchant ORDER BY at)', '{merchant, NULL}');
-- None is like no argument.
SELECT try('count(*) OVER (PARTITION BY merchant ORDER BY at)', NULL);
SELECT feature.drop_view('x');
SELECT try('lag(amount) OVER (PARTITION BY merchant ORDER BY at)', '{}');
SET client_min_messages = warning;
DROP SCHEMA shared_lists CASCADE;
