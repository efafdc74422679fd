-- What is wrong after writers.py: one row a kind of difference, none if all is well.
\set QUIET on
\pset tuples_only on

-- Each row has one feature row in each view.
SELECT 'arrivals: rows missing or too many', count(*) FROM (TABLE arrivals) a FULL JOIN writes w USING (id)
WHERE a.id IS NULL OR w.id IS NULL HAVING count(*) > 0;
SELECT 'rows', w, a, o, d FROM (SELECT count(*) FROM writes) w (w), (SELECT count(*) FROM arrivals) a (a),
  (SELECT count(*) FROM in_order) o (o), (SELECT count(*) FROM timed) d (d) WHERE (a, o, d) IS DISTINCT FROM (w, w, w);
SELECT 'graded: rows missing or too many', count(*) FROM graded g FULL JOIN scores s USING (id)
WHERE g.id IS NULL OR s.id IS NULL HAVING count(*) > 0;

-- Lifetime counts have no gap and no number twice.
CREATE TEMP TABLE numbers AS
  SELECT 'user' AS list, user_id AS entity, n_user AS n FROM arrivals UNION ALL
  SELECT 'shop', shop::text, n_shop FROM arrivals UNION ALL
  SELECT 'visit', visit::text, n_visit FROM arrivals UNION ALL
  SELECT 'both', user_id || ' ' || shop, n_both FROM arrivals UNION ALL
  SELECT 'scoring user', user_id, n_user FROM graded UNION ALL
  SELECT 'grade', grade::text, n_grade FROM graded UNION ALL
  SELECT 'rest', rest::text, n_rest FROM graded;
SELECT 'numbers of ' || list, entity, count(*), count(DISTINCT n), min(n), max(n) FROM numbers GROUP BY list, entity
HAVING (count(DISTINCT n), min(n), max(n)) IS DISTINCT FROM (count(*), 1::bigint, count(*)) LIMIT 20;

-- All features of arrivals are those of a plain query in the order of these numbers.
SELECT 'arrivals: features', count(*) FROM (
  SELECT spent, before, before_in_shop, spent_10,
         sum(amount) OVER by_user AS c_spent, lag(id) OVER by_user AS c_before, lag(id, 3) OVER by_shop AS c_before_in_shop,
         sum(amount) OVER (PARTITION BY user_id ORDER BY n_user ROWS 9 PRECEDING) AS c_spent_10
  FROM arrivals
  WINDOW by_user AS (PARTITION BY user_id ORDER BY n_user), by_shop AS (PARTITION BY shop ORDER BY n_shop)) both_ways
WHERE (spent, before, before_in_shop, spent_10) IS DISTINCT FROM (c_spent, c_before, c_before_in_shop, c_spent_10)
HAVING count(*) > 0;
SELECT 'graded: features', count(*) FROM (
  SELECT grade, rest, total, max(amount) OVER (PARTITION BY user_id ORDER BY n_user) / 50 AS c_grade, n_grade % 4 AS c_rest,
         sum(amount) OVER (PARTITION BY grade ORDER BY n_grade) AS c_total
  FROM graded) both_ways
WHERE (grade, rest, total) IS DISTINCT FROM (c_grade, c_rest, c_total) HAVING count(*) > 0;
SELECT 'in_order: ' || feature, mismatches FROM feature.verify('in_order') WHERE mismatches > 0;

-- Rows of one statement were processed in the order of the statement, without others between them.
SELECT 'order within statements', count(*) FROM (
  SELECT n_user, min(n_user) OVER s + row_number() OVER (PARTITION BY statement, user_id ORDER BY id) - 1 AS expected
  FROM arrivals WINDOW s AS (PARTITION BY statement, user_id)) numbered
WHERE n_user <> expected HAVING count(*) > 0;

-- Each feature of timed, from the rows that were processed before or with the row's own. A batch's rows were processed in
-- the order of time.
CREATE TEMP TABLE processed AS
  SELECT id, user_id, t, amount, row_number() OVER (PARTITION BY user_id ORDER BY first, batch, t, id) AS place
  FROM (SELECT *, min(n_user) OVER (PARTITION BY statement, user_id) AS first FROM arrivals) a;
CREATE INDEX ON processed (user_id, t);
ANALYZE processed;
SELECT 'timed: features', count(*) FROM processed p JOIN timed USING (id) CROSS JOIN LATERAL (
  SELECT max(b.amount) AS most, count(*) AS n FROM processed b
  WHERE b.user_id = p.user_id AND b.t BETWEEN p.t - interval '2 s' AND p.t AND b.place <= p.place) recent
WHERE (timed.most, timed.n_recent) IS DISTINCT FROM (recent.most, recent.n) HAVING count(*) > 0;
-- Lifetime features likewise, of a sample: each looks at the whole of its user.
SELECT 'timed: lifetime features', count(*) FROM (SELECT * FROM processed ORDER BY hashint8(id) LIMIT 2000) p
JOIN timed USING (id) CROSS JOIN LATERAL (
  SELECT count(*) AS n, sum(b.amount) AS total FROM processed b
  WHERE b.user_id = p.user_id AND b.t <= p.t AND b.place <= p.place) life
WHERE (timed.n, timed.total) IS DISTINCT FROM (life.n, life.total) HAVING count(*) > 0;
