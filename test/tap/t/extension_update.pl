# ALTER EXTENSION UPDATE from a released version: it leaves what CREATE EXTENSION makes, and views made before it go on.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => [ '--locale=C', '--encoding=UTF8' ]);
$node->append_conf('postgresql.conf', 'fsync = off');
$node->start;

# All that belongs to the extension, with everything that can be said of it.
my $objects = q{
	WITH member AS (
		SELECT d.classid, d.objid FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
		WHERE d.refclassid = 'pg_extension'::regclass AND e.extname = 'feature_ext' AND d.deptype = 'e')
	SELECT pg_describe_object(classid, objid, 0) || '  ' || concat_ws(' | ',
		obj_description(objid, classid::regclass::name),
		CASE classid
			WHEN 'pg_proc'::regclass THEN
				(SELECT CASE prokind WHEN 'a' THEN '' ELSE pg_get_functiondef(p.oid) END ||
				        pg_get_function_arguments(p.oid) || pg_get_function_result(p.oid) || coalesce(proacl::text, '')
				 FROM pg_proc p WHERE p.oid = objid)
			WHEN 'pg_class'::regclass THEN
				(SELECT concat_ws(' | ', relkind, pg_get_viewdef(c.oid), relacl, reloptions,
				        (SELECT string_agg(format('%s %s %s %s %s', attname, format_type(atttypid, atttypmod), attnotnull,
				                                  col_description(c.oid, attnum),
				                                  pg_get_expr(adbin, adrelid)), ', ' ORDER BY attname)
				         FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
				         WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped),
				        (SELECT string_agg(pg_get_constraintdef(o.oid), ', ' ORDER BY conname)
				         FROM pg_constraint o WHERE conrelid = c.oid),
				        (SELECT string_agg(pg_get_indexdef(indexrelid), ', ' ORDER BY indexrelid::regclass::text)
				         FROM pg_index WHERE indrelid = c.oid),
				        (SELECT extcondition[array_position(extconfig, c.oid)] FROM pg_extension
				         WHERE extname = 'feature_ext' AND c.oid = ANY (extconfig)))
				 FROM pg_class c WHERE c.oid = objid)
			WHEN 'pg_namespace'::regclass THEN (SELECT nspacl::text FROM pg_namespace n WHERE n.oid = objid)
			WHEN 'pg_type'::regclass THEN
				(SELECT concat_ws(' ', typlen, typalign, typstorage, typinput, typoutput, typreceive, typsend, typacl)
				 FROM pg_type t WHERE t.oid = objid)
		END)
	FROM member ORDER BY 1};

my ($made, $updated) = ('made', 'updated');
$node->safe_psql('postgres', "CREATE DATABASE $_") for $made, $updated;
$node->safe_psql($made, 'CREATE EXTENSION feature_ext');
$node->safe_psql($updated, q{
	CREATE EXTENSION feature_ext VERSION '0.1';
	CREATE TABLE payments (id int PRIMARY KEY, card text, t timestamptz NOT NULL, v int);
	INSERT INTO payments SELECT i, 'c' || i % 3, timestamptz '2024-01-01' + i * interval '1 minute', i FROM generate_series(1, 1000) i;
});
# The new library is there before the update is: until then it serves what the old version has made.
$node->safe_psql($updated, q{
	SELECT feature.create_view('spend', $$SELECT id, card, count(*) OVER h AS n, sum(v) OVER (PARTITION BY card ORDER BY t) AS total
		FROM payments WINDOW h AS (PARTITION BY card ORDER BY t RANGE '1 hour' PRECEDING)$$)});
my $insert = q{INSERT INTO payments SELECT i, 'c' || i % 3, timestamptz '2024-01-01' + i * interval '1 minute', i FROM generate_series(%d, %d) i};
my $wrong = q{SELECT count(*), sum(mismatches), min(rows_compared) FROM feature.verify('spend')};
$node->safe_psql($updated, sprintf($insert, 1001, 1100));
is($node->safe_psql($updated, $wrong), '4|0|1100', 'a view of the old version is kept up to date before the update');

$node->safe_psql($updated, 'ALTER EXTENSION feature_ext UPDATE');
is($node->safe_psql($updated, $objects), $node->safe_psql($made, $objects),
	'an update leaves what CREATE EXTENSION makes');
my $current = $node->safe_psql($made, q{SELECT extversion FROM pg_extension WHERE extname = 'feature_ext'});
is($node->safe_psql($updated, q{SELECT extversion FROM pg_extension WHERE extname = 'feature_ext'}), $current,
	'the version is the current one');
$node->safe_psql($updated, sprintf($insert, 1101, 1200));
is($node->safe_psql($updated, $wrong), '4|0|1200', 'a view of the old version is kept up to date after the update');

$node->safe_psql($updated, q{DELETE FROM payments WHERE id > 1190 AND id < 1200; UPDATE payments SET v = v + 1 WHERE id = 1200});
$node->safe_psql($updated, sprintf($insert, 1201, 1202));
is($node->safe_psql($updated, $wrong), '4|0|1193', 'and follows updates and deletes');
$node->safe_psql($updated, q{SELECT feature.drop_view('spend')});
is($node->safe_psql($updated, q{SELECT count(*) FROM pg_trigger WHERE tgrelid = 'payments'::regclass}), '0',
	'and drops its new triggers with it');

$node->stop;
done_testing();
