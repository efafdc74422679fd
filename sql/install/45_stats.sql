-- statistics ---------------------------------------------------------------------------------------------------------

CREATE FUNCTION feature.list_stats(
  view regclass, OUT list integer, OUT entity text, OUT entities bigint, OUT events bigint, OUT events_kept bigint,
  OUT late_events bigint, OUT chunks bigint, OUT head_bytes bigint, OUT chunk_bytes bigint, OUT total_bytes bigint,
  OUT largest_entity_events bigint, OUT largest_entity text[], OUT newest_event_time text) RETURNS SETOF record
  AS 'MODULE_PATHNAME', 'feature_list_stats' LANGUAGE C STABLE STRICT;
COMMENT ON FUNCTION feature.list_stats(regclass) IS
  'entities, events and sizes of each PARTITION BY list of a feature view';

CREATE FUNCTION feature.session_times(
  view regclass, OUT timed_rows bigint, OUT reading_ms double precision, OUT locking_ms double precision,
  OUT computing_ms double precision, OUT storing_ms double precision, OUT writing_ms double precision) RETURNS record
  AS 'MODULE_PATHNAME', 'feature_session_times' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION feature.session_times(regclass) IS
  'what this session has spent in each stage of computing a feature view since it turned feature_ext.timing on';

CREATE VIEW feature.stats AS
  SELECT v.relation, s.*,
         (SELECT l.shared FROM feature_state.view w JOIN feature_state.list l ON l.view OPERATOR(pg_catalog.=) w.id
          WHERE w.relation::pg_catalog.oid OPERATOR(pg_catalog.=) v.relation::pg_catalog.oid
            AND l.number OPERATOR(pg_catalog.=) s.list) AS shared,
         t.*
  FROM feature.views v
  CROSS JOIN LATERAL feature.list_stats(v.relation) s
  CROSS JOIN LATERAL feature.session_times(v.relation) t;
COMMENT ON VIEW feature.stats IS 'entities, events and sizes of each PARTITION BY list of all feature views';
COMMENT ON COLUMN feature.stats.relation IS 'the feature table';
COMMENT ON COLUMN feature.stats.list IS 'number of the list, as in the names of its state tables';
COMMENT ON COLUMN feature.stats.entity IS 'its PARTITION BY list, () for none';
COMMENT ON COLUMN feature.stats.entities IS 'number of entities';
COMMENT ON COLUMN feature.stats.events IS 'number of events that were processed';
COMMENT ON COLUMN feature.stats.events_kept IS 'how many of them are still kept';
COMMENT ON COLUMN feature.stats.late_events IS 'how many came after one of the same entity with a later time';
COMMENT ON COLUMN feature.stats.chunks IS 'nodes of the trees of older events: leaves and inner nodes';
COMMENT ON COLUMN feature.stats.head_bytes IS 'size of the entities'' heads: their latest events';
COMMENT ON COLUMN feature.stats.chunk_bytes IS 'size of the chunks';
COMMENT ON COLUMN feature.stats.total_bytes IS
  'size on disk of the state tables, with indexes, TOAST and room for further versions';
COMMENT ON COLUMN feature.stats.largest_entity_events IS 'number of events of the entity that has most';
COMMENT ON COLUMN feature.stats.largest_entity IS 'key of that entity, one element a PARTITION BY expression';
COMMENT ON COLUMN feature.stats.newest_event_time IS 'latest event time of all entities';
COMMENT ON COLUMN feature.stats.shared IS 'whether several sessions write one entity of the list at the same time';
COMMENT ON COLUMN feature.stats.timed_rows IS
  'rows of the view that this session has computed since it turned feature_ext.timing on; of the view, like the times below';
COMMENT ON COLUMN feature.stats.reading_ms IS 'its time for reading rows and evaluating their times and keys';
COMMENT ON COLUMN feature.stats.locking_ms IS 'for finding, locking and loading entities, waiting for others included';
COMMENT ON COLUMN feature.stats.computing_ms IS 'for evaluating the definition';
COMMENT ON COLUMN feature.stats.storing_ms IS 'for writing entities';
COMMENT ON COLUMN feature.stats.writing_ms IS 'for writing feature rows';
