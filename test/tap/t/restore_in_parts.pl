# Dumps of parts, and restores in parts: feature views either go on where the dump was taken, or what cannot be right is
# refused with an error that says what to do.
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

sub new_database {
	my ($database) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $database OWNER keeper");
	return $database;
}

# A dump of the database `kinds`, or of another one, as a file.
my %dumped;
sub dumped {
	my ($name, @options) = @_;
	return $dumped{$name} if $dumped{$name};
	my $file = $dumped{$name} = $node->basedir . "/$name.sql";
	command_ok([ 'pg_dump', '-d', $node->connstr('kinds'), '-f', $file, @options ], "a dump: $name");
	return $file;
}

# Runs such a file with options of psql; returns errors and warnings, with what belongs to them.
sub restored {
	my ($database, $file, @options) = @_;
	my ($out, $err) = run_command([ 'psql', '-Xq', @options, '-d', $node->connstr($database), '-f', $file ]);
	return join "\n", map { s/^psql:.*?: (ERROR|WARNING)/$1/r } grep { /(ERROR|WARNING|DETAIL|HINT):/ } split /\n/, $err;
}

# A restored database that goes on where the dump was taken.
sub goes_on {
	my ($database) = @_;
	is($node->safe_psql($database, diverted()), '3', 'diverted rows are there');
	$node->safe_psql($database, rows(301, 400));
	is($node->safe_psql($database, views_differ()), '0|400|396|400|400', 'all kinds of views go on');
}

new_database('kinds');
$node->safe_psql('kinds', views());
$node->safe_psql('kinds', rows(1, 300));
$node->safe_psql('kinds', 'CREATE TABLE public.unrelated (id int)');

# The three sections one after the other, and rows as INSERTs.
new_database('sections');
is(restored('sections', dumped($_, "--section=$_")), '', "section $_ restores without an error") for 'pre-data', 'data', 'post-data';
goes_on('sections');
is(restored(new_database('inserts'), dumped('inserts', '--inserts')), '', 'a dump with --inserts restores without an error');
goes_on('inserts');

# Over the database that the dump is of.
# pg_dump does not know better than to drop constraints of partitions.
is(restored('sections', dumped('clean', '--clean', '--if-exists')) =~ s/^ERROR:  cannot drop inherited constraint .*\n?//mgr, '',
	'a dump with --clean restores without an error of its own');
goes_on('sections');

# The schema, and then the data. The triggers are there already, and must leave the rows alone.
my $schema = dumped('schema', '--schema-only');
is(restored(new_database('schema_first'), $schema), '', 'the schema alone restores without an error');
my $warning;
$node->psql('schema_first', 'INSERT INTO web.visits VALUES (1, 1, now())', stderr => \$warning);
like($warning, qr/WARNING:  trigger "feature_\w+" belongs to a feature view that does not exist.*HINT:  .*restore the data of schema feature_state/s,
	'rows that come then are not followed, which a warning says');
$node->safe_psql('schema_first', 'DELETE FROM web.visits');
my $left = qr/(WARNING:  feature view "\w+" does not follow rows of a dump that are restored
DETAIL:  Its states and rows come from a dump as well\.
HINT:  If these rows are not from the same dump, call feature\.refresh\(\)\.\s*)+/;
like(restored('schema_first', dumped('data', '--data-only'), '--single-transaction'), qr/^$left$/, 'then the data does, and says that its rows are not processed');
goes_on('schema_first');

restored(new_database('without_triggers'), $schema);
is(restored('without_triggers', dumped('data_without_triggers', '--data-only', '--disable-triggers')), '', 'data restores with --disable-triggers');
goes_on('without_triggers');

restored(new_database('as_replica'), $schema);
{
	local $ENV{PGOPTIONS} = '-c session_replication_role=replica';
	is(restored('as_replica', $dumped{data}), '', 'or in the role of a replica');
}
goes_on('as_replica');

# By the owner of the database, who is not superuser.
my @keeper = ('-U', 'keeper');
restored(new_database('keeper'), dumped('keeper_schema', '--schema-only', '--no-owner', '--no-privileges'), @keeper);
like(restored('keeper', $dumped{data}, @keeper), qr/^$left$/, 'the owner of a database restores the data');
is($node->safe_psql('keeper', diverted()), '3', 'diverted rows are there');
$node->safe_psql('keeper', q{INSERT INTO web.visits VALUES (301, 'v1', '2024-02-02'); INSERT INTO app.payments VALUES (301, 'c1', 's1', '2024-02-02', 5)},
	extra_params => \@keeper);
is($node->safe_psql('keeper', q{SELECT (SELECT sum(mismatches) FROM feature.verify('app.takings')), (SELECT sum(mismatches) FROM feature.verify('web.visitors'))}),
	'0|0', 'and the views go on');

# Whoever may only insert does not get around the triggers of a restored view by what a restore sets.
$node->safe_psql('schema_first', q{CREATE ROLE client; GRANT USAGE ON SCHEMA app TO client; GRANT INSERT ON app.payments TO client;
	SET ROLE client; SET check_function_bodies = off; SELECT pg_catalog.set_config('search_path', '', false);
	INSERT INTO app.payments VALUES (401, 'c1', 's1', '2024-02-02', 5)});
is($node->safe_psql('schema_first', views_differ()), '0|400|397|401|400', 'rows of a client that sets what a restore does are followed');

# Into views that were created by the same statements.
$node->safe_psql(new_database('created'), views() . 'CREATE TABLE public.unrelated (id int)');
like(restored('created', $dumped{data}, '--single-transaction', '-v', 'ON_ERROR_STOP=1'), qr/ERROR:  duplicate key/, 'data of a dump is not restored into views that were created');
is($node->safe_psql('created', views_differ()), '0|0|0|0|0', 'nothing changed, in a single transaction');
my $refused = qr/ERROR:  feature view "(transaction_features|visitors)" has states from a dump, but was not restored from it
HINT:  Call feature\.refresh\(\), and then restore the data of the source alone\./;
like(restored('created', $dumped{data}), $refused, 'and sources do not go on with the states of the dump without one');
$node->safe_psql('created', 'TRUNCATE app.payments; SELECT feature.refresh(relation) FROM feature.views');
my $sources = dumped('sources', '--data-only', '-t', 'public.transactions', '-t', 'web.visits*', '-t', 'app.payments');
is(restored('created', $sources), '', 'data of the sources restores then');
is($node->safe_psql('created', views_differ()), '0|300|297|300|300', 'and is processed');
is($node->safe_psql('created', diverted()), '3', 'and diverted');

# The source alone: into views that were created it is processed, and so it is into restored ones that were refreshed.
$node->safe_psql(new_database('sources_alone'), views());
is(restored('sources_alone', $sources), '', 'data of the sources restores into views that were created');
goes_on('sources_alone');
$node->safe_psql('without_triggers', 'TRUNCATE public.transactions, app.payments, web.visits;' . rows(401, 410));
like(restored('without_triggers', $sources), qr/ERROR:  feature view "spend" cannot follow rows of a dump
DETAIL:  It was restored from a dump itself, so that its states and rows may have these rows already\.
HINT:  Call feature\.refresh\(\) first if they are to be processed; else disable the triggers of the source\./,
	'into views that were restored, and have rows, it does not');
$node->safe_psql('without_triggers', 'TRUNCATE public.transactions, app.payments, web.visits');
like(restored('without_triggers', $sources), qr/^$left/, 'into views that were restored it does, but is not processed');
$node->safe_psql('without_triggers', 'TRUNCATE public.transactions, app.payments, web.visits; SELECT feature.refresh(relation) FROM feature.views');
is(restored('without_triggers', $sources), '', 'and after a refresh');
goes_on('without_triggers');

# With its definition it brings its triggers, but no view: they say so until they are dropped.
$node->safe_psql(new_database('one_table'), 'CREATE EXTENSION feature_ext; CREATE SCHEMA app');
is(restored('one_table', dumped('one_table', '-t', 'app.payments')), '', 'a source restores alone');
is($node->safe_psql('one_table', 'SELECT count(*) FROM app.payments'), '300', 'with its rows');
$node->psql('one_table', q{INSERT INTO app.payments VALUES (301, 'c1', 's1', '2024-02-02', 5)}, stderr => \$warning);
like($warning, qr/WARNING:  trigger "feature_\w+" belongs to a feature view that does not exist/, 'and triggers without a view');
$node->safe_psql('one_table', q{SELECT format('DROP TRIGGER %I ON %s', tgname, tgrelid::regclass) FROM pg_trigger
	WHERE tgfoid = 'feature.maintain'::regproc AND tgparentid = 0 \gexec
	SELECT feature.create_view('app.spend', 'SELECT id, t, count(*) OVER (ORDER BY t) AS n FROM app.payments')});
is($node->psql('one_table', q{INSERT INTO app.payments VALUES (302, 'c1', 's1', '2024-02-03', 5)}, stderr => \$warning) . $warning, '0',
	'which can be dropped and views created anew');
is($node->safe_psql('one_table', q{SELECT sum(mismatches) FROM feature.verify('app.spend')}), '0', 'that follow the table');
$node->safe_psql(new_database('no_extension'), 'CREATE SCHEMA app');
like(restored('no_extension', $dumped{one_table}), qr/^(ERROR:  schema "feature" does not exist\s*)+$/, 'without the extension its triggers do not restore');
is($node->safe_psql('no_extension', 'SELECT count(*) FROM app.payments'), '300', 'but its rows');

# An empty copy: the schema, and the catalogue.
restored(new_database('empty_copy'), $schema);
is(restored('empty_copy', dumped('catalogue', '--data-only', map { ('-t', "feature_state.$_") } 'view', 'list', 'view_id')), '',
	'the catalogue restores alone');
$node->safe_psql('empty_copy', rows(1, 100));
is($node->safe_psql('empty_copy', views_differ()), '0|100|99|100|100', 'into a copy without data, whose views work');

# Orders that pg_restore comes to with several jobs: the triggers of a partitioned source are there before its data, and so is
# the view, or is not yet.
my $archive = $node->basedir . '/kinds.custom';
command_ok([ 'pg_dump', '-Fc', '-d', $node->connstr('kinds'), '-f', $archive ], 'an archive');
my ($contents) = run_command([ 'pg_restore', '-l', $archive ]);
my @entries = grep { !/^;/ } split /\n/, $contents;
sub in_this_order {
	my ($database, @moved) = @_;
	my $list = $node->basedir . "/$database.list";
	append_to_file($list, join "\n", (grep { my $entry = $_; !grep { $entry =~ $_ } @moved } @entries), map { my $moved = $_; grep { $_ =~ $moved } @entries } @moved);
	new_database($database);
	command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr($database), '-L', $list, $archive ], "an order of pg_restore: $database");
	goes_on($database);
}
my ($visits, $catalogue) = (qr/TABLE DATA web visits_/, qr/TABLE DATA feature_state (view|list) /);
restored(new_database('data_by_jobs'), $schema);
command_ok([ 'pg_restore', '--exit-on-error', '--data-only', '-j', 4, '-d', $node->connstr('data_by_jobs'), $archive ], 'the data restores by several jobs');
goes_on('data_by_jobs');
in_this_order('data_last', $visits);
in_this_order('catalogue_last', $visits, $catalogue);
in_this_order('list_last', qr/TABLE DATA feature_state view /, $visits, qr/TABLE DATA feature_state list /);

# Rows of the partitions through the partitioned table: by one session, or by several, each of which finds it with rows of
# the others.
my @via_root = '--load-via-partition-root';
restored(new_database('via_root'), $schema);
like(restored('via_root', dumped('data_via_root', '--data-only', @via_root)), qr/^$left$/, 'data restores through the partitioned table');
goes_on('via_root');
$node->safe_psql(new_database('created_via_root'), views());
is(restored('created_via_root', dumped('sources_via_root', '--data-only', @via_root, '-t', 'public.transactions', '-t', 'web.visits*', '-t', 'app.payments')), '',
	'and so it does into views that were created');
goes_on('created_via_root');
$archive = $node->basedir . '/via_root.custom';
command_ok([ 'pg_dump', '-Fc', @via_root, '-d', $node->connstr('kinds'), '-f', $archive ], 'an archive with rows through the partitioned table');
new_database('via_root_by_jobs');
command_ok([ 'pg_restore', '--exit-on-error', '-j', 4, '-d', $node->connstr('via_root_by_jobs'), $archive ], 'it restores by several jobs');
goes_on('via_root_by_jobs');
new_database('via_root_by_sessions');
($contents) = run_command([ 'pg_restore', '-l', $archive ]);
for my $part ('others', 'january', 'later') {
	my @own = grep { !/^;/ && $part eq (/$visits(january|later)/ ? $1 : 'others') } split /\n/, $contents;
	my $list = $node->basedir . "/$part.list";
	append_to_file($list, join "\n", @own);
	command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('via_root_by_sessions'), '-L', $list, $archive ], "a session restores $part");
}
goes_on('via_root_by_sessions');

$node->stop;
done_testing();
