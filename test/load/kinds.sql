-- What kinds.py writes to: sources whose rows come, change and go, and views of all kinds on them.
CREATE TABLE sales (id bigint PRIMARY KEY, user_id text, shop int, v int, t timestamptz NOT NULL);
SELECT feature.create_view('plain', 'SELECT *, count(*) OVER (PARTITION BY user_id ORDER BY t) AS n, sum(v) OVER (PARTITION BY shop ORDER BY t) AS total FROM sales WHERE v < 9');
SELECT feature.create_view('diverting', 'SELECT *, 100 / v AS part, count(*) OVER (PARTITION BY user_id ORDER BY t) AS n, sum(v) OVER (PARTITION BY shop ORDER BY t) AS total FROM sales', on_error => 'divert');
ALTER TABLE diverting ADD CONSTRAINT unwritable CHECK (v <> 7);
SELECT feature.create_view('on_diverting', 'SELECT id, user_id, shop, v, t, count(*) OVER (PARTITION BY user_id ORDER BY t) AS n, sum(v) OVER (PARTITION BY shop ORDER BY t) AS total FROM diverting');

-- Corrections of these compute all states anew: always, or where events of one time turn out to differ.
CREATE TABLE orders (LIKE sales INCLUDING ALL);
SELECT feature.create_view('nested', 'SELECT id, user_id, shop, v, t, 100 / v AS part, count(*) OVER (PARTITION BY user_id ORDER BY t) AS n, sum(v) OVER (PARTITION BY shop ORDER BY t) AS total, sum(inner_n) OVER (PARTITION BY user_id ORDER BY t) AS recorded FROM (SELECT *, count(*) OVER (PARTITION BY shop ORDER BY t) AS inner_n FROM orders) o', on_error => 'divert');
SELECT feature.create_view('shared', 'SELECT *, 100 / v AS part, count(*) OVER (PARTITION BY user_id ORDER BY t) AS n, sum(v) OVER (PARTITION BY shop ORDER BY t) AS total FROM orders', shared => '{shop}', on_error => 'divert');

-- Corrected seldom, so that statements meet by the entities that results of windows tell.
CREATE TABLE visits (LIKE sales INCLUDING ALL);
SELECT feature.create_view('keyed', 'SELECT id, user_id, shop, v, t, n, total, count(*) OVER (PARTITION BY grade ORDER BY t) AS recorded FROM (SELECT *, count(*) OVER (PARTITION BY user_id ORDER BY t) AS n, sum(v) OVER (PARTITION BY shop ORDER BY t) AS total, max(v) OVER (PARTITION BY user_id ORDER BY t ROWS 3 PRECEDING) AS grade FROM visits) i');
