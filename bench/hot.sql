\set merchant random(1, :users)
\set user random(1, 10000)
\set amount random(1, 100000)
INSERT INTO payments (merchant_id, user_id, at, amount)
  VALUES ('m' || :merchant, 'u' || :user, clock_timestamp(), :amount / 100.0);
