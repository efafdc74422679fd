-- Index entries of statements with many rows are put into each index in about the order of its keys, after the rows. In
-- whatever types and kinds of indexes, each has all entries and in its own order, and uniqueness holds.
CREATE EXTENSION amcheck;
CREATE SCHEMA index_entries;
SET search_path = index_entries, public;
CREATE TABLE events (id int, t timestamptz NOT NULL, k text COLLATE "C", words text, small "char", n int8, f float8, u uuid, name name,
                     exact numeric, bytes bytea, flag bool, nothing text, address inet);
CREATE FUNCTION rows_from(first int, last int) RETURNS SETOF events IMMUTABLE LANGUAGE sql AS $$
  SELECT i, timestamptz '2024-01-01' + ((i - 1) / 5000 * 5000 + i * 7919 % 5000) * interval '1 second', 'key ' || i % 97,
         CASE i % 3 WHEN 0 THEN '' WHEN 1 THEN repeat('word ', i % 50) ELSE chr(200 + i % 50) END, chr(65 + i % 20)::"char",
         (i - 2500)::int8 * 1000003, (2500 - i) / 7.0, md5(i::text)::uuid, 'name ' || i % 1000, (i * 7 % 100 - 50) / 3.0,
         decode(md5(i::text), 'hex'), i % 2 = 0, CASE WHEN i % 10 = 0 THEN i::text END, '10.0.0.0'::inet + i % 500
  FROM generate_series(first, last) i $$;
SELECT feature.create_view('features', $$
  SELECT *, count(*) OVER (PARTITION BY k ORDER BY t) AS c FROM events $$);
CREATE UNIQUE INDEX ON features (id);
CREATE UNIQUE INDEX ON features (n DESC, k) INCLUDE (words);
CREATE UNIQUE INDEX ON features (flag, u);
CREATE INDEX ON features (k, t);
CREATE INDEX ON features (words);
CREATE INDEX ON features (words COLLATE "C" DESC NULLS FIRST);
CREATE INDEX ON features (small);
CREATE INDEX ON features (f);
CREATE INDEX ON features (name, t);
CREATE INDEX ON features (exact);
CREATE INDEX ON features (bytes);
CREATE INDEX ON features (nothing, c);
CREATE INDEX ON features (address);
CREATE INDEX ON features (t);

-- More than a memory of them: more rows than wait at most.
INSERT INTO events SELECT * FROM rows_from(1, 5000);
INSERT INTO events SELECT * FROM rows_from(5001, 75000);
CREATE FUNCTION check_indexes() RETURNS TABLE (indexes bigint, entries bigint) LANGUAGE plpgsql AS $$
DECLARE
  index regclass;
BEGIN
  indexes := 0;
  FOR index IN SELECT indexrelid::regclass FROM pg_index JOIN pg_class ON oid = indexrelid
               WHERE indrelid = 'features'::regclass AND relam = (SELECT oid FROM pg_am WHERE amname = 'btree') LOOP
    PERFORM bt_index_check(index, true);
    indexes := indexes + 1;
  END LOOP;
  entries := (SELECT count(*) FROM features);
  RETURN NEXT;
END $$;
SELECT * FROM check_indexes();
SELECT count(*) = 0 AS all_match FROM (SELECT * FROM feature.verify('features') WHERE mismatches > 0) v;

-- A row that is there already, and two that are the same, of thousands.
INSERT INTO events SELECT * FROM rows_from(75001, 79000) UNION ALL SELECT * FROM rows_from(4711, 4711);
INSERT INTO events SELECT * FROM rows_from(75001, 79000) UNION ALL SELECT * FROM rows_from(77000, 77000);
SELECT * FROM check_indexes();

-- Indexes of other kinds, and of expressions, have each row's entries at once, and so have all others of the table then.
CREATE INDEX ON features (lower(words));
CREATE INDEX ON features USING hash (k);
CREATE INDEX ON features (n) WHERE flag;
INSERT INTO events SELECT * FROM rows_from(75001, 79000);
SELECT * FROM check_indexes();
SET enable_seqscan = off;
SELECT count(*) FROM features WHERE k = 'key 1';
SELECT count(*) FROM features WHERE lower(words) = '';
RESET enable_seqscan;

-- Nor are there any that wait while a trigger may look for rows.
DROP INDEX features_lower_idx, features_k_idx, features_n_idx;
CREATE FUNCTION look_for() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM features WHERE id = NEW.id) THEN RAISE EXCEPTION 'row % is not in the index', NEW.id; END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER look_for AFTER INSERT ON features FOR EACH ROW EXECUTE FUNCTION look_for();
SET enable_seqscan = off;
INSERT INTO events SELECT * FROM rows_from(79001, 82000);
RESET enable_seqscan;
SELECT * FROM check_indexes();

SET client_min_messages = warning;
DROP SCHEMA index_entries CASCADE;
DROP EXTENSION amcheck;
