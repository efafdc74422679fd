-- The same transaction as in single_row_pipeline.sql is inserted together with a finished feature row, by one
-- statement, as a client would that knows the features already. Every value is a parameter: a client that has computed
-- features has to send them. Those that hardly change from row to row are constants of the pgbench run.
\set number :number + 1
\set transaction_id 1000000000000000 + :client_id * 1000000000 + :number
\set person random(1, :users)
\set user_id 100000000 + :person
\set merchant_id 200000000 + random(0, 1023)
\set amount 100 + random(0, 16383) / 100.0
\set host :person % 200 + random(1, 10) / 10
\set device_id 300000000 + :person
\set latitude 40 + random(0, 511) / 1000.0
\set longitude -74 + random(0, 511) / 1000.0
\set user_transaction_count random(51, 90)
\set transactions_last_hour random(1, 9)
\set distance_from_last_km random(0, 50000) / 1000.0
\set velocity_kmh :distance_from_last_km * 3.1
\set amount_vs_user_avg_ratio :amount / 180.5
\set amount_vs_user_max_ratio :amount / 261.7
\set amount_zscore (:amount - 180.5) / 47.3
\set seconds_since_last_transaction random(0, 3000000) / 1000.0
\set ip_change_count_total random(8, 12)
WITH raw AS (
  INSERT INTO transactions
  VALUES (:transaction_id, now(), :user_id, :merchant_id, :amount, :currency, :merchant_category, :payment_method,
          '203.0.113.' || :host, :device_id, :latitude, :longitude, :card_type)
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
VALUES (
  :transaction_id, now(), :user_id, :merchant_id, :amount, :currency, :merchant_category, :payment_method,
  '203.0.113.' || :host, :device_id, :latitude, :longitude, :card_type,
  :month, :hour, :day_of_week, :is_business_hour, :is_weekend, :is_night, :hour_sin, :hour_cos,
  :amount_log, :amount_category, :is_round_amount, :is_exact_amount, :merchant_risk_score, :is_private_ip,
  :user_transaction_count, :transactions_last_hour, :transactions_last_10min, :ip_changed,
  :distance_from_last_km, :velocity_kmh, :amount_vs_user_avg_ratio, :amount_vs_user_max_ratio, :amount_zscore,
  :seconds_since_last_transaction, :ip_change_count_total,
  :is_rapid_transaction, :is_impossible_travel, :is_amount_anomaly, :fraud_score, :is_fraud_prediction);
