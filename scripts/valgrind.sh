#!/bin/bash
# Runs regression tests against a server under valgrind's memcheck: valgrind.sh [TEST]...
#
#   TEST   a file of test/regress/sql; without it those that go through every part of the engine, as $sample has them
#
# Debian's server is built without USE_VALGRIND, so memcheck knows the blocks that memory contexts take and give back,
# not the chunks within. What it sees is access outside of blocks and to freed ones, and decisions on values that were
# never set. test/valgrind.supp says what of this the server may do. The logs of processes that did something else are
# shown, and stay in build/valgrind/.
#
# The server is some 30 times as slow. Results that differ are in build/valgrind/regression.diffs.
set -euo pipefail
source "$(dirname "$0")/common.sh"

sample=(arrival boundary frames levels transactions)
logs=$top/build/valgrind
[ $# -eq 0 ] || sample=("$@")
command -v valgrind >/dev/null || fail "needs valgrind (make setup)"

clean_up_at_exit
build all
for module in "$top"/test/modules/*/; do build -C "$module"; done
new_folder
install_privately
start_server quick

# The same server once more, under valgrind, and without LLVM: the dynamic loader's search for it is full of errors.
# That everything takes long is not to be told in notices. -q: a process without errors writes nothing.
as_server_user mkdir "$cluster/valgrind"
cp "$top/test/valgrind.supp" "$cluster"
cat >"$cluster/postgres" <<SERVER
#!/bin/sh
exec valgrind -q --num-callers=40 --error-limit=no --suppressions='$cluster/valgrind.supp' \
  --log-file='$cluster/valgrind/%p.log' '$bin/postgres' "\$@"
SERVER
chmod 755 "$cluster/postgres"
printf '%s\n' 'jit = off' 'feature_ext.progress_interval = 0' >>"$cluster/data/postgresql.conf"
as_server_user "$bin/pg_ctl" -D "$cluster/data" -m fast -w -s stop
as_server_user "$bin/pg_ctl" -D "$cluster/data" -l "$cluster/log" -p "$cluster/postgres" -t 300 -w -s start

export FEATURE_TEST_MODULES=$cluster/modules
cp -r "$top/build/modules" "$FEATURE_TEST_MODULES"
rm -rf "$logs"
mkdir -p "$logs"
ln -s "$top/expected" "$logs/expected"
cd "$logs"
status=0
"$(dirname "$("$PG_CONFIG" --pgxs)")/../test/regress/pg_regress" --inputdir="$top/test/regress" --bindir="$bin" \
  --dbname=valgrind --load-extension=feature_ext "${sample[@]}" || status=$?
as_server_user "$bin/pg_ctl" -D "$cluster/data" -m fast -t 300 -w -s stop

find "$cluster/valgrind" -type f -size +0 -exec cp -t "$logs" {} +
errors=$(cat "$logs"/*.log 2>/dev/null | grep -cE '^==[0-9]+== [A-Z]' || true)
[ "$errors" -eq 0 ] || head -n 200 "$logs"/*.log
echo "memcheck: $errors errors"
[ "$status" -eq 0 ] && [ "$errors" -eq 0 ]
