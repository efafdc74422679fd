-- One payment, for pg_ivm and for the feature view alike. Prepared, so that values are parameters.
-- needs: pg_ivm
\set user random(1, :users)
\set cents random(1, 100000)
INSERT INTO payments (user_id, at, amount) VALUES (:user, clock_timestamp(), :cents / 100.0);
