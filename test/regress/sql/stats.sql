-- feature.stats: entities, events and sizes of each PARTITION BY list, counted from the state tables alone.
CREATE SCHEMA stats;
SET search_path = stats;
SET timezone = 'UTC';
\set VERBOSITY terse
\pset null '(null)'
CREATE TABLE events (id int PRIMARY KEY, statement int NOT NULL, k text, device int, t timestamptz NOT NULL, v float8);
SELECT feature.create_view('features', $$
  SELECT id, sum(v) OVER (PARTITION BY k ORDER BY t) AS total, count(*) OVER (PARTITION BY upper(k), device ORDER BY t RANGE '1 hour' PRECEDING) AS n,
         lag(v) OVER (ORDER BY t) AS before, max(v) OVER (PARTITION BY k ORDER BY t ROWS 2 PRECEDING) AS highest
  FROM events WHERE v IS NOT NULL $$, lateness => NULL);
-- Nobody yet.
SELECT list, entity, entities, events, events_kept, late_events, chunks, head_bytes, chunk_bytes, largest_entity_events, largest_entity, newest_event_time FROM feature.stats WHERE relation = 'features'::regclass ORDER BY list;

-- What the source says. In one statement rows are processed in order of time, so only those of earlier statements can be
-- later than a row that is late.
CREATE VIEW expected AS
  SELECT list, entity, count(DISTINCT keys) AS entities, count(*) AS events, count(*) AS events_kept, count(*) FILTER (WHERE late) AS late_events, max(t)::text AS newest_event_time
  FROM (SELECT x.*, max(t) OVER (PARTITION BY list, keys ORDER BY statement RANGE BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) > t IS TRUE AS late
        FROM (SELECT list, entity, keys, statement, t
              FROM events CROSS JOIN LATERAL (VALUES (1, 'k', ARRAY[k]), (2, 'upper(k), device', ARRAY[upper(k), device::text]), (3, '()', '{}')) l (list, entity, keys) WHERE v IS NOT NULL) x) y
  GROUP BY list, entity;
-- What the state tables say, through the types' own output.
CREATE FUNCTION stored(view regclass) RETURNS TABLE (list int, chunks bigint, head_bytes bigint, chunk_bytes bigint, total_bytes bigint) LANGUAGE plpgsql AS $$
DECLARE l record;
BEGIN
  FOR l IN SELECT n.* FROM feature_state.list n JOIN feature_state.view v ON v.id = n.view WHERE v.relation = stored.view ORDER BY number LOOP
    RETURN QUERY EXECUTE format('SELECT %s, (SELECT count(*) FROM %2$s), (SELECT coalesce(sum(length(feature.state_send(state))), 0) FROM %3$s), (SELECT coalesce(sum(length(feature.state_send(events))), 0) FROM %2$s),
                                 pg_total_relation_size(%2$L) + pg_total_relation_size(%3$L)', l.number, l.chunks, l.states);
  END LOOP;
END $$;
CREATE VIEW differences AS
  SELECT * FROM ((SELECT list, entity, entities, events, events_kept, late_events, newest_event_time FROM feature.list_stats('features') EXCEPT TABLE expected)
                 UNION ALL (TABLE expected EXCEPT SELECT list, entity, entities, events, events_kept, late_events, newest_event_time FROM feature.list_stats('features'))) d;
CREATE VIEW stored_differences AS
  (SELECT list, chunks, head_bytes, chunk_bytes, total_bytes FROM feature.list_stats('features') EXCEPT SELECT * FROM stored('features')) UNION ALL
  (SELECT * FROM stored('features') EXCEPT SELECT list, chunks, head_bytes, chunk_bytes, total_bytes FROM feature.list_stats('features'));

-- Entities of one event and of thousands, of NULL keys, and rows that WHERE leaves out.
CREATE FUNCTION fill(statement int, first int, last int, start timestamptz) RETURNS void LANGUAGE sql AS $$
  INSERT INTO stats.events
  SELECT i, statement, CASE WHEN i % 4 = 0 THEN 'busy' WHEN i % 7 > 0 THEN 'k' || i % 50 END, nullif(i % 3, 1), start + i * interval '1 minute', CASE WHEN i % 11 > 0 THEN sqrt(i) END
  FROM generate_series(first, last) i
$$;
SELECT fill(1, 1, 5000, '2024-01-01 00:00+00');
TABLE differences;
TABLE stored_differences;
-- Late: within heads, within chunks, before everything.
SELECT fill(2, 5001, 5100, '2024-01-01 00:00+00');
SELECT fill(3, 5101, 5200, '2023-12-31 23:00+00');
SELECT fill(4, 5201, 5300, '2023-12-29 12:00:30+00');
SELECT fill(5, 5301, 5310, '2001-01-01 00:00+00');
DO $$ BEGIN FOR i IN 6..40 LOOP PERFORM stats.fill(i, 5400 + i, 5400 + i, timestamptz '2024-01-01 00:00+00' - i % 3 * interval '40 hours'); END LOOP; END $$;
TABLE differences;
TABLE stored_differences;
-- What was rolled back is not there.
BEGIN;
SELECT fill(41, 6001, 6100, '2025-01-01 00:00+00');
SELECT events, newest_event_time FROM feature.list_stats('features') WHERE entity = '()';
ROLLBACK;
BEGIN;
SELECT fill(41, 6001, 6050, '2024-01-01 00:00+00');
SAVEPOINT s;
SELECT fill(42, 6051, 6100, '2025-01-01 00:00+00');
ROLLBACK TO SAVEPOINT s;
SELECT fill(42, 6101, 6150, '2024-01-01 00:00+00');
COMMIT;
TABLE differences;
TABLE stored_differences;
SELECT list, entity, entities, events, late_events, chunks > 0 AS has_chunks, head_bytes > 0 AS has_heads, chunk_bytes > 0 AS has_chunk_bytes, total_bytes > head_bytes + chunk_bytes AS takes_more, largest_entity_events, largest_entity, newest_event_time
FROM feature.stats WHERE relation = 'features'::regclass ORDER BY list;
SELECT c.* FROM (SELECT k, count(*) FROM events WHERE v IS NOT NULL GROUP BY k ORDER BY count(*) DESC LIMIT 1) c;
-- The lists are those of feature.columns.
SELECT s.list, s.entity FROM feature.stats s WHERE relation = 'features'::regclass AND NOT EXISTS (SELECT FROM feature.columns c WHERE c.relation = s.relation AND c.entity = s.entity);
-- Computed anew nothing is late any more.
SELECT feature.refresh('features') = (SELECT count(*) FROM events WHERE v IS NOT NULL) AS refreshed;
SELECT DISTINCT events, events_kept, late_events FROM feature.list_stats('features');
TABLE stored_differences;

-- Lists over results of windows, keys that are NULL, empty, of odd letters; event times of every type, as the session prints them.
CREATE TABLE odd (id int PRIMARY KEY, k text, l bytea, t date NOT NULL, u smallint NOT NULL, w timestamp NOT NULL);
SELECT feature.create_view('by_day', 'SELECT id, count(*) OVER (PARTITION BY k, l ORDER BY t) AS n, max(id) OVER (PARTITION BY c % 2 ORDER BY t) AS m FROM (SELECT *, count(*) OVER (ORDER BY t) AS c FROM odd) o');
SELECT feature.create_view('by_number', 'SELECT id, count(*) OVER (PARTITION BY k ORDER BY u) AS n FROM odd');
SELECT feature.create_view('by_moment', 'SELECT id, count(*) OVER (PARTITION BY l ORDER BY w) AS n FROM odd');
SELECT feature.create_view('stateless', 'SELECT id, k FROM odd');
INSERT INTO odd VALUES (1, NULL, '\x00ff', '2024-05-01', -7, '2024-05-01 12:00');
SELECT relation, list, entity, entities, largest_entity, newest_event_time FROM feature.stats WHERE relation IN ('by_day'::regclass, 'by_number', 'by_moment', 'stateless') ORDER BY relation::text COLLATE "C", list;
INSERT INTO odd SELECT i, 'a "quoted", {braced} key', NULL, date '2024-05-01' + i, i, timestamp '0044-03-15 12:00 BC' FROM generate_series(2, 5) i;
SET datestyle = 'German';
SELECT relation, list, entity, entities, largest_entity, (largest_entity)[1] AS first_of_key, newest_event_time FROM feature.stats WHERE relation IN ('by_day'::regclass, 'by_number', 'by_moment', 'stateless') ORDER BY relation::text COLLATE "C", list;
RESET datestyle;
SET timezone = 'Asia/Tokyo';
SELECT newest_event_time FROM feature.list_stats('features') WHERE list = 1;
SET timezone = 'UTC';
-- A read-only transaction, as a read replica has.
BEGIN TRANSACTION READ ONLY ISOLATION LEVEL SERIALIZABLE;
SELECT count(*) AS lists FROM feature.stats WHERE relation IN ('features'::regclass, 'by_day');
COMMIT;
-- What is none.
SELECT * FROM feature.list_stats('odd');
SELECT * FROM feature.list_stats(0);

-- Everybody sees which lists there are. Numbers are seen by the owner, and by those who may see PostgreSQL's statistics;
-- keys by those who may read the states.
CREATE ROLE regress_feature_owner;
CREATE ROLE regress_feature_reader;
CREATE ROLE regress_feature_monitor IN ROLE pg_monitor;
GRANT USAGE, CREATE ON SCHEMA stats TO regress_feature_owner;
GRANT USAGE ON SCHEMA stats TO regress_feature_reader, regress_feature_monitor;
CREATE VIEW seen AS SELECT relation, list, entity, entities, events, total_bytes IS NOT NULL AS bytes, largest_entity_events, largest_entity, newest_event_time FROM feature.stats;
ALTER VIEW seen SET (security_invoker = true);
GRANT SELECT ON seen TO PUBLIC;
SET ROLE regress_feature_owner;
CREATE TABLE logins (id int, account text, t int NOT NULL);
SELECT feature.create_view('login_features', 'SELECT id, count(*) OVER (PARTITION BY account ORDER BY t) AS n FROM logins');
INSERT INTO logins VALUES (1, 'x', 1), (2, 'y', 2), (3, 'x', 3);
GRANT SELECT ON login_features TO regress_feature_reader;
SELECT * FROM seen WHERE relation = 'login_features'::regclass;
SELECT * FROM seen WHERE relation = 'by_number'::regclass;
SET ROLE regress_feature_reader;
SELECT * FROM seen WHERE relation = 'login_features'::regclass;
SET ROLE regress_feature_monitor;
SELECT * FROM seen WHERE relation = 'login_features'::regclass;
RESET ROLE;
SELECT * FROM seen WHERE relation = 'login_features'::regclass;
GRANT pg_read_all_data TO regress_feature_monitor;
SET ROLE regress_feature_monitor;
SELECT * FROM seen WHERE relation = 'login_features'::regclass;
RESET ROLE;
-- The catalogue, which the database's owner may write to, lends nobody a look at other tables.
CREATE TABLE secrets (key_hash bigint, slot smallint, key_1 text, state text);
INSERT INTO secrets VALUES (1, 0, 'secret', 'secret');
BEGIN;
UPDATE feature_state.list SET states = 'secrets' WHERE states = (SELECT states FROM feature_state.list l JOIN feature_state.view v ON v.id = l.view WHERE v.relation = 'login_features'::regclass);
SELECT * FROM feature.list_stats('login_features');
ROLLBACK;
BEGIN;
ALTER TABLE secrets OWNER TO regress_feature_owner;
UPDATE feature_state.list SET states = 'secrets' WHERE states = (SELECT states FROM feature_state.list l JOIN feature_state.view v ON v.id = l.view WHERE v.relation = 'login_features'::regclass);
SELECT * FROM feature.list_stats('login_features');
ROLLBACK;

-- Events that have left: the root says how many.
SELECT n.chunks, n.states FROM feature_state.list n JOIN feature_state.view v ON v.id = n.view WHERE v.relation = 'features'::regclass AND number = 3 \gset
BEGIN;
UPDATE :chunks SET events = regexp_replace(events::text, 'capacity=\d+ (.*) position=\d+', 'capacity=4000 \1 position=1000')::feature.state WHERE number = (SELECT substring(state::text FROM 'node=(\d+)')::int FROM :states);
SELECT events - events_kept AS left FROM feature.list_stats('features') WHERE list = 3;
ROLLBACK;

-- A damaged image is found wherever it is.
CREATE CAST (bytea AS feature.state) WITHOUT FUNCTION;
BEGIN;
UPDATE :states SET state = set_byte(feature.state_send(state), 40, 1 + get_byte(feature.state_send(state), 40) % 255)::feature.state;
SELECT * FROM feature.list_stats('features');
ROLLBACK;
BEGIN;
UPDATE :chunks SET events = set_byte(feature.state_send(events), 60, 1 + get_byte(feature.state_send(events), 60) % 255)::feature.state WHERE number = 7;
\set VERBOSITY sqlstate
SELECT * FROM feature.list_stats('features');
ROLLBACK;
DROP CAST (bytea AS feature.state);

SET client_min_messages = warning;
DROP SCHEMA stats CASCADE;
DROP ROLE regress_feature_owner, regress_feature_reader, regress_feature_monitor;
