-- Tables like those of the pipeline, with the same keys, indexes and storage parameters, and without its trigger.

CREATE SCHEMA floor;
CREATE TABLE floor.transactions (LIKE public.transactions INCLUDING ALL);
CREATE TABLE floor.transaction_features (LIKE public.transaction_features INCLUDING ALL);

-- LIKE leaves out a table's storage parameters.
DO $$
DECLARE
  copied record;
BEGIN
  FOR copied IN
    SELECT relname, array_to_string(reloptions, ', ') AS parameters
    FROM pg_class
    WHERE oid IN ('public.transactions'::regclass, 'public.transaction_features'::regclass) AND reloptions IS NOT NULL
  LOOP
    EXECUTE format('ALTER TABLE floor.%I SET (%s)', copied.relname, copied.parameters);
  END LOOP;
END
$$;
