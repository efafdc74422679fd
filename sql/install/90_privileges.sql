-- privileges ---------------------------------------------------------------------------------------------------------

GRANT USAGE ON SCHEMA feature TO PUBLIC;
GRANT SELECT ON feature.views, feature.columns, feature.stats TO PUBLIC;
-- Definitions and states belong to the owners of their feature views and are granted to nobody.
GRANT USAGE ON SCHEMA feature_state TO PUBLIC;
-- So that the owner of a database can dump and restore it without being superuser.
GRANT CREATE ON SCHEMA feature_state TO pg_database_owner;
GRANT SELECT, INSERT ON feature_state.view, feature_state.list TO pg_database_owner;
GRANT SELECT, UPDATE ON SEQUENCE feature_state.view_id TO pg_database_owner;
