-- What the users of the single-row figure did before it: 50 transactions each, in event-time order, the latest of them
-- an hour ago. Values have the form of those of the pgbench scripts beside this file.

INSERT INTO transactions
SELECT 's' || number || '-' || person,
       now() - interval '1 hour' - (50 - number) * interval '14 hours' + person * interval '100 milliseconds',
       100000000 + person,
       200000000 + (hashint4(person * 50 + number) & 1023),
       100 + (hashint4(person * 50 + number) & 16383) / 100.0,
       'USD', 'grocery', 'credit_card',
       '203.0.113.' || person % 200 + (number % 10 = 0)::int,
       300000000 + person,
       40 + (hashint4(number) & 511) / 1000.0,
       -74 + (hashint4(person) & 511) / 1000.0,
       'visa'
FROM generate_series(1, 50) number, generate_series(1, :users) person
ORDER BY number, person;
