# Out of memory during an insert: wherever it happens, the statement fails with 53200 (or ends right, where the server can
# do without), nothing has changed, and the session goes on. The nth allocation fails, for n from 1 on, until the statement
# succeeds because it makes fewer.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $faults = "$ENV{FEATURE_TEST_MODULES}/faults.so";
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => [ '--locale=C', '--encoding=UTF8' ]);
$node->append_conf('postgresql.conf', "fsync = off\nlog_min_messages = fatal");
{
	local $ENV{LD_PRELOAD} = $faults;
	$node->start;
}

$node->safe_psql('postgres', qq{
	CREATE SCHEMA faults;
	CREATE FUNCTION faults.fail_allocation(bigint) RETURNS void LANGUAGE c AS '$faults', 'fail_allocation';
	CREATE FUNCTION faults.happened() RETURNS bool LANGUAGE c AS '$faults', 'happened';
});
# Kernel aggregates, such as keep values of any length, those with functions of their own, frames that reach into chunks,
# and a level over them.
$node->safe_psql('postgres', q{
	CREATE EXTENSION feature_ext;
	CREATE TABLE payments (id int PRIMARY KEY, card text, shop int, t timestamptz NOT NULL, amount numeric(12, 2), v float8);
	SELECT feature.create_view('spend', $$
	  SELECT id, card, t, amount, n, total, last, spread, middle, kinds, often, top, texts, avg(n) OVER (PARTITION BY shop ORDER BY t) AS usual
	  FROM (SELECT *, count(*) OVER w AS n, sum(amount) OVER w AS total, lag(card || shop) OVER w AS last,
	               stddev_samp(v) OVER w AS spread, feature.percentile(v, 0.9) OVER h AS middle,
	               feature.count_distinct(shop) OVER h AS kinds, feature.mode(shop) OVER w AS often,
	               feature.top_n(shop, 2) OVER w AS top, string_agg(shop::text, ' ') OVER r AS texts
	        FROM payments
	        WINDOW w AS (PARTITION BY card ORDER BY t), h AS (PARTITION BY card ORDER BY t RANGE '1 hour' PRECEDING),
	               r AS (PARTITION BY card ORDER BY t ROWS 4 PRECEDING)) p $$);
	CREATE FUNCTION payment(i int, late interval) RETURNS payments LANGUAGE sql AS $$
	  SELECT i, 'c' || i % 5, i % 7, timestamptz '2024-01-01' + i * interval '1 minute' - late, i, sqrt(i) $$;
	INSERT INTO payments SELECT (payment(i, '0')).* FROM generate_series(1, 1000) i;

	-- What there is, in one number.
	CREATE FUNCTION digest() RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
	  relation regclass;
	  digest text := '';
	  part text;
	BEGIN
	  FOR relation IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relname ~ '^(payments|spend|states_.*|chunks_.*)$' ORDER BY oid LOOP
	    EXECUTE format('SELECT md5(string_agg(t::text, chr(10) ORDER BY t::text)) FROM %s t', relation) INTO part;
	    digest := digest || coalesce(part, '');
	  END LOOP;
	  RETURN md5(digest);
	END $$;

	-- Runs a statement under each n, in a subtransaction that is undone. How often it failed for lack of memory, and what
	-- else there was.
	CREATE FUNCTION try_all(statement text) RETURNS TABLE (failed int, others text) LANGUAGE plpgsql AS $$
	DECLARE
	  n bigint := 0;
	  happened bool;
	  state text;
	BEGIN
	  failed := 0;
	  others := '';
	  LOOP
	    n := n + 1;
	    state := 'none';
	    BEGIN
	      PERFORM faults.fail_allocation(n);
	      EXECUTE statement;
	      happened := faults.happened();
	      RAISE EXCEPTION USING ERRCODE = 'UNDO1', MESSAGE = 'undo';
	    EXCEPTION
	      WHEN SQLSTATE 'UNDO1' THEN NULL;
	      WHEN OTHERS THEN
	        happened := faults.happened();
	        state := SQLSTATE || ' ' || SQLERRM;
	    END;
	    EXIT WHEN NOT happened;
	    IF state = '53200 out of memory' THEN
	      failed := failed + 1;
	    ELSIF state <> 'none' THEN
	      others := others || n || ': ' || state || chr(10);
	    END IF;
	  END LOOP;
	  RETURN NEXT;
	END $$;
});

my %statements = (
	'one row' => q{INSERT INTO payments SELECT (payment(4000, '0')).*},
	'a batch' => q{INSERT INTO payments SELECT (payment(i, '0')).* FROM generate_series(4000, 4500) i},
	'several batches' => q{SET LOCAL feature_ext.batch_rows = 100; INSERT INTO payments SELECT (payment(i, '0')).* FROM generate_series(4000, 4300) i},
	'late rows' => q{INSERT INTO payments SELECT (payment(i, '1 day')).* FROM generate_series(4000, 4050) i},
);
for my $what (sort keys %statements) {
	my $statement = $statements{$what};
	my ($digest, $failed, $others, $after) = split /\n/, $node->safe_psql('postgres', qq{
		SELECT digest();
		SELECT failed, 'others: ' || replace(others, chr(10), '; ') AS others FROM try_all(\$s\$$statement\$s\$) \\gset
		SELECT :'failed'; SELECT :'others'; SELECT digest()});
	cmp_ok($failed, '>', 0, "$what: failed for lack of memory $failed times");
	is($others, 'others: ', "$what: and in no other way");
	is($after, $digest, "$what: nothing has changed");
}

# The same in sessions of their own, which load the library and compile the view first, with transactions that end. All of
# what loading allocates is tried: what it has done by then it must not do again.
my ($n, $failed, @others) = (0, 0);
my $step = 23;
for ($n = 1;; $n += $n >= 90 && $n < 150 ? 3 : $step) {
	my ($out, $err);
	$node->psql('postgres', qq{SELECT faults.fail_allocation($n); BEGIN; INSERT INTO payments SELECT (payment(i, '0')).* FROM generate_series(4000, 4100) i; ROLLBACK;
		SELECT faults.happened(); INSERT INTO payments SELECT (payment(4000, '0')).*; DELETE FROM payments WHERE id = 4000; DELETE FROM spend WHERE id = 4000},
		on_error_stop => 0, stdout => \$out, stderr => \$err, extra_params => [ '-v', 'VERBOSITY=sqlstate' ]);
	# 58P01 is how the dynamic loader's own lack of memory shows.
	my @errors = grep { !/53200|25P02|58P01/ } ($err =~ /(?:ERROR|FATAL|PANIC|server closed).*/g);
	push @others, map { "$n: $_" } @errors;
	$failed++ if $err =~ /53200/;
	last unless $out =~ /^t$/m;
}
cmp_ok($failed, '>', 0, "new sessions: failed for lack of memory $failed times");
is(join("\n", @others), '', 'new sessions: and in no other way; the next statement always succeeded');
is($node->safe_psql('postgres', "SELECT sum(mismatches) FROM feature.verify('spend') WHERE feature <> 'n'"), '0', 'the states are right');

$node->stop;
done_testing();
