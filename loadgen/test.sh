#!/bin/bash
# Proves what only the finished program can show: exit statuses, where messages go, and that the same seed writes the
# same file. Needs no database.
#
# Usage: test.sh PROGRAM
set -u

program=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

# expect STATUS NAME ARGUMENT...: runs the program, keeps its output in $work/out and $work/err.
expect() {
  local status=$1 name=$2
  shift 2
  "$program" "$@" >"$work/out" 2>"$work/err"
  local actual=$?
  [ "$actual" -eq "$status" ] || fail "$name: exit status $actual instead of $status"
}

fail() {
  echo "not ok: $1" >&2
  failures=$((failures + 1))
}

csv() { "$program" --write-csv - --rows 20000 --span 30d --start 2025-01-01 "$@"; }

csv --seed 5 >"$work/one"
csv --seed 5 --clients 8 --mode copy --batch 77 --rate 10 --reads 0.5 >"$work/same"
csv --seed 6 --id-prefix t5- >"$work/other"
cmp -s "$work/one" "$work/same" || fail "the same seed gives other rows"
[ "$(wc -l <"$work/one")" -eq 20001 ] || fail "the file does not have 20,000 rows and a header"
[ "$(sort "$work/one" "$work/other" | uniq -d | wc -l)" -eq 1 ] || fail "another seed gives some of the same rows"
[ "$(tail -n +2 "$work/one" | cut -d, -f1 | sort -u | wc -l)" -eq 20000 ] || fail "transaction ids are not unique"
tail -n +2 "$work/one" | cut -d, -f2 | LC_ALL=C sort -uc 2>/dev/null || fail "times do not ascend strictly"

csv --seed 5 --late 0.1 >"$work/late"
tail -n +2 "$work/late" | cut -d, -f2 | LC_ALL=C sort -c 2>/dev/null && fail "there is no late row"
expect 0 "file" --write-csv "$work/file" --rows 20000 --span 30d --start 2025-01-01 --seed 5
cmp -s "$work/one" "$work/file" || fail "file and standard output differ"

expect 0 "help" --help
grep -q -- '--write-csv FILE' "$work/out" || fail "help does not tell the options"
[ -s "$work/err" ] && fail "help is on standard error"

for wrong in --nonsense "--rows=0" "--mode=bulk" "--rate=fast" "--write-csv=-" "--start=yesterday" extra; do
  expect 2 "option $wrong" "$wrong"
  [ -s "$work/out" ] && fail "the message about $wrong is on standard output"
  grep -q '^feature-loadgen: ' "$work/err" || fail "there is no message about $wrong"
done

expect 1 "no server" --conninfo "host=$work port=1" --rows 1
grep -q 'cannot start: ' "$work/err" || fail "no server gives no message"
expect 1 "no such folder" --write-csv "$work/none/file" --rows 1 --span 1s
if [ -c /dev/full ]; then expect 1 "full disk" --write-csv /dev/full --rows 10 --span 1s; fi

[ "$failures" -eq 0 ] || exit 1
echo "test.sh: passed"
