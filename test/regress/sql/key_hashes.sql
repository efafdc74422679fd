-- Entities are found by hashes that are stored, and so must stay what they are: PostgreSQL's own of the key, combined.
-- Text is hashed without going through its function, where its bytes are at hand, so that all forms in which a value
-- can lie in a row are met here.
CREATE SCHEMA key_hashes;
SET search_path = key_hashes, public;
CREATE COLLATION caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false);

-- hash_combine64(0, hash)
CREATE FUNCTION combined(hash bigint) RETURNS bigint LANGUAGE sql AS $$
  SELECT (mod(hash::numeric + 5305509591434766563 + 3 * 9223372036854775808, 18446744073709551616) - 9223372036854775808)::bigint
$$;
-- A value in a row of a stored table: short, with a header of four bytes, compressed, out of line, both.
CREATE TABLE forms (form text, key text);
INSERT INTO forms VALUES ('short', 'anna'), ('empty', ''), ('126 bytes', repeat('a', 126)), ('127 bytes', repeat('a', 127)),
  ('compressed', repeat('key', 5000)), ('compressed, out of line', repeat(md5('a'), 100000)),
  ('out of line', (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 1000) i));
CREATE TABLE plain (LIKE forms);
ALTER TABLE plain ALTER key SET STORAGE external;
INSERT INTO plain SELECT 'plain, ' || form, key || '!' FROM forms;

CREATE TABLE events (id int PRIMARY KEY, form text, texts text, c text COLLATE "C", caseless text COLLATE caseless,
                     varchars varchar, chars char(200), number int, at timestamptz NOT NULL);
SELECT feature.create_view('counts', $$
  SELECT id, count(*) OVER (PARTITION BY texts ORDER BY at) AS texts,
         count(*) OVER (PARTITION BY c ORDER BY at) AS c,
         count(*) OVER (PARTITION BY caseless ORDER BY at) AS caseless,
         count(*) OVER (PARTITION BY varchars ORDER BY at) AS varchars,
         count(*) OVER (PARTITION BY chars ORDER BY at) AS chars,
         count(*) OVER (PARTITION BY number ORDER BY at) AS number
  FROM events $$);
-- As the values lie, and anew as results of functions; the second time of an entity in another form.
INSERT INTO events
SELECT row_number() OVER (ORDER BY form COLLATE "C"), form, key, key, upper(key), key, left(key, 200), length(key),
       timestamptz '2024-01-01' + row_number() OVER (ORDER BY form COLLATE "C") * interval '1 minute'
FROM (TABLE forms UNION ALL TABLE plain) both_tables;
INSERT INTO events
SELECT 100 + id, form, texts || '', c || '', lower(caseless), varchars || '', chars || '', number, at + interval '1 day' FROM events;

CREATE FUNCTION wrong_hashes(list int, expression text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE wrong bigint;
BEGIN
  EXECUTE format('SELECT count(*) FILTER (WHERE key_hash <> combined(%s)) FROM feature_state.states_%s_%s', expression,
                 (SELECT id FROM feature_state.view WHERE relation = 'counts'::regclass), list) INTO wrong;
  RETURN wrong;
END $$;
SELECT id, form, counts.* FROM counts JOIN events USING (id) WHERE id > 100 ORDER BY id;
SELECT wrong_hashes(1, 'hashtextextended(key_1, 0)') AS texts, wrong_hashes(2, 'hashtextextended(key_1, 0)') AS c,
       wrong_hashes(3, 'hashtextextended(key_1, 0)') AS caseless, wrong_hashes(4, 'hashtextextended(key_1::text, 0)') AS varchars,
       wrong_hashes(5, 'hashbpcharextended(key_1, 0)') AS chars, wrong_hashes(6, 'hashint4extended(key_1, 0)') AS number;
SELECT * FROM feature.verify('counts');
SET client_min_messages = warning;
DROP SCHEMA key_hashes CASCADE;
