-- A hundred transactions are inserted by one statement; the trigger adds their feature rows. Values are made by the server
-- from one random number, as pgbench has no room for so many parameters.
\set number :number + 1
\set transaction_id 1000000000000000 + :client_id * 1000000000 + :number
\set seed random(1, 1000000000)
INSERT INTO transactions
SELECT
       'r' || :transaction_id || '-' || i, now(), (100000000 + (hashint8(:seed + i) & 2147483647) % :users)::text,
       (200000000 + (hashint8(:seed + 2 * i) & 1023))::text, 100 + (hashint8(:seed + 3 * i) & 16383) / 100.0,
       'USD', 'grocery', 'credit_card', '203.0.113.' || i, (300000000 + (hashint8(:seed + i) & 2147483647) % :users)::text,
       40 + (hashint8(:seed + 4 * i) & 511) / 1000.0, -74 + (hashint8(:seed + 5 * i) & 511) / 1000.0, 'visa'
FROM generate_series(1, 100) i;
