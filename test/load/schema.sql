-- What writers.py writes to.
--
-- `day` is the same for all rows. So all events of `arrivals` are of one time, and stand in the order in which they were
-- processed: a lifetime count is an entity's row's number in that order. `in_order` reads these numbers as event times, and
-- so is what a plain query computes in processing order. `timed` goes by the clients' clocks, which are apart, some rows
-- being 20 seconds late.
CREATE TABLE writes (
  id        bigint PRIMARY KEY,
  statement bigint NOT NULL,
  batch     int NOT NULL,
  user_id   text NOT NULL,
  shop      int NOT NULL,
  visit     bigint NOT NULL,
  t         timestamptz NOT NULL,
  amount    int NOT NULL,
  day       date NOT NULL DEFAULT '2024-01-01'
);

SELECT feature.create_view('arrivals', $$
  SELECT id, statement, batch, user_id, shop, visit, t, amount,
         count(*) OVER by_user AS n_user,
         count(*) OVER by_shop AS n_shop,
         count(*) OVER by_visit AS n_visit,
         count(*) OVER (PARTITION BY user_id, shop ORDER BY day) AS n_both,
         sum(amount) OVER by_user AS spent,
         lag(id) OVER by_user AS before,
         lag(id, 3) OVER by_shop AS before_in_shop,
         sum(amount) OVER (PARTITION BY user_id ORDER BY day ROWS 9 PRECEDING) AS spent_10
  FROM writes
  WINDOW by_user AS (PARTITION BY user_id ORDER BY day), by_shop AS (PARTITION BY shop ORDER BY day),
         by_visit AS (PARTITION BY visit ORDER BY day) $$);
CREATE UNIQUE INDEX ON arrivals (id);

SELECT feature.create_view('in_order', $$
  SELECT id, n_user, spent, before, spent_10,
         count(*) OVER w AS n, sum(amount) OVER w AS total, lag(id) OVER w AS last,
         sum(amount) OVER (PARTITION BY user_id ORDER BY n_user ROWS 9 PRECEDING) AS last_10,
         max(amount) OVER (PARTITION BY user_id ORDER BY n_user RANGE 99 PRECEDING) AS most,
         feature.percentile(amount, 0.5) OVER (PARTITION BY user_id ORDER BY n_user RANGE 49 PRECEDING) AS middle
  FROM arrivals WINDOW w AS (PARTITION BY user_id ORDER BY n_user) $$);

SELECT feature.create_view('timed', $$
  SELECT id, count(*) OVER w AS n, sum(amount) OVER w AS total, max(amount) OVER recent AS most, count(*) OVER recent AS n_recent
  FROM writes
  WINDOW w AS (PARTITION BY user_id ORDER BY t), recent AS (PARTITION BY user_id ORDER BY t RANGE '2 s' PRECEDING) $$);

-- Written to alone: the entities of `graded` are known only row by row, but for users, of which there are to be many.
CREATE TABLE scores (LIKE writes INCLUDING ALL);

SELECT feature.create_view('graded', $$
  SELECT *, count(*) OVER (PARTITION BY rest ORDER BY day) AS n_rest
  FROM (SELECT *, n_grade % 4 AS rest
        FROM (SELECT *, count(*) OVER by_grade AS n_grade, sum(amount) OVER by_grade AS total
              FROM (SELECT *, count(*) OVER by_user AS n_user, max(amount) OVER by_user / 50 AS grade
                    FROM scores WINDOW by_user AS (PARTITION BY user_id ORDER BY day)) users
              WINDOW by_grade AS (PARTITION BY grade ORDER BY day)) grades) rests $$);
