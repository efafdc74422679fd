#!/bin/bash
# The demonstration: a private PostgreSQL, the transaction pipeline, a COPY of history, ten seconds of live inserts, what
# the features say, and the proof that they are right. Leaves nothing behind. Exits with 1 if a feature is wrong.
#
# The server is a durable one, with fsync: the latencies are those of commits that survive a crash.
set -euo pipefail
source "$(dirname "$0")/common.sh"

history=50000
clients=4
seconds=10
population=(--users 20000 --user-skew 0.3)

bold='' plain=''
if [ -t 1 ]; then bold=$'\e[1m' plain=$'\e[0m'; fi

# step TITLE
number=0
step() {
  number=$((number + 1))
  printf '\n%s%d. %s%s\n\n' "$bold" $number "$1" "$plain"
}

indent() { sed 's/^\(.\)/   \1/'; }

# building WHAT COMMAND...: says what is built while that goes on, and how long it took.
building() {
  local begin=$SECONDS
  printf '   Building %s ..' "$1"
  shift
  "$@" >>build/demo.log 2>&1 || { echo; cat build/demo.log >&2; fail "does not build"; }
  echo " $((SECONDS - begin)) s"
}

# sql STATEMENT: shows it and what it answers.
sql() {
  printf '%s;\n\n' "$1" | indent
  psql -X -q -v ON_ERROR_STOP=1 -P footer=off -P null=- -c "$1" | sed '/^$/d' | indent
}

# ask QUERY: one value, not shown.
ask() { psql -X -q -A -t -v ON_ERROR_STOP=1 -c "$1"; }

clean_up_at_exit
cd "$top"
printf '%sfeature_ext: the features of every transaction, committed together with it%s\n' "$bold" "$plain"

step "Build, and start a PostgreSQL of our own"
mkdir -p build
: >build/demo.log
building "the extension, which takes a minute or two the first time (log: build/demo.log)" build all
building "the load generator" build_loadgen
new_folder
install_privately
start_server durable
echo "PostgreSQL $(ask 'SHOW server_version') runs in $cluster with fsync $(ask 'SHOW fsync')." | indent

step "Two statements set up the pipeline"
sql "CREATE EXTENSION feature_ext"
sql "SELECT feature.create_transaction_pipeline()"
columns() { ask "SELECT count(*) FROM pg_attribute WHERE attrelid = '$1'::regclass AND attnum > 0"; }
cat <<TEXT | indent

Raw rows go into table transactions ($(columns transactions) columns). transaction_features holds the same rows with
their features ($(columns transaction_features) columns), which are defined by one SQL query with window functions.
There is also a wide catalogue of 97 features: feature.create_transaction_pipeline(catalogue => 'wide').
TEXT

step "History: one COPY of $history transactions"
echo "COPY transactions FROM STDIN WITH (FORMAT csv, HEADER);" | indent
begin=${EPOCHREALTIME/[.,]/}
loadgen/feature-loadgen --write-csv - --rows $history --span 30d "${population[@]}" --seed 1 --id-prefix history- |
  psql -X -q -v ON_ERROR_STOP=1 -c "COPY transactions FROM STDIN WITH (FORMAT csv, HEADER)"
took=$(((${EPOCHREALTIME/[.,]/} - begin) / 1000))
[ "$(ask 'SELECT count(*) FROM transaction_features')" -eq $history ] || fail "rows without features"
echo "$history feature rows are there $took ms later: $((history * 1000 / took)) rows a second." | indent

step "Live: $clients clients, $seconds seconds, each transaction one INSERT; every fifth operation reads features"
cat <<TEXT | indent
INSERT INTO transactions VALUES (...);
SELECT * FROM transaction_features WHERE user_id = ... AND "timestamp" > now() - interval '1 hour';

TEXT
loadgen/feature-loadgen --clients $clients --in-turn --duration ${seconds}s --reads 0.2 "${population[@]}" \
  --seed 2 --id-prefix live- --no-progress | sed 1,2d | indent

step "The transactions that look most like fraud"
sql 'SELECT transaction_id, user_id, amount, transactions_last_10min AS in_10min, round(velocity_kmh::numeric) AS km_per_h,
       round(amount_zscore::numeric, 1) AS zscore, ip_change_count_total AS ip_changes, fraud_score
FROM transaction_features ORDER BY fraud_score DESC, "timestamp" DESC LIMIT 5'
suspect=$(ask 'SELECT user_id FROM transaction_features ORDER BY fraud_score DESC, "timestamp" DESC LIMIT 1')

step "The latest features of the first one's user"
sql "SELECT \"timestamp\"::timestamp(3) AS at, amount, merchant_category AS category, transactions_last_10min AS in_10min,
       round(amount_vs_user_avg_ratio::numeric, 2) AS to_average, round(distance_from_last_km::numeric, 1) AS km, fraud_score
FROM transaction_features WHERE user_id = '$suspect' ORDER BY \"timestamp\" DESC LIMIT 5"

step "The proof: is every feature what the defining query says about the raw rows?"
sql "SELECT count(*) AS columns, max(rows_compared) AS rows, sum(mismatches) AS mismatches,
       max(largest_relative_error) AS largest_relative_error
FROM feature.verify('transaction_features')"
wrong=$(ask "SELECT sum(mismatches) FROM feature.verify('transaction_features')")

printf '\n%s\n' "The server and its folder are removed. Next: \`make install\`, then the two statements of step 2 in a database of yours."
[ "$wrong" -eq 0 ] || fail "$wrong values are wrong"
