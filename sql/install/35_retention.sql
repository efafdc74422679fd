-- new in 0.2
-- retention ----------------------------------------------------------------------------------------------------------

CREATE FUNCTION feature.expire(view regclass, older_than "any", source boolean DEFAULT false) RETURNS bigint
  AS 'MODULE_PATHNAME', 'feature_expire' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION feature.expire(regclass, "any", boolean) IS
  'removes feature rows, and source rows if asked, with earlier event times; features of other rows and states stay';

CREATE FUNCTION feature.forget(view regclass, entity jsonb) RETURNS bigint
  AS 'MODULE_PATHNAME', 'feature_forget' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION feature.forget(regclass, jsonb) IS
  'deletes the source rows of one entity, with their feature rows and the entity''s state; returns their number';
