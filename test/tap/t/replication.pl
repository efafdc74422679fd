# Logical replication into a source: its first copy and the changes that are applied afterwards make features, if the view
# was asked to follow them.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $publisher = PostgreSQL::Test::Cluster->new('publisher');
$publisher->init(allows_streaming => 'logical', extra => [ '--locale=C', '--encoding=UTF8' ]);
$publisher->append_conf('postgresql.conf', 'fsync = off');
$publisher->start;
my $subscriber = PostgreSQL::Test::Cluster->new('subscriber');
$subscriber->init(extra => [ '--locale=C', '--encoding=UTF8' ]);
$subscriber->append_conf('postgresql.conf', "fsync = off\nwal_retrieve_retry_interval = 100ms");
$subscriber->start;

# The subscriber's tables have other columns besides, in another order, and other partitions.
$publisher->safe_psql('postgres', q{
	CREATE TABLE payments (id int PRIMARY KEY, card text, t timestamp NOT NULL, v int);
	CREATE TABLE trips (id int, taxi text, t timestamp NOT NULL, km int, PRIMARY KEY (id, t)) PARTITION BY RANGE (t);
	CREATE TABLE trips_1 PARTITION OF trips FOR VALUES FROM ('2024-01-01') TO ('2024-01-02');
	CREATE TABLE trips_2 PARTITION OF trips FOR VALUES FROM ('2024-01-02') TO ('2024-12-31');
	CREATE PUBLICATION all_of_it FOR TABLE payments, trips WITH (publish_via_partition_root = true);
});
$subscriber->safe_psql('postgres', q{
	CREATE EXTENSION feature_ext;
	CREATE TABLE payments (v int, note text DEFAULT 'replicated', id int PRIMARY KEY, t timestamp NOT NULL, card text);
	CREATE TABLE trips (id int, taxi text, t timestamp NOT NULL, km int, PRIMARY KEY (id, t)) PARTITION BY HASH (id);
	CREATE TABLE trips_even (taxi text, km int, t timestamp NOT NULL, id int NOT NULL);
	ALTER TABLE trips ATTACH PARTITION trips_even FOR VALUES WITH (MODULUS 2, REMAINDER 0);
	CREATE TABLE trips_odd PARTITION OF trips FOR VALUES WITH (MODULUS 2, REMAINDER 1);
	SELECT feature.create_view('spend', 'SELECT id, card, t, note, sum(v) OVER w AS total, count(*) OVER w AS n FROM payments WINDOW w AS (PARTITION BY card ORDER BY t)');
	SELECT feature.create_view('most', 'SELECT id, t, max(total) OVER (PARTITION BY card ORDER BY t) AS most FROM spend');
	SELECT feature.create_view('ridden', 'SELECT id, taxi, t, sum(km) OVER w AS total, count(*) OVER w AS n FROM trips WINDOW w AS (PARTITION BY taxi ORDER BY t)');
	SELECT feature.create_view('not_asked', 'SELECT id, t, count(*) OVER (ORDER BY t) AS n FROM payments');
	SELECT feature.follow_replication('spend'), feature.follow_replication('ridden');
});

# Rows of each view, and how many features of it are not what its query gives.
my $views = q{SELECT string_agg(format('%s:%s-%s', relation, rows, wrong), ' ' ORDER BY relation::text)
	FROM (SELECT relation, max(rows_compared) AS rows, sum(mismatches) AS wrong FROM feature.views CROSS JOIN feature.verify(relation)
	      WHERE relation <> 'not_asked'::regclass GROUP BY 1) v};
my ($from, $rows) = (1, 0);
# Both sources get the rows, in an order that is not that of time.
sub insert_rows {
	my ($count) = @_;
	my $to = $from + $count - 1;
	my $values = "SELECT i, 'c' || i % 3, timestamp '2024-01-01' + ($from + (i - $from) * 7 % $count) * interval '1 minute', i FROM generate_series($from, $to) i";
	($from, $rows) = ($to + 1, $rows + $count);
	return "INSERT INTO payments $values; INSERT INTO trips $values; ";
}
sub replicated {
	$publisher->wait_for_catchup('from_publisher');
	return $subscriber->safe_psql('postgres', $views);
}
sub expected { return "most:$rows-0 ridden:$rows-0 spend:$rows-0" }

# 2,000 rows that are there before: the first copy is one statement, and so a batch in the order of time.
$publisher->safe_psql('postgres', insert_rows(2000));
$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION from_publisher CONNECTION '" . $publisher->connstr . q{ dbname=postgres' PUBLICATION all_of_it});
$subscriber->wait_for_subscription_sync($publisher, 'from_publisher');
is(replicated(), expected(), 'the first copy makes features');
is($subscriber->safe_psql('postgres', 'SELECT count(*) FROM not_asked'), '0', 'not of a view that was not asked to follow it');

# Changes come one by one, in the order of the publisher's statements; so these are in the order of time.
for my $batch (1 .. 20) {
	$publisher->safe_psql('postgres', insert_rows(1));
}
$publisher->safe_psql('postgres', 'BEGIN; ' . join('', map { insert_rows(1) } 1 .. 50) . 'COMMIT');
is(replicated(), expected(), 'single rows and a transaction of many are applied');
$publisher->safe_psql('postgres', "BEGIN; INSERT INTO payments VALUES (-1, 'c1', '2024-01-01', 1); ROLLBACK");
is(replicated(), expected(), 'what was rolled back is not');

# A statement whose rows are not in the order of time: these are late rows here.
my $late = 300;
$publisher->safe_psql('postgres', insert_rows($late));
$publisher->wait_for_catchup('from_publisher');
is($subscriber->safe_psql('postgres', q{SELECT sum(events) FROM feature.stats WHERE relation = 'ridden'::regclass}), $rows, 'late rows are counted, once');
is($subscriber->safe_psql('postgres', q{SELECT feature.refresh('spend'), feature.refresh('ridden')}), "$rows|$rows", 'a refresh sees the same rows');
is(replicated(), expected(), 'and puts them in the order of time');
$publisher->safe_psql('postgres', insert_rows(1));
is(replicated(), expected(), 'after which rows are applied as before');

# Rows of the subscriber's own, through triggers of the other kind, on the same entities.
my $own = insert_rows(30);
$own =~ s/payments/payments (id, card, t, v)/;
$subscriber->safe_psql('postgres', $own);
is(replicated(), expected(), 'rows that are inserted on the subscriber are counted with them');

# Corrections: the rows' own features, and the states that later rows are computed from.
$publisher->safe_psql('postgres', q{
	UPDATE payments SET v = v + 1000 WHERE id = 100;
	UPDATE trips SET km = km + 1000 WHERE id = 100;
	DELETE FROM payments WHERE id = 200;
	DELETE FROM trips WHERE id = 200});
$rows--;
$publisher->safe_psql('postgres', insert_rows(1));
$publisher->wait_for_catchup('from_publisher');
my ($newest, $card) = ($from - 1, ($from - 1) % 3);
is($subscriber->safe_psql('postgres', "SELECT (SELECT total FROM spend WHERE id = $newest) = sum(v) FROM payments WHERE card = 'c$card'"), 't',
	'changes and deletions correct the states');
is($subscriber->safe_psql('postgres', "SELECT (SELECT total FROM ridden WHERE id = $newest) = sum(km) FROM trips WHERE taxi = 'c$card'"), 't',
	'of a partitioned source, too');
is($subscriber->safe_psql('postgres', 'SELECT (SELECT count(*) FROM spend WHERE id = 200), (SELECT count(*) FROM ridden WHERE id = 200)'), '0|0',
	'and take feature rows away');
is($subscriber->safe_psql('postgres', q{SELECT feature.refresh('spend'), feature.refresh('ridden')}), "$rows|$rows", 'a refresh sees them');
is(replicated(), expected(), 'and agrees');

# A row that cannot be computed stops the worker, as a row that violates a constraint does, and nothing is lost.
my $log = -s $subscriber->logfile;
$publisher->safe_psql('postgres', q{INSERT INTO payments VALUES (1000000, 'c1', 'infinity', 1)});
$subscriber->wait_for_log(qr/event time "t" of feature view "spend" must be finite/, $log);
$publisher->safe_psql('postgres', insert_rows(1));
is($subscriber->safe_psql('postgres', 'SELECT count(*) FROM payments WHERE id >= 1000000'), '0', 'a row without features is not there');
$subscriber->safe_psql('postgres', q{SELECT feature.follow_replication('spend', false)});
$publisher->wait_for_catchup('from_publisher');
$subscriber->safe_psql('postgres', q{
	DELETE FROM payments WHERE id = 1000000;
	SELECT feature.refresh('spend'), feature.follow_replication('spend')});
is(replicated(), expected(), 'replication goes on when the row is let pass');
$publisher->safe_psql('postgres', insert_rows(1));
is(replicated(), expected(), 'and is followed again');

$publisher->safe_psql('postgres', 'TRUNCATE payments, trips');
$rows = 0;
is(replicated(), expected(), 'TRUNCATE empties the views');
$publisher->safe_psql('postgres', insert_rows(10));
is(replicated(), expected(), 'which fill again');

$subscriber->stop;
$publisher->stop;
done_testing();
