#!/bin/bash
# Runs test suites on versions of PostgreSQL: check-versions.sh "MAJOR [SUITE]..."...
#
# The version of PG_CONFIG, or that of this Debian, is checked here, as it is installed; another one in the Debian that
# has it (debian.sh), where the standard library's assertions are on. What is needed is installed. Ends with "N passed,
# N failed" of all of it, and fails if something did.
set -euo pipefail
source "$(dirname "$0")/common.sh"

# Whether PostgreSQL MAJOR, of Debian RELEASE, is the one of this machine: is_here MAJOR RELEASE
is_here() {
  [[ $("$PG_CONFIG" --version 2>/dev/null) =~ ^"PostgreSQL $1"[^0-9] ]] ||
    grep -qxE "VERSION_CODENAME=\"?$2\"?" /etc/os-release
}

# check MAJOR SUITES
check() {
  local release
  release=$("$top/scripts/debian.sh" --release "$1")
  if is_here "$1" "$release"; then
    echo "PostgreSQL $1"
    "$top/scripts/setup.sh"
    # shellcheck disable=SC2086  # several suites
    "$top/scripts/check.sh" $2
  else
    echo "PostgreSQL $1, in Debian $release"
    "$top/scripts/setup.sh" debootstrap
    "$top/scripts/debian.sh" "$1" check SUITES="$2" ASSERTIONS=1
  fi
}

closing='^([0-9]+) passed, ([0-9]+) failed$'
total_passed=0 total_failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for version; do
  read -r major version_suites <<<"$version"
  status=0
  check "$major" "$version_suites" | tee "$log" | sed -uE "/$closing/d" || status=$?
  if [[ $(tail -n 1 "$log") =~ $closing ]] && ((status == 0 || BASH_REMATCH[2] > 0)); then
    total_passed=$((total_passed + BASH_REMATCH[1]))
    total_failed=$((total_failed + BASH_REMATCH[2]))
  else
    echo "PostgreSQL $major: ended with status $status"
    total_failed=$((total_failed + 1))
  fi
  echo
done
echo "$total_passed passed, $total_failed failed"
[ "$total_failed" -eq 0 ]
