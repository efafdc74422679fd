#!/bin/bash
# A private PostgreSQL with this checkout's extension in it: in a temporary folder, reached by a socket there, nothing
# on the network, nothing of the system's PostgreSQL changed.
#
#   cluster.sh run [--durable] COMMAND...   runs COMMAND with PGHOST and the like set, then removes everything
#   cluster.sh start [--durable]            starts one and prints the shell commands that set PGHOST and the like
#   cluster.sh stop FOLDER                  stops and removes what start has started
#
# --durable: fsync and all that; without it a crash of the machine loses the data, which is quicker.
set -euo pipefail
source "$(dirname "$0")/common.sh"

usage() {
  sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2
  exit 2
}

# start quick|durable
start() {
  clean_up_at_exit
  build all WARN="${WARN:-}"
  new_folder
  install_privately
  start_server "$1"
}

action=${1:-}
shift || usage
mode=quick
if [ "${1:-}" = --durable ]; then
  mode=durable
  shift
fi

case $action in
  run)
    [ $# -gt 0 ] || usage
    start "$mode"
    status=0
    "$@" || status=$?
    exit "$status"
    ;;
  start)
    start "$mode"
    echo "export PATH='$bin':\$PATH PGHOST='$PGHOST' PGPORT=$PGPORT PGUSER=$PGUSER PGDATABASE=$PGDATABASE"
    echo "# log: $cluster/log    remove it all: scripts/cluster.sh stop $cluster"
    trap - EXIT
    ;;
  stop)
    [ -d "${1:-}/install" ] || usage
    remove_cluster "$1"
    ;;
  *) usage ;;
esac
