-- What changes rows of a source while an INSERT into it is running, whose rows stand there and have not been processed: in
-- one statement with it they are processed together; from a trigger or function they are, or it is refused. The states of
-- the first view are computed anew with each correction.
SET client_min_messages = warning;
CREATE SCHEMA running_inserts;
SET search_path = running_inserts;
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE TABLE src (id int PRIMARY KEY, e int, at timestamptz NOT NULL, v int);
SELECT feature.create_view('anew', 'SELECT id, v, count(*) OVER w AS n, sum(v) OVER w AS s FROM src WINDOW w AS (PARTITION BY e ORDER BY at)', shared => '{e}');
SELECT feature.create_view('corrected', 'SELECT id, v, count(*) OVER w AS n, sum(v) OVER w AS s FROM src WINDOW w AS (PARTITION BY e ORDER BY at)');
-- What the states hold shows in a row that comes last.
CREATE FUNCTION states() RETURNS TABLE (rows bigint, source bigint, anew text, corrected text) LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO src VALUES (900, 1, '2030-01-01', 0);
  RETURN QUERY SELECT count(*), sum(src.v), (SELECT (n, s)::text FROM anew WHERE id = 900), (SELECT (n, s)::text FROM corrected WHERE id = 900) FROM src;
  DELETE FROM src WHERE id = 900;
END $$;
INSERT INTO src VALUES (1, 1, '2024-05-01 10:00', 10);

-- The INSERT of a WITH is run last if nothing reads it.
WITH a AS (INSERT INTO src VALUES (2, 1, '2024-05-01 10:01', 1) RETURNING *) UPDATE src SET v = 11 WHERE id = 1;
SELECT * FROM states();
WITH new (id, v) AS (VALUES (2, 101), (3, 7)),
     changed AS (UPDATE src SET v = new.v FROM new WHERE src.id = new.id RETURNING src.id),
     added AS (INSERT INTO src SELECT id, 1, '2024-05-01 12:00', v FROM new WHERE id NOT IN (SELECT id FROM changed) RETURNING id)
SELECT (SELECT count(*) FROM changed) AS changed, (SELECT count(*) FROM added) AS added;
SELECT * FROM states();
WITH a AS (INSERT INTO src VALUES (4, 1, '2024-05-01 12:01', 1) RETURNING *) DELETE FROM src WHERE id = 1;
SELECT * FROM states();
WITH a AS (INSERT INTO src VALUES (5, 1, '2024-05-01 12:02', 1) RETURNING *) UPDATE src SET v = src.v + 1 FROM a WHERE src.id = 2;
SELECT * FROM states();
SELECT id, v, n, s FROM corrected ORDER BY id;
SELECT id, v FROM anew ORDER BY id;

-- A trigger that inserts into another source meanwhile.
CREATE TABLE audit (id serial PRIMARY KEY, e int, at timestamptz NOT NULL DEFAULT '2024-01-01');
SELECT feature.create_view('audited', 'SELECT id, count(*) OVER (PARTITION BY e ORDER BY at) AS n FROM audit');
CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO audit (e) VALUES (1); RETURN NULL; END';
CREATE TRIGGER z BEFORE INSERT ON src FOR EACH STATEMENT EXECUTE FUNCTION audit();
INSERT INTO src VALUES (5, 1, '2024-05-01 13:00', 11), (6, 1, '2024-05-01 13:01', 1) ON CONFLICT (id) DO UPDATE SET v = excluded.v;
SELECT * FROM states();
DROP TRIGGER z ON src;

-- A trigger that changes another row, and one that changes the row itself.
CREATE FUNCTION change_other() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN UPDATE src SET v = v + 1 WHERE id = 5; RETURN NULL; END';
CREATE TRIGGER z AFTER INSERT ON src FOR EACH ROW EXECUTE FUNCTION change_other();
INSERT INTO src VALUES (7, 1, '2024-05-01 14:00', 5);
DROP TRIGGER z ON src;
CREATE FUNCTION change_other_of(other int) RETURNS int LANGUAGE sql AS 'UPDATE src SET v = v + 1 WHERE id = other RETURNING v';
INSERT INTO src VALUES (7, 1, '2024-05-01 14:00', 5) RETURNING change_other_of(5);
-- What was refused is over.
DO $$
BEGIN
  INSERT INTO src VALUES (7, 1, '2024-05-01 14:00', 5) RETURNING change_other_of(5);
EXCEPTION WHEN object_not_in_prerequisite_state THEN
  UPDATE src SET v = v + 1 WHERE id = 5;
END $$;
SELECT * FROM states();
SELECT feature.drop_view('anew');
CREATE TRIGGER z AFTER INSERT ON src FOR EACH ROW EXECUTE FUNCTION change_other();
INSERT INTO src VALUES (7, 1, '2024-05-01 14:00', 5);
DROP TRIGGER z ON src;
SELECT rows, source, corrected FROM (SELECT feature.create_view('anew', 'SELECT id, v, count(*) OVER w AS n, sum(v) OVER w AS s FROM src WINDOW w AS (PARTITION BY e ORDER BY at)', shared => '{e}')) made, states();
SELECT feature.drop_view('anew');
CREATE FUNCTION change_itself() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN UPDATE src SET v = v * 10 WHERE id = new.id; RETURN NULL; END';
CREATE TRIGGER z AFTER INSERT ON src FOR EACH ROW EXECUTE FUNCTION change_itself();
INSERT INTO src VALUES (8, 1, '2024-05-01 15:00', 5);
SELECT count(*) FROM src WHERE id = 8;
DROP TRIGGER z ON src;

-- A row that the running statement has written is not known yet, whatever another one looks like; whether the view's
-- trigger for the row has fired before.
CREATE TABLE twins (id int PRIMARY KEY, e int, at timestamptz NOT NULL, v int);
SELECT feature.create_view('twin_features', 'SELECT id, e, at, v, count(*) OVER (PARTITION BY e ORDER BY at) AS n FROM twins');
INSERT INTO twins VALUES (1, 1, '2024-05-01', 1);
CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF pg_trigger_depth() = 1 THEN EXECUTE format(tg_argv[0], new.id); END IF;
  RETURN NULL;
END $$;
CREATE FUNCTION try(command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE command;
  RETURN 'done';
EXCEPTION WHEN triggered_data_change_violation THEN
  RETURN sqlerrm;
END $$;
CREATE FUNCTION try_all(trigger name) RETURNS TABLE (change text, nested text, result text) LANGUAGE plpgsql AS $$
BEGIN
  FOREACH nested IN ARRAY '{DELETE FROM twins WHERE id = %s,UPDATE twins SET v = v + 1 WHERE id = %s,UPDATE twins SET e = 2 WHERE id = %s,UPDATE twins SET e = 3 WHERE id <> %s}'::text[] LOOP
    EXECUTE format('CREATE TRIGGER %I AFTER INSERT OR UPDATE ON twins FOR EACH ROW EXECUTE FUNCTION again(%L)', trigger, nested);
    FOREACH change IN ARRAY '{"INSERT INTO twins VALUES (2, 1, ''2024-05-01'', 1)","UPDATE twins SET v = 7 WHERE id = 1","INSERT INTO twins VALUES (1, 1, ''2024-05-01'', 1) ON CONFLICT (id) DO UPDATE SET v = 8"}'::text[] LOOP
      result := try(change);
      RETURN NEXT;
    END LOOP;
    EXECUTE format('DROP TRIGGER %I ON twins', trigger);
  END LOOP;
END $$;
SELECT * FROM try_all('a');
DELETE FROM twins WHERE id = 2;
SELECT * FROM try_all('z');
-- In a subtransaction as well.
CREATE FUNCTION again_within() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF pg_trigger_depth() = 1 THEN UPDATE twins SET v = v + 1 WHERE id = new.id; END IF;
  RETURN NULL;
EXCEPTION WHEN triggered_data_change_violation THEN
  RETURN NULL;
END $$;
CREATE TRIGGER z AFTER INSERT OR UPDATE ON twins FOR EACH ROW EXECUTE FUNCTION again_within();
UPDATE twins SET v = 9 WHERE id = 1;
SELECT * FROM twin_features ORDER BY id;
SELECT count(*) FROM (SELECT id, e, at, v FROM twins EXCEPT SELECT id, e, at, v FROM twin_features) missing;

-- Changes that are nothing to the view come between, so that what is changed then was written by these. Whether it was a
-- row of the running INSERT is seen in the row's page, or at the end, where its versions stand on other pages.
CREATE TABLE chains (id int PRIMARY KEY, e int, at timestamptz NOT NULL, v int, unread int DEFAULT 0, pad text DEFAULT '');
ALTER TABLE chains ALTER pad SET STORAGE PLAIN;
SELECT feature.create_view('chain_features', 'SELECT id, e, at, v, count(*) OVER (PARTITION BY e ORDER BY at) AS n FROM chains');
CREATE VIEW wrong AS
  (SELECT id, e, at, v FROM chains EXCEPT ALL SELECT id, e, at, v FROM chain_features) UNION ALL
  (SELECT id, e, at, v FROM chain_features EXCEPT ALL SELECT id, e, at, v FROM chains);
CREATE FUNCTION again_and_again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF pg_trigger_depth() = 1 THEN EXECUTE replace(tg_argv[0], '$1', new.id::text); END IF;
  RETURN NULL;
END $$;
CREATE FUNCTION outcome(command text) RETURNS text LANGUAGE sql AS $$ SELECT CASE try(command) WHEN 'done' THEN 'done' ELSE 'refused' END $$;
CREATE FUNCTION try_chains() RETURNS TABLE (nested text, inserted text, upserted text, together text, wrong bigint) LANGUAGE plpgsql AS $$
BEGIN
  FOREACH nested IN ARRAY ARRAY['UPDATE chains SET unread = 1 WHERE id = $1', 'UPDATE chains SET unread = 1 WHERE id = $1; UPDATE chains SET v = v + 1 WHERE id = $1',
      'UPDATE chains SET unread = 1 WHERE id = $1; DELETE FROM chains WHERE id = $1', 'UPDATE chains SET unread = 1; UPDATE chains SET unread = 2; UPDATE chains SET v = 2 WHERE id = $1',
      'UPDATE chains SET v = v + 1 WHERE id = 3', 'UPDATE chains SET unread = unread + 1, v = CASE WHEN id = 3 THEN v + 1 ELSE v END WHERE id <> $1',
      'UPDATE chains SET unread = 1; UPDATE chains SET v = v + 1 WHERE id = 3', 'UPDATE chains SET unread = 1 WHERE id = 3; DELETE FROM chains WHERE id = 3',
      'INSERT INTO chains VALUES ($1 + 10, 1, ''2024-05-01'', 1); UPDATE chains SET unread = 1 WHERE id = $1 + 10; UPDATE chains SET v = 2 WHERE id = $1 + 10',
      'DO $do$ BEGIN PERFORM FROM chains FOR KEY SHARE; BEGIN UPDATE chains SET unread = 1; EXCEPTION WHEN division_by_zero THEN END; UPDATE chains SET v = 2 WHERE id = $1; END $do$',
      'DO $do$ BEGIN PERFORM FROM chains FOR KEY SHARE; BEGIN UPDATE chains SET unread = 1; EXCEPTION WHEN division_by_zero THEN END; UPDATE chains SET v = 2 WHERE id = 3; END $do$',
      'DO $do$ BEGIN UPDATE chains SET unread = 1 WHERE id = $1; UPDATE chains SET v = 2 WHERE id = $1; EXCEPTION WHEN triggered_data_change_violation THEN END $do$',
      'DO $do$ BEGIN UPDATE chains SET unread = 1; UPDATE chains SET v = v + 1 WHERE id = 3; RAISE division_by_zero; EXCEPTION WHEN division_by_zero THEN END $do$'] LOOP
    TRUNCATE chains;
    INSERT INTO chains SELECT i, 1, '2024-05-01', 1 FROM generate_series(1, 4) i;
    EXECUTE format('CREATE TRIGGER z AFTER INSERT OR UPDATE ON chains FOR EACH ROW EXECUTE FUNCTION again_and_again(%L)', nested);
    inserted := outcome('INSERT INTO chains VALUES (5, 1, ''2024-05-01'', 1), (6, 1, ''2024-05-01'', 1)');
    upserted := outcome('INSERT INTO chains VALUES (7, 1, ''2024-05-01'', 1), (4, 1, ''2024-05-01'', 1) ON CONFLICT (id) DO UPDATE SET unread = 7');
    together := outcome('WITH u AS (UPDATE chains SET v = 8 WHERE id = 1) INSERT INTO chains VALUES (9, 1, ''2024-05-01'', 1)');
    wrong := (SELECT count(*) FROM wrong);
    DROP TRIGGER z ON chains;
    RETURN NEXT;
  END LOOP;
END $$;
CREATE TABLE tried AS SELECT * FROM try_chains();
SELECT * FROM tried;
-- Versions on the same page, but each with index entries of its own.
CREATE INDEX unread ON chains (unread);
SELECT * FROM try_chains() EXCEPT ALL SELECT * FROM tried;
-- Each on a page of its own: what is seen at the end is too late to be caught.
ALTER TABLE chains ALTER pad SET DEFAULT repeat('-', 5000);
SELECT * FROM try_chains() EXCEPT ALL SELECT * FROM tried;
DROP SCHEMA running_inserts CASCADE;
