# Feature views live in ordinary WAL-logged tables: a standby has the same features and states and writes nothing, goes on
# without a break when it is promoted, and a backup can be recovered to a moment.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1, has_archiving => 1, extra => [ '--locale=C', '--encoding=UTF8' ]);
$primary->append_conf('postgresql.conf', 'fsync = off');
$primary->start;
$primary->safe_psql('postgres', q{
	CREATE EXTENSION feature_ext;
	CREATE TABLE payments (id int PRIMARY KEY, card text, t timestamptz NOT NULL, v int);
	SELECT feature.create_view('spend', 'SELECT id, card, t, sum(v) OVER w AS total, count(*) OVER w AS n, lag(v) OVER w AS last,
	  feature.percentile(v, 0.5) OVER (PARTITION BY card ORDER BY t RANGE ''1 hour'' PRECEDING) AS middle
	  FROM payments WINDOW w AS (PARTITION BY card ORDER BY t)')});
my $insert = q{INSERT INTO payments SELECT i, 'c' || i %% 3, timestamptz '2024-01-01' + i * interval '1 minute', i FROM generate_series(%d, %d) i};
my $verify = q{SELECT sum(mismatches), min(rows_compared) FROM feature.verify('spend')};
$primary->safe_psql('postgres', sprintf $insert, 1, 2000);

$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;

# Moments to recover to: a named one, between transactions, and one within a transaction that is still open there.
$primary->safe_psql('postgres', sprintf $insert, 2001, 2500);
$primary->safe_psql('postgres', "SELECT pg_create_restore_point('before_the_mistake')");
$primary->safe_psql('postgres', q{DELETE FROM spend WHERE id % 2 = 0});
sleep 1;  # a moment that is later than the commit, and earlier than the next one
my $time = $primary->safe_psql('postgres', 'SELECT clock_timestamp()');
sleep 1;
$primary->safe_psql('postgres', sprintf $insert, 2501, 2600);
$primary->safe_psql('postgres', "SELECT feature.refresh('spend')");
is($primary->safe_psql('postgres', $verify), '0|2600', 'the primary is right');
$primary->wait_for_catchup($standby);

# The standby.
is($standby->safe_psql('postgres', $verify), '0|2600', 'feature.verify runs on a standby, and finds no difference');
for my $statement (sprintf($insert, 2601, 2601), "SELECT feature.refresh('spend')", "SELECT feature.drop_view('spend')",
	"SELECT feature.create_view('other', 'SELECT id, count(*) OVER (ORDER BY t) AS n FROM payments')") {
	my ($out, $err);
	$standby->psql('postgres', $statement, stdout => \$out, stderr => \$err, extra_params => [ '-v', 'VERBOSITY=verbose' ]);
	like($err, qr/ERROR:  (?:25006|55000: cannot acquire lock)/, "a standby refuses: $statement");
}

# Promotion, with the primary gone in the middle of a transaction's work.
$primary->stop('immediate');
$standby->promote;
is($standby->safe_psql('postgres', sprintf($insert, 2601, 3000) . "; $verify"), '0|3000', 'the promoted standby goes on');
is($standby->safe_psql('postgres', q{
	INSERT INTO payments VALUES (4000, 'c1', '2024-01-01 00:30:30', 5), (4001, 'new', '2024-01-01', 1);
	SELECT n, last FROM spend WHERE id >= 4000 ORDER BY id}), "11|28\n1|", 'with late rows and new entities');
$standby->stop;

# Recovery to a moment.
$primary->start;
$primary->safe_psql('postgres', 'SELECT pg_switch_wal()');
sub recovered {
	my ($name, $target) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init_from_backup($primary, 'backup', has_restoring => 1);
	$node->append_conf('postgresql.conf', "$target\nrecovery_target_action = 'promote'\nrecovery_target_timeline = 'current'");
	$node->start;
	$node->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'recovery does not end';
	return $node;
}
my $named = recovered('named', "recovery_target_name = 'before_the_mistake'");
is($named->safe_psql('postgres', $verify), '0|2500', 'recovered to a restore point: rows, features and states of that moment');
is($named->safe_psql('postgres', sprintf($insert, 2501, 2600) . "; $verify"), '0|2600', 'and it goes on from there');
$named->stop;
my $timed = recovered('timed', "recovery_target_time = '$time'");
is($timed->safe_psql('postgres', 'SELECT (SELECT count(*) FROM payments), (SELECT count(*) FROM spend), (SELECT max(events) FROM feature.stats)'),
	'2500|1250|2500', 'recovered to a time');
is($timed->safe_psql('postgres', "SELECT feature.refresh('spend'); " . sprintf($insert, 2501, 2600) . "; $verify"), "2500\n0|2600",
	'where what was lost can be computed anew');
$timed->stop;
$primary->stop;
done_testing();
