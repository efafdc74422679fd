-- new in 0.2
-- replication --------------------------------------------------------------------------------------------------------

CREATE FUNCTION feature.follow_replication(view regclass, follow boolean DEFAULT true) RETURNS void
  AS 'MODULE_PATHNAME', 'feature_follow_replication' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION feature.follow_replication(regclass, boolean) IS
  'whether a feature view follows what logical replication does to its source; it does not unless this was called';
