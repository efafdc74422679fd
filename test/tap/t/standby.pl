# A read replica answers what only reads: features and their statistics.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1, extra => [ '--locale=C', '--encoding=UTF8' ]);
$primary->append_conf('postgresql.conf', 'fsync = off');
$primary->start;
$primary->safe_psql('postgres', q{
	CREATE EXTENSION feature_ext;
	CREATE TABLE payments (id int PRIMARY KEY, card text, t timestamptz NOT NULL, v int);
	SELECT feature.create_view('spend', 'SELECT id, card, sum(v) OVER (PARTITION BY card ORDER BY t) AS total FROM payments');
	INSERT INTO payments SELECT i, 'c' || i % 3, timestamptz '2024-01-01' + i * interval '1 minute', i FROM generate_series(1, 3000) i;
});
$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;

# In a state that the standby has got record by record.
$primary->safe_psql('postgres', q{INSERT INTO payments VALUES (3001, 'new', '2024-02-01', 1), (3002, 'c1', '2023-01-01', 1)});
$primary->wait_for_catchup($standby);

# The standby may keep a map of free space that the primary has not written yet.
for my $query (
	q{SELECT to_jsonb(s) - 'total_bytes' FROM feature.stats s},
	'SELECT * FROM feature.columns ORDER BY position',
	'SELECT sum(total) FROM spend') {
	is($standby->safe_psql('postgres', $query), $primary->safe_psql('postgres', $query), "$query on the standby");
}
is($standby->safe_psql('postgres', 'SELECT entities, events, late_events FROM feature.stats'), '4|3002|1',
	'statistics of what was inserted last');

$standby->stop;
$primary->stop;
done_testing();
