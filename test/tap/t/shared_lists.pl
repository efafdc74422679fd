# Many sessions write the same few entities of a shared list side by side: in single rows, batches, savepoints and
# rollbacks, some rows late and some later than the state keeps, some that one of two views has to put aside. Nobody waits
# for a deadlock, no event is lost or counted twice, and when they are quiet a few inserts merge what they have left behind.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => [ '--locale=C', '--encoding=UTF8' ]);
$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\nmax_prepared_transactions = 1");
$node->start;

$node->safe_psql('postgres', q{
	CREATE EXTENSION feature_ext;
	CREATE TABLE payments (id serial PRIMARY KEY, merchant text, card text, t timestamptz NOT NULL, amount numeric, score float8);
	CREATE INDEX ON payments (merchant, t);
	CREATE FUNCTION definition(checked text) RETURNS text LANGUAGE sql AS $$
		SELECT 'SELECT id, merchant, t, ' || checked || ' AS checked,
		       count(*) OVER w AS n, sum(amount) OVER w AS spent, avg(score) OVER w AS score_avg,
		       feature.count_distinct(card) OVER w AS cards, count(*) OVER e AS n_ever, sum(amount) OVER e AS spent_ever,
		       max(amount) OVER e AS most, stddev_samp(score) OVER e AS score_std
		FROM payments
		WINDOW w AS (PARTITION BY merchant ORDER BY t RANGE ''1 second'' PRECEDING),
		       e AS (PARTITION BY merchant ORDER BY t)' $$;
	SELECT feature.create_view('totals', definition('true'), '1 second', shared => '{merchant}');
	SELECT feature.create_view('good_totals', definition('1 / (score::int % 10 - 3)'), '1 second', 'divert', '{merchant}');
});
my @slots = map { "SELECT max(n) FROM (SELECT count(*) AS n FROM feature_state.states_${_}_1 GROUP BY key_1) s" } (1, 2);
# The rows that each view has.
my %counted = (totals => 'true', good_totals => 'score::int % 10 <> 3');

my $row = q{clock_timestamp() - (random() < 0.1)::int * random() * interval '6 seconds', :x * 1.25, :x};
$node->pgbench(
	'--no-vacuum --client=8 --jobs=2 --transactions=150', 0,
	[qr{actually processed: 1200/1200}], [qr{^$}], 'sessions write the same merchants side by side',
	{
		'load' => qq{
			\\set first random(1, 3)
			\\set x random(0, 99)
			\\set kind random(0, 9)
			BEGIN;
			INSERT INTO payments (merchant, card, t, amount, score)
				SELECT 'm' || (1 + (:first + g) % 3), 'c' || (:x + g) % 7, $row FROM generate_series(0, :kind % 3) g;
			\\if :kind = 1
				SAVEPOINT s;
				INSERT INTO payments (merchant, card, t, amount, score) SELECT 'm1', 'undone', $row;
				ROLLBACK TO s;
			\\endif
			\\if :kind = 2
				INSERT INTO payments (merchant, card, t, amount, score) SELECT 'm' || :first, 'more', $row;
			\\endif
			\\if :kind = 3
				ROLLBACK;
			\\else
				COMMIT;
			\\endif
		}
	});
# While one transaction is open, others add slots, and merge none.
my $of_each = q{INSERT INTO payments (merchant, card, t, amount, score) SELECT 'm' || m, '%s', clock_timestamp(), 1, 1 FROM generate_series(1, 3) m};
$node->safe_psql('postgres', sprintf("BEGIN; $of_each; PREPARE TRANSACTION 'open'", 'open'));
$node->safe_psql('postgres', sprintf($of_each, 'beside')) for 1 .. 3;
$node->safe_psql('postgres', q{COMMIT PREPARED 'open'});
cmp_ok($node->safe_psql('postgres', $_), '>', 1, 'they have made slots') for @slots;

# Rows that see everything, and some that see what was there at earlier times.
my $probes = q{
	INSERT INTO payments (merchant, card, t, amount, score)
		SELECT 'm' || m, 'probe', n.newest + interval '1 ms' - g * 0.2 * (n.newest - n.oldest), 7, 7
		FROM (SELECT min(t) AS oldest, max(t) AS newest FROM payments) n, generate_series(1, 3) m, generate_series(0, 4) g
		ORDER BY g DESC};
sub check {
	my ($when) = @_;
	$node->safe_psql('postgres', $probes);
	for my $view (sort keys %counted) {
		is($node->safe_psql('postgres', qq{
			SELECT count(*), count(*) FILTER (WHERE (f.n, f.spent, f.cards, f.n_ever, f.spent_ever, f.most)
				IS DISTINCT FROM (q.n, q.spent, q.cards, q.n_ever, q.spent_ever, q.most)
				OR abs(f.score_avg - q.score_avg) > 1e-9 * abs(q.score_avg) OR abs(f.score_std - q.score_std) > 1e-9 * q.score_std)
			FROM (SELECT * FROM payments WHERE card = 'probe' ORDER BY id DESC LIMIT 15) r JOIN $view f USING (id),
			LATERAL (SELECT count(*) FILTER (WHERE recent) AS n, sum(amount) FILTER (WHERE recent) AS spent,
			                avg(score) FILTER (WHERE recent) AS score_avg, count(DISTINCT card) FILTER (WHERE recent) AS cards,
			                count(*) AS n_ever, sum(amount) AS spent_ever, max(amount) AS most, stddev_samp(score) AS score_std
			         FROM (SELECT *, t >= r.t - interval '1 second' AS recent FROM payments p
			               WHERE p.merchant = r.merchant AND (p.t < r.t OR p.t = r.t AND p.id <= r.id)
			                 AND $counted{$view}) p) q}),
			'15|0', "$view are those of the plain query $when");
		is($node->safe_psql('postgres', qq{
			SELECT entities, events = (SELECT count(*) FROM payments WHERE $counted{$view})
			FROM feature.stats WHERE relation = '$view'::regclass}),
			'3|t', "an entity counts once, whatever its slots, in $view $when");
	}
	is($node->safe_psql('postgres', q{
		SELECT count(*) > 0, bool_and(message = 'division by zero') FROM payments p
		FULL JOIN (SELECT (row ->> 'id')::int AS id, message FROM feature.errors) e USING (id)
		WHERE p.id IS NULL OR e.id IS NOT NULL OR p.score::int % 10 = 3}), 't|t', "bad rows are put aside $when");
}
check('over many slots');

$node->safe_psql('postgres', sprintf($of_each, 'quiet')) for 1 .. 12;
is($node->safe_psql('postgres', $_), 1, 'a few inserts have merged the slots') for @slots;
check('after merging');

# The plain query counts all of equal times, a refresh those before: the few that clocks have made the same go first.
$node->safe_psql('postgres', q{
	DELETE FROM payments p USING payments q WHERE q.merchant = p.merchant AND q.t = p.t AND q.id < p.id;
	SELECT feature.refresh('totals'), feature.refresh('good_totals')});
is($node->safe_psql('postgres', "SELECT sum(mismatches) FROM feature.verify('$_')"), 0, "a refresh of $_ gives the plain query")
	for sort keys %counted;

$node->stop;
done_testing();
