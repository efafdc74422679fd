-- The features of the standard catalogue as they are computed without the extension: by a trigger FOR EACH ROW that
-- asks the user's raw rows by an index. The user's previous feature row tells what lags need, and the running counts. So
-- it is right for rows that arrive in order of time, with different times for each user, which are all that the load
-- generator makes unless asked.

CREATE SCHEMA floor;
CREATE TABLE floor.transactions (LIKE public.transactions INCLUDING ALL);
CREATE TABLE floor.transaction_features (LIKE public.transaction_features INCLUDING ALL);
CREATE INDEX ON floor.transactions (user_id, "timestamp");

CREATE FUNCTION floor.compute_features() RETURNS trigger LANGUAGE plpgsql AS $function$
DECLARE
  at CONSTANT timestamptz := NEW."timestamp";
  at_10min CONSTANT timestamptz := at - interval '10 minutes';
  at_1h CONSTANT timestamptz := at - interval '1 hour';
BEGIN
  INSERT INTO floor.transaction_features
  SELECT NEW.*, month, hour, day_of_week,
         (hour BETWEEN 9 AND 17)::int, (day_of_week IN (1, 7))::int, (hour >= 22 OR hour <= 6)::int,
         sin(2 * pi() * hour / 24), cos(2 * pi() * hour / 24),
         CASE WHEN NEW.amount > -1 THEN ln(1 + NEW.amount) END,
         CASE WHEN NEW.amount < 10 THEN 'micro' WHEN NEW.amount < 50 THEN 'small' WHEN NEW.amount < 200 THEN 'medium'
              WHEN NEW.amount < 1000 THEN 'large' WHEN NEW.amount < 5000 THEN 'very_large' ELSE 'extreme' END,
         (NEW.amount / 10 - trunc(NEW.amount / 10) = 0)::int, (NEW.amount - trunc(NEW.amount) = 0)::int,
         CASE NEW.merchant_category WHEN 'grocery' THEN 0.02 WHEN 'restaurant' THEN 0.05 WHEN 'gas_station' THEN 0.1
              WHEN 'online_retail' THEN 0.3 WHEN 'atm' THEN 0.4 WHEN 'casino' THEN 0.8
              WHEN 'adult_entertainment' THEN 0.9 ELSE 0.5 END,
         feature.is_private_ip(NEW.ip_address)::int,
         coalesce(p.n, 0) + 1, u.n_1h, u.n_10min, ip_changed, distance, velocity,
         CASE WHEN u.past_avg > 0 THEN NEW.amount / u.past_avg ELSE 1 END,
         CASE WHEN u.past_max > 0 THEN NEW.amount / u.past_max ELSE 1 END,
         zscore, seconds, signals.ip_changes, is_rapid, is_impossible, is_anomaly, score, (score >= 50)::int
  FROM (
    SELECT extract(month FROM at AT TIME ZONE 'UTC')::int AS month,
           extract(hour FROM at AT TIME ZONE 'UTC')::int AS hour,
           extract(dow FROM at AT TIME ZONE 'UTC')::int + 1 AS day_of_week) calendar
  CROSS JOIN (
    SELECT count(*) FILTER (WHERE "timestamp" >= at_1h) AS n_1h,
           count(*) FILTER (WHERE "timestamp" >= at_10min) AS n_10min,
           avg(amount) FILTER (WHERE "timestamp" < at) AS past_avg,
           max(amount) FILTER (WHERE "timestamp" < at) AS past_max
    FROM floor.transactions WHERE user_id = NEW.user_id AND "timestamp" <= at) u
  CROSS JOIN (
    SELECT count(*) AS n, stddev_pop(amount) AS std
    FROM (SELECT amount FROM floor.transactions WHERE user_id = NEW.user_id AND "timestamp" < at
          ORDER BY "timestamp" DESC LIMIT 50) latest) last50
  LEFT JOIN (
    SELECT "timestamp", ip_address, latitude, longitude, user_transaction_count AS n,
           ip_change_count_total AS ip_changes
    FROM floor.transaction_features WHERE user_id = NEW.user_id AND "timestamp" < at
    ORDER BY "timestamp" DESC LIMIT 1) p ON true
  CROSS JOIN LATERAL (
    SELECT coalesce(NEW.ip_address <> p.ip_address, false)::int AS ip_changed,
           feature.haversine_km(p.latitude, p.longitude, NEW.latitude, NEW.longitude) AS distance,
           extract(epoch FROM at - p."timestamp")::float8 AS seconds,
           CASE WHEN last50.n >= 3 AND last50.std > 0 THEN (NEW.amount - u.past_avg) / last50.std END AS zscore) past
  CROSS JOIN LATERAL (
    SELECT CASE WHEN seconds > 0 THEN distance / seconds * 3600 END AS velocity,
           coalesce(p.ip_changes, 0) + ip_changed AS ip_changes,
           (u.n_10min >= 5)::int AS is_rapid,
           coalesce(abs(zscore) > 3, false)::int AS is_anomaly) signals
  CROSS JOIN LATERAL (SELECT coalesce(velocity > 800, false)::int AS is_impossible) speed
  CROSS JOIN LATERAL (
    SELECT least(100, 20 * is_rapid + 30 * is_impossible + 25 * is_anomaly + 15 * (signals.ip_changes >= 5)::int
                      + 10 * (u.n_1h >= 10)::int)::float8 AS score) scored;
  RETURN NULL;
END
$function$;
