-- new in 0.2
-- bad data -----------------------------------------------------------------------------------------------------------

CREATE TABLE feature_state.error (
  id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  view     integer NOT NULL,
  "time"   timestamptz NOT NULL,
  sqlstate text NOT NULL,
  message  text NOT NULL,
  detail   text,
  hint     text,
  context  text,
  feature  text,
  "row"    jsonb NOT NULL,
  row_hash bigint NOT NULL
);
CREATE INDEX ON feature_state.error (view, row_hash);
COMMENT ON TABLE feature_state.error IS
  'rows of sources that a feature view could not process: they have no event in its states and no feature row';
COMMENT ON COLUMN feature_state.error.id IS 'in the order in which they came';
COMMENT ON COLUMN feature_state.error.view IS 'the feature view';
COMMENT ON COLUMN feature_state.error."time" IS 'when the statement that processed it began';
COMMENT ON COLUMN feature_state.error.sqlstate IS 'code of the error';
COMMENT ON COLUMN feature_state.error.message IS 'primary message of the error';
COMMENT ON COLUMN feature_state.error.detail IS 'detail of the error, if it has one';
COMMENT ON COLUMN feature_state.error.hint IS 'hint of the error, if it has one';
COMMENT ON COLUMN feature_state.error.context IS 'where the error was raised';
COMMENT ON COLUMN feature_state.error.feature IS 'the feature that was being computed, where it is known';
COMMENT ON COLUMN feature_state.error."row" IS
  'the row of the source: numbers and booleans as such, other values as the text that their type gives';
COMMENT ON COLUMN feature_state.error.row_hash IS
  'hash of the columns that the definition reads, by which the row is found again when it is updated or deleted';

COMMENT ON SEQUENCE feature_state.error_id_seq IS 'numbers diverted rows';

SELECT pg_catalog.pg_extension_config_dump('feature_state.error', '');
SELECT pg_catalog.pg_extension_config_dump('feature_state.error_id_seq', '');

CREATE VIEW feature.errors WITH (security_barrier) AS
  SELECT v.relation, e."time", e.sqlstate, e.message, e.detail, e.hint, e.context, e.feature, e."row"
  FROM feature_state.error e
  JOIN feature_state.view v ON v.id OPERATOR(pg_catalog.=) e.view
  JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) v.relation::pg_catalog.oid
  WHERE pg_catalog.pg_has_role(c.relowner, 'USAGE');
COMMENT ON VIEW feature.errors IS 'rows that your feature views with on_error => ''divert'' could not process';
COMMENT ON COLUMN feature.errors.relation IS 'the feature table';
COMMENT ON COLUMN feature.errors."time" IS 'when the statement that processed it began';
COMMENT ON COLUMN feature.errors.sqlstate IS 'code of the error';
COMMENT ON COLUMN feature.errors.message IS 'primary message of the error';
COMMENT ON COLUMN feature.errors.detail IS 'detail of the error, if it has one';
COMMENT ON COLUMN feature.errors.hint IS 'hint of the error, if it has one';
COMMENT ON COLUMN feature.errors.context IS 'where the error was raised';
COMMENT ON COLUMN feature.errors.feature IS 'the feature that was being computed, where it is known';
COMMENT ON COLUMN feature.errors."row" IS
  'the row of the source: numbers and booleans as such, other values as the text that their type gives';

CREATE FUNCTION feature.set_on_error(view regclass, on_error text) RETURNS void
  AS 'MODULE_PATHNAME', 'feature_set_on_error' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION feature.set_on_error(regclass, text) IS
  'what becomes of rows that a feature view cannot process: ''abort'' their statement, or ''divert'' them to feature.errors';

CREATE FUNCTION feature.replay(view regclass) RETURNS bigint
  AS 'MODULE_PATHNAME', 'feature_replay' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION feature.replay(regclass) IS
  'processes the diverted rows of a feature view again, as rows that come now; returns how many succeeded';

GRANT SELECT ON feature.errors TO PUBLIC;
GRANT SELECT, INSERT ON feature_state.error TO pg_database_owner;
GRANT SELECT, UPDATE ON SEQUENCE feature_state.error_id_seq TO pg_database_owner;
