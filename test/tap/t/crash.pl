# Crashes lose nothing that was acknowledged: clients write, and a backend is killed with signal 9, or the server stopped
# at once, at a random moment. After each recovery every row whose commit was acknowledged is there with its feature rows,
# and all features are right. What clients write, and how it is checked, is in test/load/.
#
#   CRASH_ROUNDS   how often (20)
#   CRASH_SEED     which moments
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use IPC::Run;
use Time::HiRes qw(sleep);

my $load = "$ENV{TESTDIR}/load";
my $rounds = $ENV{CRASH_ROUNDS} || 20;
my $seed = $ENV{CRASH_SEED} || time;
srand($seed);
note("CRASH_SEED=$seed");

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => [ '--locale=C', '--encoding=UTF8' ]);
# A crash of the server is not one of the machine, so that what it has written is there without fsync. Checkpoints are
# frequent, so that recovery meets pages torn between them.
$node->append_conf('postgresql.conf', q{
fsync = off
full_page_writes = on
restart_after_crash = on
checkpoint_timeout = 30s
max_wal_size = 32MB
wal_level = minimal
max_wal_senders = 0
});
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION feature_ext');
$node->safe_psql('postgres', slurp_file("$load/schema.sql"));
$node->safe_psql('postgres', 'CREATE TABLE acknowledged (id bigint)');

my $file = $node->basedir . '/acknowledged';
my ($killed, $stopped, $clients) = (0, 0, 0);

for my $round (1 .. $rounds) {
	my ($out, $err) = ('', '');
	local $ENV{PGHOST} = $node->host;
	local $ENV{PGPORT} = $node->port;
	local $ENV{PGDATABASE} = 'postgres';
	my $writers = IPC::Run::start([ '/usr/bin/python3', "$load/writers.py", '--clients', 6, '--seconds', 1.2, '--reconnect',
			'--seed', $seed + $round, '--first', $clients, '--acknowledged', $file ], '>', \$out, '2>', \$err);
	$clients += 6;
	sleep(0.3 + rand(0.7));
	if ($round % 2) {
		my @pids = split /\n/, $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE query ~ 'writes' AND pid <> pg_backend_pid()});
		if (@pids) {
			kill 'KILL', $pids[ rand @pids ];
			$killed++;
		}
	} else {
		$node->stop('immediate');
		$stopped++;
		$node->start;
	}
	ok($writers->finish, "round $round: clients go on") or diag($err);
	$node->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()');
	$node->safe_psql('postgres', "COPY acknowledged FROM '$file'");
	my $wrong = $node->safe_psql('postgres', slurp_file("$load/check.sql") . q{
		SELECT 'acknowledged and lost', count(*) FROM acknowledged LEFT JOIN arrivals USING (id) WHERE arrivals.id IS NULL HAVING count(*) > 0});
	is($wrong, '', "round $round: nothing is lost or wrong");
	last if $wrong ne '';
	# Rounds stay short.
	$node->safe_psql('postgres', 'TRUNCATE acknowledged') if $round % 5 == 0;
}
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM writes'), '>', $rounds, 'clients have written');
note("$killed backends killed, $stopped stops");

$node->stop;
done_testing();
