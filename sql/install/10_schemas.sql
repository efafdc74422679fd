-- schemas ------------------------------------------------------------------------------------------------------------

CREATE SCHEMA feature;
COMMENT ON SCHEMA feature IS 'functions and catalogue views of feature_ext';

CREATE SCHEMA feature_state;
COMMENT ON SCHEMA feature_state IS 'definitions and entity states of feature views; kept by feature_ext';

-- type ---------------------------------------------------------------------------------------------------------------

-- The state of one entity: an opaque, versioned and checksummed image of its latest events and of what is known of all
-- events before them.
CREATE TYPE feature.state;

CREATE FUNCTION feature.state_in(cstring) RETURNS feature.state
  AS 'MODULE_PATHNAME', 'feature_state_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION feature.state_in(cstring) IS 'I/O of type feature.state';

CREATE FUNCTION feature.state_out(feature.state) RETURNS cstring
  AS 'MODULE_PATHNAME', 'feature_state_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION feature.state_out(feature.state) IS 'I/O of type feature.state';

CREATE FUNCTION feature.state_recv(internal) RETURNS feature.state
  AS 'MODULE_PATHNAME', 'feature_state_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION feature.state_recv(internal) IS 'I/O of type feature.state';

CREATE FUNCTION feature.state_send(feature.state) RETURNS bytea
  AS 'MODULE_PATHNAME', 'feature_state_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION feature.state_send(feature.state) IS 'I/O of type feature.state';

CREATE TYPE feature.state (
  INPUT          = feature.state_in,
  OUTPUT         = feature.state_out,
  RECEIVE        = feature.state_recv,
  SEND           = feature.state_send,
  INTERNALLENGTH = VARIABLE,
  ALIGNMENT      = int4,
  STORAGE        = main
);
COMMENT ON TYPE feature.state IS 'latest events of one entity and partial results over all earlier ones';
