-- States as earlier versions of the extension have written them: they are read, and appended to as they are; what is
-- written anew is of the current version.
CREATE SCHEMA older_states;
SET search_path = older_states;
CREATE TABLE events (id int PRIMARY KEY, k text, t timestamptz NOT NULL, v int);
-- The states of the second one stay as they are.
SELECT feature.create_view(name, $$
  SELECT id, count(*) OVER w AS n, sum(v) OVER w AS total, max(v) OVER h AS most, lag(v) OVER w AS last
  FROM events WINDOW w AS (PARTITION BY k ORDER BY t), h AS (PARTITION BY k ORDER BY t RANGE '2 hours' PRECEDING) $$)
FROM unnest('{features,twins}'::text[]) name;
INSERT INTO events SELECT i, CASE WHEN i = 1 THEN 'few' ELSE 'many' END, timestamptz '2024-01-01 00:00+00' + i * interval '1 minute', i % 13
FROM generate_series(1, 1000) i;
SELECT format('feature_state.states_%s_1', id) AS states, format('feature_state.chunks_%s_1', id) AS chunks
FROM feature_state.view WHERE relation = 'features'::regclass \gset

-- The header was longer then.
CREATE FUNCTION as_version_2(state feature.state) RETURNS feature.state LANGUAGE sql
RETURN (SELECT 'v2 capacity=' || m[1]::int + 64 || m[2] FROM regexp_match(state::text, '^v3 capacity=(\d+)(.*)$') m)::feature.state;
UPDATE :states SET state = as_version_2(state);
UPDATE :chunks SET events = as_version_2(events);
SELECT left(state::text, 2) AS state, count(*) FROM :states GROUP BY 1 ORDER BY 1;
SELECT left(events::text, 2) AS events, count(*) > 1 AS several FROM :chunks GROUP BY 1 ORDER BY 1;

INSERT INTO events VALUES (1001, 'few', '2024-01-01 18:00+00', 1), (1002, 'many', '2024-01-01 18:00+00', 2);
SELECT id, n, total, most, last FROM features WHERE id > 1000 ORDER BY id;
SELECT left(state::text, 2) AS state, count(*) FROM :states GROUP BY 1 ORDER BY 1;
-- A late row, and more than the head has room for.
INSERT INTO events VALUES (1003, 'many', '2024-01-01 10:00:30+00', 100), (1004, 'few', '2024-01-01 17:59+00', 100);
INSERT INTO events SELECT i, 'many', timestamptz '2024-01-01 10:00+00' + i * interval '1 minute', i % 13 FROM generate_series(1005, 1500) i;
DELETE FROM events WHERE id = 500;
SELECT id, n, total, most, last FROM features WHERE id IN (1003, 1004, 1500) ORDER BY id;
SELECT left(state::text, 2) AS state, count(*) FROM :states GROUP BY 1 ORDER BY 1;
SELECT left(events::text, 2) AS events, count(*) > 1 AS several FROM :chunks GROUP BY 1 ORDER BY 1;
SELECT count(*) AS rows, count(*) FILTER (WHERE f::text <> t::text) AS others FROM features f FULL JOIN twins t USING (id);
SET client_min_messages = warning;
DROP SCHEMA older_states CASCADE;
