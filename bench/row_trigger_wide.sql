-- The features of the wide catalogue as they are computed without the extension: by a trigger FOR EACH ROW that asks
-- the raw rows, by an index for each entity and one query for each, which answers for all five windows at once. Entities
-- are compared by =, so it is right for rows without NULL keys, which are all that the load generator makes.

CREATE SCHEMA floor;
CREATE TABLE floor.transactions (LIKE public.transactions INCLUDING ALL);
CREATE TABLE floor.transaction_features_wide (LIKE public.transaction_features_wide INCLUDING ALL);
CREATE INDEX ON floor.transactions (user_id, "timestamp");
CREATE INDEX ON floor.transactions (merchant_id, "timestamp");
CREATE INDEX ON floor.transactions (device_id, "timestamp");
CREATE INDEX ON floor.transactions (ip_address, "timestamp");
CREATE INDEX ON floor.transactions (user_id, merchant_id, "timestamp");
CREATE INDEX ON floor.transactions (user_id, device_id, "timestamp");
CREATE INDEX ON floor.transactions (user_id, ip_address, "timestamp");

CREATE FUNCTION floor.compute_features() RETURNS trigger LANGUAGE plpgsql AS $function$
DECLARE
  at CONSTANT timestamptz := NEW."timestamp";
  at_5m CONSTANT timestamptz := at - interval '5 minutes';
  at_15m CONSTANT timestamptz := at - interval '15 minutes';
  at_1h CONSTANT timestamptz := at - interval '1 hour';
  at_6h CONSTANT timestamptz := at - interval '6 hours';
  at_24h CONSTANT timestamptz := at - interval '24 hours';
BEGIN
  INSERT INTO floor.transaction_features_wide
  SELECT *,
         (device_unique_users_1h > 3)::int,
         (ip_unique_users_1h > 5)::int,
         CASE WHEN time_since_last_txn > 0 AND distance_from_prev > 0
              THEN distance_from_prev / (time_since_last_txn / 3600) ELSE 0 END,
         CASE WHEN distance_from_prev < 10 THEN 1.0 WHEN distance_from_prev < 100 THEN 0.8
              WHEN distance_from_prev < 1000 THEN 0.5 ELSE 0.1 END::float8,
         CASE WHEN std_24h > 0 THEN (amount - avg_24h) / std_24h ELSE 0 END,
         (hour BETWEEN 9 AND 17)::int, (day_of_week IN (1, 7))::int, (hour >= 22 OR hour <= 6)::int,
         (hour BETWEEN 6 AND 9)::int, ((month, day) IN ((1, 1), (7, 4), (12, 25)))::int,
         sin(2 * pi() * hour / 24), cos(2 * pi() * hour / 24),
         sin(2 * pi() * day_of_week / 7), cos(2 * pi() * day_of_week / 7),
         sin(2 * pi() * month / 12), cos(2 * pi() * month / 12)
  FROM (
    SELECT NEW.*,
           extract(year FROM at AT TIME ZONE 'UTC')::int AS year,
           extract(month FROM at AT TIME ZONE 'UTC')::int AS month,
           extract(day FROM at AT TIME ZONE 'UTC')::int AS day,
           extract(hour FROM at AT TIME ZONE 'UTC')::int AS hour,
           extract(minute FROM at AT TIME ZONE 'UTC')::int AS minute,
           extract(doy FROM at AT TIME ZONE 'UTC')::int AS day_of_year,
           extract(week FROM at AT TIME ZONE 'UTC')::int AS week_of_year,
           extract(dow FROM at AT TIME ZONE 'UTC')::int + 1 AS day_of_week,
           CASE WHEN NEW.amount > -1 THEN ln(1 + NEW.amount) END,
           CASE WHEN NEW.amount >= 0 THEN sqrt(NEW.amount) END,
           NEW.amount * NEW.amount,
           CASE WHEN NEW.amount < 10 THEN 'micro' WHEN NEW.amount < 50 THEN 'small' WHEN NEW.amount < 200 THEN 'medium'
                WHEN NEW.amount < 1000 THEN 'large' WHEN NEW.amount < 5000 THEN 'very_large' ELSE 'extreme' END,
           (NEW.amount / 10 - trunc(NEW.amount / 10) = 0)::int,
           (NEW.amount - trunc(NEW.amount) = 0)::int,
           u.n_5m, u.sum_5m, u.avg_5m, u.max_5m, u.std_5m, u.n_15m, u.sum_15m, u.avg_15m, u.max_15m, u.std_15m,
           u.n_1h, u.sum_1h, u.avg_1h, u.max_1h, u.std_1h, u.n_6h, u.sum_6h, u.avg_6h, u.max_6h, u.std_6h,
           u.n_24h, u.sum_24h, u.avg_24h, u.max_24h, u.std_24h,
           m.n_5m, m.sum_5m, m.n_15m, m.sum_15m, m.n_1h, m.sum_1h, m.n_6h, m.sum_6h, m.n_24h, m.sum_24h,
           d.n_5m, d.n_15m, d.n_1h, d.n_6h, d.n_24h,
           i.n_5m, i.n_15m, i.n_1h, i.n_6h, i.n_24h,
           extract(epoch FROM at - p."timestamp")::float8 AS time_since_last_txn,
           NEW.amount - p.amount,
           coalesce(NEW.merchant_id <> p.merchant_id, false)::int,
           coalesce(NEW.payment_method <> p.payment_method, false)::int,
           u.merchants_1h, u.payment_methods_1h,
           coalesce(feature.haversine_km(p.latitude, p.longitude, NEW.latitude, NEW.longitude), 0)
             AS distance_from_prev,
           (NOT (NEW.latitude BETWEEN 25 AND 49 AND NEW.longitude BETWEEN -125 AND -66))::int,
           m.users_1h, m.avg_1h, um.n, (um.n = 1)::int,
           d.users_1h AS device_unique_users_1h, d.merchants_1h, ud.n, (ud.n = 1)::int,
           i.users_1h AS ip_unique_users_1h, i.devices_1h, ui.n, (ui.n = 1)::int,
           u.median_24h, u.p95_24h
    FROM (
      SELECT count(*) FILTER (WHERE "timestamp" >= at_5m) AS n_5m,
             sum(amount) FILTER (WHERE "timestamp" >= at_5m) AS sum_5m,
             avg(amount) FILTER (WHERE "timestamp" >= at_5m) AS avg_5m,
             max(amount) FILTER (WHERE "timestamp" >= at_5m) AS max_5m,
             stddev_samp(amount) FILTER (WHERE "timestamp" >= at_5m) AS std_5m,
             count(*) FILTER (WHERE "timestamp" >= at_15m) AS n_15m,
             sum(amount) FILTER (WHERE "timestamp" >= at_15m) AS sum_15m,
             avg(amount) FILTER (WHERE "timestamp" >= at_15m) AS avg_15m,
             max(amount) FILTER (WHERE "timestamp" >= at_15m) AS max_15m,
             stddev_samp(amount) FILTER (WHERE "timestamp" >= at_15m) AS std_15m,
             count(*) FILTER (WHERE "timestamp" >= at_1h) AS n_1h,
             sum(amount) FILTER (WHERE "timestamp" >= at_1h) AS sum_1h,
             avg(amount) FILTER (WHERE "timestamp" >= at_1h) AS avg_1h,
             max(amount) FILTER (WHERE "timestamp" >= at_1h) AS max_1h,
             stddev_samp(amount) FILTER (WHERE "timestamp" >= at_1h) AS std_1h,
             count(*) FILTER (WHERE "timestamp" >= at_6h) AS n_6h,
             sum(amount) FILTER (WHERE "timestamp" >= at_6h) AS sum_6h,
             avg(amount) FILTER (WHERE "timestamp" >= at_6h) AS avg_6h,
             max(amount) FILTER (WHERE "timestamp" >= at_6h) AS max_6h,
             stddev_samp(amount) FILTER (WHERE "timestamp" >= at_6h) AS std_6h,
             count(*) AS n_24h, sum(amount) AS sum_24h, avg(amount) AS avg_24h, max(amount) AS max_24h,
             stddev_samp(amount) AS std_24h,
             percentile_cont(0.5) WITHIN GROUP (ORDER BY amount) AS median_24h,
             percentile_cont(0.95) WITHIN GROUP (ORDER BY amount) AS p95_24h,
             count(DISTINCT merchant_id) FILTER (WHERE "timestamp" >= at_1h) AS merchants_1h,
             count(DISTINCT payment_method) FILTER (WHERE "timestamp" >= at_1h) AS payment_methods_1h
      FROM floor.transactions WHERE user_id = NEW.user_id AND "timestamp" BETWEEN at_24h AND at) u
    CROSS JOIN (
      SELECT count(*) FILTER (WHERE "timestamp" >= at_5m) AS n_5m,
             sum(amount) FILTER (WHERE "timestamp" >= at_5m) AS sum_5m,
             count(*) FILTER (WHERE "timestamp" >= at_15m) AS n_15m,
             sum(amount) FILTER (WHERE "timestamp" >= at_15m) AS sum_15m,
             count(*) FILTER (WHERE "timestamp" >= at_1h) AS n_1h,
             sum(amount) FILTER (WHERE "timestamp" >= at_1h) AS sum_1h,
             avg(amount) FILTER (WHERE "timestamp" >= at_1h) AS avg_1h,
             count(*) FILTER (WHERE "timestamp" >= at_6h) AS n_6h,
             sum(amount) FILTER (WHERE "timestamp" >= at_6h) AS sum_6h,
             count(*) AS n_24h, sum(amount) AS sum_24h,
             count(DISTINCT user_id) FILTER (WHERE "timestamp" >= at_1h) AS users_1h
      FROM floor.transactions WHERE merchant_id = NEW.merchant_id AND "timestamp" BETWEEN at_24h AND at) m
    CROSS JOIN (
      SELECT count(*) FILTER (WHERE "timestamp" >= at_5m) AS n_5m,
             count(*) FILTER (WHERE "timestamp" >= at_15m) AS n_15m,
             count(*) FILTER (WHERE "timestamp" >= at_1h) AS n_1h,
             count(*) FILTER (WHERE "timestamp" >= at_6h) AS n_6h,
             count(*) AS n_24h,
             count(DISTINCT user_id) FILTER (WHERE "timestamp" >= at_1h) AS users_1h,
             count(DISTINCT merchant_id) FILTER (WHERE "timestamp" >= at_1h) AS merchants_1h
      FROM floor.transactions WHERE device_id = NEW.device_id AND "timestamp" BETWEEN at_24h AND at) d
    CROSS JOIN (
      SELECT count(*) FILTER (WHERE "timestamp" >= at_5m) AS n_5m,
             count(*) FILTER (WHERE "timestamp" >= at_15m) AS n_15m,
             count(*) FILTER (WHERE "timestamp" >= at_1h) AS n_1h,
             count(*) FILTER (WHERE "timestamp" >= at_6h) AS n_6h,
             count(*) AS n_24h,
             count(DISTINCT user_id) FILTER (WHERE "timestamp" >= at_1h) AS users_1h,
             count(DISTINCT device_id) FILTER (WHERE "timestamp" >= at_1h) AS devices_1h
      FROM floor.transactions WHERE ip_address = NEW.ip_address AND "timestamp" BETWEEN at_24h AND at) i
    CROSS JOIN (SELECT count(*) AS n FROM floor.transactions
                WHERE user_id = NEW.user_id AND merchant_id = NEW.merchant_id AND "timestamp" <= at) um
    CROSS JOIN (SELECT count(*) AS n FROM floor.transactions
                WHERE user_id = NEW.user_id AND device_id = NEW.device_id AND "timestamp" <= at) ud
    CROSS JOIN (SELECT count(*) AS n FROM floor.transactions
                WHERE user_id = NEW.user_id AND ip_address = NEW.ip_address AND "timestamp" <= at) ui
    LEFT JOIN (SELECT * FROM floor.transactions WHERE user_id = NEW.user_id AND "timestamp" < at
               ORDER BY "timestamp" DESC LIMIT 1) p ON true
  ) features;
  RETURN NULL;
END
$function$;
