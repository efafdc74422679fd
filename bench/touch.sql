-- A row more for each user, like the latest of its history, in table :table. After it no page that the load touches at random is
-- new to the WAL since the checkpoint: what is measured then is a server between checkpoints, not the first seconds
-- after one, and it is the same for pipeline and floor.

INSERT INTO :table
SELECT touched.*
FROM :table latest
CROSS JOIN LATERAL json_populate_record(latest, json_build_object(
  'transaction_id', 't' || :round || '-' || latest.user_id, 'timestamp', now() - interval '10 minutes')) touched
WHERE latest.transaction_id LIKE 's50-%';
