# Virtual generated columns, which PostgreSQL has since 18, lie in no row, so that triggers do not see them. In a definition
# they stand for their expressions, on every way that rows take.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => [ '--locale=C', '--encoding=UTF8' ]);
$node->append_conf('postgresql.conf', 'fsync = off');
$node->start;
if ($node->safe_psql('postgres', 'SHOW server_version_num') < 180000) {
	$node->stop;
	plan skip_all => 'needs PostgreSQL 18';
}

sub error_of {
	my ($sql) = @_;
	$node->psql('postgres', $sql, stderr => \my $err);
	return $err;
}
my $mismatches = q{SELECT sum(mismatches), min(rows_compared) FROM feature.verify('spend')};

# Without a primary key, rows are told by all of their columns.
$node->safe_psql('postgres', q{
	CREATE EXTENSION feature_ext;
	CREATE TABLE payments (id int, card text, t timestamptz NOT NULL, cents int, divisor int,
		euros numeric GENERATED ALWAYS AS (cents / 100.0) VIRTUAL, big boolean GENERATED ALWAYS AS (cents > 5000) VIRTUAL,
		kind text GENERATED ALWAYS AS (left(card, 1)) VIRTUAL);
	INSERT INTO payments SELECT i, 'c' || i % 3, timestamptz '2024-01-01' + i * interval '1 minute', i * 10, 1 FROM generate_series(1, 100) i;
	SELECT feature.create_view('spend', $$
		SELECT p.*, 100 / divisor AS ratio, sum(euros) OVER w AS spent, count(*) FILTER (WHERE big) OVER w AS n_big,
			max(euros) OVER (PARTITION BY kind ORDER BY t) AS most, lag(euros) OVER w AS last
		FROM payments p WHERE euros > 0.2 WINDOW w AS (PARTITION BY card ORDER BY t)$$, on_error => 'divert')});
is($node->safe_psql('postgres', $mismatches), '0|98', 'rows that are there');
$node->safe_psql('postgres', q{INSERT INTO payments SELECT i, 'c' || i % 3, timestamptz '2024-01-01' + i * interval '1 minute', i * 100, 1
	FROM generate_series(101, 200) i});
is($node->safe_psql('postgres', $mismatches), '0|198', 'rows that are inserted');
is($node->safe_psql('postgres', q{SELECT euros, big, kind, n_big FROM spend WHERE id = 200}), '200.0000000000000000|t|c|34', 'columns have their values');
$node->safe_psql('postgres', q{UPDATE payments SET cents = cents + 1 WHERE id = 200; DELETE FROM payments WHERE id = 199;
	INSERT INTO payments VALUES (201, 'c1', '2024-01-02', 700, 1)});
is($node->safe_psql('postgres', $mismatches), '0|198', 'an update of what one is made of, and a delete');
is($node->safe_psql('postgres', "SELECT feature.refresh('spend')"), '198', 'a refresh');
is($node->safe_psql('postgres', $mismatches), '0|198', 'is right');

# The expression is that of the time when the definition was given.
$node->safe_psql('postgres', 'ALTER TABLE payments ALTER COLUMN euros SET EXPRESSION AS (cents / 10.0)');
$node->safe_psql('postgres', q{INSERT INTO payments VALUES (205, 'c1', '2024-01-02 00:04', 800, 1)});
is($node->safe_psql('postgres', $mismatches), '0|199', 'another expression of the column leaves the definition as it was');
is($node->safe_psql('postgres', 'SELECT euros FROM spend WHERE id = 205'), '8.0000000000000000', 'and its values');

# A late row is computed from what the source holds, without a row that was diverted, which is known by all of its columns.
$node->safe_psql('postgres', q{INSERT INTO payments VALUES (206, 'c1', '2024-01-03', 100, 0), (207, 'c1', '2024-01-04', 200, 1), (208, 'c1', '2024-01-05', 300, 1)});
is($node->safe_psql('postgres', 'SELECT count(*) FROM feature.errors'), '1', 'a row is diverted');
$node->safe_psql('postgres', q{INSERT INTO payments VALUES (209, 'c1', '2024-01-03 12:00', 400, 1)});
is($node->safe_psql('postgres', q{SELECT spent - (SELECT sum(cents / 100.0) FROM payments WHERE card = 'c1' AND t < '2024-01-03 12:00' AND divisor <> 0 AND cents > 20)
	FROM spend WHERE id = 209}) + 0, 4, 'a late row does not count it');

$node->safe_psql('postgres', q{
	CREATE TABLE visits (id int PRIMARY KEY, t timestamptz NOT NULL, seconds int, minutes int GENERATED ALWAYS AS (seconds / 60) VIRTUAL)
		PARTITION BY RANGE (id);
	CREATE TABLE visits_1 PARTITION OF visits FOR VALUES FROM (1) TO (100);
	SELECT feature.create_view('visited', 'SELECT id, minutes, sum(minutes) OVER (ORDER BY t) AS total FROM visits');
	INSERT INTO visits SELECT i, timestamptz '2024-01-01' + i * interval '1 minute', i * 30 FROM generate_series(1, 50) i;
	INSERT INTO visits_1 VALUES (51, '2024-02-01', 300)});
is($node->safe_psql('postgres', q{SELECT sum(mismatches), min(rows_compared) FROM feature.verify('visited')}), '0|51', 'a partitioned source');
$node->safe_psql('postgres', q{SELECT feature.alter_view('visited', 'SELECT id, minutes, sum(minutes) OVER (ORDER BY t) AS total,
	max(minutes) OVER (ORDER BY t) AS most FROM visits'); INSERT INTO visits VALUES (52, '2024-02-02', 600)});
is($node->safe_psql('postgres', q{SELECT sum(mismatches), min(rows_compared) FROM feature.verify('visited')}), '0|52', 'and an altered view');

# What has to be a column must be a stored one.
$node->safe_psql('postgres', q{CREATE TABLE logins (id int PRIMARY KEY, epoch bigint,
	t timestamp GENERATED ALWAYS AS (timestamp '1970-01-01' + epoch * interval '1 second') VIRTUAL)});
like(error_of(q{SELECT feature.create_view('n', 'SELECT id, count(*) OVER (ORDER BY t) AS n FROM logins')}),
	qr/ERROR:  ORDER BY of a window must be a column of the source table.*HINT:  .*a generated one if the expression is immutable/s, 'an event time that is virtual is refused');

# The owner's own in a feature table.
$node->safe_psql('postgres', q{ALTER TABLE visited ADD COLUMN twice bigint GENERATED ALWAYS AS (total * 2) VIRTUAL;
	INSERT INTO visits VALUES (53, '2024-02-03', 60)});
is($node->safe_psql('postgres', 'SELECT twice = 2 * total FROM visited WHERE id = 53'), 't', 'a virtual column of a feature table');

$node->stop;
done_testing();
