-- feature_ext 0.1 to 0.2: what has changed. The Makefile puts behind it those files of sql/install/ that say "new in 0.2".
-- A test compares what an update leaves with what CREATE EXTENSION makes.

\echo Use "ALTER EXTENSION feature_ext UPDATE" to load this file. \quit

-- The search path here is that of the schema that the extension was created in, which may be anybody's.

CREATE OR REPLACE VIEW feature.views AS
  SELECT v.relation, v.source, v.definition, v.query, v.settings, v.lateness,
         (SELECT pg_catalog.count(*) FROM feature_state.list l WHERE l.view OPERATOR(pg_catalog.=) v.id) AS entity_lists
  FROM feature_state.view v
  WHERE EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) v.relation::pg_catalog.oid);

CREATE OR REPLACE VIEW feature.columns AS
  SELECT v.relation, d."position", a.attname AS feature, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
         d.expression, d."window", d.entity
  FROM feature.views v
  CROSS JOIN LATERAL feature.describe(v.relation) d
  JOIN pg_catalog.pg_attribute a
    ON a.attrelid OPERATOR(pg_catalog.=) v.relation::pg_catalog.oid AND a.attnum OPERATOR(pg_catalog.=) d.attribute
   AND NOT a.attisdropped;

-- States belong to the extension's owner from now on; a view's owner may read them. What somebody has attached to a table
-- would run with the rights of that: so they must be as they were made.
DO $$
DECLARE
  states record;
BEGIN
  PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  FOR states IN
    SELECT t.oid, t.oid::regclass AS name, t.relowner::regrole AS owner
    FROM feature_state.list l CROSS JOIN LATERAL (VALUES (l.states), (l.chunks)) s (state) JOIN pg_class t ON t.oid = s.state
    WHERE t.relowner <> (SELECT n.nspowner FROM pg_namespace n WHERE n.nspname = 'feature_state')
  LOOP
    IF EXISTS (SELECT FROM pg_trigger WHERE tgrelid = states.oid) OR EXISTS (SELECT FROM pg_rewrite WHERE ev_class = states.oid)
       OR EXISTS (SELECT FROM pg_policy WHERE polrelid = states.oid) OR EXISTS (SELECT FROM pg_attrdef WHERE adrelid = states.oid)
       OR EXISTS (SELECT FROM pg_statistic_ext WHERE stxrelid = states.oid)
       OR EXISTS (SELECT FROM pg_constraint WHERE conrelid = states.oid AND contype NOT IN ('p', 'n'))
       OR EXISTS (SELECT FROM pg_index WHERE indrelid = states.oid AND NOT indisprimary) THEN
      RAISE EXCEPTION 'table % is not as it was made', states.name
        USING ERRCODE = 'object_not_in_prerequisite_state',
              HINT = 'Drop the triggers, rules, constraints, defaults, policies, statistics and indexes that were added to it.';
    END IF;
    EXECUTE format('ALTER TABLE %s OWNER TO CURRENT_USER', states.name);
    EXECUTE format('REVOKE ALL ON %s FROM %s', states.name, states.owner);
    EXECUTE format('GRANT SELECT ON %s TO %s', states.name, states.owner);
  END LOOP;
END
$$;
