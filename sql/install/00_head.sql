-- feature_ext 0.2: everything that CREATE EXTENSION makes. The Makefile puts it together from sql/install/, in the order
-- of the file names:
--
--   schemas      feature (what users call), feature_state (what the extension keeps); type feature.state
--   catalogue    feature_state.view, feature_state.list
--   functions    create_view, drop_view, refresh, describe, maintain; feature.views, feature.columns
--   retention    expire, forget
--   verify       verify, feature_state.comparison
--   statistics   list_stats; feature.stats
--   features     haversine_km, is_private_ip
--   aggregates   count_distinct, mode, top_n, entropy; percentile, median; ew_sum, ew_avg; change_count, drawdown,
--                last_distinct
--   standard     standard_transaction_features
--   wide         wide_transaction_features
--   pipeline     create_transaction_pipeline
--   privileges

\echo Use "CREATE EXTENSION feature_ext" to load this file. \quit
