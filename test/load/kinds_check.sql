-- What is wrong after kinds.py: one row a kind of difference, none if all is well.
\set QUIET on
\pset tuples_only on
-- What the states hold shows in rows that come last.
INSERT INTO sales SELECT -row_number() OVER (), 'u' || u, s, 1, timestamptz '2100-01-01' + row_number() OVER () * interval '1 s' FROM generate_series(0, 19) u, generate_series(0, 9) s;
INSERT INTO orders SELECT * FROM sales WHERE id < 0;
INSERT INTO visits SELECT * FROM sales WHERE id < 0;
SELECT format($$SELECT '%1$s: states', count(*) FROM (
  SELECT id, n, total, count(*) OVER (PARTITION BY user_id ORDER BY t) AS c_n, sum(v) OVER (PARTITION BY shop ORDER BY t) AS c_total FROM %1$s) both_ways
  WHERE id < 0 AND (n, total) IS DISTINCT FROM (c_n, c_total) HAVING count(*) > 0$$, view) FROM unnest('{plain,diverting,on_diverting,nested,shared,keyed}'::text[]) view
UNION ALL
-- Each row of the source has a feature row or an entry.
SELECT format($$SELECT '%1$s: rows', count(*) FROM (
  SELECT id, user_id, shop, v, t FROM %2$s EXCEPT ALL (SELECT id, user_id, shop, v, t FROM %1$s
    UNION ALL SELECT r.* FROM feature.errors e, jsonb_to_record(e."row") r (id bigint, user_id text, shop int, v int, t timestamptz) WHERE e.relation = '%1$s'::regclass)) missing HAVING count(*) > 0$$, view, source)
FROM (VALUES ('plain', '(SELECT * FROM sales WHERE v < 9) s'), ('diverting', 'sales'), ('on_diverting', 'diverting'), ('nested', 'orders'), ('shared', 'orders'), ('keyed', 'visits')) v (view, source)
UNION ALL
SELECT format($$SELECT '%1$s: number of rows', count(*) FROM %2$s HAVING count(*) <> (SELECT count(*) FROM %1$s) + (SELECT count(*) FROM feature.errors WHERE relation = '%1$s'::regclass)$$, view, source)
FROM (VALUES ('plain', '(SELECT * FROM sales WHERE v < 9) s'), ('diverting', 'sales'), ('on_diverting', 'diverting'), ('nested', 'orders'), ('shared', 'orders'), ('keyed', 'visits')) v (view, source)
\gexec
DELETE FROM sales WHERE id < 0;
DELETE FROM orders WHERE id < 0;
DELETE FROM visits WHERE id < 0;
