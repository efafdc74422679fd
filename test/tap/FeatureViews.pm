# Feature views of each kind, for tests of what carries them elsewhere: dumps and upgrades. Their schemas sort before and
# behind feature_state, since that is the order in which a dump has its data.
package FeatureViews;
use strict;
use warnings;

use Exporter 'import';
our @EXPORT = qw(views rows views_differ diverted);

# SQL that makes sources and views: the standard pipeline, a view that diverts, a shared list, and a partitioned source.
sub views {
	return q{
		CREATE EXTENSION feature_ext;
		SELECT feature.create_transaction_pipeline('public');
		CREATE SCHEMA app;
		CREATE TABLE app.payments (id int PRIMARY KEY, card text, shop text, t timestamptz NOT NULL, v int);
		SELECT feature.create_view('app.spend', $$
			SELECT id, card, t, v, 1000 / v AS inverse, sum(v) OVER w AS total, count(*) OVER w AS n, lag(t) OVER w AS last
			FROM app.payments WINDOW w AS (PARTITION BY card ORDER BY t)$$, on_error => 'divert');
		SELECT feature.create_view('app.takings', $$
			SELECT id, shop, t, count(*) OVER w AS n, sum(v) OVER w AS total
			FROM app.payments WINDOW w AS (PARTITION BY shop ORDER BY t RANGE '2 hours' PRECEDING)$$, shared => '{shop}');
		CREATE SCHEMA web;
		CREATE TABLE web.visits (id int, visitor text, t timestamptz NOT NULL, PRIMARY KEY (id, t)) PARTITION BY RANGE (t);
		CREATE TABLE web.visits_january PARTITION OF web.visits FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
		CREATE TABLE web.visits_later PARTITION OF web.visits DEFAULT;
		SELECT feature.create_view('web.visitors', $$
			SELECT id, t, visitor, count(*) OVER w AS n, min(id) OVER w AS first, max(id) OVER (ORDER BY t) AS newest
			FROM web.visits WINDOW w AS (PARTITION BY visitor ORDER BY t)$$);
	};
}

# SQL that puts the rows with these numbers into each source. Every 100th payment is diverted.
sub rows {
	my ($first, $last) = @_;
	my $t = q{timestamptz '2024-01-31 20:00' + i * interval '1 minute'};
	return qq{
		INSERT INTO public.transactions (transaction_id, "timestamp", user_id, merchant_id, amount, currency, merchant_category,
			payment_method, ip_address, device_id, latitude, longitude, card_type)
		SELECT 't' || i, $t, 'u' || i % 40, 'm' || i % 7, (i * 37 % 1000) / 10.0 + 1, 'EUR', 'c' || i % 5, 'card',
			'10.0.' || i % 3 || '.' || i % 200, 'd' || i % 60, 50 + i % 10, 10 + i % 8, 'debit'
		FROM generate_series($first, $last) i;
		INSERT INTO app.payments
		SELECT i, 'c' || i % 30, 's' || i % 4, $t, CASE WHEN i % 100 = 0 THEN 0 ELSE i % 89 + 1 END
		FROM generate_series($first, $last) i;
		INSERT INTO web.visits SELECT i, 'v' || i % 50, $t FROM generate_series($first, $last) i;
	};
}

# Queries: how many rows are diverted, and in how many values the views differ from their definitions, with the number of
# rows. The plain query has nothing that diverts, so what is diverted is left out: the rows that are there must be right.
sub diverted {
	return 'SELECT count(*) FROM feature.errors';
}

sub views_differ {
	return q{
		WITH differing AS (
			SELECT sum(mismatches) AS n FROM feature.verify('public.transaction_features')
			UNION ALL SELECT sum(mismatches) FROM feature.verify('app.takings')
			UNION ALL SELECT sum(mismatches) FROM feature.verify('web.visitors')
			UNION ALL SELECT count(*) FROM (
				SELECT id, card, t, v, 1000 / v, sum(v) OVER w, count(*) OVER w, lag(t) OVER w
				FROM app.payments WHERE v <> 0 WINDOW w AS (PARTITION BY card ORDER BY t)
				EXCEPT ALL SELECT id, card, t, v, inverse, total, n, last FROM app.spend) missing)
		SELECT sum(n), (SELECT count(*) FROM public.transaction_features), (SELECT count(*) FROM app.spend),
			(SELECT count(*) FROM app.takings), (SELECT count(*) FROM web.visitors)
		FROM differing};
}

1;
