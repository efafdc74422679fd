-- What a hostile client, table owner, schema owner or database owner may try, and what keeps them from it. The rights that
-- roles have are in privileges.sql, names in injection.sql, policies in row_level_security.sql.
CREATE ROLE regress_security_owner;
CREATE ROLE regress_security_client;
CREATE ROLE regress_security_other;
CREATE SCHEMA security AUTHORIZATION regress_security_owner;
CREATE SCHEMA regress_security_evil AUTHORIZATION regress_security_other;
GRANT USAGE ON SCHEMA security, regress_security_evil TO PUBLIC;
\set SHOW_CONTEXT never
-- Names of objects in feature_state carry the number of the view, which is not the same in each run.
CREATE FUNCTION public.regress_security_attempt(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE message text;
BEGIN
  EXECUTE command;
  RETURN 'done';
EXCEPTION WHEN others THEN
  GET STACKED DIAGNOSTICS message = MESSAGE_TEXT;
  RETURN SQLSTATE || ' ' || regexp_replace(message, '_\d+', '_N', 'g');
END $$;

-- Code of whoever defines a view runs with its owner's rights, whoever inserts, verifies, refreshes or alters, and cannot
-- leave them.
SET ROLE regress_security_other;
SET search_path = regress_security_evil;
-- As a superuser's code would, this changes the role back, keeps a cursor, a temporary table or a channel for later.
CREATE FUNCTION attack() RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE command text; answers text := '';
BEGIN
  FOREACH command IN ARRAY ARRAY['RESET ROLE', 'SET ROLE NONE', 'RESET SESSION AUTHORIZATION', 'SET SESSION AUTHORIZATION DEFAULT', 'CREATE TEMPORARY TABLE t (x int)',
                                 'DECLARE c CURSOR WITH HOLD FOR SELECT 1', 'LISTEN evil', 'PREPARE p AS SELECT 1', 'DISCARD ALL', 'CREATE ROLE regress_security_evil SUPERUSER'] LOOP
    BEGIN
      EXECUTE command;
      answers := answers || command || ': DONE' || E'\n';
    EXCEPTION WHEN others THEN
      answers := answers || command || ': ' || SQLSTATE || E'\n';
    END;
  END LOOP;
  RETURN current_user || E'\n' || answers;
END $$;
CREATE FUNCTION spy(int) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN regress_security_evil.attack(); END $$;
-- Others show themselves only where they have somebody else's rights.
CREATE FUNCTION told(int) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  IF current_user <> 'regress_security_other' THEN RAISE EXCEPTION 'run as %', current_user; END IF;
  RETURN current_user;
END $$;
CREATE TABLE events (id int PRIMARY KEY, t timestamptz NOT NULL, v int);
SELECT feature.create_view('spied', 'SELECT id, t, spy(v) AS report, sum(v) OVER (ORDER BY t) AS total FROM events');
GRANT INSERT ON events TO regress_security_client;
RESET ROLE;
INSERT INTO events VALUES (1, '2024-01-01', 1);
SELECT report FROM spied;
SELECT current_user, session_user = current_user AS same;
SELECT feature.refresh('spied');
SELECT count(DISTINCT report) AS reports, min(report) LIKE 'regress_security_other%' AS as_owner FROM spied;
-- verify runs the definition, so it is run as the owner.
SELECT feature, mismatches FROM feature.verify('spied');
-- Constants of the definition are evaluated when it is compiled.
SELECT feature.alter_view('spied', 'SELECT id, t, told(1) AS report, sum(v) OVER (ORDER BY t) AS total FROM regress_security_evil.events');
SET ROLE regress_security_client;
INSERT INTO events VALUES (2, '2024-01-02', 1);
RESET ROLE;
SELECT id, report FROM spied ORDER BY id;
SELECT feature.drop_view('spied');
-- Triggers, defaults, constraints, expression indexes, generated columns, domains and types of the feature table.
SET ROLE regress_security_other;
CREATE DOMAIN told_domain AS int CHECK (regress_security_evil.told(VALUE) > '');
SELECT feature.create_view('spied', 'SELECT id, t, v::told_domain AS v, sum(v) OVER (ORDER BY t) AS total FROM events WHERE id > 2');
ALTER TABLE spied ADD COLUMN d text DEFAULT told(1), ADD CHECK (told(id) > ''),
  ADD COLUMN g text GENERATED ALWAYS AS (regress_security_evil.told(id)) STORED, ADD COLUMN fired_by text;
CREATE INDEX ON spied (told(id));
CREATE FUNCTION fired() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.fired_by := regress_security_evil.told(1); RETURN new; END $$;
CREATE TRIGGER before_row BEFORE INSERT ON spied FOR EACH ROW EXECUTE FUNCTION fired();
CREATE TRIGGER after_row AFTER INSERT ON spied FOR EACH ROW EXECUTE FUNCTION fired();
RESET ROLE;
INSERT INTO events VALUES (3, '2024-01-03', 5);
SELECT id, v, total, d, g, fired_by FROM spied ORDER BY id;
SET ROLE regress_security_other;
DROP TRIGGER before_row ON spied;
DROP TRIGGER after_row ON spied;
-- A deferred trigger would run after the owner's rights have ended.
CREATE CONSTRAINT TRIGGER later AFTER INSERT ON spied INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fired();
RESET ROLE;
SET client_min_messages = warning;
INSERT INTO events VALUES (4, '2024-01-04', 5);
SELECT feature.drop_view('spied');
RESET client_min_messages;

-- A client's own objects are not found, whatever its search_path says: types, casts, operators, aggregates, temporary ones.
SET ROLE regress_security_owner;
SET search_path = security;
CREATE TABLE events (id int PRIMARY KEY, k text, t timestamptz NOT NULL, v int, a text[]);
SELECT feature.create_view('features', $$ SELECT id, k, t, v::text AS shown, lag(a) OVER w AS last, count(*) OVER w AS n, feature.mode(k) OVER (ORDER BY t) AS often
  FROM events WHERE v > 0 WINDOW w AS (PARTITION BY k ORDER BY t) $$);
GRANT INSERT ON events TO regress_security_client;
SET ROLE regress_security_client;
CREATE FUNCTION pg_temp.trap(int, int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'run as %', current_user; END $$;
CREATE FUNCTION pg_temp.trap(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'run as %', current_user; END $$;
CREATE OPERATOR pg_temp.> (LEFTARG = int, RIGHTARG = int, FUNCTION = pg_temp.trap);
CREATE OPERATOR pg_temp.= (LEFTARG = text, RIGHTARG = text, FUNCTION = pg_temp.trap);
CREATE TYPE pg_temp.state AS (x int);
CREATE AGGREGATE pg_temp.mode(text) (SFUNC = textcat, STYPE = text);
CREATE TEMPORARY TABLE view (id int);
SET search_path = pg_temp, pg_catalog;
INSERT INTO security.events VALUES (1, 'a', '2024-01-01', 1, '{x}'), (2, 'a', '2024-01-02', 1, '{y}');
RESET ROLE;
SELECT id, shown, last, n, often FROM security.features ORDER BY id;

-- Settings, role and security context are the session's own again, also after errors inside.
SET search_path = security;
SET ROLE regress_security_owner;
CREATE FUNCTION one_over(v int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN 1 / v; END $$;
CREATE TABLE risky (id int PRIMARY KEY, t timestamptz NOT NULL, v int);
SET timezone = 'Asia/Tokyo';
SELECT feature.create_view('risky_features', 'SELECT id, t::text AS shown, one_over(v) AS x, sum(v) OVER (ORDER BY t) AS total FROM risky');
GRANT INSERT ON risky TO regress_security_client;
SET ROLE regress_security_client;
SET timezone = 'UTC';
SET search_path = pg_catalog;
BEGIN;
SAVEPOINT before_error;
INSERT INTO security.risky VALUES (1, '2024-01-01', 0);
ROLLBACK TO before_error;
SELECT current_user, current_setting('search_path') AS path, current_setting('timezone') AS zone;
CREATE TEMPORARY TABLE is_not_restricted (x int);
INSERT INTO security.risky VALUES (2, '2024-01-01', 2);
COMMIT;
SELECT current_user, current_setting('search_path') AS path, current_setting('timezone') AS zone;
RESET ROLE;
BEGIN;
SELECT count(*) FROM feature.verify('security.risky_features');
SELECT current_user, current_setting('search_path') AS path, current_setting('timezone') AS zone;
COMMIT;
RESET timezone;
SET search_path = security;

-- EXECUTE on an aggregate, and on what it consists of, is needed as for the plain query.
CREATE FUNCTION public.regress_security_add(int, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT coalesce($1, 0) + $2';
CREATE AGGREGATE public.regress_security_sum(int) (SFUNC = public.regress_security_add, STYPE = int);
REVOKE EXECUTE ON FUNCTION public.regress_security_sum(int) FROM PUBLIC;
SET ROLE regress_security_owner;
SELECT feature.create_view('summed', 'SELECT id, public.regress_security_sum(v) OVER (ORDER BY t) AS total FROM security.events');
RESET ROLE;
GRANT EXECUTE ON FUNCTION public.regress_security_sum(int) TO regress_security_owner;
SET ROLE regress_security_owner;
SELECT feature.create_view('summed', 'SELECT id, public.regress_security_sum(v) OVER (ORDER BY t) AS total FROM security.events');
RESET ROLE;
REVOKE EXECUTE ON FUNCTION public.regress_security_sum(int) FROM regress_security_owner;
SET ROLE regress_security_client;
INSERT INTO security.events VALUES (3, 'a', '2024-01-03', 1, '{z}');
RESET ROLE;
SELECT feature.drop_view('summed');
DROP AGGREGATE public.regress_security_sum(int);
DROP FUNCTION public.regress_security_add;

-- States are the extension owner's: a view's owner may read them, and nothing else.
SELECT format('feature_state.%I', c.relname) AS states FROM pg_class c JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid
WHERE d.refobjid = 'security.features'::regclass AND d.deptype = 'i' AND c.relname ~ '^states_\d+_1$' \gset
SET ROLE regress_security_owner;
SELECT public.regress_security_attempt(format(command, :'states')) AS answer, replace(command, '%s', 'it') AS command
FROM unnest(ARRAY['SELECT * FROM %s LIMIT 0', 'UPDATE %s SET state = state', 'DELETE FROM %s', 'TRUNCATE %s', 'ALTER TABLE %s ADD COLUMN x int', 'ALTER TABLE %s OWNER TO regress_security_owner',
                  'CREATE TRIGGER x AFTER INSERT ON %s EXECUTE FUNCTION feature.maintain(1)', 'CREATE RULE x AS ON INSERT TO %s DO NOTHING',
                  'CREATE INDEX ON %s (slot)', 'LOCK %s', 'DROP TABLE %s']) WITH ORDINALITY c (command, n) ORDER BY n;
-- Also where they would be seen through: statistics and numbers of largest entities.
SET ROLE regress_security_client;
SELECT count(*) FROM pg_stats WHERE schemaname = 'feature_state';
CREATE FUNCTION pg_temp.leak(text[]) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN RAISE NOTICE 'seen: %', $1; RETURN true; END $$;
SELECT list, entities, largest_entity FROM feature.stats WHERE relation = 'security.features'::regclass AND pg_temp.leak(largest_entity) ORDER BY list;
RESET ROLE;

-- The function of the trigger, where it does not belong.
SET ROLE regress_security_other;
SET search_path = regress_security_evil;
SELECT feature.maintain();
CREATE TABLE mine (id int PRIMARY KEY, k text, t timestamptz NOT NULL, v int, a text[]);
RESET ROLE;
SELECT v.id FROM feature_state.view v WHERE v.relation = 'security.features'::regclass \gset
SET ROLE regress_security_other;
CREATE TRIGGER forged AFTER INSERT ON mine REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION feature.maintain(:'id');
INSERT INTO mine VALUES (1, 'a', '2024-01-01', 1, '{}');
DROP TRIGGER forged ON mine;
CREATE TRIGGER forged AFTER INSERT ON mine FOR EACH ROW EXECUTE FUNCTION feature.maintain(:'id');
INSERT INTO mine VALUES (1, 'a', '2024-01-01', 1, '{}');
DROP TRIGGER forged ON mine;
CREATE TRIGGER forged AFTER INSERT ON mine REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION feature.maintain('1; DROP TABLE x');
INSERT INTO mine VALUES (1, 'a', '2024-01-01', 1, '{}');
DROP TRIGGER forged ON mine;
CREATE TRIGGER forged AFTER INSERT ON mine REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION feature.maintain('-1');
INSERT INTO mine VALUES (1, 'a', '2024-01-01', 1, '{}');
RESET ROLE;

-- Nor can rows of another table get among those that row triggers collect of the source: not within one statement, in which
-- the triggers of both tables fire.
SET ROLE regress_security_owner;
SET search_path = security;
CREATE TABLE collected (id int PRIMARY KEY, k text, t timestamptz NOT NULL);
SELECT feature.create_view('collected_features', 'SELECT id, k, count(*) OVER (PARTITION BY k ORDER BY t) AS n FROM collected');
GRANT INSERT ON collected TO regress_security_other;
RESET ROLE;
SELECT v.id FROM feature_state.view v WHERE v.relation = 'collected_features'::regclass \gset
DO $$ DECLARE name text; BEGIN
  FOR name IN SELECT tgname FROM pg_trigger WHERE tgrelid = 'collected'::regclass LOOP EXECUTE format('DROP TRIGGER %I ON collected', name); END LOOP;
END $$;
CREATE TRIGGER opens BEFORE INSERT ON collected FOR EACH STATEMENT EXECUTE FUNCTION feature.maintain(:'id');
CREATE TRIGGER adds AFTER INSERT ON collected FOR EACH ROW EXECUTE FUNCTION feature.maintain(:'id');
CREATE TRIGGER closes AFTER INSERT ON collected FOR EACH STATEMENT EXECUTE FUNCTION feature.maintain(:'id');
SET ROLE regress_security_other;
SET search_path = regress_security_evil;
CREATE TABLE forged (id int, k bigint, t timestamptz);
CREATE TRIGGER adds AFTER INSERT ON forged FOR EACH ROW EXECUTE FUNCTION feature.maintain(:'id');
WITH forgery AS (INSERT INTO forged VALUES (1, 4702111234474983745, '2024-01-01') RETURNING id)
INSERT INTO security.collected SELECT id, 'a', '2024-01-01' FROM forgery;
DROP TRIGGER adds ON forged;
WITH forgery AS (INSERT INTO forged VALUES (1, 4702111234474983745, '2024-01-01') RETURNING id)
INSERT INTO security.collected SELECT id, 'a', '2024-01-01' FROM forgery;
RESET ROLE;
SELECT * FROM security.collected_features;

-- The ready pipeline in a schema of somebody else's: its definition takes nothing from there.
CREATE SCHEMA "regress security; DROP ""x"" -- $$
'" AUTHORIZATION regress_security_other;
SET ROLE regress_security_other;
SET search_path = "regress security; DROP ""x"" -- $$
'";
GRANT CREATE, USAGE ON SCHEMA "regress security; DROP ""x"" -- $$
'" TO regress_security_owner;
CREATE FUNCTION trap(float8, int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE EXCEPTION 'run as %', current_user; END $$;
CREATE FUNCTION trap(numeric, int) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE EXCEPTION 'run as %', current_user; END $$;
CREATE FUNCTION ln(int) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE EXCEPTION 'run as %', current_user; END $$;
CREATE OPERATOR < (LEFTARG = float8, RIGHTARG = int, FUNCTION = trap);
CREATE OPERATOR > (LEFTARG = float8, RIGHTARG = int, FUNCTION = trap);
CREATE OPERATOR % (LEFTARG = numeric, RIGHTARG = int, FUNCTION = trap);
CREATE TYPE text AS (x int);
SET ROLE regress_security_owner;
SELECT feature.create_transaction_pipeline(current_schema) IS NOT NULL AS made;
SELECT feature.create_transaction_pipeline(current_schema, 'wide') IS NOT NULL AS made;
INSERT INTO transactions (transaction_id, "timestamp", user_id, amount) VALUES ('1', '2024-01-01', 'u', 20);
SELECT is_round_amount, amount_category FROM transaction_features;
SELECT sum(mismatches) FROM feature.verify('transaction_features_wide');
SELECT settings ->> 'search_path' AS path FROM feature.views WHERE relation = 'transaction_features'::regclass;
RESET ROLE;
RESET search_path;

SET client_min_messages = warning;
DROP OWNED BY regress_security_owner, regress_security_client, regress_security_other CASCADE;
DROP FUNCTION public.regress_security_attempt;
DROP ROLE regress_security_owner, regress_security_client, regress_security_other;
