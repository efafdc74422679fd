-- aggregates ---------------------------------------------------------------------------------------------------------

-- All aggregates ignore NULL. Those that depend on the order of input are PARALLEL RESTRICTED, because workers do not
-- keep it; their combine functions put the left state before the right one.

CREATE FUNCTION feature.value_counts_accum(internal, anyelement) RETURNS internal
  AS 'MODULE_PATHNAME', 'feature_value_counts_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION feature.value_counts_accum(internal, anyelement) IS
  'support function of feature.count_distinct, feature.mode and feature.entropy';

CREATE FUNCTION feature.value_counts_accum_inv(internal, anyelement) RETURNS internal
  AS 'MODULE_PATHNAME', 'feature_value_counts_accum_inv' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION feature.value_counts_accum_inv(internal, anyelement) IS
  'support function of feature.count_distinct, feature.mode and feature.entropy';

CREATE FUNCTION feature.value_counts_combine(internal, internal) RETURNS internal
  AS 'MODULE_PATHNAME', 'feature_value_counts_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION feature.value_counts_combine(internal, internal) IS
  'support function of feature.count_distinct, feature.mode, feature.top_n and feature.entropy';

CREATE FUNCTION feature.value_counts_serialize(internal) RETURNS bytea
  AS 'MODULE_PATHNAME', 'feature_value_counts_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION feature.value_counts_serialize(internal) IS
  'support function of feature.count_distinct, feature.mode, feature.top_n and feature.entropy';

CREATE FUNCTION feature.value_counts_deserialize(bytea, internal) RETURNS internal
  AS 'MODULE_PATHNAME', 'feature_value_counts_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION feature.value_counts_deserialize(bytea, internal) IS
  'support function of feature.count_distinct, feature.mode, feature.top_n and feature.entropy';

CREATE FUNCTION feature.count_distinct_final(internal) RETURNS bigint
  AS 'MODULE_PATHNAME', 'feature_count_distinct_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION feature.count_distinct_final(internal) IS 'support function of feature.count_distinct';

CREATE FUNCTION feature.mode_final(internal, anyelement) RETURNS anyelement
  AS 'MODULE_PATHNAME', 'feature_mode_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION feature.mode_final(internal, anyelement) IS 'support function of feature.mode';

CREATE FUNCTION feature.top_n_accum(internal, anyelement, integer) RETURNS internal
  AS 'MODULE_PATHNAME', 'feature_top_n_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION feature.top_n_accum(internal, anyelement, integer) IS 'support function of feature.top_n';

CREATE FUNCTION feature.top_n_accum_inv(internal, anyelement, integer) RETURNS internal
  AS 'MODULE_PATHNAME', 'feature_top_n_accum_inv' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION feature.top_n_accum_inv(internal, anyelement, integer) IS 'support function of feature.top_n';

CREATE FUNCTION feature.top_n_final(internal, anyelement, integer) RETURNS anyarray
  AS 'MODULE_PATHNAME', 'feature_top_n_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION feature.top_n_final(internal, anyelement, integer) IS 'support function of feature.top_n';

CREATE FUNCTION feature.entropy_final(internal) RETURNS double precision
  AS 'MODULE_PATHNAME', 'feature_entropy_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION feature.entropy_final(internal) IS 'support function of feature.entropy';

CREATE AGGREGATE feature.count_distinct(x anyelement) (
  SFUNC = feature.value_counts_accum, STYPE = internal, FINALFUNC = feature.count_distinct_final,
  COMBINEFUNC = feature.value_counts_combine, SERIALFUNC = feature.value_counts_serialize,
  DESERIALFUNC = feature.value_counts_deserialize,
  MSFUNC = feature.value_counts_accum, MINVFUNC = feature.value_counts_accum_inv, MSTYPE = internal,
  MFINALFUNC = feature.count_distinct_final,
  PARALLEL = SAFE
);
COMMENT ON AGGREGATE feature.count_distinct(anyelement) IS
  'number of different values';

CREATE AGGREGATE feature.mode(x anyelement) (
  SFUNC = feature.value_counts_accum, STYPE = internal, FINALFUNC = feature.mode_final, FINALFUNC_EXTRA,
  COMBINEFUNC = feature.value_counts_combine, SERIALFUNC = feature.value_counts_serialize,
  DESERIALFUNC = feature.value_counts_deserialize,
  MSFUNC = feature.value_counts_accum, MINVFUNC = feature.value_counts_accum_inv, MSTYPE = internal,
  MFINALFUNC = feature.mode_final, MFINALFUNC_EXTRA,
  PARALLEL = SAFE
);
COMMENT ON AGGREGATE feature.mode(anyelement) IS
  'most frequent value; the smallest of equally frequent ones';

CREATE AGGREGATE feature.top_n(x anyelement, n integer) (
  SFUNC = feature.top_n_accum, STYPE = internal, FINALFUNC = feature.top_n_final, FINALFUNC_EXTRA,
  COMBINEFUNC = feature.value_counts_combine, SERIALFUNC = feature.value_counts_serialize,
  DESERIALFUNC = feature.value_counts_deserialize,
  MSFUNC = feature.top_n_accum, MINVFUNC = feature.top_n_accum_inv, MSTYPE = internal,
  MFINALFUNC = feature.top_n_final, MFINALFUNC_EXTRA,
  PARALLEL = SAFE
);
COMMENT ON AGGREGATE feature.top_n(anyelement, integer) IS
  'the n most frequent values, most frequent first, equally frequent ones in ascending order';

CREATE AGGREGATE feature.entropy(x anyelement) (
  SFUNC = feature.value_counts_accum, STYPE = internal, FINALFUNC = feature.entropy_final,
  COMBINEFUNC = feature.value_counts_combine, SERIALFUNC = feature.value_counts_serialize,
  DESERIALFUNC = feature.value_counts_deserialize,
  MSFUNC = feature.value_counts_accum, MINVFUNC = feature.value_counts_accum_inv, MSTYPE = internal,
  MFINALFUNC = feature.entropy_final,
  PARALLEL = SAFE
);
COMMENT ON AGGREGATE feature.entropy(anyelement) IS
  'Shannon entropy of the values in bits';

CREATE FUNCTION feature.percentile_accum(internal, double precision, double precision) RETURNS internal
  AS 'MODULE_PATHNAME', 'feature_percentile_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION feature.percentile_accum(internal, double precision, double precision) IS
  'support function of feature.percentile';

CREATE FUNCTION feature.percentile_accum_inv(internal, double precision, double precision) RETURNS internal
  AS 'MODULE_PATHNAME', 'feature_percentile_accum_inv' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION feature.percentile_accum_inv(internal, double precision, double precision) IS
  'support function of feature.percentile';

CREATE FUNCTION feature.median_accum(internal, double precision) RETURNS internal
  AS 'MODULE_PATHNAME', 'feature_median_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION feature.median_accum(internal, double precision) IS 'support function of feature.median';

CREATE FUNCTION feature.median_accum_inv(internal, double precision) RETURNS internal
  AS 'MODULE_PATHNAME', 'feature_median_accum_inv' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION feature.median_accum_inv(internal, double precision) IS 'support function of feature.median';

CREATE FUNCTION feature.percentile_combine(internal, internal) RETURNS internal
  AS 'MODULE_PATHNAME', 'feature_percentile_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION feature.percentile_combine(internal, internal) IS
  'support function of feature.percentile and feature.median';

CREATE FUNCTION feature.percentile_serialize(internal) RETURNS bytea
  AS 'MODULE_PATHNAME', 'feature_percentile_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION feature.percentile_serialize(internal) IS
  'support function of feature.percentile and feature.median';

CREATE FUNCTION feature.percentile_deserialize(bytea, internal) RETURNS internal
  AS 'MODULE_PATHNAME', 'feature_percentile_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION feature.percentile_deserialize(bytea, internal) IS
  'support function of feature.percentile and feature.median';

CREATE FUNCTION feature.percentile_final(internal) RETURNS double precision
  AS 'MODULE_PATHNAME', 'feature_percentile_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION feature.percentile_final(internal) IS 'support function of feature.percentile and feature.median';

CREATE AGGREGATE feature.percentile(x double precision, fraction double precision) (
  SFUNC = feature.percentile_accum, STYPE = internal, FINALFUNC = feature.percentile_final,
  COMBINEFUNC = feature.percentile_combine, SERIALFUNC = feature.percentile_serialize,
  DESERIALFUNC = feature.percentile_deserialize,
  MSFUNC = feature.percentile_accum, MINVFUNC = feature.percentile_accum_inv, MSTYPE = internal,
  MFINALFUNC = feature.percentile_final,
  PARALLEL = SAFE
);
COMMENT ON AGGREGATE feature.percentile(double precision, double precision) IS
  'value below which a fraction of the values lies, interpolated as by percentile_cont';

CREATE AGGREGATE feature.median(x double precision) (
  SFUNC = feature.median_accum, STYPE = internal, FINALFUNC = feature.percentile_final,
  COMBINEFUNC = feature.percentile_combine, SERIALFUNC = feature.percentile_serialize,
  DESERIALFUNC = feature.percentile_deserialize,
  MSFUNC = feature.median_accum, MINVFUNC = feature.median_accum_inv, MSTYPE = internal,
  MFINALFUNC = feature.percentile_final,
  PARALLEL = SAFE
);
COMMENT ON AGGREGATE feature.median(double precision) IS
  'middle value, or the mean of the two middle ones';

CREATE FUNCTION feature.ew_accum(internal, double precision, timestamp with time zone, interval) RETURNS internal
  AS 'MODULE_PATHNAME', 'feature_ew_accum_timestamp' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION feature.ew_accum(internal, double precision, timestamp with time zone, interval) IS
  'support function of feature.ew_sum and feature.ew_avg';

CREATE FUNCTION feature.ew_accum(internal, double precision, timestamp without time zone, interval) RETURNS internal
  AS 'MODULE_PATHNAME', 'feature_ew_accum_timestamp' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION feature.ew_accum(internal, double precision, timestamp without time zone, interval) IS
  'support function of feature.ew_sum and feature.ew_avg';

CREATE FUNCTION feature.ew_accum(internal, double precision, bigint, bigint) RETURNS internal
  AS 'MODULE_PATHNAME', 'feature_ew_accum_bigint' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION feature.ew_accum(internal, double precision, bigint, bigint) IS
  'support function of feature.ew_sum and feature.ew_avg';

CREATE FUNCTION feature.ew_combine(internal, internal) RETURNS internal
  AS 'MODULE_PATHNAME', 'feature_ew_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION feature.ew_combine(internal, internal) IS 'support function of feature.ew_sum and feature.ew_avg';

CREATE FUNCTION feature.ew_serialize(internal) RETURNS bytea
  AS 'MODULE_PATHNAME', 'feature_ew_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION feature.ew_serialize(internal) IS 'support function of feature.ew_sum and feature.ew_avg';

CREATE FUNCTION feature.ew_deserialize(bytea, internal) RETURNS internal
  AS 'MODULE_PATHNAME', 'feature_ew_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION feature.ew_deserialize(bytea, internal) IS 'support function of feature.ew_sum and feature.ew_avg';

CREATE FUNCTION feature.ew_sum_final(internal) RETURNS double precision
  AS 'MODULE_PATHNAME', 'feature_ew_sum_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION feature.ew_sum_final(internal) IS 'support function of feature.ew_sum';

CREATE FUNCTION feature.ew_avg_final(internal) RETURNS double precision
  AS 'MODULE_PATHNAME', 'feature_ew_avg_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION feature.ew_avg_final(internal) IS 'support function of feature.ew_avg';

CREATE AGGREGATE feature.ew_sum(x double precision, at timestamp with time zone, half_life interval) (
  SFUNC = feature.ew_accum, STYPE = internal, FINALFUNC = feature.ew_sum_final,
  COMBINEFUNC = feature.ew_combine, SERIALFUNC = feature.ew_serialize,
  DESERIALFUNC = feature.ew_deserialize,
  PARALLEL = SAFE
);
COMMENT ON AGGREGATE feature.ew_sum(double precision, timestamp with time zone, interval) IS
  'sum in which a value counts half after each half-life before the latest time';

CREATE AGGREGATE feature.ew_sum(x double precision, at timestamp without time zone, half_life interval) (
  SFUNC = feature.ew_accum, STYPE = internal, FINALFUNC = feature.ew_sum_final,
  COMBINEFUNC = feature.ew_combine, SERIALFUNC = feature.ew_serialize,
  DESERIALFUNC = feature.ew_deserialize,
  PARALLEL = SAFE
);
COMMENT ON AGGREGATE feature.ew_sum(double precision, timestamp without time zone, interval) IS
  'sum in which a value counts half after each half-life before the latest time';

CREATE AGGREGATE feature.ew_sum(x double precision, at bigint, half_life bigint) (
  SFUNC = feature.ew_accum, STYPE = internal, FINALFUNC = feature.ew_sum_final,
  COMBINEFUNC = feature.ew_combine, SERIALFUNC = feature.ew_serialize,
  DESERIALFUNC = feature.ew_deserialize,
  PARALLEL = SAFE
);
COMMENT ON AGGREGATE feature.ew_sum(double precision, bigint, bigint) IS
  'sum in which a value counts half after each half-life before the latest time';

CREATE AGGREGATE feature.ew_avg(x double precision, at timestamp with time zone, half_life interval) (
  SFUNC = feature.ew_accum, STYPE = internal, FINALFUNC = feature.ew_avg_final,
  COMBINEFUNC = feature.ew_combine, SERIALFUNC = feature.ew_serialize,
  DESERIALFUNC = feature.ew_deserialize,
  PARALLEL = SAFE
);
COMMENT ON AGGREGATE feature.ew_avg(double precision, timestamp with time zone, interval) IS
  'average in which a value counts half after each half-life before the latest time';

CREATE AGGREGATE feature.ew_avg(x double precision, at timestamp without time zone, half_life interval) (
  SFUNC = feature.ew_accum, STYPE = internal, FINALFUNC = feature.ew_avg_final,
  COMBINEFUNC = feature.ew_combine, SERIALFUNC = feature.ew_serialize,
  DESERIALFUNC = feature.ew_deserialize,
  PARALLEL = SAFE
);
COMMENT ON AGGREGATE feature.ew_avg(double precision, timestamp without time zone, interval) IS
  'average in which a value counts half after each half-life before the latest time';

CREATE AGGREGATE feature.ew_avg(x double precision, at bigint, half_life bigint) (
  SFUNC = feature.ew_accum, STYPE = internal, FINALFUNC = feature.ew_avg_final,
  COMBINEFUNC = feature.ew_combine, SERIALFUNC = feature.ew_serialize,
  DESERIALFUNC = feature.ew_deserialize,
  PARALLEL = SAFE
);
COMMENT ON AGGREGATE feature.ew_avg(double precision, bigint, bigint) IS
  'average in which a value counts half after each half-life before the latest time';

CREATE FUNCTION feature.change_count_accum(internal, anyelement) RETURNS internal
  AS 'MODULE_PATHNAME', 'feature_change_count_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION feature.change_count_accum(internal, anyelement) IS 'support function of feature.change_count';

CREATE FUNCTION feature.change_count_combine(internal, internal) RETURNS internal
  AS 'MODULE_PATHNAME', 'feature_change_count_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION feature.change_count_combine(internal, internal) IS 'support function of feature.change_count';

CREATE FUNCTION feature.change_count_serialize(internal) RETURNS bytea
  AS 'MODULE_PATHNAME', 'feature_change_count_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION feature.change_count_serialize(internal) IS 'support function of feature.change_count';

CREATE FUNCTION feature.change_count_deserialize(bytea, internal) RETURNS internal
  AS 'MODULE_PATHNAME', 'feature_change_count_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION feature.change_count_deserialize(bytea, internal) IS 'support function of feature.change_count';

CREATE FUNCTION feature.change_count_final(internal) RETURNS bigint
  AS 'MODULE_PATHNAME', 'feature_change_count_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION feature.change_count_final(internal) IS 'support function of feature.change_count';

CREATE AGGREGATE feature.change_count(x anyelement) (
  SFUNC = feature.change_count_accum, STYPE = internal, FINALFUNC = feature.change_count_final,
  COMBINEFUNC = feature.change_count_combine, SERIALFUNC = feature.change_count_serialize,
  DESERIALFUNC = feature.change_count_deserialize,
  PARALLEL = RESTRICTED
);
COMMENT ON AGGREGATE feature.change_count(anyelement) IS
  'how often a value differs from the one before it, in the order of input';

CREATE FUNCTION feature.drawdown_accum(internal, double precision) RETURNS internal
  AS 'MODULE_PATHNAME', 'feature_drawdown_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION feature.drawdown_accum(internal, double precision) IS 'support function of feature.drawdown';

CREATE FUNCTION feature.drawdown_combine(internal, internal) RETURNS internal
  AS 'MODULE_PATHNAME', 'feature_drawdown_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION feature.drawdown_combine(internal, internal) IS 'support function of feature.drawdown';

CREATE FUNCTION feature.drawdown_serialize(internal) RETURNS bytea
  AS 'MODULE_PATHNAME', 'feature_drawdown_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION feature.drawdown_serialize(internal) IS 'support function of feature.drawdown';

CREATE FUNCTION feature.drawdown_deserialize(bytea, internal) RETURNS internal
  AS 'MODULE_PATHNAME', 'feature_drawdown_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION feature.drawdown_deserialize(bytea, internal) IS 'support function of feature.drawdown';

CREATE FUNCTION feature.drawdown_final(internal) RETURNS double precision
  AS 'MODULE_PATHNAME', 'feature_drawdown_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION feature.drawdown_final(internal) IS 'support function of feature.drawdown';

CREATE AGGREGATE feature.drawdown(x double precision) (
  SFUNC = feature.drawdown_accum, STYPE = internal, FINALFUNC = feature.drawdown_final,
  COMBINEFUNC = feature.drawdown_combine, SERIALFUNC = feature.drawdown_serialize,
  DESERIALFUNC = feature.drawdown_deserialize,
  PARALLEL = RESTRICTED
);
COMMENT ON AGGREGATE feature.drawdown(double precision) IS
  'greatest fall from a value to a later one, in the order of input';

CREATE FUNCTION feature.last_distinct_accum(internal, anyelement, integer) RETURNS internal
  AS 'MODULE_PATHNAME', 'feature_last_distinct_accum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION feature.last_distinct_accum(internal, anyelement, integer) IS
  'support function of feature.last_distinct';

CREATE FUNCTION feature.last_distinct_combine(internal, internal) RETURNS internal
  AS 'MODULE_PATHNAME', 'feature_last_distinct_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION feature.last_distinct_combine(internal, internal) IS 'support function of feature.last_distinct';

CREATE FUNCTION feature.last_distinct_serialize(internal) RETURNS bytea
  AS 'MODULE_PATHNAME', 'feature_last_distinct_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION feature.last_distinct_serialize(internal) IS 'support function of feature.last_distinct';

CREATE FUNCTION feature.last_distinct_deserialize(bytea, internal) RETURNS internal
  AS 'MODULE_PATHNAME', 'feature_last_distinct_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION feature.last_distinct_deserialize(bytea, internal) IS 'support function of feature.last_distinct';

CREATE FUNCTION feature.last_distinct_final(internal, anyelement, integer) RETURNS anyarray
  AS 'MODULE_PATHNAME', 'feature_last_distinct_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION feature.last_distinct_final(internal, anyelement, integer) IS
  'support function of feature.last_distinct';

CREATE AGGREGATE feature.last_distinct(x anyelement, n integer) (
  SFUNC = feature.last_distinct_accum, STYPE = internal, FINALFUNC = feature.last_distinct_final, FINALFUNC_EXTRA,
  COMBINEFUNC = feature.last_distinct_combine, SERIALFUNC = feature.last_distinct_serialize,
  DESERIALFUNC = feature.last_distinct_deserialize,
  PARALLEL = RESTRICTED
);
COMMENT ON AGGREGATE feature.last_distinct(anyelement, integer) IS
  'the last n different values in the order of input, latest first';
