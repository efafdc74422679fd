-- verify -------------------------------------------------------------------------------------------------------------

-- One row a column: rows compared, rows that differ or are missing on one side, and the largest relative error of a
-- number. Rows are paired by the primary key; without one, by the columns that read no window, ties by the rest.
-- Floats are equal up to 1e-9 of the larger one (float4: 1e-6), everything else must be the same; values of types that
-- are not PostgreSQL's own are compared as text. O(n log n) in the rows of the source.
-- The query that it runs is made by feature_state.comparison.
CREATE FUNCTION feature.verify(view regclass)
  RETURNS TABLE (feature text, rows_compared bigint, mismatches bigint, largest_relative_error double precision)
  AS 'MODULE_PATHNAME', 'feature_verify' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION feature.verify(regclass) IS
  'compares a feature view with its definition run as a plain query: one row a column, with mismatches';
