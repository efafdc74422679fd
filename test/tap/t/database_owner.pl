# The owner of a database creates the extension, restores dumps, and for that may add to its catalogue and its state tables;
# none of it lends rights that the role has not, or lets it put bytes where PostgreSQL takes them at their word.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => [ '--locale=C', '--encoding=UTF8' ]);
$node->append_conf('postgresql.conf', 'fsync = off');
$node->start;
$node->safe_psql('postgres', 'CREATE ROLE keeper LOGIN; CREATE ROLE mallory LOGIN; CREATE ROLE alice LOGIN');

# What a role gets for an answer: the rows, or the first message.
sub answer {
	my ($database, $role, $sql) = @_;
	my ($out, $err) = ('', '');
	$node->psql($database, $sql, extra_params => [ '-U', $role ], stdout => \$out, stderr => \$err);
	return $err =~ /((?:ERROR|FATAL|WARNING|NOTICE|server closed).*)/ ? $1 : $out;
}

# Nothing of the schema that the extension is created in gets into its views, which superusers read.
$node->safe_psql('postgres', 'CREATE DATABASE trapped OWNER mallory');
answer('trapped', 'mallory', q{
	CREATE SCHEMA evil;
	DO $do$ DECLARE a text; b text;
	BEGIN
		FOREACH a IN ARRAY '{oid,regclass,regtype,int2,int4,int8,name,text,"char"}'::text[] LOOP
			FOREACH b IN ARRAY '{oid,regclass,regtype,int2,int4,int8,name,text,"char"}'::text[] LOOP
				EXECUTE format('CREATE FUNCTION evil.trap(%1$s, %2$s) RETURNS boolean LANGUAGE plpgsql AS ''BEGIN RAISE EXCEPTION $$run as %%$$, current_user; END'';
					CREATE OPERATOR evil.= (LEFTARG = %1$s, RIGHTARG = %2$s, FUNCTION = evil.trap)', a, b);
			END LOOP;
		END LOOP;
	END $do$;
	CREATE EXTENSION feature_ext SCHEMA evil;
	CREATE TABLE events (id int PRIMARY KEY, t timestamptz NOT NULL);
	SELECT feature.create_view('features', 'SELECT id, count(*) OVER (ORDER BY t) AS n FROM events')});
is(answer('trapped', 'postgres', 'SELECT relation, source FROM feature.views'), 'features|events', 'superusers read feature.views');
is(answer('trapped', 'postgres', 'SELECT count(*) FROM feature.columns'), '2', 'and feature.columns');
is(answer('trapped', 'postgres', 'SELECT count(*) FROM feature.stats'), '1', 'and feature.stats');
my $operators = q{SELECT string_agg(DISTINCT pg_describe_object(classid, objid, objsubid), ', ') FROM pg_depend
	WHERE refclassid = 'pg_operator'::regclass AND refobjid IN (SELECT oid FROM pg_operator WHERE oprnamespace = 'evil'::regnamespace)};
is($node->safe_psql('trapped', $operators), '', 'nothing depends on its operators');

# The same where the version before has been created there and is updated.
$node->safe_psql('postgres', 'CREATE DATABASE updated OWNER mallory');
answer('updated', 'mallory', q{
	CREATE EXTENSION feature_ext VERSION '0.1';
	CREATE TABLE events (id int PRIMARY KEY, k text, t timestamptz NOT NULL, a text[]);
	SELECT feature.create_view('features', 'SELECT id, lag(a) OVER (PARTITION BY k ORDER BY t) AS last FROM events');
	INSERT INTO events VALUES (1, 'a', '2024-01-01', '{x}')});
# As that version has left them.
$node->safe_psql('updated', 'ALTER TABLE feature_state.states_1_1 OWNER TO mallory; ALTER TABLE feature_state.chunks_1_1 OWNER TO mallory');
answer('updated', 'mallory', q{
	CREATE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
	CREATE TRIGGER trap AFTER TRUNCATE ON feature_state.states_1_1 EXECUTE FUNCTION trap()});
like(answer('updated', 'mallory', 'ALTER EXTENSION feature_ext UPDATE'), qr/table feature_state.states_1_1 is not as it was made/,
	'an update takes no table over that somebody has changed');
answer('updated', 'mallory', 'DROP TRIGGER trap ON feature_state.states_1_1');
is(answer('updated', 'mallory', 'ALTER EXTENSION feature_ext UPDATE'), '', 'an update takes over the states');
like(answer('updated', 'mallory', 'UPDATE feature_state.states_1_1 SET state = state'), qr/permission denied/, 'which their owner no longer writes to');
is(answer('updated', 'mallory', q{INSERT INTO events VALUES (2, 'a', '2024-01-02', '{y}'); SELECT id, last FROM features ORDER BY id}),
	"1|\n2|{x}", 'and goes on with them');

# Rows that are added to the catalogue.
$node->safe_psql('postgres', 'CREATE DATABASE shared OWNER mallory');
answer('shared', 'mallory', 'CREATE EXTENSION feature_ext; GRANT CREATE ON SCHEMA public TO PUBLIC');
answer('shared', 'alice', q{
	CREATE TABLE ledger (id int, t timestamptz);
	CREATE TABLE events (id int PRIMARY KEY, k text, t timestamptz NOT NULL);
	SELECT feature.create_view('features', 'SELECT id, k, t, count(*) OVER (PARTITION BY k ORDER BY t) AS n FROM events')});
answer('shared', 'mallory', 'CREATE TABLE bait (id int PRIMARY KEY, t timestamptz NOT NULL)');
answer('shared', 'alice', 'CREATE VIEW reader AS SELECT id, t FROM bait');
my $columns = 'id, relation, relation_id, source, definition, columns, query, settings';
answer('shared', 'mallory', qq{
	INSERT INTO feature_state.view ($columns) VALUES (1000, 'ledger', 'ledger'::regclass, 'bait', 'reader', '{1,2}', '', '{}');
	CREATE TRIGGER forged AFTER INSERT ON bait REFERENCING NEW TABLE AS inserted EXECUTE FUNCTION feature.maintain('1000')});
like(answer('shared', 'mallory', "INSERT INTO bait VALUES (1, '2024-01-01')"), qr/objects that are not its own/,
	'do not write into the table of somebody who has a view of the right columns');
is(answer('shared', 'postgres', 'SELECT count(*) FROM ledger'), '0', 'nothing was written');
answer('shared', 'mallory', 'DROP TRIGGER forged ON bait');
answer('shared', 'mallory', qq{
	CREATE TABLE plain (id int, k text, t timestamptz, n bigint);
	CREATE TABLE feature_state.definition_1001 (id int, t timestamptz);
	INSERT INTO feature_state.view ($columns) VALUES (1001, 'plain', 'plain'::regclass, 'bait', 'feature_state.definition_1001', '{1,3}', '', '{}');
	INSERT INTO feature_state.view ($columns) VALUES (1002, 'plain', 'plain'::regclass, 'events', 'plain', NULL, '', '[]')});
like(answer('shared', 'postgres', q{SELECT feature.describe('plain')}), qr/is not the definition of a feature view/, 'are not taken at their word: a definition');
like(answer('shared', 'mallory', q{SELECT feature.refresh('plain')}), qr/objects that are not its own/, 'likewise');
# A view of the right name over a table that its owner may not even read: no lock, let alone rows.
answer('shared', 'mallory', qq{
	CREATE TABLE grab (id int);
	CREATE VIEW feature_state.definition_1003 AS SELECT id FROM ledger;
	INSERT INTO feature_state.view ($columns) VALUES (1003, 'grab', 'grab'::regclass, 'ledger', 'feature_state.definition_1003', '{1}', '', '{}')});
like(answer('shared', 'mallory', q{SELECT feature.refresh('grab')}), qr/permission denied for table ledger/, 'sources');
# Another row for a view that is there, with its states in other places.
answer('shared', 'alice', q{
	CREATE TABLE pairs (id int PRIMARY KEY, a text, b text[], t timestamptz NOT NULL);
	SELECT feature.create_view('pair_features', 'SELECT id, lag(b) OVER (PARTITION BY a ORDER BY t) AS b, lag(a) OVER (PARTITION BY id ORDER BY t) AS a FROM pairs')});
answer('shared', 'mallory', qq{
	INSERT INTO feature_state.view ($columns) SELECT -1, relation, relation_id, source, definition, columns, query, settings FROM feature_state.view WHERE relation = 'pair_features'::regclass;
	INSERT INTO feature_state.list (view, number, states, chunks) SELECT -1, 3 - number, states, chunks
	FROM feature_state.list WHERE view = (SELECT id FROM feature_state.view WHERE relation = 'pair_features'::regclass AND id > 0)});
is(answer('shared', 'alice', q{INSERT INTO pairs VALUES (1, 'a', '{x}', '2024-01-01'); SELECT feature.refresh('pair_features')}), '1', 'a second row for a view does it no harm');

# What a session does that restores: nothing of the catalogue is looked at with other rights.
answer('shared', 'mallory', qq{
	CREATE FUNCTION told() RETURNS int LANGUAGE plpgsql AS 'BEGIN RAISE WARNING \$\$run as %\$\$, current_user; RETURN 1; END';
	CREATE VIEW trap AS SELECT 1 AS x WHERE public.told() = 1;
	CREATE TABLE put_into (id int, t timestamptz);
	INSERT INTO feature_state.view ($columns) VALUES (1005, 'trap', 'trap'::regclass, 'put_into', 'trap', '{1}', '', '{}');
	INSERT INTO feature_state.list (view, number, states, chunks) VALUES (1005, 1, 'trap', 'trap');
	CREATE TRIGGER feature_1005 AFTER INSERT ON put_into REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION feature.maintain('1005')});
for my $role ('mallory', 'postgres') {
	like(answer('shared', $role, q{SET check_function_bodies = off; SELECT pg_catalog.set_config('search_path', '', false); INSERT INTO public.put_into VALUES (1, now())}),
		qr/^ERROR:  feature view "trap" is recorded with objects that are not its own/, "$role restores into a forged view's source");
}

# Settings that would be somebody else's rights, or none.
answer('shared', 'mallory', qq{
	CREATE TABLE set (id int);
	CREATE VIEW feature_state.definition_1004 AS SELECT id FROM bait;
	INSERT INTO feature_state.view ($columns) VALUES (1004, 'set', 'set'::regclass, 'bait', 'feature_state.definition_1004', '{1}', '', '{"role": "alice", "session_replication_role": "replica"}')});
like(answer('shared', 'postgres', q{SELECT * FROM feature.verify('set')}), qr/cannot set parameter "role" within security/, 'settings are those of the owner');

# Restored states: what is in them was written by whoever restores.
$node->safe_psql('postgres', 'CREATE DATABASE original OWNER keeper');
answer('original', 'keeper', q{
	CREATE EXTENSION feature_ext;
	CREATE TABLE events (id int PRIMARY KEY, k text, t timestamptz NOT NULL, v int, a text[]);
	SELECT feature.create_view('lists', 'SELECT id, lag(a) OVER (PARTITION BY k ORDER BY t) AS last FROM events');
	SELECT feature.create_view('texts', 'SELECT id, lag(k) OVER (ORDER BY t) AS last, sum(v) OVER (PARTITION BY k ORDER BY t) AS total FROM events');
	INSERT INTO events SELECT i, 'some key', timestamptz '2024-01-01' + i * interval '1 hour', 1, '{x}' FROM generate_series(1, 500) i});
sub restored {
	my ($database, $owner, @options) = @_;
	my $file = $node->basedir . "/$database.sql";
	command_ok([ 'pg_dump', '-U', $owner, @options, '-d', $node->connstr('original'), '-f', $file ], "$owner dumps");
	$node->safe_psql('postgres', "CREATE DATABASE $database OWNER keeper");
	return answer($database, $owner, "\\i $file");
}
my $add = q{INSERT INTO events VALUES (%d, 'some key', '2025-01-01', 1, '{y}')};
unlike(restored('by_superuser', 'postgres'), qr/ERROR/, 'a superuser restores');
is(answer('by_superuser', 'keeper', sprintf($add, 501)), '', 'and all views go on');
is(answer('by_superuser', 'keeper', 'SELECT last FROM lists WHERE id = 501'), '{x}', 'where they were');
unlike(restored('by_keeper', 'keeper', '--no-owner'), qr/ERROR/, 'the owner of the database restores');
like(answer('by_keeper', 'keeper', sprintf($add, 501)), qr/"lists" must be refreshed/, 'arrays that it may have forged are not read');
is(answer('by_keeper', 'keeper', q{SELECT feature.refresh('lists')}), '500', 'but made anew');
is(answer('by_keeper', 'keeper', sprintf($add, 501)), '', 'then all views go on');
is(answer('by_keeper', 'keeper', 'SELECT f.last, l.last, total FROM texts f JOIN lists l USING (id) WHERE id = 501'), 'some key|{x}|501', 'where they were');
is(answer('by_keeper', 'keeper', q{SELECT relowner::regrole FROM pg_class WHERE relname = 'states_1_1'}), 'postgres', 'states that were made anew are closed');
is(answer('by_keeper', 'keeper', q{SELECT feature.drop_view('lists')}), '', 'a view can be dropped then');
# Forged bytes of texts: a toast pointer, a length that is not that of the value, none.
for my $forged ('\x01034141414141414141', '\xfd', '\x', '\x00ffff00', '\x11736f6d65206b657') {
	my $bytes = length($forged) % 2 ? "${forged}0" : $forged;
	answer('by_keeper', 'keeper', "UPDATE feature_state.states_2_1 SET state = regexp_replace(state::text, '\\\\x[0-9a-f]+', '" . ($bytes =~ s/\\/\\\\/r) . "', 'g')::feature.state");
	like(answer('by_keeper', 'keeper', sprintf($add, 502)), qr/bytes that are not a value|is damaged|ERROR/, "forged bytes $bytes are refused");
}
is(answer('by_keeper', 'keeper', q{SELECT feature.refresh('texts')}), '501', 'until the states are made anew');
is(answer('by_keeper', 'keeper', sprintf($add, 502)), '', 'from the source');

# Tables that were altered, before they are made anew.
my $changed = 0;
for my $change ('ALTER TABLE feature_state.states_2_2 ALTER COLUMN key_1 TYPE int USING 5', 'ALTER TABLE feature_state.states_2_2 ADD COLUMN x int',
	'ALTER TABLE feature_state.states_2_2 ALTER COLUMN state DROP NOT NULL; UPDATE feature_state.states_2_2 SET state = NULL',
	'ALTER TABLE feature_state.states_2_2 DROP CONSTRAINT states_2_2_pkey; CREATE INDEX ON feature_state.states_2_2 (key_1)',
	'ALTER TABLE feature_state.states_2_2 DROP CONSTRAINT states_2_2_pkey; CREATE UNIQUE INDEX ON feature_state.states_2_2 (key_hash, slot) WHERE slot > 5',
	'ALTER TABLE feature_state.chunks_2_2 ALTER COLUMN number TYPE text',
	'DROP TABLE feature_state.states_2_2; CREATE VIEW feature_state.states_2_2 AS SELECT 1::bigint AS key_hash') {
	my $database = 'changed_' . ++$changed;
	restored($database, 'keeper', '--no-owner');
	answer($database, 'keeper', "SELECT feature.drop_view('lists')");
	answer($database, 'keeper', $change);
	like(answer($database, 'keeper', sprintf('INSERT INTO events SELECT i, $$some key$$, timestamptz $$2025-01-01$$ + i * interval $$1 hour$$, 1, $${y}$$ FROM generate_series(%d, %d) i', 501, 900)),
		qr/is not as it was made|must have exactly one index|not its own/, "is refused: $change");
}

is($node->safe_psql('postgres', 'SELECT 1'), '1', 'the server is up');
unlike(slurp_file($node->logfile), qr/terminated by signal/, 'and no backend has crashed');
$node->stop;
done_testing();
