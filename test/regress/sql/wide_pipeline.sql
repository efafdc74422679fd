-- feature.create_transaction_pipeline(catalogue => 'wide'): feature view transaction_features_wide, 97 features of seven
-- entities; parity with its definition; both catalogues on one staging table; staging tables that are there already.
CREATE SCHEMA wide;
SET search_path = wide;
SET timezone = 'UTC';
\set SHOW_CONTEXT never
SELECT feature.create_transaction_pipeline(catalogue => 'wide');
SELECT count(*) AS columns, count(*) FILTER (WHERE "window" IS NULL) AS without_window FROM feature.columns WHERE relation = 'transaction_features_wide'::regclass;
SELECT entity, count(*) AS features FROM feature.columns WHERE relation = 'transaction_features_wide'::regclass AND "window" IS NOT NULL GROUP BY 1 ORDER BY 1;
SELECT attname AS column, format_type(atttypid, atttypmod) AS type, attnotnull AS not_null FROM pg_attribute WHERE attrelid = 'transactions'::regclass AND attnum > 0 ORDER BY attnum;

-- 3,000 transactions in 31 hours, no two at one time: nulls, bad coordinates, amounts of all sizes, popular merchants.
CREATE FUNCTION drawn(what text, i int, below int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT (hashtext(what || i) & 1048575) % below';
CREATE FUNCTION pay(first int, last int) RETURNS void LANGUAGE sql AS $$
  INSERT INTO wide.transactions
    SELECT 'tx' || i, timestamptz '2021-12-31 12:00+00' + (i * 37 + i * i % 31) * interval '1 second', 'user_' || wide.drawn('user', i, 60), CASE WHEN i % 41 > 0 THEN 'm' || wide.drawn('merchant', i, 15) END, (ARRAY[i % 97 * 10.5, 9.99, 100, 4999.5, 0, -3, 250000, 42.42])[1 + i % 8]::float8,
           'EUR', 'grocery', (ARRAY['card', 'wallet', NULL, 'card', 'transfer'])[1 + wide.drawn('method', i, 5)], CASE WHEN i % 53 > 0 THEN '10.0.0.' || wide.drawn('address', i, 29) END, 'device_' || wide.drawn('device', i, 30),
           (ARRAY[52.5, 48.9, NULL, 91, 'NaN', -33.9, 40.7, 52.6, 52.4])[1 + i % 9], (ARRAY[13.4, 2.35, 10, 0, 0, 151.2, -74, NULL, 13.5])[1 + i % 9], 'visa'
    FROM generate_series(first, last) i
$$;
SELECT pay(1, 1500);
DO $$ BEGIN FOR i IN 1501..1700 LOOP PERFORM wide.pay(i, i); END LOOP; END $$;
SELECT pay(1701, 3000);
SELECT count(*) AS columns, min(rows_compared) AS rows, sum(mismatches) AS mismatches FROM feature.verify('transaction_features_wide');
-- What this cannot have tested: features that are the same everywhere.
SELECT key AS constant, min(value) AS value FROM transaction_features_wide f CROSS JOIN jsonb_each_text(to_jsonb(f)) GROUP BY key HAVING count(DISTINCT value) = 1 ORDER BY 1;

-- Late transactions get what the query gives for them. Those before, which it changes in the query, keep what they had.
INSERT INTO transactions SELECT 'late' || i, "timestamp" + interval '1.5 seconds', user_id, merchant_id, 10 * i, currency, merchant_category, payment_method, ip_address, device_id, latitude, longitude
  FROM transactions JOIN generate_series(1, 5) i ON transaction_id = 'tx' || 2000 + 130 * i ORDER BY i;
SELECT definition AS definition FROM feature.views WHERE relation = 'transaction_features_wide'::regclass \gset
\set number '^-?[0-9]+([.][0-9]+)?(e-?[0-9]+)?$'
CREATE VIEW differing AS
  SELECT transaction_id, kept.key AS feature, kept.value AS in_view, given.value AS in_query
  FROM transaction_features_wide f JOIN :definition d USING (transaction_id)
  CROSS JOIN jsonb_each_text(to_jsonb(f)) kept JOIN LATERAL jsonb_each_text(to_jsonb(d)) given USING (key)
  WHERE CASE WHEN kept.value ~ :'number' AND given.value ~ :'number'
             THEN abs(kept.value::numeric - given.value::numeric) > 1e-9 * abs(given.value::numeric) ELSE kept.value IS DISTINCT FROM given.value END;
SELECT * FROM differing WHERE transaction_id LIKE 'late%';
SELECT count(DISTINCT transaction_id) > 100 AS many_differ, bool_and(substr(transaction_id, 3)::int > 2130) AS all_after_the_first FROM differing;
SELECT feature.refresh('transaction_features_wide');
SELECT * FROM differing;

-- Some to be read: two users, one device.
INSERT INTO transactions (transaction_id, "timestamp", user_id, merchant_id, amount, payment_method, device_id, ip_address, latitude, longitude) VALUES
  ('a1', '2024-12-25 08:00+00', 'alice', 'bakery', 10, 'card', 'phone', '192.0.2.1', 40.7, -74), ('b1', '2024-12-25 08:02+00', 'bob', 'bakery', 2500, 'card', 'phone', '192.0.2.1', 52.5, 13.4),
  ('a2', '2024-12-25 08:04+00', 'alice', 'airline', 500.5, 'wallet', 'phone', '192.0.2.9', 40.8, -74), ('a3', '2024-12-25 14:30+00', 'alice', 'bakery', 20, 'card', 'phone', '192.0.2.9', 51.5, -0.1);
SELECT transaction_id AS id, is_holiday, day_of_year, week_of_year, amount_category, is_round_amount, user_txn_count_5m AS n_5m, user_txn_count_6h AS n_6h, user_txn_count_24h AS n_24h, user_amount_sum_24h AS sum_24h, round(user_amount_std_24h::numeric, 2) AS std_24h, user_amount_median_24h AS median, user_amount_p95_24h AS p95
  FROM transaction_features_wide WHERE user_id IN ('alice', 'bob') ORDER BY "timestamp";
SELECT transaction_id AS id, time_since_last_txn AS seconds, amount_vs_prev, merchant_change, payment_method_change AS method_change, round(distance_from_prev::numeric, 1) AS km, round(location_velocity::numeric, 1) AS kmh, location_consistency_score AS consistency, is_high_risk_location AS risky, round(amount_zscore_24h::numeric, 3) AS zscore
  FROM transaction_features_wide WHERE user_id IN ('alice', 'bob') ORDER BY "timestamp";
SELECT transaction_id AS id, device_txn_count_1h AS on_device, device_unique_users_1h AS its_users, device_unique_merchants_1h AS its_merchants, ip_unique_users_1h AS ip_users, merchant_unique_users_1h AS customers, merchant_avg_amount_1h AS merchant_avg, unique_merchants_1h AS merchants, user_merchant_txn_count AS visits, is_new_merchant AS new_m, is_new_device AS new_d, is_new_ip AS new_ip
  FROM transaction_features_wide WHERE user_id IN ('alice', 'bob') ORDER BY "timestamp";

-- Both catalogues in one schema, in either order. One that comes later is filled from what is there.
SELECT feature.create_transaction_pipeline();
SELECT feature, mismatches FROM feature.verify('transaction_features') WHERE mismatches > 0;
CREATE SCHEMA other;
SELECT feature.create_transaction_pipeline('other'), feature.create_transaction_pipeline('other', 'wide');
INSERT INTO other.transactions SELECT * FROM transactions ORDER BY "timestamp";
SELECT count(*) AS rows, count(*) FILTER (WHERE w.user_txn_count_1h = s.transactions_last_hour) AS alike FROM other.transaction_features s JOIN other.transaction_features_wide w USING (transaction_id);
SELECT sum(mismatches) AS mismatches FROM feature.verify('other.transaction_features_wide');
SELECT feature.create_transaction_pipeline('other', 'wide');
-- Dropping a feature view leaves the staging table and the other view.
SELECT feature.drop_view('other.transaction_features');
INSERT INTO other.transactions (transaction_id, "timestamp", user_id, amount) VALUES ('n1', '2025-01-01 00:00+00', 'new', 1);
SELECT feature.create_transaction_pipeline('other');
SELECT user_transaction_count, user_txn_count_24h FROM other.transaction_features JOIN other.transaction_features_wide USING (transaction_id) WHERE transaction_id = 'n1';

-- Your own staging table, with more columns and in another order; and one that is not what definitions count on.
CREATE SCHEMA mine;
CREATE TABLE mine.transactions (hour text, LIKE other.transactions INCLUDING ALL);
SELECT feature.create_transaction_pipeline('mine', 'wide'), feature.create_transaction_pipeline('mine');
ALTER TABLE wide.transactions RENAME TO transactions_renamed;
CREATE TABLE wide.transactions (transaction_id text PRIMARY KEY, "timestamp" timestamp, user_id text, amount numeric, latitude float8, longitude float8, merchant_id text, ip_address text, device_id text);
SELECT feature.create_transaction_pipeline('wide', 'wide');
-- Catalogues that there are not.
SELECT feature.create_transaction_pipeline(catalogue => 'narrow');
SELECT feature.create_transaction_pipeline(catalogue => NULL);
-- A catalogue's text is the definition: to be changed and given to feature.create_view or alter_view.
SELECT query = replace(feature.wide_transaction_features(), 'FROM transactions', 'FROM other.transactions') AS same FROM feature.views WHERE relation = 'other.transaction_features_wide'::regclass;
SELECT query = replace(feature.standard_transaction_features(), 'FROM transactions', 'FROM other.transactions') AS same FROM feature.views WHERE relation = 'other.transaction_features'::regclass;

SET client_min_messages = warning;
DROP SCHEMA wide, other, mine CASCADE;
