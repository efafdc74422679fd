-- catalogue ----------------------------------------------------------------------------------------------------------

CREATE SEQUENCE feature_state.view_id AS integer;
COMMENT ON SEQUENCE feature_state.view_id IS 'numbers feature views; states, definitions and triggers carry the number';

CREATE TABLE feature_state.view (
  id          integer PRIMARY KEY,
  relation    regclass NOT NULL,
  relation_id oid NOT NULL,
  source      regclass NOT NULL,
  definition  regclass NOT NULL,
  columns     smallint[] NOT NULL,
  query       text NOT NULL,
  settings    jsonb NOT NULL,
  lateness    interval,
  on_error    text NOT NULL DEFAULT 'abort' CHECK (on_error OPERATOR(pg_catalog.=) ANY (ARRAY['abort', 'divert'])),
  cluster     bigint NOT NULL DEFAULT (pg_catalog.pg_control_system()).system_identifier
);
COMMENT ON TABLE feature_state.view IS 'feature views';
COMMENT ON COLUMN feature_state.view.id IS 'number in the names of its definition, states and trigger';
COMMENT ON COLUMN feature_state.view.relation IS 'the feature table';
COMMENT ON COLUMN feature_state.view.relation_id IS
  'OID of the feature table when its states were made; one that was restored from a dump has another';
COMMENT ON COLUMN feature_state.view.source IS 'the table that it follows';
COMMENT ON COLUMN feature_state.view.definition IS 'SQL view that holds the definition';
COMMENT ON COLUMN feature_state.view.columns IS
  'numbers that the definition''s columns have in the feature table, in the definition''s order';
COMMENT ON COLUMN feature_state.view.query IS
  'the definition as it was given to feature.create_view or feature.alter_view';
COMMENT ON COLUMN feature_state.view.settings IS
  'settings of the session that created the view, in force whenever its expressions are evaluated';

COMMENT ON COLUMN feature_state.view.lateness IS
  'how much later than its frames'' events a row may be without being computed from the source; NULL if by any time';
COMMENT ON COLUMN feature_state.view.on_error IS
  'whether a row that cannot be processed aborts its statement, or is diverted to feature_state.error';
COMMENT ON COLUMN feature_state.view.cluster IS
  'identifier of the database cluster that its states were made in; pg_upgrade makes another';

-- No foreign key leads from one table of the catalogue to another: pg_restore loads them in any order.
CREATE TABLE feature_state.list (
  view   integer NOT NULL,
  number integer NOT NULL,
  states regclass NOT NULL,
  chunks regclass NOT NULL,
  shared boolean NOT NULL DEFAULT false,
  PRIMARY KEY (view, number)
);
COMMENT ON TABLE feature_state.list IS 'partition lists of feature views and where their entities are kept';
COMMENT ON COLUMN feature_state.list.view IS 'the feature view';
COMMENT ON COLUMN feature_state.list.number IS 'in the order in which the definition uses them';
COMMENT ON COLUMN feature_state.list.states IS
  'one row an entity: its latest events; in a shared list one for each session that has written it at the same time';
COMMENT ON COLUMN feature_state.list.chunks IS 'sealed runs of older events';
COMMENT ON COLUMN feature_state.list.shared IS 'whether several sessions write one entity at the same time';

SELECT pg_catalog.pg_extension_config_dump('feature_state.view_id', '');
SELECT pg_catalog.pg_extension_config_dump('feature_state.view', '');
SELECT pg_catalog.pg_extension_config_dump('feature_state.list', '');
