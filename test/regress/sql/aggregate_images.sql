-- Images of aggregate states: read again they give the same state, and damaged ones give an error, never a crash. What
-- lies within a value is trusted, as it is in a table, so the values here are of types whose bytes may be anything.
\getenv modules FEATURE_TEST_MODULES
\set library :modules '/aggregate_images'
CREATE SCHEMA aggregate_images;
SET search_path = aggregate_images;
CREATE FUNCTION take_in(internal, deserialise regprocedure, combine regprocedure, image bytea) RETURNS internal AS :'library', 'take_in' LANGUAGE C;

-- For every kind of state an aggregate that gives its image, and one that reads images: image_.. and reread_...
CREATE FUNCTION make_image_aggregates(prefix text, accum text, name text, arguments text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE AGGREGATE image_%s(%s) (SFUNC = feature.%s, STYPE = internal, FINALFUNC = feature.%s_serialize)', name, arguments, accum, prefix);
  EXECUTE format('CREATE AGGREGATE reread_%s(regprocedure, regprocedure, bytea) (SFUNC = take_in, STYPE = internal, FINALFUNC = feature.%s_serialize)', name, prefix);
END $$;
CREATE TABLE images (name text, prefix text, image bytea);
CREATE FUNCTION reread(name text, prefix text, image bytea) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
  result bytea;
BEGIN
  EXECUTE format('SELECT reread_%s(%L, %L, $1)', name, format('feature.%s_deserialize(bytea, internal)', prefix), format('feature.%s_combine(internal, internal)', prefix))
    INTO result USING image;
  RETURN result;
END $$;
SELECT make_image_aggregates(prefix, accum, name, arguments)
FROM (VALUES ('value_counts', 'value_counts_accum', 'counts', 'anyelement'), ('value_counts', 'top_n_accum', 'top', 'anyelement, int'),
             ('percentile', 'percentile_accum', 'percentile', 'float8, float8'), ('ew', 'ew_accum', 'ew', 'float8, bigint, bigint'), ('change_count', 'change_count_accum', 'changes', 'anyelement'),
             ('drawdown', 'drawdown_accum', 'drawdown', 'float8'), ('last_distinct', 'last_distinct_accum', 'last', 'anyelement, int')) v (prefix, accum, name, arguments);
INSERT INTO images
  SELECT unnest('{counts,counts,top,changes,changes,last,percentile,drawdown,ew,last}'::text[]), unnest('{value_counts,value_counts,value_counts,change_count,change_count,last_distinct,percentile,drawdown,ew,last_distinct}'::text[]),
         unnest(ARRAY[image_counts(x::text), image_counts(x), image_top(x::text, 2), image_changes(repeat(x::text, 50)), image_changes(x::int8),
                      image_last(x::text, 2), image_percentile(x, 0.5), image_drawdown(x), image_ew(x, x, 2), image_last(x::text::name, 2)])
  FROM unnest('{5,7,NULL,5}'::int[]) x;
SELECT count(*) AS images, count(*) FILTER (WHERE length(reread(name, prefix, image)) = length(image)) AS as_long, count(*) FILTER (WHERE prefix = 'value_counts' OR reread(name, prefix, image) = image) AS the_same FROM images;

-- Every image cut short or lengthened, and every byte of it changed in several ways: read, or refused as damaged.
CREATE FUNCTION attempt(name text, prefix text, image bytea) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM reread(name, prefix, image);
  RETURN 'read';
EXCEPTION WHEN OTHERS THEN
  RETURN sqlstate || ' ' || sqlerrm;
END $$;
SELECT attempt(name, prefix, substr(image, 1, size)) AS cut_short, count(*) > 0 AS seen FROM images, generate_series(0, length(image) - 1) size GROUP BY 1 ORDER BY 1;
SELECT attempt(name, prefix, image || '\x00') AS lengthened, count(*) FROM images GROUP BY 1 ORDER BY 1;
-- Behind the first eight bytes: they are the OIDs of type and collation where there are any.
SELECT attempt(name, prefix, set_byte(image, place, get_byte(image, place) # change)) AS changed, count(*) > 0 AS seen
FROM images, generate_series(8, length(image) - 1) place, unnest('{1,128,255}'::int[]) change GROUP BY 1 ORDER BY 1;
-- The image of a type that is not there.
SELECT attempt(name, prefix, '\xffffff7f'::bytea || substr(image, 5)) AS no_type, count(*) FROM images WHERE name IN ('counts', 'top', 'changes', 'last') GROUP BY 1;
-- Images of one kind of state given to another.
SELECT left(attempt(i.name, i.prefix, o.image), 5) AS other_kind, count(*) > 0 AS seen FROM images i, images o WHERE i.prefix <> o.prefix GROUP BY 1 ORDER BY 1;
DROP SCHEMA aggregate_images CASCADE;
