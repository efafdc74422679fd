-- What a model reads before it answers: the features of a user's last hour, by the feature table's index.
\set user_id 100000000 + random(1, :users)
SELECT * FROM transaction_features WHERE user_id = :user_id::text AND "timestamp" > now() - interval '1 hour';
