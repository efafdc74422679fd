-- A damaged state gives an error with SQLSTATE XX001 or, where it is not looked at, the right answer; never a wrong one,
-- and never a crash. Every single byte of a head, a leaf and an inner node is changed in several ways, 10,000 times several
-- bytes at random. With a checksum that fits, which no damage has, the answer can be a wrong one: then the decoder's own
-- checks are tested.
CREATE SCHEMA damaged_states;
SET search_path = damaged_states;
SET client_min_messages = warning;
\getenv modules FEATURE_TEST_MODULES
\set damage :modules '/damage.so'
CREATE FUNCTION with_checksum(image bytea, place int) RETURNS bytea STRICT LANGUAGE c AS :'damage', 'with_checksum';
-- What goes in this way is not checked.
CREATE CAST (bytea AS feature.state) WITHOUT FUNCTION;

CREATE TABLE plain_events (id int PRIMARY KEY, k text, t timestamptz NOT NULL, v float8, note text, amount numeric);
CREATE TABLE rich_events (LIKE plain_events);
SELECT feature.create_view('plain', $$
  SELECT id, count(*) OVER w AS n, sum(v) OVER w AS total, max(v) OVER h AS most, sum(id) OVER h AS ids, lag(v) OVER w AS last
  FROM plain_events WINDOW w AS (PARTITION BY k ORDER BY t), h AS (PARTITION BY k ORDER BY t RANGE '1 day' PRECEDING) $$);
SELECT feature.create_view('rich', $$
  SELECT id, sum(amount) OVER w AS total, lag(note) OVER w AS last, string_agg(note, '') OVER r AS notes,
         feature.percentile(v, 0.5) OVER h AS middle, feature.mode(note) OVER h AS often
  FROM rich_events WINDOW w AS (PARTITION BY k ORDER BY t), h AS (PARTITION BY k ORDER BY t RANGE '1 day' PRECEDING),
                     r AS (PARTITION BY k ORDER BY t ROWS 3 PRECEDING) $$);
INSERT INTO plain_events SELECT i, 'k', timestamptz '2024-01-01 00:00+00' + i * interval '1 minute', i % 13 / 4.0, 'note ' || i % 5, i / 100.0
FROM generate_series(1, 1000) i;
INSERT INTO rich_events TABLE plain_events;

-- The tables of a view's only list, and one image of each kind in them.
CREATE TABLE samples AS
SELECT v.relation::text AS view, kind, format('feature_state.%s_%s_1', part, v.id) AS state_table, number, NULL::bytea AS image, 0 AS place, NULL AS answer
FROM feature_state.view v, (VALUES ('head', 'states', NULL), ('first leaf', 'chunks', 'first'), ('last leaf', 'chunks', 'last'),
                                   ('root', 'chunks', 'root')) k (kind, part, number)
WHERE v.relation IN ('plain'::regclass, 'rich'::regclass);
DO $$
DECLARE
  s samples;
BEGIN
  FOR s IN SELECT * FROM samples LOOP
    IF s.kind = 'head' THEN
      EXECUTE format('UPDATE samples SET image = (SELECT feature.state_send(state) FROM %s) WHERE view = $1 AND kind = $2', s.state_table)
        USING s.view, s.kind;
    ELSE
      EXECUTE format('UPDATE samples SET (number, image) = (SELECT number, feature.state_send(events) FROM %s ORDER BY
        CASE $2 WHEN ''first leaf'' THEN -number WHEN ''last leaf'' THEN (events::text ~ ''level=0'')::int * number
        ELSE (events::text !~ ''level=0'')::int * 1000 + number END DESC LIMIT 1) WHERE view = $1 AND kind = $2', s.state_table)
        USING s.view, s.kind;
    END IF;
  END LOOP;
  UPDATE samples SET place = (SELECT max(i) - 3 FROM generate_series(0, length(image) - 1) i WHERE get_byte(image, i) <> 0);
END $$;
SELECT view, kind, substring(image::feature.state::text FROM 'level=\d') AS level, length(image) > 100 AS is_large FROM samples ORDER BY view, kind;

-- What comes of inserting a row whose frames reach into all of that, once an image is replaced; nothing of it stays.
CREATE FUNCTION outcome(s samples, image bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  features text;
BEGIN
  IF s.kind = 'head' THEN
    EXECUTE format('UPDATE %s SET state = $1::feature.state', s.state_table) USING image;
  ELSE
    EXECUTE format('UPDATE %s SET events = $1::feature.state WHERE number = $2', s.state_table) USING image, s.number::int;
  END IF;
  EXECUTE format('INSERT INTO %s_events VALUES (2000, ''k'', ''2024-01-01 16:41+00'', 1, ''note 1'', 1), (2001, ''k'', ''2024-01-01 00:30:30+00'', 2, ''note 2'', 2)', s.view);
  EXECUTE format('SELECT string_agg(f::text, '' '' ORDER BY id) FROM %s f WHERE id >= 2000', s.view) INTO features;
  RAISE EXCEPTION USING ERRCODE = 'UNDO1', MESSAGE = features;
EXCEPTION
  WHEN SQLSTATE 'UNDO1' THEN RETURN SQLERRM;
  WHEN OTHERS THEN RETURN SQLSTATE;
END $$;
UPDATE samples s SET answer = outcome(s, image);
SELECT view, answer, count(*) AS kinds FROM samples GROUP BY view, answer ORDER BY view;
CREATE FUNCTION judged(s samples, image bytea) RETURNS text LANGUAGE sql AS $$
  SELECT CASE o WHEN s.answer THEN 'right' WHEN 'XX001' THEN o ELSE 'wrong: ' || o END FROM outcome(s, image) o $$;

-- Every byte, changed in one bit and made a zero.
CREATE FUNCTION changed(byte int, place int) RETURNS SETOF int LANGUAGE sql AS $$
  SELECT DISTINCT v FROM (VALUES (byte # (1 << place % 8)), (0)) c (v) WHERE v <> byte $$;
SELECT view, kind, judged, count(*) > 100 AS many
FROM samples s, generate_series(0, length(image) - 1) i, changed(get_byte(image, i), i) c, judged(s, set_byte(image, i, c))
GROUP BY view, kind, judged ORDER BY view, kind, judged;

-- Several bytes at random: changed, or cut off.
CREATE FUNCTION shaken(image bytea) RETURNS bytea LANGUAGE plpgsql AS $$
BEGIN
  IF random() < 0.1 THEN RETURN substring(image FROM 1 FOR (random() * length(image))::int); END IF;
  FOR i IN 1..1 + (random() * 5)::int LOOP
    image := set_byte(image, (random() * (length(image) - 1))::int, (random() * 255)::int);
  END LOOP;
  RETURN image;
END $$;
SELECT setseed(0.5);
SELECT judged, count(*) > 100 AS many
FROM generate_series(1, 1250), samples s, shaken(image) b, judged(s, b)
WHERE b <> image GROUP BY judged ORDER BY judged;

-- With a checksum that fits. Values of any length are taken as they are, as they are in a table, so of the plain view only.
CREATE FUNCTION is_expected(outcome text) RETURNS bool LANGUAGE sql AS $$
  SELECT outcome ~ '^\(' OR outcome IN ('XX001', '22003', '55000') $$;
SELECT kind, outcome AS unexpected, count(*)
FROM samples s, generate_series(0, place - 1) i, changed(get_byte(image, i), i) c,
     outcome(s, with_checksum(set_byte(image, i, c), place))
WHERE view = 'plain' AND NOT is_expected(outcome) GROUP BY kind, outcome ORDER BY kind, outcome;
SELECT setseed(0.25);
SELECT kind, outcome AS unexpected, count(*)
FROM generate_series(1, 1000), samples s, shaken(image) b, outcome(s, with_checksum(b, least(place, length(b) - 4)))
WHERE view = 'plain' AND length(b) > 4 AND NOT is_expected(outcome) GROUP BY kind, outcome ORDER BY kind, outcome;

-- What reads states without inserting finds the damage, and a refresh mends it.
DO $$
DECLARE
  s samples;
BEGIN
  FOR s IN SELECT * FROM samples WHERE kind = 'head' LOOP
    EXECUTE format('UPDATE %s SET state = set_byte($1, 30, 77)::feature.state', s.state_table) USING s.image;
  END LOOP;
END $$;
\set VERBOSITY verbose
\set SHOW_CONTEXT never
SELECT * FROM feature.list_stats('plain');
INSERT INTO plain_events VALUES (2000, 'k', '2024-01-02', 1, 'note', 1);
\set VERBOSITY default
SELECT feature.refresh('plain'), feature.refresh('rich');
INSERT INTO plain_events VALUES (2000, 'k', '2024-01-02', 1, 'note', 1);
SELECT view, sum(mismatches) FROM (VALUES ('plain'), ('rich')) v (view), feature.verify(view::regclass) GROUP BY view ORDER BY view;

DROP CAST (bytea AS feature.state);
DROP SCHEMA damaged_states CASCADE;
