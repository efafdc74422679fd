# A disk without room: whichever table or index cannot grow, source, features, states or chunks, the statement fails with
# 53100, nothing has changed, and the session goes on. The nth write to a table fails, for n from 1 on, until the statement
# needs fewer.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $faults = "$ENV{FEATURE_TEST_MODULES}/faults.so";
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => [ '--locale=C', '--encoding=UTF8' ]);
$node->append_conf('postgresql.conf', "fsync = off\nlog_min_messages = fatal\nautovacuum = off");
{
	local $ENV{LD_PRELOAD} = $faults;
	$node->start;
}
$node->safe_psql('postgres', qq{
	CREATE SCHEMA faults;
	CREATE FUNCTION faults.fail_write(bigint) RETURNS void LANGUAGE c AS '$faults', 'fail_write';
	CREATE FUNCTION faults.happened() RETURNS bool LANGUAGE c AS '$faults', 'happened';
});
$node->safe_psql('postgres', q{
	CREATE EXTENSION feature_ext;
	CREATE TABLE payments (id int PRIMARY KEY, card text, t timestamptz NOT NULL, note text);
	SELECT feature.create_view('spend', 'SELECT id, card, t, count(*) OVER w AS n, lag(note) OVER w AS last, count(*) OVER (PARTITION BY id % 100 ORDER BY t RANGE ''1 day'' PRECEDING) AS n_day
	  FROM payments WINDOW w AS (PARTITION BY card ORDER BY t)');
	INSERT INTO payments SELECT i, 'c' || i % 5, timestamptz '2024-01-01' + i * interval '1 minute', repeat('x', i % 50) FROM generate_series(1, 2000) i;
});

my $insert = q{INSERT INTO payments SELECT i, 'c' || i % 5, timestamptz '2024-01-01' + i * interval '1 minute', repeat('x', i % 50) FROM generate_series(%s) i};
my $batch = sprintf $insert, '10000, 13000';
my $verify = q{SELECT count(*), sum(mismatches), min(rows_compared) FROM feature.verify('spend')};
my ($n, $failed, $step, %where, @others) = (0, 0, 1);
for ($n = 1;; $n += $step) {
	my ($out, $err);
	$node->psql('postgres', "SELECT faults.fail_write($n); $batch; SELECT 'happened ' || faults.happened(); SELECT 'rows ' || count(*) FROM payments; SELECT 'rows ' || count(*) FROM spend",
		on_error_stop => 0, stdout => \$out, stderr => \$err, extra_params => [ '-v', 'VERBOSITY=verbose' ]);
	if ($out =~ /happened false/) {
		is($out =~ s/.*?(rows \d+\nrows \d+)/$1/sr, "rows 5001\nrows 5001", 'the statement succeeds once it needs fewer');
		last;
	}
	$failed++;
	$where{$1}++ if $err =~ /file "base\/\d+\/(\d+)/;
	push @others, "$n: $err" unless $err =~ /ERROR:  53100: could not (?:extend|write)/ && $out =~ /rows 2000\nrows 2000$/;
	last if @others;
}
cmp_ok($failed, '>', 10, "failed for lack of room $failed times");
cmp_ok(scalar(keys %where), '>', 4, 'of several tables and indexes');
is(join("\n", @others), '', 'always with 53100, with nothing changed, and the session went on');
is($node->safe_psql('postgres', $verify), '6|0|5001', 'all features are right');
is($node->safe_psql('postgres', sprintf($insert, '20000, 20100') . ";$verify"), '6|0|5102', 'and it goes on');

$node->stop;
done_testing();
