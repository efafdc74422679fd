-- feature.expire removes old rows and changes nothing else; feature.forget removes one entity altogether.
\set VERBOSITY default
SET client_min_messages = warning;
CREATE SCHEMA expire_and_forget;
SET search_path = expire_and_forget;
SET timezone = 'UTC';
SET datestyle = 'ISO';

CREATE TABLE payments (id int PRIMARY KEY, card text, shop text, at timestamptz NOT NULL, amount int);
SELECT feature.create_view('spend', $$
  SELECT id, card, at, count(*) OVER c AS n, sum(amount) OVER s AS shop_total
  FROM payments WINDOW c AS (PARTITION BY card ORDER BY at), s AS (PARTITION BY shop ORDER BY at) $$);
INSERT INTO payments
SELECT i, (ARRAY['anna', 'bert', NULL])[1 + i % 3], 'shop' || i % 2, timestamptz '2024-01-01' + i * interval '1 day', i FROM generate_series(1, 12) i;

-- Feature rows go, states and the source stay.
SELECT feature.expire('spend', '2024-01-05');
SELECT min(at), count(*) FROM spend;
SELECT count(*) FROM payments;
INSERT INTO payments VALUES (13, 'anna', 'shop1', '2024-01-14', 13);
SELECT * FROM spend WHERE id = 13;
-- The source's rows, too. A view on the view, and another view on the source, must have let them go before.
SELECT feature.create_view('on_spend', 'SELECT id, at, max(n) OVER (PARTITION BY card ORDER BY at) AS most FROM spend');
SELECT feature.create_view('other', 'SELECT id, at, count(*) OVER (ORDER BY at) AS n FROM payments');
SELECT feature.expire('spend', timestamptz '2024-01-08', source => true);
SELECT feature.expire('on_spend', '2024-01-08');
SELECT feature.expire('spend', '2024-01-08', true);
SELECT feature.expire('other', '2024-01-08');
SELECT feature.expire('spend', '2024-01-08', true);
SELECT (SELECT min(at) FROM payments) AS payments, (SELECT min(at) FROM spend) AS spend, (SELECT min(at) FROM on_spend) AS on_spend, (SELECT min(at) FROM other) AS other;
INSERT INTO payments VALUES (14, 'anna', 'shop1', '2024-01-15', 14);
SELECT s.*, most, o.n AS all_rows FROM spend s JOIN on_spend USING (id) JOIN other o USING (id) WHERE id = 14;
-- Corrections go on for what is left.
DELETE FROM payments WHERE id = 13;
INSERT INTO payments VALUES (15, 'anna', 'shop1', '2024-01-16', 15);
SELECT s.*, most, o.n AS all_rows FROM spend s JOIN on_spend USING (id) JOIN other o USING (id) WHERE id = 15;

-- What cannot be expired.
SELECT feature.expire('payments', '2024-01-08');
SELECT feature.expire('spend', 42);
SELECT feature.expire('spend', 'infinity');
SELECT feature.expire('spend', NULL);
SELECT feature.create_view('timeless', 'SELECT id, count(*) OVER (ORDER BY at) AS n FROM payments');
SELECT feature.expire('timeless', '2024-01-08');
SELECT feature.expire('on_spend', '2024-01-09'), feature.expire('other', '2024-01-09');
SELECT feature.expire('spend', '2024-01-09', true);
SELECT feature.drop_view('timeless');
SELECT feature.create_view('windowless', 'SELECT id FROM payments');
SELECT feature.expire('windowless', '2024-01-08');
SELECT feature.drop_view('windowless');

-- One entity: its rows here and in the views that follow, its part in other entities, its state.
CREATE FUNCTION states(list int) RETURNS TABLE (key text) LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY EXECUTE (SELECT format('SELECT key_1::text FROM %s ORDER BY 1', l.states) FROM feature_state.list l JOIN feature_state.view v ON v.id = l.view
                        WHERE v.relation = 'spend'::regclass AND l.number = $1);
END $$;
SELECT * FROM states(1);
SELECT feature.forget('spend', '{"card": "anna"}');
SELECT * FROM states(1);
SELECT count(*) FILTER (WHERE card = 'anna') AS anna, count(*) FROM spend;
SELECT count(*) FILTER (WHERE card = 'anna') AS anna, count(*) FROM payments;
SELECT count(*) FROM on_spend;
INSERT INTO payments VALUES (20, 'anna', 'shop1', '2024-01-20', 0);
SELECT n, shop_total - (SELECT sum(amount) FROM payments WHERE shop = 'shop1') AS of_expired, (SELECT n FROM other WHERE id = 20) AS all_rows FROM spend WHERE id = 20;
SELECT feature.forget('spend', '{"card": null}');
SELECT count(*) FROM payments WHERE card IS NULL;
SELECT feature.forget('spend', '{"card": "nobody"}');
-- Keys that are expressions go by their text; lists of several keys need all.
SELECT feature.create_view('paired', $$SELECT id, count(*) OVER (PARTITION BY shop, upper(card) ORDER BY at) AS n, count(*) OVER (PARTITION BY upper(card), shop ORDER BY at) AS m FROM payments$$);
SELECT feature.forget('paired', '{"shop": "shop1"}');
SELECT feature.forget('paired', '{"shop": "shop1", "upper(card)": "ANNA"}');
SELECT card, shop FROM payments GROUP BY card, shop ORDER BY card, shop;
SELECT feature.forget('paired', '{}');
SELECT feature.forget('paired', '["shop1"]');
SELECT feature.forget('payments', '{"card": "anna"}');
-- Only the owner, who must be allowed to delete.
CREATE ROLE forgetful;
GRANT USAGE ON SCHEMA expire_and_forget TO forgetful;
SET ROLE forgetful;
SELECT feature.forget('expire_and_forget.paired', '{"card": "anna"}');
SELECT feature.expire('expire_and_forget.paired', '2024-01-01');
RESET ROLE;
REVOKE ALL ON SCHEMA expire_and_forget FROM forgetful;
DROP ROLE forgetful;

-- An entity can be forgotten though its own past is no longer in the source.
CREATE TABLE visits (id int PRIMARY KEY, who text, at timestamptz NOT NULL);
SELECT feature.create_view('counted', 'SELECT id, who, at, count(*) OVER (PARTITION BY who ORDER BY at RANGE ''1 hour'' PRECEDING) AS n FROM visits', '0');
INSERT INTO visits SELECT i, 'w' || i % 2, timestamptz '2024-01-01' + i * interval '1 minute' FROM generate_series(1, 4000) i;
INSERT INTO visits SELECT i, 'w' || i % 2, timestamptz '2024-01-01' + i * interval '1 minute' FROM generate_series(4001, 8000) i;
SELECT feature.expire('counted', '2024-01-01 01:00', true);
SELECT feature.forget('counted', '{"who": "w0"}') > 3900 AS done;
SELECT who, count(*) > 3900 AS all_but_the_expired FROM counted GROUP BY who;

-- What a trigger keeps from being deleted cannot be forgotten, nor what one brings back.
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER keep BEFORE DELETE ON visits FOR EACH ROW EXECUTE FUNCTION keep();
SELECT feature.forget('counted', '{"who": "w1"}');
DROP TRIGGER keep ON visits;
CREATE FUNCTION bring_back() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO expire_and_forget.visits SELECT 100000, who, at FROM gone ORDER BY at DESC LIMIT 1; RETURN NULL; END';
CREATE TRIGGER bring_back AFTER DELETE ON visits REFERENCING OLD TABLE AS gone EXECUTE FUNCTION bring_back();
SELECT feature.forget('counted', '{"who": "w1"}');
DROP TRIGGER bring_back ON visits;
SELECT count(*) > 3900 AS still_there FROM counted WHERE who = 'w1';

DROP SCHEMA expire_and_forget CASCADE;
