-- feature_ext 0.1 to 0.2: what has changed. The Makefile puts behind it those files of sql/install/ that say "new in 0.2".
-- A test compares what an update leaves with what CREATE EXTENSION makes.

\echo Use "ALTER EXTENSION feature_ext UPDATE" to load this file. \quit
