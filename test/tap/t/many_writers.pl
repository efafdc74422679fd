# Many sessions that write the same few entities at once lose nothing, count nothing twice, and leave features that are
# those of the order in which rows were processed; and single statements that insert, change and delete in every way do not
# deadlock. What they do is in test/load/.
#
#   WRITERS_SECONDS   how long 16 clients write at READ COMMITTED (5)
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $load = "$ENV{TESTDIR}/load";
my $seconds = $ENV{WRITERS_SECONDS} || 5;
my $python = '/usr/bin/python3';

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => [ '--locale=C', '--encoding=UTF8' ]);
$node->append_conf('postgresql.conf', "fsync = off\nmax_connections = 50");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION feature_ext');
$node->safe_psql('postgres', slurp_file("$load/schema.sql"));
$node->safe_psql('postgres', slurp_file("$load/kinds.sql"));

my $clients = 0;

# Runs a program of test/load, and then what is to hold afterwards.
sub run_for {
	my ($program, $check, $what, $number, $seconds, @options) = @_;
	my ($out, $err);
	local $ENV{PGHOST} = $node->host;
	local $ENV{PGPORT} = $node->port;
	local $ENV{PGDATABASE} = 'postgres';
	my $ok = run_log([ $python, "$load/$program", '--seconds', $seconds, '--clients', $number, '--first', $clients, @options ],
		'>', \$out, '2>', \$err);
	$clients += $number;
	ok($ok, "$what: all statements end well") or diag($err);
	note($out);
	is($node->safe_psql('postgres', slurp_file("$load/$check")), '', "$what: all features are right");
}

sub write_for { run_for('writers.py', 'check.sql', @_); }
sub change_for { run_for('kinds.py', 'kinds_check.sql', @_); }

write_for('single statements', 16, $seconds / 2, '--single-statements');
write_for('keys that are results of windows', 16, $seconds / 2, '--single-statements', '--table', 'scores', '--users', 3000);
write_for('transactions of all kinds', 16, $seconds);
write_for('and on keys that are results of windows', 8, $seconds / 3, '--table', 'scores', '--users', 3000);
write_for('REPEATABLE READ', 8, $seconds / 3, '--isolation', 'repeatable read');
write_for('SERIALIZABLE', 8, $seconds / 3, '--isolation', 'serializable');

change_for("single statements of all kinds, $_", 16, $seconds / 2, '--table', $_) for qw(sales orders visits);

$node->stop;
done_testing();
