-- feature.create_transaction_pipeline: the staging table transactions and the feature view transaction_features, 30
-- features beside the 13 raw columns; the same for bad input.
CREATE SCHEMA pipeline;
SET search_path = pipeline;
\set SHOW_CONTEXT never
SELECT feature.create_transaction_pipeline();
SELECT attname AS column, format_type(atttypid, atttypmod) AS type, attnotnull AS not_null FROM pg_attribute WHERE attrelid = 'transactions'::regclass AND attnum > 0 ORDER BY attnum;
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'transactions'::regclass AND contype = 'p';
SELECT feature, type, entity FROM feature.columns WHERE relation = 'transaction_features'::regclass ORDER BY position;
SELECT indexrelid::regclass AS index, indisprimary FROM pg_index WHERE indrelid = 'transaction_features'::regclass ORDER BY 1;

-- 1,500 transactions of 20 users: nulls, bad coordinates, private and public and bad addresses, amounts of all sizes.
CREATE FUNCTION pay(first int, last int) RETURNS void LANGUAGE sql AS $$
  INSERT INTO pipeline.transactions
    SELECT 'tx' || i, timestamptz '2024-02-28 12:00+00' + (i * 83 + i * i % 79) * interval '1 second', 'user_' || i * i % 20, 'm' || i % 50, (ARRAY[i % 97 * 10.5, 9.99, 100, 4999.5, 0, -3, 250000, 42])[1 + i % 8]::float8,
           (ARRAY['USD', 'EUR', NULL])[1 + i % 3], (ARRAY['grocery', 'restaurant', 'gas_station', 'online_retail', 'atm', 'casino', 'adult_entertainment', 'books', NULL])[1 + i % 9], 'credit_card',
           (ARRAY['10.0.0.' || i % 5, '8.8.8.8', NULL, 'nonsense', '2001:db8::' || i % 3, 'fe80::1', '10.0.0.' || i % 5])[1 + i % 7], 'device_' || i % 30,
           (ARRAY[52.5, 48.9, NULL, 91, 'NaN', -33.9, 52.5, 52.6, 52.4])[1 + i % 9], (ARRAY[13.4, 2.35, 10, 0, 0, 151.2, 13.4, NULL, 13.5])[1 + i % 9], CASE WHEN i % 4 = 0 THEN NULL ELSE 'visa' END
    FROM generate_series(first, last) i
$$;
SELECT pay(1, 1000);
DO $$ BEGIN FOR i IN 1001..1200 LOOP PERFORM pipeline.pay(i, i); END LOOP; END $$;
SELECT pay(1201, 1500);
SELECT feature, rows_compared, mismatches FROM feature.verify('transaction_features');
-- A user's evening, to be read.
INSERT INTO transactions (transaction_id, "timestamp", user_id, merchant_category, amount, ip_address, latitude, longitude) VALUES
  ('a1', '2024-03-09 21:00+00', 'alice', 'grocery', 30, '10.0.0.1', 52.52, 13.405), ('a2', '2024-03-09 21:20+00', 'alice', 'restaurant', 42.5, '10.0.0.1', 52.52, 13.405),
  ('a3', '2024-03-09 22:00+00', 'alice', 'casino', 1000, '8.8.8.8', 48.8566, 2.3522), ('a4', '2024-03-09 22:00+00', 'alice', 'casino', 20, NULL, NULL, 2.3522), ('a5', '2024-03-09 22:05+00', 'alice', NULL, 5000.01, '10.0.0.1', 48.8566, 2.3522);
SELECT transaction_id, hour, day_of_week, is_weekend, is_night, amount_category, is_round_amount, is_exact_amount, merchant_risk_score, is_private_ip FROM transaction_features WHERE user_id = 'alice' ORDER BY 1;
SELECT transaction_id, user_transaction_count AS count, transactions_last_hour AS last_hour, transactions_last_10min AS last_10min, ip_changed, round(distance_from_last_km::numeric, 3) AS km, round(velocity_kmh::numeric, 2) AS kmh,
       round(amount_vs_user_avg_ratio::numeric, 4) AS vs_avg, round(amount_vs_user_max_ratio::numeric, 4) AS vs_max, round(amount_zscore::numeric, 4) AS zscore, seconds_since_last_transaction AS seconds
FROM transaction_features WHERE user_id = 'alice' ORDER BY 1;
SELECT transaction_id, ip_change_count_total AS ip_changes, is_rapid_transaction AS rapid, is_impossible_travel AS impossible, is_amount_anomaly AS anomaly, fraud_score, is_fraud_prediction AS fraud FROM transaction_features WHERE user_id = 'alice' ORDER BY 1;
-- What the staging table demands.
INSERT INTO transactions (transaction_id, "timestamp", user_id, amount) VALUES ('tx1', '2024-03-09 12:00+00', 'bob', 1);
INSERT INTO transactions (transaction_id, "timestamp", user_id) VALUES ('b1', '2024-03-09 12:00+00', 'bob');
INSERT INTO transactions (transaction_id, user_id, amount) VALUES ('b1', 'bob', 1);
INSERT INTO transactions (transaction_id, "timestamp", amount) VALUES ('b1', '2024-03-09 12:00+00', 1);
INSERT INTO transactions (transaction_id, "timestamp", user_id, amount) VALUES ('b1', 'infinity', 'bob', 1);
-- The least and the strangest of what it takes.
INSERT INTO transactions (transaction_id, "timestamp", user_id, amount) VALUES ('', '2024-03-10 00:00+00', '', 0), ('b2', '2024-03-10 00:00+00', '', 'NaN'), ('b3', '0001-01-01 00:00+00 BC', '', 1e100), ('b4', '2024-03-10 00:01+00', '', -1);
SELECT transaction_id, round(amount_log::numeric, 6) AS amount_log, amount_category, is_round_amount, hour, amount_vs_user_avg_ratio AS vs_avg, fraud_score FROM transaction_features WHERE user_id = '' ORDER BY "timestamp", 1;
-- Infinite amounts are neither round nor exact.
INSERT INTO transactions (transaction_id, "timestamp", user_id, amount) VALUES ('b5', '2024-03-10 00:02+00', 'inf', 'Infinity');
SELECT is_round_amount, is_exact_amount, amount_log FROM transaction_features WHERE transaction_id = 'b5';

-- In another schema, by name; twice; where there is none; without any.
CREATE SCHEMA "Second ""pipeline";
SELECT feature.create_transaction_pipeline('Second "pipeline');
INSERT INTO "Second ""pipeline".transactions (transaction_id, "timestamp", user_id, amount) VALUES ('1', now(), 'u', 1);
SELECT (SELECT count(*) FROM "Second ""pipeline".transaction_features) AS second, (SELECT count(*) FROM transaction_features WHERE user_id = 'u') AS first;
SHOW search_path;
SELECT feature.create_transaction_pipeline();
SELECT feature.create_transaction_pipeline('no_such_schema');
-- A table called transaction_features is in the way: then there is no staging table either.
CREATE SCHEMA taken;
CREATE TABLE taken.transaction_features ();
SELECT feature.create_transaction_pipeline('taken');
SELECT to_regclass('taken.transactions') IS NULL AS nothing_made;
-- Objects of the schema do not get into the definition's way.
CREATE SCHEMA traps;
CREATE FUNCTION traps.sin(float8) RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT 666::float8';
CREATE FUNCTION traps.greater(float8, float8) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT false';
CREATE OPERATOR traps.> (LEFTARG = float8, RIGHTARG = float8, FUNCTION = traps.greater);
CREATE FUNCTION traps.is_private_ip(text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
SET search_path = traps, pipeline;
SELECT feature.create_transaction_pipeline('traps');
INSERT INTO traps.transactions (transaction_id, "timestamp", user_id, amount) VALUES ('1', '2024-01-01 06:00+00', 'u', 50);
SELECT hour_sin, amount_log IS NOT NULL AS has_log, amount_category, is_private_ip FROM traps.transaction_features;
SET search_path = '';
SELECT feature.create_transaction_pipeline();
SET search_path = pipeline;

-- Columns that a table has beside those of the definitions are not in the way of any name in these.
CREATE SCHEMA beside;
CREATE TABLE beside.transactions (LIKE traps.transactions INCLUDING ALL, month text, fraud_score int, utc timestamp, utc_time timestamp,
                                  raw int, windows int, u text, past_avg text, last_hour text);
SELECT feature.create_transaction_pipeline('beside');
SELECT feature.create_transaction_pipeline('beside', 'wide');
INSERT INTO beside.transactions (transaction_id, "timestamp", user_id, amount) VALUES ('1', '2024-01-01 06:00+00', 'u', 50);
SELECT month, hour, user_transaction_count FROM beside.transaction_features;
SELECT sum(mismatches) FROM feature.verify('beside.transaction_features_wide');

SET search_path = pipeline;
SET client_min_messages = warning;
DROP SCHEMA pipeline, "Second ""pipeline", taken, traps, beside CASCADE;
