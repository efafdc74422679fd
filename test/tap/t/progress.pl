# What takes long says how far it is: create_view, refresh and alter_view give notices with rows, rate and time left.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', 'fsync = off');
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION feature_ext;
	CREATE TABLE events (id int PRIMARY KEY, t timestamptz NOT NULL);
	INSERT INTO events SELECT i, timestamptz '2024-01-01' + i * interval '1 minute' FROM generate_series(1, 500) i;
	CREATE FUNCTION slowly(v int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
	  'BEGIN PERFORM pg_sleep(0.01); RETURN v; END'});

sub notices {
	my ($sql, $interval) = @_;
	my ($out, $err);
	$node->psql('postgres', "SET feature_ext.batch_rows = 100; SET feature_ext.progress_interval = '$interval'; $sql",
		stdout => \$out, stderr => \$err);
	return $err;
}

my $progress = qr/NOTICE:  feature view "slow": \d+ of about 500 rows computed, \d+ rows\/s, about \d+ s left/;
like(notices("SELECT feature.create_view('slow', 'SELECT id, t, slowly(id) AS v, count(*) OVER (ORDER BY t) AS n FROM events')", '1s'),
	$progress, 'create_view reports its progress');
like(notices("SELECT feature.refresh('slow')", '1s'), $progress, 'so does refresh');
like(notices("SELECT feature.refresh('slow', '2024-01-01')", '1s'), $progress, 'from a time on');
my $altered = notices("SELECT feature.alter_view('slow', 'SELECT id, t, slowly(id) AS v, sum(id) OVER (ORDER BY t) AS s FROM events')", '1s');
like($altered, $progress, 'so does alter_view');
like($altered, qr/NOTICE:  feature view "slow": writing 500 rows/, 'and says when it changes the table');
is(notices("SELECT feature.refresh('slow')", '1min'), '', 'what is quicker than the interval says nothing');
is(notices("SELECT feature.refresh('slow')", '0'), '', 'and it can be turned off');

$node->stop;
done_testing();
