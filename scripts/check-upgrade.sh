#!/bin/bash
# Tests that feature views go through pg_upgrade: check-upgrade.sh [--here] [OLD NEW], from PostgreSQL 15 to 17 unless told.
#
# Where apt does not have both, it is done in a Debian of NEW's release which has the packages of OLD's as well (debian.sh);
# --here does it here. The extension is built for both, and test/upgrade/ is run. Ends with "N passed, N failed".
set -euo pipefail
source "$(dirname "$0")/common.sh"

here=
if [ "${1:-}" = --here ]; then
  here=yes
  shift
fi
old=${1:-15} new=${2:-17}

pg_config_of() {
  echo "/usr/lib/postgresql/$1/bin/pg_config"
}

is_available() {
  [ -x "$(pg_config_of "$1")" ] || apt-cache pkgnames "postgresql-server-dev-$1" | grep -qx "postgresql-server-dev-$1"
}

# install_major MAJOR: PostgreSQL and the extension, in an installation of its own; prints its folder.
install_major() {
  set -e
  PG_CONFIG=$(pg_config_of "$1")
  cluster=$cluster/$1
  mkdir "$cluster"
  install_privately >&2
  cp "$PG_CONFIG" "$bin"  # which the test asks for its version
  dirname "$bin"
}

if [ -z "$here" ] && { ! is_available "$old" || ! is_available "$new"; }; then
  "$top/scripts/setup.sh" debootstrap
  exec "$top/scripts/debian.sh" --with "$old" "$new" check-upgrade HERE=--here OLD="$old" NEW="$new"
fi

for major in "$old" "$new"; do
  PG_CONFIG=$(pg_config_of "$major") "$top/scripts/setup.sh"
done
clean_up_at_exit
new_folder
old_installation=$(install_major "$old")
new_installation=$(install_major "$new")
ln -s "$new_installation/bin/pg_ctl" "$cluster/pg_ctl"

folder=$cluster/tap
pgxs_test=$(dirname "$("$(pg_config_of "$new")" --pgxs)")/../test
mkdir "$folder"
cp -r "$top/test/." "$folder"
chown -R "$(server_user)" "$folder"
log=$top/build/upgrade.log
status=0
as_server_user env --chdir="$folder/upgrade" PATH="$new_installation/bin:$PATH" PERL5LIB="$pgxs_test/perl" \
  PG_REGRESS="$pgxs_test/regress/pg_regress" TESTDIR="$folder" TESTDATADIR="$folder/tmp_check" \
  TESTLOGDIR="$folder/tmp_check/log" OLD_INSTALLATION="$old_installation" NEW_INSTALLATION="$new_installation" \
  prove --verbose --nocolor --ext .pl . >"$log" 2>&1 || status=$?
passed=$(grep -c '^ok ' "$log" || true)
failed=$(grep -c '^not ok ' "$log" || true)
if [ $status -ne 0 ] || [ "$passed" -eq 0 ]; then
  [ "$failed" -gt 0 ] || failed=1
  cat "$log"
  find "$folder/tmp_check" -name pg_upgrade_internal.log -exec tail -n 20 {} + || true
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
