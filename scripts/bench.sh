#!/bin/bash
# Measures the extension against what the same rows cost without it, and prints a table; takes about a quarter of an hour,
# more than half of it three loads of a million rows, and 8 GB of room for temporary files. Results also go to
# bench/results/*.json.
#
#   copy         COPY into the standard catalogue, over a COPY of the finished rows      bench/bulk_load.py
#   wide         the same of the wide catalogue                                          bench/bulk_load.py
#   backfill     create_view over rows that are there, over CREATE TABLE AS              bench/backfill.py
#   added_features  further features over a window that is there                      bench/added_features.py
#   row_trigger, row_trigger_standard  the wide and the standard catalogue against a trigger FOR EACH ROW
#   ivm          lifetime count, sum and average against pg_ivm, where there is one      bench/ivm.py
#   outside      the standard catalogue against a service that keeps histories in Redis   bench/outside.py
#   single_row   prepared single-row INSERTs, over INSERTs of the finished rows          bench/single_row.py
#   many_rows    the same with 100 rows a statement                                       bench/single_row.py
#   latency      p99 of INSERTs that are sent when they are due                           bench/latency.py
#   reads        p99 of reading features beside inserts                                   bench/latency.py
#   hot          8 sessions that insert for one merchant, of a shared list               bench/hot.py
#   curve        cost of a row by the number of events in its frame                      bench/curve.py
#   state        what is kept of a user with 50 transactions                             bench/state_size.py
#
# and, if asked for, since they are the same in every run, and some take minutes,
#
#   diverted     what bad rows cost where they are put aside                             bench/diverted.py
#   month        what is kept of a user in a month of traffic                            bench/month.py
#   memory       the backend's memory in one long COPY                                   bench/memory.py
#
# What is measured, and what the floor of each figure is, stands at the top of these files. All of it runs against a
# private server that really writes to disk, on two processors, with its shared memory in huge pages if there are any or
# we may reserve them (BENCH_HUGE_PAGES).
#
#   BENCH="copy state"     figures; all but these three if not set
#   BENCH_ROUNDS=3         rounds of each figure; in each round both sides, one after the other
#   BENCH_ROWS=10000000    rows of copy, wide and backfill (1000000), added_features (500000), month (600000), memory
#                          (2000000)
#   BENCH_SECONDS=3        length of one measurement of single_row, latency, reads and hot, about that of outside; of
#                          many_rows half of it
#   BENCH_HUGE_PAGES=off   leaves the server's shared memory in pages of the usual size
#   BENCH_COMMIT           what the results say was measured, instead of the checkout's commit
set -euo pipefail
source "$(dirname "$0")/common.sh"

reserved_huge_pages=/proc/sys/vm/nr_hugepages

# Nothing falls into some rounds of seconds and not into others: no checkpoint, no eviction, and no autovacuum, which comes
# once a minute, of the floor's tables as of the pipeline's; figures vacuum and analyze what they begin with. Durability is
# as it comes: fsync, synchronous_commit and full_page_writes are on. What huge_pages is set to is what it comes to.
configure_server() {
  psql -X -q -v ON_ERROR_STOP=1 <<'SQL'
ALTER SYSTEM SET shared_buffers = '1GB';
ALTER SYSTEM SET max_wal_size = '16GB';
ALTER SYSTEM SET min_wal_size = '2GB';
ALTER SYSTEM SET checkpoint_timeout = '1h';
ALTER SYSTEM SET autovacuum = off;
SQL
  as_server_user "$bin/pg_ctl" -D "$cluster/data" -m fast -w -s stop
  local huge_pages=off
  if [ "${BENCH_HUGE_PAGES:-on}" != off ] && reserve_huge_pages; then
    huge_pages=on
  fi
  echo "huge_pages = $huge_pages" >>"$cluster/data/postgresql.conf"
  as_server_user "$bin/pg_ctl" -D "$cluster/data" -l "$cluster/log" -w -s start
}

# With a gigabyte in pages of 4 kB each session spends more time in page tables than in PostgreSQL, above all on a
# virtual machine: the floor as well as the pipeline. PostgreSQL's documentation, "Linux Huge Pages", has a server use
# huge ones. Reserves as many as this one needs, until we end; false if there are not enough and we may not or cannot.
reserve_huge_pages() {
  local needed free total
  needed=$(as_server_user "$bin/postgres" -D "$cluster/data" -C shared_memory_size_in_huge_pages) || return
  free=$(free_huge_pages)
  [ "$free" -lt "$needed" ] || return 0
  [ -w "$reserved_huge_pages" ] || return
  huge_pages_before=$(<"$reserved_huge_pages")
  trap 'remove_cluster; echo "$huge_pages_before" >"$reserved_huge_pages"' EXIT
  # Those that others still have of a reservation that was taken back count as well.
  total=$(awk '$1 == "HugePages_Total:" { print $2 }' /proc/meminfo)
  echo $((total + needed - free)) >"$reserved_huge_pages" || return
  [ "$(free_huge_pages)" -ge "$needed" ]
}

# Those that nobody has claimed.
free_huge_pages() {
  awk '$1 == "HugePages_Free:" { free += $2 } $1 == "HugePages_Rsvd:" { free -= $2 } END { print free + 0 }' /proc/meminfo
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
[[ " ${BENCH:-outside} " != *" outside "* ]] || build -C bench/outside
use_two_processors
new_folder
install_privately
start_server durable
configure_server

# Written by us and by the server, and read by both.
as_server_user mkdir -m 755 "$cluster/files"

LC_ALL=C PYTHONDONTWRITEBYTECODE=1 "$PYTHON" "$top/bench/run.py" --files "$cluster/files" \
  --loadgen "$top/loadgen/feature-loadgen" --service "$top/build/outside/feature-service" \
  --results "$top/bench/results" \
  ${BENCH_ROUNDS:+--rounds "$BENCH_ROUNDS"} ${BENCH_ROWS:+--rows "$BENCH_ROWS"} \
  ${BENCH_SECONDS:+--seconds "$BENCH_SECONDS"} ${BENCH:+$BENCH}
"$PYTHON" "$top/bench/picture.py" "$top/bench/results" "$top/bench/results/goals.svg"
echo "Picture of all results so far: bench/results/goals.svg; \`make picture\` gives it to the README"
