# shellcheck shell=bash
# Functions that the scripts share; sourced, from anywhere in the checkout.
#
# A private PostgreSQL lives in one temporary folder, $cluster:
#   install/   an installation of its own, the extension in it: the system's is neither changed nor needed to be writable
#   data/ socket/ log
# PostgreSQL refuses to run as root, and a checkout under /root can be read by nobody else. So for root all of it runs as
# an unprivileged user, from copies in that folder.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export PG_CONFIG=${PG_CONFIG:-pg_config}
PG_CONFIG=$(type -P "$PG_CONFIG" || echo "$PG_CONFIG")
# shellcheck disable=SC2034
PYTHON=/usr/bin/python3  # the system's, which has psycopg2; another one may come first in PATH
cluster=

fail() {
  echo "$(basename "$0"): $*" >&2
  exit 1
}

# missing_extensions TEST...: the extensions of others that tests say they need, in lines "-- needs: NAME..", and that
# PostgreSQL does not have.
missing_extensions() {
  local extension missing=()
  for extension in $(sed -n 's/^-- needs: //p' "$@"); do
    [ -e "$("$PG_CONFIG" --sharedir)/extension/$extension.control" ] || missing+=("$extension")
  done
  echo "${missing[@]}"
}

# The user that servers run as: ourselves, or for root one without rights.
server_user() {
  if [ "$(id -u)" -ne 0 ]; then
    id -un
  elif id postgres >/dev/null 2>&1; then
    echo postgres
  else
    echo nobody
  fi
}

# as_server_user COMMAND...
as_server_user() {
  if [ "$(id -u)" -ne 0 ]; then
    "$@"
  else
    local user
    user=$(server_user)
    (cd / && HOME=/tmp setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups -- "$@")
  fi
}

# build TARGET...: make in the checkout, one at a time: a second caller waits. Variables given to an outer make are kept,
# its job slots are not.
build() {
  mkdir -p "$top/build"
  MAKEFLAGS=$(sed -E 's/(^| )(-j[0-9]*|--jobserver-[a-z]+=[^ ]*)//g' <<<"${MAKEFLAGS:-}") \
    flock --close "$top/build/lock" make -s --no-print-directory -C "$top" -j"$(nproc)" PG_CONFIG="$PG_CONFIG" "$@"
}

build_loadgen() {
  build -C loadgen feature-loadgen
}

# new_folder: sets $cluster to a new folder that the server user owns.
new_folder() {
  cluster=$(mktemp -d "${TMPDIR:-/tmp}/feature_ext.XXXXXX")
  # A socket's name has room for 107 bytes.
  if [ ${#cluster} -gt 80 ]; then
    rmdir "$cluster"
    cluster=$(mktemp -d /tmp/feature_ext.XXXXXX)
  fi
  chown "$(server_user)" "$cluster"
}

# install_privately: puts PostgreSQL and the extension into $cluster/install and first in PATH. PostgreSQL finds its
# libraries and files relative to its programs, so these are copied and the rest can be links. Sets $bin.
install_privately() {
  local root=$cluster/install folder
  bin=$root$("$PG_CONFIG" --bindir)
  build install DESTDIR="$root" >/dev/null
  mkdir -p "$bin"
  cp "$("$PG_CONFIG" --bindir)"/* "$bin"
  rm -f "$bin/pg_config"  # it would tell of an installation with nothing to build with
  for folder in "$("$PG_CONFIG" --sharedir)" "$("$PG_CONFIG" --sharedir)/extension" "$("$PG_CONFIG" --pkglibdir)"; do
    link_entries "$folder" "$root$folder"
  done
  ln -s "$bin/pg_ctl" "$cluster/pg_ctl"
  export PATH=$bin:$PATH
}

# link_entries FROM TO: links what FROM has and TO has not, except this extension's files.
link_entries() {
  local entry missing=()
  for entry in "$1"/*; do
    case ${entry##*/} in
      feature_ext*) ;;
      *) [ -e "$2/${entry##*/}" ] || missing+=("$entry") ;;
    esac
  done
  ln -s -t "$2" "${missing[@]}"
}

# start_server quick|durable: a server with a database of its own, and PGHOST and the like set so that clients find it.
# A quick one may lose its data when the machine crashes.
start_server() {
  local safe=on
  [ "$1" = durable ] || safe=off
  as_server_user "$bin/initdb" -D "$cluster/data" -U postgres -A trust -E UTF8 --locale=C --no-sync \
    >"$cluster/initdb.log" 2>&1 || { cat "$cluster/initdb.log" >&2; fail "cannot make a database"; }
  cat >>"$cluster/data/postgresql.conf" <<CONF
listen_addresses = ''
port = 5432
unix_socket_directories = '$cluster/socket'
fsync = $safe
synchronous_commit = $safe
full_page_writes = $safe
max_prepared_transactions = 10
log_line_prefix = '%m [%p] %q%a '
log_statement = none
timezone = 'UTC'
CONF
  as_server_user mkdir -m 700 "$cluster/socket"
  as_server_user "$bin/pg_ctl" -D "$cluster/data" -l "$cluster/log" -w -s start ||
    { cat "$cluster/log" >&2; fail "cannot start a server"; }
  export PGHOST=$cluster/socket PGPORT=5432 PGUSER=postgres PGDATABASE=postgres
  unset PGSERVICE PGPASSWORD PGOPTIONS PGHOSTADDR PGSSLMODE
}

# remove_cluster [FOLDER]: stops the servers that run there, those of interrupted TAP tests too, and removes the folder.
remove_cluster() {
  local folder=${1:-$cluster} pid_file
  [ -n "$folder" ] || return 0
  trap '' HUP INT PIPE TERM  # make passes on what the terminal has sent already
  for pid_file in "$folder"/data/postmaster.pid "$folder"/tap/tmp_check/*/pgdata/postmaster.pid; do
    [ -e "$pid_file" ] || continue
    as_server_user "$folder/pg_ctl" -D "$(dirname "$pid_file")" -m immediate -w -s stop || true
  done
  rm -rf "$folder"
  cluster=
}

# clean_up_at_exit: removes the cluster however the script ends.
clean_up_at_exit() {
  trap remove_cluster EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 141' PIPE
  trap 'exit 143' TERM
}
