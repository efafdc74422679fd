# pg_upgrade takes feature views to another major version of PostgreSQL, with copied files and with links: they go on where
# they were.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib "$ENV{TESTDIR}/tap";
use FeatureViews;

my ($old_programs, $new_programs) = map { "$_/bin" } my @installations = @ENV{ 'OLD_INSTALLATION', 'NEW_INSTALLATION' };
# Checksums are on since 18 unless told, and must be the same in both.
my @initdb = (extra => [ '--locale=C', '--encoding=UTF8', '--data-checksums' ]);

sub new_cluster {
	my ($name, $installation) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name, install_path => $installation);
	$node->init(@initdb);
	$node->append_conf('postgresql.conf', "fsync = off\nmax_wal_senders = 0\nwal_level = minimal");
	return $node;
}

sub upgrade {
	my ($old, $new, @options) = @_;
	return [ "$new_programs/pg_upgrade", '-d', $old->data_dir, '-D', $new->data_dir, '-b', $old_programs, '-B', $new_programs,
		'-s', $new->host, '-p', $old->port, '-P', $new->port, @options ];
}

my $old = new_cluster('old', $installations[0]);
$old->start;
$old->safe_psql('postgres', 'CREATE ROLE keeper LOGIN; CREATE DATABASE kept OWNER keeper; CREATE DATABASE released');
$old->safe_psql('postgres', views());
$old->safe_psql('postgres', rows(1, 20000));
is($old->safe_psql('postgres', views_differ()), '0|20000|19800|20000|20000', 'views of the old cluster');

# Values that hold OIDs, in states and in the hashes of keys. pg_upgrade keeps those of types, labels and relations; of others
# it refuses to take columns, but cannot look into states.
my %not_kept = (name_of_function => 'values of type regproc', state_of_collation => 'states of aggregate mode');
my %holds_oids = (
	domain => 'lag(amount) OVER w',
	enum => 'lag(mood) OVER w',
	enum_array => 'lag(moods) OVER w',
	enum_key => 'count(*) OVER (PARTITION BY mood ORDER BY t)',
	composite => '(lag(pair) OVER w).a',
	own_range => 'lag(own_span) OVER w',
	reference => 'lag(reference) OVER w',
	state_of_domain => 'feature.mode(amount) OVER w',
	state_of_collation => 'feature.mode(k COLLATE own) OVER w',
	state_of_numeric => 'sum(v) OVER w',
	name_of_function => '(lag(f::regproc) OVER w)::text',
);
my $row = q{INSERT INTO held SELECT i, 'k', timestamptz '2024-01-01' + i * interval '1 hour', 7, 'ok', '{ok,sad}', '(1,x)', '[1,3)', 'held', 0.5, 'own_function'
	FROM generate_series(%d, %d) i};
$old->safe_psql('kept', q{
	SET ROLE keeper;
	CREATE EXTENSION feature_ext;
	CREATE FUNCTION own_function() RETURNS int LANGUAGE sql AS 'SELECT 1';
	CREATE TYPE mood AS ENUM ('sad', 'ok');
	CREATE DOMAIN amount AS int;
	CREATE TYPE pair AS (a int, b text);
	CREATE TYPE own_span AS RANGE (subtype = int);
	CREATE COLLATION own (locale = 'C');
	CREATE TABLE held (id int PRIMARY KEY, k text, t timestamptz NOT NULL, amount amount, mood mood, moods mood[], pair pair,
		own_span own_span, reference regclass, v numeric, f text)});
for my $name (sort keys %holds_oids) {
	$old->safe_psql('kept', qq{SET ROLE keeper; SELECT feature.create_view('$name',
		\$\$ SELECT id, t, $holds_oids{$name} AS f FROM held WINDOW w AS (PARTITION BY k ORDER BY t) \$\$)});
}
$old->safe_psql('kept', sprintf $row, 1, 300);

# A database whose extension has not been updated.
$old->safe_psql('released', q{
	CREATE EXTENSION feature_ext VERSION '0.1';
	CREATE TABLE events (id int PRIMARY KEY, k text, t timestamptz NOT NULL);
	SELECT feature.create_view('counts', 'SELECT id, t, count(*) OVER (PARTITION BY k ORDER BY t) AS n FROM events');
	INSERT INTO events SELECT i, 'k' || i % 3, timestamptz '2024-01-01' + i * interval '1 hour' FROM generate_series(1, 300) i});
$old->stop;

# Files are copied first: links leave nothing to start the old cluster with.
for my $mode ('copy', 'link') {
	my @mode = $mode eq 'link' ? '--link' : ();
	my $new = new_cluster($mode, $installations[1]);
	command_ok(upgrade($old, $new, @mode, '--check'), "pg_upgrade --check finds nothing: $mode");
	command_ok(upgrade($old, $new, @mode), 'the cluster is upgraded');
	$new->start;

	is($new->safe_psql('postgres', views_differ()), '0|20000|19800|20000|20000', 'all kinds of views are there');
	is($new->safe_psql('postgres', diverted()), '200', 'and diverted rows');
	$new->safe_psql('postgres', rows(20001, 20500));
	is($new->safe_psql('postgres', views_differ()), '0|20500|20295|20500|20500', 'they go on');
	is($new->safe_psql('postgres', diverted()), '205', 'and divert');
	$new->safe_psql('postgres', q{UPDATE web.visits SET t = t + interval '1 second' WHERE id = 20500; DELETE FROM app.payments WHERE id = 20499});
	is($new->safe_psql('postgres', views_differ()), '0|20500|20294|20499|20500', 'updates and deletes are followed');
	is($new->safe_psql('postgres', q{SELECT feature.refresh('app.takings')}), '20499', 'a view is computed anew');
	$new->safe_psql('postgres', q{SELECT feature.drop_view('web.visitors')});
	is($new->safe_psql('postgres', q{SELECT count(*) FROM pg_trigger WHERE tgrelid = 'web.visits'::regclass}), '0', 'one is dropped with its triggers');

	for my $name (sort keys %holds_oids) {
		is($new->safe_psql('kept', "SELECT sum(mismatches), min(rows_compared) FROM feature.verify('$name')"), '0|300', "$name is there");
	}
	my $insert = sprintf $row, 301, 310;
	for my $name (sort keys %not_kept) {
		$new->psql('kept', "SET ROLE keeper; $insert", stderr => \my $complaint);
		like($complaint, qr/feature view "$name" must be refreshed.*DETAIL:  .*the cluster was upgraded, which does not keep the OIDs in $not_kept{$name}/s,
			"$name is refused");
		is($new->safe_psql('kept', "SET ROLE keeper; SELECT feature.refresh('$name')"), '300', 'until it is refreshed');
	}
	$new->psql('kept', "SET ROLE keeper; $insert", stderr => \my $complaint);
	is($complaint, '', 'then, and all others at once, goes on');
	for my $name (sort keys %holds_oids) {
		is($new->safe_psql('kept', "SELECT sum(mismatches), min(rows_compared) FROM feature.verify('$name')"), '0|310', "$name goes on");
	}

	$new->safe_psql('released', q{INSERT INTO events VALUES (301, 'k1', '2024-02-01')});
	is($new->safe_psql('released', q{SELECT sum(mismatches), min(rows_compared) FROM feature.verify('counts')}), '0|301', 'a view of the released version goes on');
	$new->safe_psql('released', q{ALTER EXTENSION feature_ext UPDATE; INSERT INTO events VALUES (302, 'k1', '2024-02-02')});
	is($new->safe_psql('released', q{SELECT sum(mismatches), min(rows_compared) FROM feature.verify('counts')}), '0|302', 'and after the update of the extension');
	$new->stop;
}

done_testing();
