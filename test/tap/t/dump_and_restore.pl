# A dump carries feature views: the restored database goes on where the dump was taken, for an owner who is not superuser
# as well, and what cannot go on is refused or let pass, never filled wrongly.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib "$ENV{TESTDIR}/tap";
use FeatureViews;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => [ '--locale=C', '--encoding=UTF8' ]);
$node->append_conf('postgresql.conf', 'fsync = off');
$node->start;
$node->safe_psql('postgres', 'CREATE ROLE keeper LOGIN');

# Dumps database $from and restores it into a new one, as keeper or as a superuser; returns what the restore complained of.
# States belong to a superuser, which no other role can make them.
sub dump_and_restore {
	my ($from, $to, $role) = (@_, 'keeper');
	my @options = $role eq 'keeper' ? '--no-owner' : ();
	my $file = $node->basedir . "/$to.sql";
	command_ok([ 'pg_dump', @options, '-U', $role, '-d', $node->connstr($from), '-f', $file ], "$from is dumped by $role");
	$node->safe_psql('postgres', "CREATE DATABASE $to OWNER keeper");
	my ($out, $err);
	$node->psql($to, "\\i $file", extra_params => [ '-U', $role ], stdout => \$out, stderr => \$err);
	return join '', grep { /ERROR/ } split /^/, $err;
}

sub keeper {
	my ($database, $sql) = @_;
	my ($out, $err);
	$node->psql($database, $sql, extra_params => [ '-U', 'keeper' ], stdout => \$out, stderr => \$err);
	return $err =~ /(ERROR:.*)/ ? $1 : $out;
}

my $mismatches = "SELECT sum(mismatches) FROM feature.verify('spend')";

$node->safe_psql('postgres', 'CREATE DATABASE first OWNER keeper');
keeper('first', q{
	CREATE EXTENSION feature_ext;
	CREATE SCHEMA shop;
	SET search_path = shop;
	CREATE TABLE payments (id int PRIMARY KEY, card text, t timestamptz NOT NULL, v int);
	SELECT feature.create_view('spend', 'SELECT id, card, t, sum(v) OVER w AS total, count(*) OVER w AS n,
	  lag(card) OVER (ORDER BY t) AS last_card FROM payments WINDOW w AS (PARTITION BY card ORDER BY t)');
	INSERT INTO payments SELECT i, 'c' || i % 3, timestamptz '2024-01-01' + i * interval '1 minute', i FROM generate_series(1, 1000) i;
});
my $more = q{INSERT INTO shop.payments SELECT i, 'c' || i % 3, timestamptz '2024-01-01' + i * interval '1 minute', i FROM generate_series(%d, %d) i};

is(dump_and_restore('first', 'second'), '', 'the owner restores without an error');
is(keeper('second', sprintf($more, 1001, 1100)), '', 'the restored view follows inserts');
is(keeper('second', "SET search_path = shop; $mismatches"), '0', 'where the dump was taken');
is(keeper('second', "SELECT feature.refresh('shop.spend')"), '1100', 'and can be computed anew');
is(keeper('second', "SELECT feature.drop_view('shop.spend')"), '', 'and dropped');
is(keeper('second', "SELECT count(*) FROM pg_class WHERE relnamespace = 'feature_state'::regnamespace AND relname ~ '_[0-9]'"),
	'0', 'with everything that belongs to it');
is(keeper('second', sprintf($more, 1101, 1110)), '', 'after which inserts go on');

# The feature table was dropped where nothing ties its states to it: the trigger warns and lets inserts pass.
is(dump_and_restore('first', 'third'), '', 'a third database');
is(keeper('third', 'DROP TABLE shop.spend'), '', 'whose feature table is dropped');
is(keeper('third', sprintf($more, 1001, 1002)), '', 'takes inserts');

# Columns that have moved must not take each other's values.
keeper('first', 'ALTER TABLE shop.spend DROP COLUMN total; ALTER TABLE shop.spend ADD COLUMN note bigint');
is(keeper('first', sprintf($more, 1001, 1002)), '', 'a dropped feature is left out where it was dropped');
is(keeper('first', "SET search_path = shop; $mismatches"), '0', 'and the others are right');
is(dump_and_restore('first', 'fourth'), '', 'a fourth database');
like(keeper('fourth', sprintf($more, 1003, 1004)), qr/has no column "total" in its place/, 'refuses what it would fill wrongly');

# A view that was altered: columns were dropped, the owner's own stand between, and the order is another one.
$node->safe_psql('postgres', 'CREATE DATABASE altered OWNER keeper');
keeper('altered', q{
	CREATE EXTENSION feature_ext;
	CREATE SCHEMA shop;
	SET search_path = shop;
	CREATE TABLE payments (id int PRIMARY KEY, card text, t timestamptz NOT NULL, v int);
	SELECT feature.create_view('spend', 'SELECT id, card, t, sum(v) OVER w AS total, count(*) OVER w AS n
	  FROM payments WINDOW w AS (PARTITION BY card ORDER BY t)');
	INSERT INTO payments SELECT i, 'c' || i % 3, timestamptz '2024-01-01' + i * interval '1 minute', i FROM generate_series(1, 1000) i;
	ALTER TABLE spend ADD COLUMN note text DEFAULT 'none';
	SELECT feature.alter_view('spend', 'SELECT max(v) OVER (ORDER BY t) AS most, id, t, count(*) OVER w AS n, lag(v) OVER w AS last
	  FROM payments WINDOW w AS (PARTITION BY card ORDER BY t)');
});
is(keeper('altered', sprintf($more, 1001, 1010)), '', 'an altered view follows inserts');
is(dump_and_restore('altered', 'altered_restored'), '', 'it restores without an error');
is(keeper('altered_restored', sprintf($more, 1011, 1100)), '', 'and follows inserts there');
is(keeper('altered_restored', "SET search_path = shop; $mismatches"), '0', 'where the dump was taken');
is(keeper('altered_restored', q{SELECT string_agg(attname, ' ' ORDER BY attnum), (SELECT string_agg(feature, ' ' ORDER BY position) FROM feature.columns)
	FROM pg_attribute WHERE attrelid = 'shop.spend'::regclass AND attnum > 0}), 'id t n note most last|most id t n last', 'with its columns');
is(keeper('altered_restored', "SELECT count(*) FROM shop.spend WHERE note = 'none'"), '1100', 'and the default of the owner\'s own');
is(keeper('altered_restored', q{SET search_path = shop; SELECT feature.alter_view('spend', 'SELECT id, t, sum(v) OVER (ORDER BY t) AS n_new,
	lag(v) OVER w AS last FROM payments WINDOW w AS (PARTITION BY card ORDER BY t)')}), 'spend', 'it can be altered again');
is(keeper('altered_restored', "SELECT feature.refresh('shop.spend', '2024-01-01 12:00')"), '381', 'and refreshed from a time on');
is(keeper('altered_restored', sprintf($more, 1101, 1110) . "; SET search_path = shop; $mismatches"), '0', 'and goes on');
is(dump_and_restore('altered_restored', 'altered_twice'), '', 'through a second dump');
is(keeper('altered_twice', sprintf($more, 1111, 1120) . "; SET search_path = shop; $mismatches"), '0', 'as well');
is(keeper('altered_twice', 'DROP TABLE shop.payments CASCADE'), '', 'it can be dropped');

# The catalogue, which the owner of a database may write to, does not lend a superuser's rights.
$node->safe_psql('fourth', q{
	CREATE TABLE secrets (id int PRIMARY KEY, t timestamptz NOT NULL);
	SELECT feature.create_view('secret_features', 'SELECT id, t, count(*) OVER (ORDER BY t) AS n FROM secrets')});
keeper('fourth', q{
	CREATE TABLE taken (id int, t timestamptz, n bigint);
	INSERT INTO feature_state.view (id, relation, relation_id, source, definition, columns, query, settings)
	SELECT 1000, 'taken', 'taken'::regclass, source, definition, columns, query, settings
	FROM feature_state.view WHERE relation = 'secret_features'::regclass});
like(keeper('fourth', "SELECT feature.refresh('taken')"), qr/objects that are not its own/, 'another owner\'s definition is not run');
like(keeper('fourth', "SELECT feature.drop_view('taken')"), qr/objects that are not its own/, 'nor dropped');

# A dump does not keep OIDs. States that hold some, in values or in the hashes of keys, are not gone on with, whatever
# these OIDs are of by now; all others are. (Others that a role without superuser's rights restores: see database_owner.pl.)
my %holds_oids = (
	builtin_array => [ 'lag(numbers) OVER w', 0 ],
	builtin_range => [ 'lag(span) OVER w', 0 ],
	domain => [ 'lag(amount) OVER w', 0 ],
	number => [ 'lag(number) OVER w', 0 ],
	enum => [ 'lag(mood) OVER w', 'values of type mood' ],
	enum_array => [ 'lag(moods) OVER w', 'values of type mood[]' ],
	enum_domain => [ 'lag(cheer) OVER w', 'values of type cheer' ],
	enum_filter => [ q{count(*) FILTER (WHERE mood = 'ok') OVER w}, 0 ],
	enum_key => [ 'count(*) OVER (PARTITION BY mood ORDER BY t)', 'values of type mood' ],
	domain_array => [ 'lag(amounts) OVER w', 'values of type amount[]' ],
	composite => [ '(lag(pair) OVER w).a', 'values of type pair' ],
	own_range => [ 'lag(own_span) OVER w', 'values of type own_span' ],
	reference => [ 'lag(reference) OVER w', 'values of type regclass' ],
	state => [ 'feature.mode(k) OVER w', 0 ],
	state_of_domain => [ 'feature.mode(amount) OVER w', 'states of aggregate mode' ],
	state_of_collation => [ 'feature.mode(k COLLATE own) OVER w', 'states of aggregate mode' ],
	no_state_of_domain => [ 'feature.mode(amount) OVER (PARTITION BY k ORDER BY t ROWS 3 PRECEDING)', 0 ],
);
my $columns = 'numbers int[], span int4range, amount amount, number oid, mood mood, moods mood[], cheer cheer, amounts amount[], pair pair,
	own_span own_span, reference regclass';
my $values = q{'{1,2}', '[1,3)', 7, 17, 'ok', '{ok,sad}', 'ok', '{1,2}', '(1,x)', '[1,3)', 'enum_source'};

sub insert_into {
	my ($database, $name, $id) = @_;
	my ($out, $err);
	$node->psql($database, "INSERT INTO ${name}_source VALUES ($id, 'k', timestamptz '2024-01-01' + $id * interval '1 hour', $values)",
		extra_params => [ '-U', 'keeper', '-v', 'VERBOSITY=verbose' ], stdout => \$out, stderr => \$err);
	return $err;
}
sub differing {
	my ($database, $name) = @_;
	return keeper($database, "SELECT sum(mismatches) FROM feature.verify('$name')");
}

$node->safe_psql('postgres', 'CREATE DATABASE numbered OWNER keeper');
keeper('numbered', q{
	CREATE EXTENSION feature_ext;
	CREATE TYPE mood AS ENUM ('sad', 'ok');
	CREATE DOMAIN cheer AS mood;
	CREATE DOMAIN amount AS int;
	CREATE TYPE pair AS (a int, b text);
	CREATE TYPE own_span AS RANGE (subtype = int);
	CREATE COLLATION own (locale = 'C')});
for my $name (sort keys %holds_oids) {
	keeper('numbered', "CREATE TABLE ${name}_source (id int PRIMARY KEY, k text, t timestamptz NOT NULL, $columns)");
}
for my $name (sort keys %holds_oids) {
	is(keeper('numbered', qq{SELECT feature.create_view('$name',
		\$\$ SELECT id, t, $holds_oids{$name}[0] AS f FROM ${name}_source WINDOW w AS (PARTITION BY k ORDER BY t) \$\$)}), $name, "a view: $name");
	is(insert_into('numbered', $name, 1) . insert_into('numbered', $name, 2), '', 'has rows');
}
is(dump_and_restore('numbered', 'renumbered', 'postgres'), '', 'they restore without an error');
for my $name (sort keys %holds_oids) {
	my $what = $holds_oids{$name}[1];
	my $complaint = insert_into('renumbered', $name, 3);
	if ($what) {
		like($complaint, qr/55000: feature view "$name" must be refreshed.*\n.*the OIDs in \Q$what\E\.\n.*feature\.refresh/, "$name is refused");
		is(keeper('renumbered', "SELECT feature.refresh('$name')"), '2', 'until it is refreshed');
		is(insert_into('renumbered', $name, 3), '', 'and then goes on');
	} else {
		is($complaint, '', "$name goes on");
	}
	is(differing('renumbered', $name), '0', 'and is right');
}
is(dump_and_restore('renumbered', 'renumbered_twice', 'postgres'), '', 'through a second dump');
like(insert_into('renumbered_twice', 'enum', 4), qr/must be refreshed/, 'which does not keep them either');
is(keeper('renumbered_twice', "SELECT feature.refresh('enum', '2024-01-01 02:00')"), '2', 'a refresh from a time on');
is(insert_into('renumbered_twice', 'enum', 4) . differing('renumbered_twice', 'enum'), '0', 'makes states anew as well');

# Formats of pg_dump, and orders in which pg_restore may load: with several jobs, tables of the catalogue come in any.
sub restored {
	my ($to, $what, @options) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $to");
	command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr($to), @options ], "$what restores without an error");
	is($node->safe_psql($to, diverted()), '3', 'diverted rows are there');
	$node->safe_psql($to, rows(301, 400));
	is($node->safe_psql($to, views_differ()), '0|400|396|400|400', 'all kinds of views go on');
	is($node->safe_psql($to, diverted()), '4', 'and divert');
}

$node->safe_psql('postgres', 'CREATE DATABASE kinds');
$node->safe_psql('kinds', views());
$node->safe_psql('kinds', rows(1, 300));
my ($custom, $directory) = map { $node->basedir . "/kinds.$_" } 'custom', 'directory';
command_ok([ 'pg_dump', '-Fc', '-d', $node->connstr('kinds'), '-f', $custom ], 'a dump of the format custom');
command_ok([ 'pg_dump', '-Fd', '-j', 4, '-d', $node->connstr('kinds'), '-f', $directory ], 'and one of the format directory, by several jobs');
restored('from_custom', 'the one', $custom);
restored('from_directory', 'the other', $directory);
restored('custom_in_parallel', 'the one, by several jobs,', '-j', 4, $custom);
restored('directory_in_parallel', 'the other, by several jobs,', '-j', 4, $directory);

# Entries of a dump's table of contents in another order, as a file.
sub reordered {
	my ($name, $rank) = @_;
	my ($out) = run_command([ 'pg_restore', '-l', $custom ]);
	my @entries = grep { !/^;/ } split /\n/, $out;
	my %place = map { $entries[$_] => $_ } 0 .. $#entries;
	my $file = $node->basedir . "/$name.list";
	append_to_file($file, join "\n", sort { ($rank->($a) <=> $rank->($b)) || ($place{$a} <=> $place{$b}) } @entries);
	return $file;
}
my $others_first = reordered('others_first', sub {
	my ($entry) = @_;
	return $entry =~ /TABLE DATA feature_state (list|error) / ? 1 : $entry =~ /TABLE DATA / ? 2 : $entry =~ /SEQUENCE SET|INDEX|CONSTRAINT|TRIGGER/ ? 3 : 0;
});
restored('others_first', 'the catalogue in another order', '-L', $others_first, $custom);

# What belonged to a view goes with it.
$node->safe_psql('others_first', q{SELECT feature.drop_view('app.takings'); DROP TABLE app.spend;
	SELECT feature.create_view('app.takings', 'SELECT id, count(*) OVER (ORDER BY t) AS n FROM app.payments')});
is($node->safe_psql('others_first', q{SELECT (SELECT count(*) FROM feature_state.list WHERE view NOT IN (SELECT id FROM feature_state.view)),
	(SELECT count(*) FROM feature_state.error)}), '0|0', 'a view that is dropped leaves nothing in the catalogue');

$node->stop;
done_testing();
