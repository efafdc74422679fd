-- The boundary between C++ and PostgreSQL: whichever side fails, the user gets the error with all its parts, and every
-- C++ object on the way is destroyed. `live` counts those that are not: it is 0 in every row.
\getenv modules FEATURE_TEST_MODULES
\set library :modules '/boundary'
CREATE SCHEMA boundary;
CREATE FUNCTION boundary.live() RETURNS int AS :'library', 'boundary_live' LANGUAGE C;
CREATE FUNCTION boundary.throw(what text) RETURNS void AS :'library', 'boundary_throw' LANGUAGE C;
CREATE FUNCTION boundary.allocate(bytes bigint) RETURNS bigint AS :'library', 'boundary_allocate' LANGUAGE C;
CREATE FUNCTION boundary.raise(depth int) RETURNS void AS :'library', 'boundary_raise' LANGUAGE C;
CREATE FUNCTION boundary.rethrow() RETURNS void AS :'library', 'boundary_rethrow' LANGUAGE C;
CREATE FUNCTION boundary.raise_while_handling() RETURNS void AS :'library', 'boundary_raise_while_handling' LANGUAGE C;
CREATE FUNCTION boundary.catch_in_subtransaction(command text) RETURNS text
  AS :'library', 'boundary_catch_in_subtransaction' LANGUAGE C;
CREATE FUNCTION boundary.catch_many(count int) RETURNS bigint AS :'library', 'boundary_catch_many' LANGUAGE C;
CREATE FUNCTION boundary.nest(depth int) RETURNS void AS :'library', 'boundary_nest' LANGUAGE C;
CREATE FUNCTION boundary.wait() RETURNS void AS :'library', 'boundary_wait' LANGUAGE C;
CREATE TABLE boundary.log (entry text);

CREATE FUNCTION boundary.attempt(command text, OUT state text, OUT message text, OUT detail text, OUT hint text,
                                 OUT live int) LANGUAGE plpgsql AS $$
BEGIN
  BEGIN
    EXECUTE command;
  EXCEPTION WHEN query_canceled OR others THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
                            detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
  END;
  live := boundary.live();
END $$;

-- C++ exceptions become errors with an SQLSTATE of their own.
SELECT what, a.*
  FROM unnest(ARRAY['runtime_error', 'corrupt_state', 'out_of_range', 'invalid_text', 'bad_alloc', 'int', 'sql_error',
                    'sql_error with everything', 'nothing']) WITH ORDINALITY AS w (what, n),
       boundary.attempt(format('SELECT boundary.throw(%L)', what)) a
 ORDER BY n;

-- Out of memory in a kernel container.
SELECT * FROM boundary.attempt('SELECT boundary.allocate(100)');
SELECT * FROM boundary.attempt('SELECT boundary.allocate(4611686018427387904)');

-- At top level, with the position in the query that an error speaks of.
SELECT boundary.throw('sql_error with everything');
SELECT boundary.live();

-- Errors of the backend pass C++ frames.
SELECT depth, a.*
  FROM (VALUES (0), (1), (50)) d (depth), boundary.attempt(format('SELECT boundary.raise(%s)', depth)) a
 ORDER BY depth;
SELECT * FROM boundary.attempt('SELECT boundary.rethrow()');
SELECT * FROM boundary.attempt('SELECT boundary.raise_while_handling()');
SELECT boundary.raise(3);
SELECT boundary.live();

-- A caught error is over: the transaction goes on, and what the failed command did is undone.
BEGIN;
SELECT boundary.catch_in_subtransaction('INSERT INTO boundary.log SELECT ''lost '' || 1 / 0');
SELECT boundary.catch_in_subtransaction('SELECT boundary.raise(2)');
SELECT boundary.catch_in_subtransaction('SELECT boundary.throw(''int'')');
COMMIT;
SELECT entry, count(*) FROM boundary.log GROUP BY entry;
SELECT boundary.live();

-- The 60 MB of text in two thousand caught errors are given back.
SELECT boundary.catch_many(2000) < 1000000 AS memory_is_given_back, boundary.live();

-- Guards within calls within guards, through SQL.
SELECT depth, a.*
  FROM (VALUES (0), (1), (20)) d (depth), boundary.attempt(format('SELECT boundary.nest(%s)', depth)) a
 ORDER BY depth;

-- A cancelled query is an error like any other.
SET statement_timeout = '50ms';
SELECT * FROM boundary.attempt('SELECT boundary.wait()');
SELECT boundary.wait();
RESET statement_timeout;
SELECT boundary.live();

SET client_min_messages = warning;
DROP SCHEMA boundary CASCADE;
