-- Rows that are changed again while the statement that has written them is running, where the view is told late or in one
-- collection: in a partition that is written to directly, no statement trigger says that a statement has begun; and a
-- foreign key cascades to rows of its own table in the statement itself. It is refused where the view has the changes in
-- the wrong order or together, and nothing else is. (running_inserts has what statement triggers tell of.)
SET client_min_messages = warning;
CREATE SCHEMA rows_changed_again;
SET search_path = rows_changed_again;
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE FUNCTION try(command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE command;
  RETURN 'done';
EXCEPTION WHEN triggered_data_change_violation THEN
  RETURN 'refused';
END $$;

-- All events look alike to the state.
CREATE TABLE whole (id int, e int, at timestamptz NOT NULL, v int, unread int DEFAULT 0) PARTITION BY RANGE (at);
CREATE TABLE part PARTITION OF whole FOR VALUES FROM ('2024-05-01') TO ('2024-06-01');
CREATE TABLE rest PARTITION OF whole DEFAULT;
SELECT feature.create_view('features', 'SELECT id, e, at, v, count(*) OVER (PARTITION BY e ORDER BY at) AS n FROM whole');
CREATE VIEW wrong AS
  (SELECT id, e, at, v FROM whole EXCEPT ALL SELECT id, e, at, v FROM features) UNION ALL
  (SELECT id, e, at, v FROM features EXCEPT ALL SELECT id, e, at, v FROM whole);
CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF pg_trigger_depth() = 1 THEN EXECUTE replace(tg_argv[0], '$1', new.id::text); END IF;
  RETURN NULL;
END $$;
-- "a" fires before the view's trigger for a row, "z" after it.
CREATE FUNCTION try_all(trigger name) RETURNS TABLE (nested text, inserted text, updated text, moved text, wrong bigint) LANGUAGE plpgsql AS $$
BEGIN
  FOREACH nested IN ARRAY ARRAY['DELETE FROM whole WHERE id = $1', 'DELETE FROM whole WHERE id = $1 + 1',
      'UPDATE whole SET v = v + 1 WHERE id = $1', 'UPDATE whole SET v = v + 1 WHERE id = $1 + 1', 'UPDATE whole SET e = 2 WHERE id = $1',
      'UPDATE whole SET at = at + ''1 year'' WHERE id = $1', 'UPDATE whole SET unread = 1; UPDATE whole SET v = v + 1 WHERE id = $1',
      'UPDATE whole SET unread = unread + 1', 'UPDATE whole SET v = v + 1 WHERE id = 3',
      'UPDATE whole SET v = v + 1 WHERE id = 3; UPDATE whole SET v = v + 1 WHERE id = 3',
      'INSERT INTO whole VALUES (20, 1, ''2024-05-01'', 1); UPDATE whole SET v = 2 WHERE id = 20',
      'DO $do$ BEGIN UPDATE whole SET v = v + 1 WHERE id = $1; RAISE division_by_zero; EXCEPTION WHEN division_by_zero THEN END $do$'] LOOP
    TRUNCATE whole;
    INSERT INTO whole SELECT i, 1, CASE WHEN i < 8 THEN date '2024-05-01' ELSE '2024-06-01' END, 1 FROM generate_series(1, 8) i;
    EXECUTE format('CREATE TRIGGER %I AFTER INSERT OR UPDATE ON whole FOR EACH ROW EXECUTE FUNCTION again(%L)', trigger, nested);
    inserted := try('INSERT INTO part VALUES (11, 1, ''2024-05-01'', 1), (12, 1, ''2024-05-01'', 1)');
    updated := try('UPDATE part SET v = 7 WHERE id IN (1, 2)');
    moved := try('UPDATE whole SET at = at + ''1 month'' WHERE id = 4');
    wrong := (SELECT count(*) FROM wrong);
    EXECUTE format('DROP TRIGGER %I ON whole', trigger);
    RETURN NEXT;
  END LOOP;
END $$;
SELECT * FROM try_all('a');
SELECT * FROM try_all('z');

-- A function that a row's own RETURNING runs.
TRUNCATE whole;
CREATE FUNCTION raise_of(row_id int) RETURNS int LANGUAGE sql AS 'UPDATE whole SET v = v + 1 WHERE id = row_id RETURNING v';
INSERT INTO part VALUES (1, 1, '2024-05-01', 1), (2, 1, '2024-05-01', 1);
INSERT INTO part VALUES (3, 1, '2024-05-01', 1) RETURNING raise_of(id);
INSERT INTO part VALUES (3, 1, '2024-05-01', 1) RETURNING raise_of(1);
SELECT * FROM wrong;

-- A statement of its own may change what its transaction has written, as often as it likes.
BEGIN;
INSERT INTO part VALUES (4, 1, '2024-05-01', 1);
UPDATE part SET v = 2 WHERE id = 4;
UPDATE part SET v = 3 WHERE id = 4;
SAVEPOINT s;
UPDATE part SET v = 4 WHERE id = 4;
ROLLBACK TO s;
UPDATE whole SET at = at + '1 year' WHERE id = 4;
DELETE FROM rest WHERE id = 4;
INSERT INTO rest VALUES (5, 1, '2025-05-01', 1);
SELECT FROM rest FOR UPDATE;
COMMIT;
SELECT * FROM wrong;
SELECT id, v, n FROM features ORDER BY id;

-- Foreign keys.
CREATE TABLE tree (id int PRIMARY KEY, parent int REFERENCES tree ON UPDATE CASCADE ON DELETE SET NULL, at timestamptz NOT NULL, v int);
SELECT feature.create_view('tree_features', 'SELECT id, parent, at, v, count(*) OVER (ORDER BY at) AS n FROM tree');
SELECT feature.create_view('times', 'SELECT id, at, count(*) OVER (ORDER BY at) AS n FROM tree WHERE v < 1000');
CREATE VIEW wrong_tree AS
  (SELECT id, parent, at, v FROM tree EXCEPT ALL SELECT id, parent, at, v FROM tree_features) UNION ALL
  (SELECT id, parent, at, v FROM tree_features EXCEPT ALL SELECT id, parent, at, v FROM tree);
INSERT INTO tree SELECT id, nullif(id / 2, 0), '2024-05-01', 1 FROM generate_series(1, 9) id;
INSERT INTO tree VALUES (10, 10, '2024-05-01', 1);
-- None of these changes a row twice.
UPDATE tree SET id = 100 WHERE id = 9;
UPDATE tree SET id = 21 WHERE id = 1;
WITH gone AS (DELETE FROM tree WHERE id = 4) UPDATE tree SET v = 2 WHERE id = 3;
DELETE FROM tree WHERE id IN (2, 5);
-- This one does, but the INSERT is over by then.
WITH added AS (INSERT INTO tree VALUES (12, 100, '2024-05-01', 1)) DELETE FROM tree WHERE id = 100;
SELECT * FROM wrong_tree;
SELECT id, parent, v FROM tree_features ORDER BY id;
-- Each of these does.
UPDATE tree SET id = id + 200 WHERE id IN (3, 6);
UPDATE tree SET id = 11 WHERE id = 10;
WITH added AS (INSERT INTO tree VALUES (13, 3, '2024-05-01', 1)) UPDATE tree SET id = 103 WHERE id = 3;
SELECT * FROM wrong_tree;
-- But not for a view that does not read the key.
DROP VIEW wrong_tree;
DROP TABLE tree_features;
UPDATE tree SET id = id + 200 WHERE id IN (3, 6);
SELECT id, at FROM tree EXCEPT SELECT id, at FROM times;
-- Rows of a feature table that has views on it, as rows of any source.
CREATE TABLE payments (id int PRIMARY KEY, card int, at timestamptz NOT NULL);
SELECT feature.create_view('counts', 'SELECT id, card, at, count(*) OVER (PARTITION BY card ORDER BY at) AS n FROM payments');
SELECT feature.create_view('of_counts', 'SELECT id, n, count(*) OVER (PARTITION BY card ORDER BY at) AS m FROM counts');
INSERT INTO payments VALUES (1, 1, '2024-05-01'), (2, 1, '2024-05-01');
CREATE FUNCTION add_hundred() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN UPDATE counts SET n = n + 100 WHERE id = new.id; RETURN NULL; END $$;
CREATE TRIGGER add_hundred AFTER INSERT ON counts FOR EACH ROW EXECUTE FUNCTION add_hundred();
INSERT INTO payments VALUES (3, 1, '2024-05-01');
SET feature_ext.plain_writes = on;
INSERT INTO payments VALUES (3, 1, '2024-05-01');
RESET feature_ext.plain_writes;
SELECT id, n FROM counts EXCEPT SELECT id, n FROM of_counts;
DROP SCHEMA rows_changed_again CASCADE;
