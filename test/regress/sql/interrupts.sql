-- A cancel or statement_timeout ends whatever can take long at its next step: the fold of a frame, whoever's functions it
-- calls, between the aggregates of a row, and between the states and nodes that are written. A function of the definition
-- cancels its own statement, and what was done after that is counted.
\getenv modules FEATURE_TEST_MODULES
\set library :modules '/interrupts'
CREATE SCHEMA interrupts;
SET search_path = interrupts;
CREATE FUNCTION cancel_at(bigint) RETURNS void STRICT LANGUAGE c AS :'library';
CREATE FUNCTION pass(bigint) RETURNS bigint IMMUTABLE STRICT LANGUAGE c AS :'library';
CREATE FUNCTION pass_other(bigint) RETURNS bigint IMMUTABLE STRICT LANGUAGE c AS :'library';
CREATE FUNCTION count_up(bigint, bigint) RETURNS bigint IMMUTABLE STRICT LANGUAGE c AS :'library';
CREATE FUNCTION pass_row() RETURNS trigger LANGUAGE c AS :'library';
CREATE FUNCTION calls_after() RETURNS bigint LANGUAGE c AS :'library';
CREATE FUNCTION other_calls() RETURNS bigint LANGUAGE c AS :'library';
CREATE AGGREGATE passing(bigint) (SFUNC = count_up, STYPE = bigint, INITCOND = '0');
-- Steps after the cancel, and what was written of tables.
CREATE FUNCTION try(nth bigint, statement text, state_table text) RETURNS TABLE (sqlstate text, steps bigint, others bigint, states bigint) LANGUAGE plpgsql AS $$
DECLARE
  before bigint := pg_stat_get_xact_tuples_updated(state_table::regclass) + pg_stat_get_xact_tuples_inserted(state_table::regclass);
BEGIN
  PERFORM interrupts.cancel_at(nth);
  EXECUTE statement;
  RETURN QUERY SELECT 'none', interrupts.calls_after(), interrupts.other_calls(), 0::bigint;
EXCEPTION WHEN query_canceled THEN
  RETURN QUERY SELECT sqlstate, interrupts.calls_after(), interrupts.other_calls(),
    pg_stat_get_xact_tuples_updated(state_table::regclass) + pg_stat_get_xact_tuples_inserted(state_table::regclass) - before;
END $$;
CREATE TABLE events (id int PRIMARY KEY, k int, v float8);
CREATE FUNCTION table_of(regclass, part text) RETURNS text LANGUAGE sql AS $$
  SELECT format('feature_state.%s_%s_1', part, id) FROM feature_state.view WHERE relation = $1 $$;

-- A frame of 20,000 events, through a function of the aggregate's own.
INSERT INTO events SELECT i, 1, i FROM generate_series(1, 20000) i;
SELECT feature.create_view('folded', 'SELECT id, passing(id) OVER (ORDER BY id ROWS 30000 PRECEDING) AS f FROM events');
SELECT * FROM try(5000, 'INSERT INTO events VALUES (20001, 1, 1)', table_of('folded', 'states'));
SELECT feature.drop_view('folded');
-- Between the aggregates of a row: the argument cancels, none of it is put out.
SELECT feature.create_view('native', 'SELECT id, pass_other(count(*) OVER w + (sum(pass(id)) OVER w)::bigint) AS f
  FROM events WINDOW w AS (ORDER BY id)');
SELECT * FROM try(1, 'INSERT INTO events VALUES (20001, 1, 1)', table_of('native', 'states'));
SELECT feature.drop_view('native');
-- Between states: the last row's output cancels, when all rows are computed and no state is written.
SELECT feature.create_view('states', 'SELECT id, pass(count(*) OVER (PARTITION BY k ORDER BY id)) AS n FROM events');
INSERT INTO events SELECT 30000 + i, i, 1 FROM generate_series(1, 1000) i;
SELECT sqlstate, steps, others, states < 10 AS few_states
FROM try(1000, 'INSERT INTO events SELECT 40000 + i, i, 1 FROM generate_series(1, 1000) i', table_of('states', 'states'));
SELECT feature.drop_view('states');
-- Between the nodes of one entity.
SELECT feature.create_view('nodes', 'SELECT id, pass(count(*) OVER (PARTITION BY k ORDER BY id)) AS n FROM events');
SELECT sqlstate, steps, others, states < 10 AS few_nodes
FROM try(20000, 'INSERT INTO events SELECT 50000 + i, 0, 1 FROM generate_series(1, 20000) i', table_of('nodes', 'chunks'));
-- Nothing of it stays, and the session goes on.
INSERT INTO events VALUES (80000, 0, 1);
SELECT * FROM nodes WHERE id >= 40000;
SELECT sum(mismatches) FROM feature.verify('nodes');
SELECT feature.drop_view('nodes');
-- Between the rows that row triggers collect. Triggers of a row fire in the order of their names.
SELECT feature.create_view('collected', 'SELECT id, count(*) OVER (PARTITION BY k ORDER BY id) AS n FROM events');
CREATE TRIGGER passed AFTER UPDATE OR DELETE ON events FOR EACH ROW EXECUTE FUNCTION pass_row();
SELECT * FROM try(10, 'UPDATE events SET k = 2 WHERE id < 1000', table_of('collected', 'states'));
SELECT * FROM try(10, 'DELETE FROM events WHERE id < 1000', table_of('collected', 'states'));
SELECT * FROM try(10, $$SELECT feature.expire('collected', 1000, source => true)$$, table_of('collected', 'states'));
DROP TRIGGER passed ON events;
SELECT feature.drop_view('collected');
SET client_min_messages = warning;
DROP SCHEMA interrupts CASCADE;
