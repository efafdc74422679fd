-- The same hundred transactions as in many_rows_pipeline.sql are inserted together with finished feature rows, by one
-- statement. Features are constants, or cheap to make: nothing is looked up.
\set number :number + 1
\set transaction_id 1000000000000000 + :client_id * 1000000000 + :number
\set seed random(1, 1000000000)
WITH raw AS (
  INSERT INTO transactions
  SELECT
       'r' || :transaction_id || '-' || i, now(), (100000000 + (hashint8(:seed + i) & 2147483647) % :users)::text,
       (200000000 + (hashint8(:seed + 2 * i) & 1023))::text, 100 + (hashint8(:seed + 3 * i) & 16383) / 100.0,
       'USD', 'grocery', 'credit_card', '203.0.113.' || i, (300000000 + (hashint8(:seed + i) & 2147483647) % :users)::text,
       40 + (hashint8(:seed + 4 * i) & 511) / 1000.0, -74 + (hashint8(:seed + 5 * i) & 511) / 1000.0, 'visa'
  FROM generate_series(1, 100) i
  RETURNING *
)
INSERT INTO transaction_features (
  transaction_id, "timestamp", user_id, merchant_id, amount, currency, merchant_category, payment_method,
  ip_address, device_id, latitude, longitude, card_type,
  month, hour, day_of_week, is_business_hour, is_weekend, is_night, hour_sin, hour_cos,
  amount_log, amount_category, is_round_amount, is_exact_amount, merchant_risk_score, is_private_ip,
  user_transaction_count, transactions_last_hour, transactions_last_10min, ip_changed,
  distance_from_last_km, velocity_kmh, amount_vs_user_avg_ratio, amount_vs_user_max_ratio, amount_zscore,
  seconds_since_last_transaction, ip_change_count_total,
  is_rapid_transaction, is_impossible_travel, is_amount_anomaly, fraud_score, is_fraud_prediction)
SELECT
  transaction_id, "timestamp", user_id, merchant_id, amount, currency, merchant_category, payment_method,
  ip_address, device_id, latitude, longitude, card_type,
  :month, :hour, :day_of_week, :is_business_hour, :is_weekend, :is_night, :hour_sin, :hour_cos,
  :amount_log, :amount_category, :is_round_amount, :is_exact_amount, :merchant_risk_score, :is_private_ip,
  51, 3, :transactions_last_10min, :ip_changed,
  amount / 7.1, amount * 3.1, amount / 180.5, amount / 261.7, (amount - 180.5) / 47.3,
  amount * 2.3, 9,
  :is_rapid_transaction, :is_impossible_travel, :is_amount_anomaly, :fraud_score, :is_fraud_prediction
FROM raw;
