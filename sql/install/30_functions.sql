-- functions ----------------------------------------------------------------------------------------------------------

CREATE FUNCTION feature.create_view(name text, query text, lateness interval DEFAULT '1 hour',
                                    on_error text DEFAULT 'abort', shared text[] DEFAULT '{}') RETURNS regclass
  AS 'MODULE_PATHNAME', 'feature_create_view' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION feature.create_view(text, text, interval, text, text[]) IS
  'creates a table that holds the rows of a definition and follows every insert into the definition''s source table';

CREATE FUNCTION feature.alter_view(view regclass, query text) RETURNS regclass
  AS 'MODULE_PATHNAME', 'feature_alter_view' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION feature.alter_view(regclass, text) IS
  'gives a feature view another definition over the same source: adds, drops and replaces features, and keeps the others';

CREATE FUNCTION feature.drop_view(view regclass) RETURNS void
  AS 'MODULE_PATHNAME', 'feature_drop_view' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION feature.drop_view(regclass) IS
  'drops a feature view with its state; the source table stays';

CREATE FUNCTION feature.refresh(view regclass) RETURNS bigint
  AS 'MODULE_PATHNAME', 'feature_refresh' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION feature.refresh(regclass) IS
  'computes all rows of a feature view anew from its source, in event-time order; returns their number';

CREATE FUNCTION feature.refresh(view regclass, since "any") RETURNS bigint
  AS 'MODULE_PATHNAME', 'feature_refresh' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION feature.refresh(regclass, "any") IS
  'the same for the rows from an event time on; earlier rows stay as they were recorded';

CREATE FUNCTION feature.describe(view regclass, OUT "position" integer, OUT expression text, OUT "window" text,
                                 OUT entity text, OUT attribute smallint) RETURNS SETOF record
  AS 'MODULE_PATHNAME', 'feature_describe' LANGUAGE C STABLE STRICT;
COMMENT ON FUNCTION feature.describe(regclass) IS
  'what each column of a feature view is computed from, in terms of source columns';

CREATE FUNCTION feature.maintain() RETURNS trigger
  AS 'MODULE_PATHNAME', 'feature_maintain' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION feature.maintain() IS 'trigger that keeps a feature view up to date; made by feature.create_view';

-- The schema that the extension is created in is in the search path here, and may be anybody's: operators of views are
-- qualified, as is everything else.
CREATE VIEW feature.views AS
  SELECT v.relation, v.source, v.definition, v.query, v.settings, v.lateness,
         (SELECT pg_catalog.count(*) FROM feature_state.list l WHERE l.view OPERATOR(pg_catalog.=) v.id) AS entity_lists,
         v.on_error
  FROM feature_state.view v
  WHERE EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) v.relation::pg_catalog.oid);
COMMENT ON VIEW feature.views IS 'feature views';
COMMENT ON COLUMN feature.views.relation IS 'the feature table';
COMMENT ON COLUMN feature.views.source IS 'the table that it follows';
COMMENT ON COLUMN feature.views.definition IS 'SQL view with the definition: the same features as a plain query';
COMMENT ON COLUMN feature.views.query IS
  'the definition as it was given to feature.create_view or feature.alter_view';
COMMENT ON COLUMN feature.views.settings IS
  'settings of the session that created it, in force whenever its expressions are evaluated';
COMMENT ON COLUMN feature.views.lateness IS
  'how much longer than its frames look back its events stay in the state; NULL if for ever';
COMMENT ON COLUMN feature.views.entity_lists IS 'number of different PARTITION BY lists';
COMMENT ON COLUMN feature.views.on_error IS
  'whether a row that cannot be processed aborts its statement, or is diverted to feature.errors';

CREATE VIEW feature.columns AS
  SELECT v.relation, d."position", a.attname AS feature, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
         d.expression, d."window", d.entity
  FROM feature.views v
  CROSS JOIN LATERAL feature.describe(v.relation) d
  JOIN pg_catalog.pg_attribute a
    ON a.attrelid OPERATOR(pg_catalog.=) v.relation::pg_catalog.oid AND a.attnum OPERATOR(pg_catalog.=) d.attribute
   AND NOT a.attisdropped;
COMMENT ON VIEW feature.columns IS 'columns of feature views and what they are computed from';
COMMENT ON COLUMN feature.columns.relation IS 'the feature table';
COMMENT ON COLUMN feature.columns."position" IS 'place in the definition, from one';
COMMENT ON COLUMN feature.columns.feature IS 'name of the column';
COMMENT ON COLUMN feature.columns.type IS 'type of the column';
COMMENT ON COLUMN feature.columns.expression IS 'in terms of columns of the source';
COMMENT ON COLUMN feature.columns."window" IS 'windows that are read, below and at this level; NULL if none';
COMMENT ON COLUMN feature.columns.entity IS 'PARTITION BY lists of these windows, () for none; NULL without windows';
