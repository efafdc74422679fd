-- Policies on the source and on the feature table. Those that apply to the view's owner cannot be applied where rows are
-- read and written past the executor, so they refuse what is done, at whatever time they come; clients have their own.
CREATE ROLE regress_rls_keeper;
CREATE ROLE regress_rls_owner;
CREATE ROLE regress_rls_client;
CREATE SCHEMA rls;
GRANT USAGE, CREATE ON SCHEMA rls TO regress_rls_keeper, regress_rls_owner;
GRANT USAGE ON SCHEMA rls TO regress_rls_client;
\set SHOW_CONTEXT never
SET search_path = rls;

-- The source belongs to one role, the view to another.
SET ROLE regress_rls_keeper;
CREATE TABLE events (id int PRIMARY KEY, tenant name, t timestamptz NOT NULL, v int);
GRANT SELECT, TRIGGER ON events TO regress_rls_owner;
GRANT INSERT ON events TO regress_rls_client;
SET ROLE regress_rls_owner;
SELECT feature.create_view('features', 'SELECT id, tenant, t, sum(v) OVER (PARTITION BY tenant ORDER BY t RANGE ''1 hour'' PRECEDING) AS total FROM events', '0');
GRANT SELECT ON features TO regress_rls_client;
SET ROLE regress_rls_client;
INSERT INTO events VALUES (1, 'regress_rls_client', '2024-01-01 00:00+00', 1), (2, 'regress_rls_owner', '2024-01-01 00:01+00', 2);

-- Policies of the feature table hold for those who read it.
SET ROLE regress_rls_owner;
ALTER TABLE features ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON features USING (tenant = current_user);
SET ROLE regress_rls_client;
SELECT id, total FROM features ORDER BY id;
INSERT INTO events VALUES (3, 'regress_rls_client', '2024-01-01 00:02+00', 4), (4, 'regress_rls_owner', '2024-01-01 00:03+00', 8);
SELECT id, total FROM features ORDER BY id;
SET ROLE regress_rls_owner;
SELECT id, total FROM features ORDER BY id;
SELECT feature.refresh('features');
SELECT feature, mismatches FROM feature.verify('features');
-- What verify tells is counts of all rows, so it is not for those who may see only some.
SELECT definition FROM feature.views WHERE relation = 'features'::regclass \gset
GRANT SELECT ON :definition TO regress_rls_client;
SET ROLE regress_rls_client;
SELECT * FROM feature.verify('features');
-- Forced on the owner, they would have to hold for what is written; nothing is lost by refusing.
SET ROLE regress_rls_owner;
ALTER TABLE features FORCE ROW LEVEL SECURITY;
SET ROLE regress_rls_client;
INSERT INTO events VALUES (5, 'regress_rls_client', '2024-01-01 00:04+00', 16);
RESET ROLE;
SELECT count(*) FROM events;
SET ROLE regress_rls_owner;
SELECT feature.refresh('features');
SELECT feature.refresh('features', '2024-01-01');
SELECT feature.alter_view('features', 'SELECT id, tenant, t FROM events');
SELECT feature.verify('features');
ALTER TABLE features NO FORCE ROW LEVEL SECURITY;
SET ROLE regress_rls_client;
INSERT INTO events VALUES (5, 'regress_rls_client', '2024-01-01 00:04+00', 16);
SELECT id, total FROM features ORDER BY id;

-- Policies of the source that come later: WITH CHECK holds for clients, and hidden rows make no features.
SET ROLE regress_rls_keeper;
ALTER TABLE events ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON events USING (tenant = current_user);
SET ROLE regress_rls_client;
INSERT INTO events VALUES (6, 'regress_rls_client', '2024-01-01 00:05+00', 32);
-- Whatever the client sets.
SET row_security = off;
INSERT INTO events VALUES (6, 'regress_rls_client', '2024-01-01 00:05+00', 32);
RESET row_security;
SET ROLE regress_rls_owner;
SELECT feature.refresh('features');
SELECT feature.verify('features');
SELECT feature.create_view('others', 'SELECT id FROM events');
RESET ROLE;
SELECT feature.refresh('features');
ALTER ROLE regress_rls_owner BYPASSRLS;
SET ROLE regress_rls_client;
INSERT INTO events VALUES (6, 'regress_rls_owner', '2024-01-01 00:05+00', 32);
INSERT INTO events VALUES (6, 'regress_rls_client', '2024-01-01 00:05+00', 32);
-- A row so late that its entity is read from the source again sees all of it.
INSERT INTO events VALUES (7, 'regress_rls_client', '2024-01-01 09:00+00', 1);
INSERT INTO events VALUES (8, 'regress_rls_client', '2024-01-01 00:10+00', 64);
SELECT id, total FROM features ORDER BY id;
SET ROLE regress_rls_owner;
SELECT feature.refresh('features');
SELECT feature, mismatches FROM feature.verify('features');
SELECT feature.drop_view('features');

-- The keeper's own view is not subject to the policies, unless they are forced.
SET ROLE regress_rls_keeper;
SELECT feature.create_view('kept', 'SELECT id, tenant, count(*) OVER (ORDER BY t) AS n FROM events');
SET ROLE regress_rls_client;
INSERT INTO events VALUES (9, 'regress_rls_client', '2024-01-02', 1);
SET ROLE regress_rls_keeper;
SELECT count(*) FROM kept;
ALTER TABLE events FORCE ROW LEVEL SECURITY;
SELECT feature.create_view('kept_too', 'SELECT id, tenant FROM events');
SET ROLE regress_rls_client;
INSERT INTO events VALUES (10, 'regress_rls_client', '2024-01-03', 1);
SET ROLE regress_rls_keeper;
SELECT feature.refresh('kept');
SELECT feature.drop_view('kept');
SET ROLE regress_rls_client;
INSERT INTO events VALUES (10, 'regress_rls_client', '2024-01-03', 1);

RESET ROLE;
SET client_min_messages = warning;
DROP OWNED BY regress_rls_keeper, regress_rls_owner, regress_rls_client CASCADE;
DROP SCHEMA rls CASCADE;
DROP ROLE regress_rls_keeper, regress_rls_owner, regress_rls_client;
