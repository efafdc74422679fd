#!/bin/bash
# Runs the test suites, all of them or those named: check.sh [SUITE]...
#
# One line a suite, and the log of a suite that fails; all logs stay in build/check/. Tests are found by their place,
# never by a list that one could be missing from, and a suite that has tests but ran none has failed. Lines of a log
# that begin with "note: " are shown too. Ends with "N passed, N failed".
#
#   FUZZ_SECONDS     how long each fuzzer runs (60)
#   CASES            how many random cases are run (2000)
#   RANDOM_SEED      from which seed they are drawn, instead of a new one
#   RANDOM_SECONDS   how long they are run instead
#   WRITERS_SECONDS  how long the many-writers test writes (5)
#   CRASH_ROUNDS     how often the crash test crashes (20)
set -euo pipefail
source "$(dirname "$0")/common.sh"

# The suites in the order in which they run, and the files that they consist of.
suites=(unit fuzz counts loadgen regress isolation tap clients random aggregates docs)
declare -A files_of=(
  [unit]='test/unit/*.cpp'
  [fuzz]='test/fuzz/*_fuzz.cpp'
  [counts]='test/counts/run.py'
  [loadgen]='loadgen/*_test.cpp'
  [regress]='test/regress/sql/*.sql'
  [isolation]='test/isolation/specs/*.spec'
  [tap]='test/tap/t/*.pl'
  [clients]='test/clients/*_test.py'
  [random]='test/random/run.py'
  [aggregates]='test/aggregates/run.py'
  [docs]='test/docs/run.py'
)
logs=$top/build/check

# Each suite: what it runs, in a shell of its own with `set -e`, its output being the log; and how to count from the log,
# into $passed and $failed.

# Address sanitizers of GCC before 14 and clang before 18 do not survive kernels that scatter addresses over more than
# 28 bits.
with_steady_addresses() {
  local steady=()
  if setarch --addr-no-randomize true 2>/dev/null; then steady=(setarch --addr-no-randomize); fi
  "${steady[@]}" "$@"
}

run_unit() {
  build -C test/unit
  with_steady_addresses build/unit/unit_test --gtest_color=no
}
count_unit() {
  passed=$(count '^\[       OK \]')
  failed=$(count '^\[  FAILED  \] .*\([0-9]+ ms\)$')
}

# The two fuzzers side by side, each from the corpus that is kept of it.
run_fuzz() {
  build -C test/fuzz
  with_steady_addresses make -s --no-print-directory -C test/fuzz -j2 --keep-going --output-sync run \
    FUZZ_SECONDS="${FUZZ_SECONDS:-60}" | sed -E 's/^fuzzer .* covered$/note: &/'
}
count_fuzz() {
  passed=$(count '^note: fuzzer')
  failed=$(count '^fuzzer .*: failed$')
}

run_counts() {
  build -C test/counts
  "$PYTHON" -B test/counts/run.py
}
count_counts() {
  count_random
}

run_loadgen() {
  build -C loadgen check
}
count_loadgen() {
  passed=$(add '^\[  PASSED  \] ([0-9]+) tests?\.$')
  passed=$((passed + $(count '^test\.sh: passed$')))
  failed=$(count '^(\[  FAILED  \] .*\([0-9]+ ms\)$|not ok: )')
}

# The modules of test/modules/ are read by the server, so it gets copies.
build_modules() {
  local module
  export FEATURE_TEST_MODULES=$cluster/modules
  [ ! -e "$FEATURE_TEST_MODULES" ] || return 0
  for module in test/modules/*/; do build -C "$module"; done
  cp -r build/modules "$FEATURE_TEST_MODULES"
}

run_regress() {
  build_modules
  pg_regress regress "$(pgxs_test)/regress/pg_regress" test/regress expected
}
count_regress() {
  # "All 3 tests passed." or "1 of 3 tests failed."; since PostgreSQL 16 with "# " before it.
  passed=$(add '^#? ?All ([0-9]+) tests passed')
  failed=$(add '^#? ?([0-9]+) of [0-9]+ tests failed')
  passed=$((passed + $(add '^#? ?[0-9]+ of ([0-9]+) tests failed') - failed))
}

run_isolation() {
  pg_regress isolation "$(pgxs_test)/isolation/pg_isolation_regress" test/isolation test/isolation/expected
}
count_isolation() {
  count_regress
}

# TAP tests make servers themselves, so they run as the server user, on a copy that it can read.
run_tap() {
  local folder=$cluster/tap status=0
  build_modules
  mkdir "$folder"
  cp -r test/. "$folder"
  chown -R "$(server_user)" "$folder"
  as_server_user env --chdir="$folder/tap" PERL5LIB="$(pgxs_test)/perl" PG_REGRESS="$(pgxs_test)/regress/pg_regress" \
    TESTDIR="$folder" TESTDATADIR="$folder/tmp_check" TESTLOGDIR="$folder/tmp_check/log" \
    prove --nocolor --ext .pl t || status=$?
  rm -rf build/tap
  [ ! -d "$folder/tmp_check/log" ] || cp -r "$folder/tmp_check/log" build/tap
  [ $status -eq 0 ] || tail -n 40 build/tap/regress_log_*
  return $status
}
count_tap() {
  failed=$(add '\(Wstat: .* Failed: ([0-9]+)\)$')
  passed=$(($(add '^Files=[0-9]+, Tests=([0-9]+),') - failed))
  # A program that died counts, though none of its tests failed.
  failed=$((failed + $(count '\(Wstat: [1-9].* Failed: 0\)$')))
}

run_clients() {
  "$PYTHON" -B test/clients/run.py
}
count_clients() {
  count_random
}

run_random() {
  createdb random
  local length=(--cases "${CASES:-2000}")
  [ -z "${RANDOM_SEED:-}" ] || length+=(--seed "$RANDOM_SEED")
  [ -z "${RANDOM_SECONDS:-}" ] || length=(--seconds "$RANDOM_SECONDS")
  PGDATABASE=random "$PYTHON" test/random/run.py --jobs "$(nproc)" "${length[@]}"
}
count_random() {
  failed=$(add '^[0-9]+ [a-z]+, ([0-9]+) failed')
  passed=$(($(add '^([0-9]+) [a-z]+, [0-9]+ failed') - failed))
}

run_aggregates() {
  createdb aggregates
  PGDATABASE=aggregates "$PYTHON" test/aggregates/run.py --rounds "${ROUNDS:-3}"
}
count_aggregates() {
  count_random
}

run_docs() {
  "$PYTHON" test/docs/run.py
}
count_docs() {
  count_random
}

pgxs_test() {
  echo "$(dirname "$("$PG_CONFIG" --pgxs)")/../test"
}

# pg_regress SUITE PROGRAM INPUT EXPECTED: the suite through one of PostgreSQL's two drivers. On every version these look
# for expected/ in the folder they are started in, and write beside it.
pg_regress() {
  local output=build/$1 file name missing tests=()
  for file in ${files_of[$1]}; do
    name=$(basename "${file%.*}")
    missing=$(missing_extensions "$file")
    if [ -z "$missing" ]; then
      tests+=("$name")
    else
      echo "note: $name left out: this PostgreSQL has no extension $missing"
    fi
  done
  rm -rf "$output"
  mkdir -p "$output"
  ln -s "$top/$4" "$output/expected"
  cd "$output"
  if ! "$2" --inputdir="$top/$3" --bindir="$bin" --dbname="$1" --load-extension=feature_ext "${tests[@]}"; then
    head -n 300 regression.diffs
    return 1
  fi
}

# count REGEX: lines of $log that match. add REGEX: the sum of the numbers that its first group matches.
count() {
  grep -cE "$1" "$log" || true
}
add() {
  local sum=0 line
  while read -r line; do
    if [[ $line =~ $1 ]]; then sum=$((sum + BASH_REMATCH[1])); fi
  done <"$log"
  echo "$sum"
}

# logged NAME COMMAND...: runs it with its output in $log, which NAME names; sets $status and $seconds.
logged() {
  local begin=${EPOCHREALTIME/[.,]/} took
  log=$logs/$1.log
  shift
  set +e
  (set -e; "$@") >"$log" 2>&1
  status=$?
  set -e
  took=$((${EPOCHREALTIME/[.,]/} - begin))
  seconds=$((took / 1000000)).$((took / 100000 % 10))
}

# report NAME PASSED FAILED: the line of a suite, the notes in its log, and all of its log if it failed.
report() {
  printf '%-10s %6d passed %6d failed %8s s\n' "$1" "$2" "$3" "$seconds"
  total_passed=$((total_passed + $2))
  total_failed=$((total_failed + $3))
  if [ "$3" -eq 0 ]; then
    sed -n 's/^note: /    /p' "$log"
  else
    tail -n 300 "$log" | sed 's/^/    /'
  fi
}

# The extension, compiled with warnings as errors, in an installation of its own; without it what needs it cannot run.
prepare_extension() {
  [ "$extension" = untried ] || return 0
  # PostgreSQL brings its own choice of warnings; this one came with a later version.
  logged build build all WARN="-Werror -Wshadow=compatible-local"
  if [ $status -eq 0 ]; then
    extension=built
    printf '%-10s %29s %8s s\n' build '' "$seconds"
    new_folder
    install_privately
  else
    extension=broken
    report build 0 1
  fi
}

# left_out SUITE: why it has nothing to say here, if so.
left_out() {
  [ "$1" != counts ] || "$PYTHON" -B test/counts/run.py --left-out || true
}

prepare_server() {
  [ "$server" = running ] || start_server quick
  server=running
}

run_suite() {
  local suite=$1 passed failed reason
  if ! compgen -G "${files_of[$suite]}" >/dev/null; then
    printf '%-10s has no tests yet\n' "$suite"
    return
  fi
  reason=$(left_out "$suite")
  if [ -n "$reason" ]; then
    printf '%-10s left out: %s\n' "$suite" "$reason"
    return
  fi
  case $suite in
    unit | fuzz | counts | loadgen) ;;
    *)
      prepare_extension
      if [ $extension = broken ]; then
        printf '%-10s not run: the extension does not build\n' "$suite"
        return
      fi
      [ "$suite" = tap ] || prepare_server
      ;;
  esac
  logged "$suite" "run_$suite"
  "count_$suite"
  # Whatever the log says: a bad exit status is a failure, and so is not having run anything.
  if [ $((status != 0 || passed == 0)) -eq 1 ] && [ "$failed" -eq 0 ]; then
    echo "exit status $status" >>"$log"
    failed=1
  fi
  report "$suite" "$passed" "$failed"
}

for suite; do
  [ -n "${files_of[$suite]:-}" ] || fail "there is no suite \"$suite\"; there are ${suites[*]}"
done
[ $# -eq 0 ] || suites=("$@")

cd "$top"
mkdir -p "$logs"
clean_up_at_exit
total_passed=0 total_failed=0 extension=untried server=none
for suite in "${suites[@]}"; do
  run_suite "$suite"
done
[ $server = none ] || cp "$cluster/log" "$logs/server.log"

echo "$total_passed passed, $total_failed failed"
[ "$total_failed" -eq 0 ]
