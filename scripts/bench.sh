#!/bin/bash
# Measures the extension against what the same rows cost without it, and prints a table; takes about ten minutes and
# 6 GB of room for temporary files. Results also go to bench/results/*.json.
#
# What is measured, and what the floor of each figure is, stands at the top of bench/bulk_load.py, bench/single_row.py
# and bench/state_size.py. All of it runs against a private server that really writes to disk, on two processors.
#
#   BENCH="copy single_row state"   figures (these, all of them)
#   BENCH_ROUNDS=5                  rounds of each figure; in each round first the floor, then the pipeline
#   BENCH_ROWS=1000000              rows that copy loads
#   BENCH_SECONDS=10                length of one measurement of single_row
set -euo pipefail
source "$(dirname "$0")/common.sh"

# Big enough that neither checkpoints nor evictions fall into some rounds and not into others. Durability is as it comes:
# fsync, synchronous_commit and full_page_writes are on.
configure_server() {
  psql -X -q -v ON_ERROR_STOP=1 <<'SQL'
ALTER SYSTEM SET shared_buffers = '1GB';
ALTER SYSTEM SET max_wal_size = '16GB';
ALTER SYSTEM SET min_wal_size = '2GB';
ALTER SYSTEM SET checkpoint_timeout = '1h';
SQL
  as_server_user "$bin/pg_ctl" -D "$cluster/data" -l "$cluster/log" -m fast -w -s restart
}

# The first two processors that we may use, for us and everything that we start.
use_two_processors() {
  local allowed
  allowed=$("$PYTHON" -c 'import os; print(*sorted(os.sched_getaffinity(0))[:2], sep=",")')
  taskset -cp "$allowed" $$ >/dev/null
}

clean_up_at_exit
build all
build_loadgen
use_two_processors
new_folder
install_privately
start_server durable
configure_server

# Written by us and by the server, and read by both.
as_server_user mkdir -m 755 "$cluster/files"

LC_ALL=C PYTHONDONTWRITEBYTECODE=1 "$PYTHON" "$top/bench/run.py" --files "$cluster/files" \
  --loadgen "$top/loadgen/feature-loadgen" --results "$top/bench/results" \
  --rounds "${BENCH_ROUNDS:-5}" --rows "${BENCH_ROWS:-1000000}" --seconds "${BENCH_SECONDS:-10}" \
  ${BENCH:+$BENCH}
