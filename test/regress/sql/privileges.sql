-- Who may do what. A client needs INSERT on the source and SELECT on the feature view, nothing else; expressions run as
-- the view's owner, in names that the owner chose; states belong to the view's owner and are closed to everybody else.
CREATE ROLE regress_feature_owner;
CREATE ROLE regress_feature_client;
CREATE ROLE regress_feature_stranger;
CREATE SCHEMA privileges AUTHORIZATION regress_feature_owner;
GRANT USAGE ON SCHEMA privileges TO regress_feature_client, regress_feature_stranger;
\set SHOW_CONTEXT never
-- Names of objects in feature_state carry the number of the view, which is not the same in each run.
CREATE FUNCTION public.regress_feature_attempt(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE message text;
BEGIN
  EXECUTE command;
  RETURN 'done';
EXCEPTION WHEN others THEN
  GET STACKED DIAGNOSTICS message = MESSAGE_TEXT;
  RETURN SQLSTATE || ' ' || regexp_replace(message, '_\d+', '_N', 'g');
END $$;

-- A role that owns a schema and a table there makes a feature view: no superuser anywhere.
SET ROLE regress_feature_owner;
SET search_path = privileges;
CREATE TABLE events (id int PRIMARY KEY, k text, t timestamptz NOT NULL, v int);
CREATE TABLE secret (weight int);
INSERT INTO secret VALUES (10);
-- The owner's functions run as the owner; one of them names another without its schema.
CREATE FUNCTION weigh(v int) RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN v * (SELECT weight FROM privileges.secret); END $$;
CREATE FUNCTION who(v int) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN current_user || ' ' || helper(v); END $$;
CREATE FUNCTION helper(v int) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'of the owner' $$;
SELECT feature.create_view('features', 'SELECT id, k, t, weigh(v) AS weight, who(v) AS who, sum(v) OVER (PARTITION BY k ORDER BY t) AS total FROM events');
GRANT INSERT ON events TO regress_feature_client;
GRANT SELECT ON features TO regress_feature_client;
INSERT INTO events VALUES (1, 'a', '2024-01-01 00:00+00', 1);
SELECT id, weight, who, total FROM features ORDER BY id;
SELECT relowner::regrole AS owner FROM pg_class WHERE oid = 'features'::regclass;

-- The client.
SET ROLE regress_feature_client;
INSERT INTO events VALUES (2, 'a', '2024-01-01 00:01+00', 2);
COPY events FROM stdin;
3	a	2024-01-01 00:02:00+00	3
\.
SELECT id, weight, who, total FROM features ORDER BY id;
SELECT * FROM events;
INSERT INTO features VALUES (4, 'a', now(), 1, 'me', 1);
SELECT weigh(1);
-- An own search_path changes nothing of it: names are those of the owner.
CREATE TEMPORARY TABLE secret (weight int);
RESET ROLE;
CREATE SCHEMA regress_feature_evil AUTHORIZATION regress_feature_client;
SET ROLE regress_feature_client;
CREATE FUNCTION regress_feature_evil.helper(v int) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN 'EVIL as ' || current_user; END $$;
CREATE FUNCTION regress_feature_evil.weigh(v int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 666';
CREATE FUNCTION pg_temp.helper(v int) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN 'EVIL as ' || current_user; END $$;
CREATE FUNCTION regress_feature_evil.plus(int, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 666';
CREATE OPERATOR regress_feature_evil.* (LEFTARG = int, RIGHTARG = int, FUNCTION = regress_feature_evil.plus);
SET search_path = regress_feature_evil, pg_temp, pg_catalog, privileges;
INSERT INTO privileges.events VALUES (4, 'a', '2024-01-01 00:03+00', 4);
SELECT id, weight, who, total FROM privileges.features WHERE id = 4;
-- In a new session too, where nothing has been compiled yet.
\c -
SET ROLE regress_feature_client;
CREATE FUNCTION pg_temp.helper(v int) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN 'EVIL as ' || current_user; END $$;
SET search_path = regress_feature_evil, pg_temp, pg_catalog, privileges;
CREATE FUNCTION regress_feature_evil.trap(int, int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE EXCEPTION 'EVIL as %', current_user; END $$;
CREATE FUNCTION regress_feature_evil.trap(oid, oid) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE EXCEPTION 'EVIL as %', current_user; END $$;
CREATE FUNCTION regress_feature_evil.trap(oid, regclass) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE EXCEPTION 'EVIL as %', current_user; END $$;
CREATE OPERATOR regress_feature_evil.= (LEFTARG = int, RIGHTARG = int, FUNCTION = regress_feature_evil.trap);
CREATE OPERATOR regress_feature_evil.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = regress_feature_evil.trap);
CREATE OPERATOR regress_feature_evil.= (LEFTARG = oid, RIGHTARG = regclass, FUNCTION = regress_feature_evil.trap);
INSERT INTO privileges.events VALUES (5, 'a', '2024-01-01 00:04+00', 5);
-- Nor do the functions of the extension look anything up there.
SELECT feature.create_view('regress_feature_evil.mine', 'SELECT id FROM privileges.events');
SELECT feature.drop_view('privileges.features');
SELECT feature.refresh('privileges.features');
CREATE TABLE regress_feature_evil.own (id int PRIMARY KEY, t timestamptz NOT NULL);
SELECT feature.create_view('regress_feature_evil.of_own', 'SELECT id, count(*) OVER (ORDER BY t) AS n FROM regress_feature_evil.own');
INSERT INTO regress_feature_evil.own VALUES (1, '2024-01-01 00:00+00');
SELECT feature.refresh('regress_feature_evil.of_own');
SELECT feature, mismatches FROM feature.verify('regress_feature_evil.of_own');
SELECT feature, entity FROM feature.columns WHERE relation::text ~ 'of_own$' ORDER BY position;
SELECT feature.drop_view('regress_feature_evil.of_own');
SELECT id, weight, who, total FROM privileges.features WHERE id::text ~ '^5$';
SELECT current_user, current_setting('search_path') AS path;
SET search_path = privileges;
-- What a client cannot do.
SELECT public.regress_feature_attempt(command) AS answer, command
FROM unnest(ARRAY['SELECT feature.drop_view(''privileges.features'')', 'SELECT feature.refresh(''privileges.features'')', 'DROP TABLE privileges.features', 'SELECT * FROM feature.verify(''privileges.features'')',
                  'SELECT * FROM feature_state.view', 'SELECT * FROM feature_state.list', 'DELETE FROM feature_state.view', 'SELECT nextval(''feature_state.view_id'')', 'CREATE TABLE feature_state.mine (x int)', 'CREATE TABLE feature.mine (x int)',
                  'CREATE FUNCTION feature.mine() RETURNS int LANGUAGE sql AS ''SELECT 1''', 'ALTER FUNCTION feature.maintain() OWNER TO regress_feature_client',
                  'SELECT feature.create_view(''privileges.mine'', ''SELECT id FROM privileges.events'')', 'SELECT feature.create_view(''regress_feature_evil.mine'', ''SELECT id FROM privileges.events'')',
                  'CREATE TRIGGER mine AFTER INSERT ON privileges.events FOR EACH ROW EXECUTE FUNCTION feature.maintain(1)']) WITH ORDINALITY c (command, n) ORDER BY n;
-- The states and chunks of all views, and the definitions, one by one.
RESET ROLE;
SELECT 'feature_state.' || relname AS relation, relkind FROM pg_class WHERE relnamespace = 'feature_state'::regnamespace AND relkind IN ('r', 'v', 'S', 'm')
  AND (has_table_privilege('regress_feature_client', oid, 'SELECT') OR has_table_privilege('regress_feature_client', oid, 'INSERT') OR has_table_privilege('regress_feature_client', oid, 'UPDATE')
       OR has_table_privilege('regress_feature_client', oid, 'DELETE') OR has_table_privilege('regress_feature_client', oid, 'TRUNCATE') OR has_table_privilege('regress_feature_client', oid, 'TRIGGER')) ORDER BY 1;
-- The owner of a view may look at them, so that a dump can, but cannot drop one alone.
SET ROLE regress_feature_owner;
SELECT public.regress_feature_attempt(format('%s %s', command, relation)) AS answer, command
FROM unnest('{SELECT * FROM,DROP TABLE}'::text[]) WITH ORDINALITY c (command, n), (SELECT c.oid::regclass AS relation FROM pg_class c JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid
       WHERE d.refobjid = 'features'::regclass AND d.deptype = 'i' AND c.relname ~ '^states_') s ORDER BY n;
SELECT feature.refresh('features');
SELECT feature, mismatches FROM feature.verify('features') WHERE mismatches > 0;

-- Who may create one: SELECT and TRIGGER on the source, CREATE on the schema.
SET ROLE regress_feature_stranger;
SELECT feature.create_view('mine', 'SELECT id, sum(v) OVER (ORDER BY t) AS total FROM privileges.events');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
CREATE SCHEMA regress_feature_strange AUTHORIZATION regress_feature_stranger;
SET ROLE regress_feature_stranger;
SET search_path = regress_feature_strange;
SELECT feature.create_view('mine', 'SELECT id, sum(v) OVER (ORDER BY t) AS total FROM privileges.events');
SET ROLE regress_feature_owner;
GRANT SELECT ON privileges.events TO regress_feature_stranger;
SET ROLE regress_feature_stranger;
SELECT feature.create_view('mine', 'SELECT id, sum(v) OVER (ORDER BY t) AS total FROM privileges.events');
SET ROLE regress_feature_owner;
GRANT TRIGGER ON privileges.events TO regress_feature_stranger;
SET ROLE regress_feature_stranger;
SELECT feature.create_view('privileges.mine', 'SELECT id, sum(v) OVER (ORDER BY t) AS total FROM privileges.events');
SELECT feature.create_view('mine', 'SELECT id, privileges.weigh(v) AS w FROM privileges.events');
SELECT feature.create_view('mine', 'SELECT id, current_user::text AS who FROM privileges.events');
CREATE FUNCTION spy() RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN current_user; END $$;
SELECT feature.create_view('mine', 'SELECT id, regress_feature_strange.spy() AS who, sum(v) OVER (ORDER BY t) AS total FROM privileges.events');
-- A stranger's expression runs as the stranger, whoever inserts, superusers included; and cannot become somebody else.
CREATE OR REPLACE FUNCTION spy() RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  BEGIN
    PERFORM set_config('role', 'none', false);
  EXCEPTION WHEN others THEN
    RETURN current_user || ': ' || SQLERRM;
  END;
  RETURN current_user;
END $$;
RESET ROLE;
INSERT INTO privileges.events VALUES (6, 'a', '2024-01-01 00:05+00', 6);
SET ROLE regress_feature_client;
INSERT INTO privileges.events VALUES (7, 'a', '2024-01-01 00:06+00', 7);
SELECT current_user;
SET ROLE regress_feature_stranger;
SELECT id, who, total FROM mine ORDER BY id;
SELECT feature.drop_view('privileges.features');
SELECT feature.drop_view('mine');
-- When the owner loses what the view needs, inserts say so.
SET ROLE regress_feature_owner;
INSERT INTO privileges.events VALUES (8, 'a', '2024-01-01 00:07+00', 8);
RESET ROLE;
REVOKE SELECT ON privileges.secret FROM regress_feature_owner;
SET ROLE regress_feature_client;
INSERT INTO privileges.events VALUES (9, 'a', '2024-01-01 00:08+00', 9);
RESET ROLE;
GRANT SELECT ON privileges.secret TO regress_feature_owner;
-- A view that changes its owner runs as the new one.
ALTER TABLE privileges.features OWNER TO regress_feature_stranger;
INSERT INTO privileges.events VALUES (9, 'a', '2024-01-01 00:08+00', 9);
GRANT SELECT ON privileges.secret TO regress_feature_stranger;
INSERT INTO privileges.events VALUES (9, 'a', '2024-01-01 00:08+00', 9);
SELECT id, who, total FROM privileges.features WHERE id >= 8 ORDER BY id;
ALTER TABLE privileges.features OWNER TO regress_feature_owner;

-- A refresh, as alter_view, gives definition and states to the new owner of a feature table, and takes them from the former one.
SET ROLE regress_feature_owner;
CREATE TABLE privileges.given (id int PRIMARY KEY, who text, t timestamptz NOT NULL);
SELECT feature.create_view('privileges.given_features', 'SELECT id, who, t, count(*) OVER (PARTITION BY who ORDER BY t) AS n FROM privileges.given');
INSERT INTO privileges.given VALUES (1, 'a', '2024-01-01 00:00+00');
RESET ROLE;
ALTER TABLE privileges.given_features OWNER TO regress_feature_stranger;
GRANT SELECT, INSERT, TRIGGER ON privileges.given TO regress_feature_stranger;
CREATE FUNCTION privileges.readers() RETURNS TABLE (relation text, former bool, now bool) LANGUAGE sql AS $$
  SELECT c, has_table_privilege('regress_feature_owner', r, 'SELECT'), has_table_privilege('regress_feature_stranger', r, 'SELECT')
  FROM feature_state.view v JOIN feature_state.list l ON l.view = v.id
  CROSS JOIN LATERAL (VALUES ('definition', format('feature_state.definition_%s', v.id)::regclass), ('states', l.states), ('chunks', l.chunks)) of(c, r)
  WHERE v.relation = 'privileges.given_features'::regclass $$;
SELECT * FROM privileges.readers();
SELECT feature.verify('privileges.given_features');
SET ROLE regress_feature_stranger;
SELECT feature.verify('privileges.given_features');
SELECT feature.refresh('privileges.given_features');
SELECT feature, mismatches FROM feature.verify('privileges.given_features');
INSERT INTO privileges.given VALUES (2, 'a', '2024-01-01 00:01+00');
SELECT id, n FROM privileges.given_features ORDER BY id;
RESET ROLE;
SELECT * FROM privileges.readers();
SELECT feature, mismatches FROM feature.verify('privileges.given_features');
DROP FUNCTION privileges.readers;

-- Row-level security on the source: policies that hide rows from the creator would make wrong features.
SET ROLE regress_feature_owner;
SET search_path = privileges;
CREATE TABLE tenants (id int PRIMARY KEY, tenant name, t timestamptz NOT NULL);
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON tenants USING (tenant = current_user);
GRANT ALL ON tenants TO regress_feature_stranger;
SET ROLE regress_feature_stranger;
SET search_path = regress_feature_strange;
SELECT feature.create_view('of_tenants', 'SELECT id, count(*) OVER (ORDER BY t) AS n FROM privileges.tenants');
\echo :LAST_ERROR_SQLSTATE
SET ROLE regress_feature_owner;
SET search_path = privileges;
SELECT feature.create_view('of_tenants', 'SELECT id, count(*) OVER (ORDER BY t) AS n FROM tenants');
INSERT INTO tenants VALUES (1, 'regress_feature_owner', '2024-01-01'), (2, 'regress_feature_stranger', '2024-01-02');
SET ROLE regress_feature_stranger;
INSERT INTO privileges.tenants VALUES (3, 'regress_feature_stranger', '2024-01-03');
INSERT INTO privileges.tenants VALUES (4, 'regress_feature_owner', '2024-01-04');
SET ROLE regress_feature_owner;
SELECT * FROM of_tenants ORDER BY id;

-- Whoever verifies a view runs its definition, as with every view, but nothing else of its owner's: not the operators
-- that came first in the owner's search_path.
CREATE FUNCTION trap(anyelement, anyelement) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE EXCEPTION 'trapped as %', current_user; END $$;
CREATE FUNCTION trap_int(int, int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE EXCEPTION 'trapped as %', current_user; END $$;
CREATE FUNCTION abs(float8) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE EXCEPTION 'trapped as %', current_user; END $$;
CREATE OPERATOR = (LEFTARG = int, RIGHTARG = int, FUNCTION = trap_int);
CREATE OPERATOR = (LEFTARG = anyelement, RIGHTARG = anyelement, FUNCTION = trap);
CREATE TABLE plain (id int PRIMARY KEY, t timestamptz NOT NULL, p float8);
SET search_path = privileges, pg_catalog;
SELECT feature.create_view('of_plain', 'SELECT id, t, avg(p) OVER (ORDER BY t) AS mean FROM plain');
INSERT INTO plain VALUES (1, '2024-01-01 00:00+00', 1), (2, '2024-01-01 00:01+00', 2);
UPDATE of_plain SET mean = mean + 0.1;
RESET ROLE;
RESET search_path;
SELECT feature, rows_compared, mismatches FROM feature.verify('privileges.of_plain');

-- What is granted to everybody, and what is not.
RESET ROLE;
SELECT has_schema_privilege('regress_feature_client', 'feature', 'USAGE') AS usage, has_schema_privilege('regress_feature_client', 'feature', 'CREATE') AS "create",
       has_schema_privilege('regress_feature_client', 'feature_state', 'USAGE') AS state_usage, has_schema_privilege('regress_feature_client', 'feature_state', 'CREATE') AS state_create;
SET ROLE regress_feature_client;
SELECT relation, source FROM feature.views WHERE relation = 'privileges.features'::regclass;
SELECT feature, type, entity FROM feature.columns WHERE relation = 'privileges.features'::regclass ORDER BY position;
-- Functions that are not of C or fixed names keep to a search_path of their own, and none runs as its owner.
SELECT proname, prosecdef, proconfig FROM pg_proc WHERE pronamespace = 'feature'::regnamespace AND prokind = 'f' AND (prosecdef OR prolang <> (SELECT oid FROM pg_language WHERE lanname = 'c')) ORDER BY 1;
SELECT extname, trusted, relocatable FROM pg_available_extension_versions JOIN pg_extension ON name = extname AND version = extversion WHERE extname = 'feature_ext';

RESET ROLE;
SET client_min_messages = warning;
DROP OWNED BY regress_feature_owner, regress_feature_client, regress_feature_stranger;
SELECT relation FROM feature.views WHERE relation::text LIKE '%privileges.%';
DROP FUNCTION public.regress_feature_attempt;
DROP ROLE regress_feature_owner, regress_feature_client, regress_feature_stranger;
