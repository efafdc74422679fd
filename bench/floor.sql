-- Tables like those of the pipeline, with the same keys, indexes and storage parameters, and without its trigger;
-- :features is the feature table.

CREATE SCHEMA floor;
CREATE TABLE floor.transactions (LIKE public.transactions INCLUDING ALL);
CREATE TABLE floor.:features (LIKE public.:features INCLUDING ALL);

-- LIKE leaves out a table's storage parameters.
SELECT format('ALTER TABLE floor.%I SET (%s)', relname, array_to_string(reloptions, ', '))
FROM pg_class
WHERE oid IN ('public.transactions'::regclass, ('public.' || :'features')::regclass) AND reloptions IS NOT NULL \gexec
