-- feature_ext 0.1 to 0.2: what has changed. The Makefile puts behind it those files of sql/install/ that say "new in 0.2".
-- A test compares what an update leaves with what CREATE EXTENSION makes.

\echo Use "ALTER EXTENSION feature_ext UPDATE" to load this file. \quit

-- The search path here is that of the schema that the extension was created in, which may be anybody's.

ALTER TABLE feature_state.view
  ADD COLUMN on_error text NOT NULL DEFAULT 'abort' CHECK (on_error OPERATOR(pg_catalog.=) ANY (ARRAY['abort', 'divert'])),
  ADD COLUMN cluster bigint NOT NULL DEFAULT (pg_catalog.pg_control_system()).system_identifier;
COMMENT ON COLUMN feature_state.view.on_error IS
  'whether a row that cannot be processed aborts its statement, or is diverted to feature_state.error';
COMMENT ON COLUMN feature_state.view.cluster IS
  'identifier of the database cluster that its states were made in; pg_upgrade makes another';

-- pg_restore loads the catalogue's tables in any order.
ALTER TABLE feature_state.list DROP CONSTRAINT list_view_fkey;

CREATE OR REPLACE VIEW feature.views AS
  SELECT v.relation, v.source, v.definition, v.query, v.settings, v.lateness,
         (SELECT pg_catalog.count(*) FROM feature_state.list l WHERE l.view OPERATOR(pg_catalog.=) v.id) AS entity_lists,
         v.on_error
  FROM feature_state.view v
  WHERE EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) v.relation::pg_catalog.oid);
COMMENT ON COLUMN feature.views.on_error IS
  'whether a row that cannot be processed aborts its statement, or is diverted to feature.errors';

CREATE OR REPLACE VIEW feature.columns AS
  SELECT v.relation, d."position", a.attname AS feature, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
         d.expression, d."window", d.entity
  FROM feature.views v
  CROSS JOIN LATERAL feature.describe(v.relation) d
  JOIN pg_catalog.pg_attribute a
    ON a.attrelid OPERATOR(pg_catalog.=) v.relation::pg_catalog.oid AND a.attnum OPERATOR(pg_catalog.=) d.attribute
   AND NOT a.attisdropped;

CREATE OR REPLACE FUNCTION feature.verify(view regclass)
  RETURNS TABLE (feature text, rows_compared bigint, mismatches bigint, largest_relative_error double precision)
  AS 'MODULE_PATHNAME', 'feature_verify' LANGUAGE C VOLATILE STRICT;

CREATE OR REPLACE FUNCTION feature.create_transaction_pipeline(schema name DEFAULT current_schema,
                                                    catalogue text DEFAULT 'standard') RETURNS regclass
  LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  columns CONSTANT text[] := ARRAY[
    ['transaction_id',    'text',             'PRIMARY KEY'],
    ['timestamp',         'timestamptz',      'NOT NULL'],
    ['user_id',           'text',             'NOT NULL'],
    ['merchant_id',       'text',             NULL],
    ['amount',            'double precision', 'NOT NULL'],
    ['currency',          'text',             NULL],
    ['merchant_category', 'text',             NULL],
    ['payment_method',    'text',             NULL],
    ['ip_address',        'text',             NULL],
    ['device_id',         'text',             NULL],
    ['latitude',          'double precision', NULL],
    ['longitude',         'double precision', NULL],
    ['card_type',         'text',             NULL]];
  view_name text;
  definition text;
  staging regclass;
  missing text;
BEGIN
  IF schema IS NULL THEN
    RAISE EXCEPTION 'no schema has been selected to create in' USING ERRCODE = 'invalid_schema_name',
      HINT = 'Name a schema, or set search_path to one.';
  ELSIF to_regnamespace(quote_ident(schema)) IS NULL THEN
    RAISE EXCEPTION 'schema "%" does not exist', schema USING ERRCODE = 'invalid_schema_name',
      HINT = 'The schema comes first. To choose a catalogue, write catalogue => ''wide''.';
  END IF;
  CASE catalogue
    WHEN 'standard' THEN
      view_name := 'transaction_features';
      definition := feature.standard_transaction_features();
    WHEN 'wide' THEN
      view_name := 'transaction_features_wide';
      definition := feature.wide_transaction_features();
    ELSE
      RAISE EXCEPTION 'unrecognized transaction catalogue "%"', catalogue USING ERRCODE = 'invalid_parameter_value',
        HINT = 'The catalogues are "standard" and "wide".';
  END CASE;

  staging := to_regclass(format('%I.transactions', schema));
  IF staging IS NULL THEN
    EXECUTE (SELECT format('CREATE TABLE %I.transactions (%s)', schema,
                           string_agg(concat_ws(' ', quote_ident(columns[i][1]), columns[i][2], columns[i][3]), ', '
                                      ORDER BY i))
             FROM generate_subscripts(columns, 1) i);
  ELSE
    SELECT string_agg(format('%I %s', columns[i][1], columns[i][2]), ', ' ORDER BY i) INTO missing
    FROM generate_subscripts(columns, 1) i
    WHERE NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = staging AND NOT a.attisdropped
                        AND a.attname = columns[i][1] AND a.atttypid = columns[i][2]::regtype);
    IF missing IS NOT NULL THEN
      RAISE EXCEPTION '"%" is not a staging table of transactions', staging USING ERRCODE = 'wrong_object_type',
        DETAIL = format('It lacks columns: %s.', missing),
        HINT = 'Choose another schema, or describe your own table''s features with feature.create_view.';
    END IF;
  END IF;

  -- The definitions name their source without a schema. It is put in, so that nothing else is looked up there: operators
  -- of the schema's owner must not get into the definition.
  RETURN feature.create_view(format('%I.%I', schema, view_name),
                             replace(definition, 'FROM transactions', format('FROM %I.transactions', schema)));
END
$function$;

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

-- shared lists ---------------------------------------------------------------------------------------------------------

ALTER TABLE feature_state.list ADD COLUMN shared boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN feature_state.list.states IS
  'one row an entity: its latest events; in a shared list one for each session that has written it at the same time';
COMMENT ON COLUMN feature_state.list.shared IS 'whether several sessions write one entity at the same time';

DROP FUNCTION feature.create_view(text, text, interval);
CREATE FUNCTION feature.create_view(name text, query text, lateness interval DEFAULT '1 hour',
                                    on_error text DEFAULT 'abort', shared text[] DEFAULT '{}') RETURNS regclass
  AS 'MODULE_PATHNAME', 'feature_create_view' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION feature.create_view(text, text, interval, text, text[]) IS
  'creates a table that holds the rows of a definition and follows every insert into the definition''s source table';

CREATE FUNCTION feature.session_times(
  view regclass, OUT timed_rows bigint, OUT reading_ms double precision, OUT locking_ms double precision,
  OUT computing_ms double precision, OUT storing_ms double precision, OUT writing_ms double precision) RETURNS record
  AS 'MODULE_PATHNAME', 'feature_session_times' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION feature.session_times(regclass) IS
  'what this session has spent in each stage of computing a feature view since it turned feature_ext.timing on';

CREATE OR REPLACE VIEW feature.stats AS
  SELECT v.relation, s.*,
         (SELECT l.shared FROM feature_state.view w JOIN feature_state.list l ON l.view OPERATOR(pg_catalog.=) w.id
          WHERE w.relation::pg_catalog.oid OPERATOR(pg_catalog.=) v.relation::pg_catalog.oid
            AND l.number OPERATOR(pg_catalog.=) s.list) AS shared,
         t.*
  FROM feature.views v
  CROSS JOIN LATERAL feature.list_stats(v.relation) s
  CROSS JOIN LATERAL feature.session_times(v.relation) t;
COMMENT ON COLUMN feature.stats.shared IS 'whether several sessions write one entity of the list at the same time';
COMMENT ON COLUMN feature.stats.timed_rows IS
  'rows of the view that this session has computed since it turned feature_ext.timing on; of the view, like the times below';
COMMENT ON COLUMN feature.stats.reading_ms IS 'its time for reading rows and evaluating their times and keys';
COMMENT ON COLUMN feature.stats.locking_ms IS 'for finding, locking and loading entities, waiting for others included';
COMMENT ON COLUMN feature.stats.computing_ms IS 'for evaluating the definition';
COMMENT ON COLUMN feature.stats.storing_ms IS 'for writing entities';
COMMENT ON COLUMN feature.stats.writing_ms IS 'for writing feature rows';

COMMENT ON COLUMN feature_state.view.source IS 'the table that it follows';
COMMENT ON COLUMN feature.views.source IS 'the table that it follows';

-- Views that are there follow updates, deletes and TRUNCATE from now on.
CREATE FUNCTION feature_state.create_correction_triggers(view regclass) RETURNS void
  AS 'MODULE_PATHNAME', 'feature_create_correction_triggers' LANGUAGE C VOLATILE STRICT;
SELECT feature_state.create_correction_triggers(v.relation) FROM feature.views v;
DROP FUNCTION feature_state.create_correction_triggers(regclass);
