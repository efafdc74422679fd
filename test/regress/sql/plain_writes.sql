-- Finished rows are the same whether they are inserted by plain statements or not.
CREATE TABLE payments (id int PRIMARY KEY, user_id text, at timestamptz NOT NULL, amount numeric);
SELECT feature.create_view('features', $$
  SELECT id, user_id, count(*) OVER w AS n, sum(amount) OVER w AS amount, 100 / amount AS share
  FROM payments WINDOW w AS (PARTITION BY user_id ORDER BY at)$$);
ALTER TABLE features ADD label text DEFAULT 'none';
CREATE TABLE seen (id int, n bigint);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO public.seen VALUES (NEW.id, NEW.n);
  RETURN NULL;
END $$;
CREATE TRIGGER note AFTER INSERT ON features FOR EACH ROW EXECUTE FUNCTION note();

INSERT INTO payments SELECT i, 'u' || i % 2, '2025-01-01'::timestamptz + i * interval '1 min', i FROM generate_series(1, 20) AS i;
SET feature_ext.plain_writes = on;
INSERT INTO payments SELECT i, 'u' || i % 2, '2025-01-01'::timestamptz + i * interval '1 min', i FROM generate_series(21, 40) AS i;
INSERT INTO payments VALUES (41, 'u1', '2025-01-02', NULL);
SELECT * FROM features WHERE id IN (1, 20, 21, 40, 41) ORDER BY id;
SELECT count(*), sum(n) FROM seen;
SELECT sum(mismatches) FROM feature.verify('features');

-- Nothing stays of a statement that fails.
INSERT INTO payments VALUES (50, 'u1', '2025-01-03', 1), (51, 'u1', '2025-01-04', 0);
ALTER TABLE features ADD CHECK (n < 25);
INSERT INTO payments SELECT i, 'u0', '2025-01-03'::timestamptz + i * interval '1 min', i FROM generate_series(60, 70) AS i;
SELECT count(*) FROM features;

RESET feature_ext.plain_writes;

DROP TABLE payments, seen CASCADE;
DROP FUNCTION note;
