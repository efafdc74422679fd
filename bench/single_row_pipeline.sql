-- One transaction is inserted; the trigger adds the feature row. 13 columns, 11 parameters. Identifiers are digits
-- because pgbench makes no other random text.
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
INSERT INTO transactions
VALUES (:transaction_id, now(), :user_id, :merchant_id, :amount, :currency, :merchant_category, :payment_method,
        '203.0.113.' || :host, :device_id, :latitude, :longitude, :card_type);
