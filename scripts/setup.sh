#!/bin/bash
# Installs what building and testing need, by apt, where something is missing. Silent and quick if nothing is.
#
#   setup.sh [PROGRAM]... [FILE.sql]...   with PROGRAM: only these, which are packages of the same name, python3-MODULE or
#                                         libhiredis-dev; with FILE.sql: extensions that it needs, if apt has them
#
# It looks for the things themselves rather than for packages: the same thing can come from several packages (Boost's
# headers), or from none (a PostgreSQL built from source). A PostgreSQL other than the distribution's is asked for by
# PG_CONFIG=/usr/lib/postgresql/N/bin/pg_config.
#
# Debian's server package creates and starts a database cluster when it is installed. Nobody asked for one here, so that
# is switched off for this installation. Clusters that exist are not touched.
#
# PgBouncer, which some tests need, is installed as well, but, like Redis, not started as a service; and so are
# extensions of others, where the PostgreSQL in use is the distribution's and there is a package for its version. Tests
# without theirs are left out.
set -euo pipefail
source "$(dirname "$0")/common.sh"

# Prints the packages that would bring what is missing, one a line; postgresql-N for that of the major version in use.
missing_packages() {
  command -v make >/dev/null || echo make
  command -v flock >/dev/null || echo util-linux
  missing_headers
  # Debian's clang comes without libFuzzer and the sanitizers' libraries.
  if ! command -v clang++ >/dev/null ||
    ! compgen -G "$(clang++ -print-resource-dir)/lib/*/libclang_rt.fuzzer*.a" >/dev/null; then
    printf '%s\n' clang libclang-rt-dev
  fi

  # Debian has PGXS in one package with the client's programs, the headers that it needs in another.
  local pgxs= headers=
  if command -v "$PG_CONFIG" >/dev/null; then
    pgxs=$("$PG_CONFIG" --pgxs)
    headers=$("$PG_CONFIG" --includedir-server)
  fi
  if [ ! -e "$pgxs" ] || [ ! -e "$headers/postgres.h" ] || [ ! -x "$("$PG_CONFIG" --bindir)/postgres" ]; then
    printf '%s\n' postgresql-N postgresql-server-dev-N libpq-dev
  elif [ ! -e "$("$PG_CONFIG" --includedir)/libpq-fe.h" ]; then
    echo libpq-dev
  fi

  command -v valgrind >/dev/null || echo valgrind
  command -v prove >/dev/null || echo perl
  perl -e 'exit !grep { -e "$_/IPC/Run.pm" } @INC' || echo libipc-run-perl
  "$PYTHON" -c 'import sys, importlib.util as u; sys.exit(not u.find_spec("psycopg2"))' 2>/dev/null ||
    printf '%s\n' python3 python3-psycopg2
}

# The same for the C++ compiler and what it has to find. One run of the preprocessor asks for all headers.
missing_headers() {
  local -A package_of=(
    [boost/circular_buffer.hpp]=libboost-dev
    [xxhash.h]=libxxhash-dev
    [gtest/gtest.h]=libgtest-dev
  )
  if ! command -v g++ >/dev/null; then
    printf '%s\n' g++ "${package_of[@]}"
    return
  fi
  local header
  for header in "${!package_of[@]}"; do
    printf '#if !__has_include(<%s>)\n"%s"\n#endif\n' "$header" "${package_of[$header]}"
  done | g++ -E -P -x c++ -std=c++17 - | tr -d '"'
}

# The same of programs that only some goals need: missing_programs PROGRAM...
missing_programs() {
  local program
  for program; do
    case $program in
      python3-*) "$PYTHON" -c "import ${program#python3-}" 2>/dev/null || echo "$program" ;;
      libhiredis-dev) g++ -E -x c++ -include hiredis/hiredis.h /dev/null >/dev/null 2>&1 || echo "$program" ;;
      *) command -v "$program" >/dev/null || echo "$program" ;;
    esac
  done
}

# missing [PROGRAM]...
missing() {
  if [ $# -gt 0 ]; then missing_programs "$@"; else missing_packages; fi
}

# The major version that PG_CONFIG asks for, else the distribution's.
postgresql_major() {
  local version
  if [[ $PG_CONFIG =~ /postgresql/([0-9]+)/bin/pg_config$ ]]; then
    echo "${BASH_REMATCH[1]}"
  elif [[ $PG_CONFIG == */* && ! -x $PG_CONFIG ]]; then
    fail "there is no $PG_CONFIG, and no package is known that brings it"
  elif version=$("$PG_CONFIG" --version 2>/dev/null) && [[ $version =~ ^PostgreSQL\ ([0-9]+) ]]; then
    echo "${BASH_REMATCH[1]}"
  else
    apt-cache depends postgresql | sed -nE 's/^ *Depends: postgresql-([0-9]+)$/\1/p'
  fi
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# apt_install PACKAGE...
no_cluster=/etc/postgresql-common/createcluster.d/feature_ext.conf
no_service=/usr/sbin/policy-rc.d  # which packages ask whether they may start what they bring
made=()
apt_install() {
  trap '[ ${#made[@]} -eq 0 ] || as_root rm -f "${made[@]}"' EXIT
  if [[ " $* " =~ " postgresql-"[0-9]+" " ]]; then
    as_root mkdir -p "$(dirname "$no_cluster")"
    made+=("$no_cluster")
    echo "create_main_cluster = false" | as_root tee "$no_cluster" >/dev/null
  fi
  if [[ " $* " =~ " "(pgbouncer|redis-server)" " && ! -e $no_service ]]; then
    made+=("$no_service")
    printf '#!/bin/sh\nexit 101\n' | as_root install -m 755 /dev/stdin "$no_service"
  fi
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -qq -y --no-upgrade --no-install-recommends -o DPkg::Lock::Timeout=120 "$@"
}

# Packages of programs that tests need, that are missing, and that apt knows of.
test_packages() {
  PATH=$PATH:/usr/sbin command -v pgbouncer >/dev/null || apt-cache pkgnames pgbouncer | grep -x pgbouncer || true
}

# The same of extensions that files need: extension_packages FILE...
extension_packages() {
  local major extension
  [[ $("$PG_CONFIG" --bindir) =~ ^/usr/lib/postgresql/([0-9]+)/bin$ ]] || return 0
  major=${BASH_REMATCH[1]}
  for extension in $(missing_extensions "$@"); do
    extension=${extension//_/-}
    apt-cache pkgnames "postgresql-$major-$extension" | grep -x "postgresql-$major-$extension" || true
  done
}

may_install() {
  [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null
}

programs=() files=()
for argument; do
  if [[ $argument == *.sql ]]; then files+=("$argument"); else programs+=("$argument"); fi
done

log=$top/build/setup.log
rm -f "$log"
mapfile -t packages < <(missing "${programs[@]}")
if [ ${#packages[@]} -gt 0 ]; then
  command -v apt-get >/dev/null || fail "missing, and there is no apt to install it: ${packages[*]}"
  may_install || fail "missing, and neither root nor sudo: ${packages[*]}"
  mkdir -p "$top/build"
  as_root apt-get update -qq >"$log" 2>&1 || { cat "$log" >&2; fail "apt-get update failed"; }
  major=$(postgresql_major)
  packages=("${packages[@]/%-N/-$major}")
  echo "Installing what is missing: ${packages[*]} (log: build/setup.log)"
  apt_install "${packages[@]}" >>"$log" 2>&1 || { tail -n 30 "$log" >&2; fail "apt-get install failed"; }

  mapfile -t packages < <(missing "${programs[@]}")
  [ ${#packages[@]} -eq 0 ] || fail "installed, but not found: ${packages[*]} (PG_CONFIG is $PG_CONFIG)"
fi

if [ $# -eq 0 ]; then
  mapfile -t packages < <(test_packages; extension_packages "$top"/test/regress/sql/*.sql)
else
  mapfile -t packages < <([ ${#files[@]} -eq 0 ] || extension_packages "${files[@]}")
fi
if [ ${#packages[@]} -gt 0 ] && may_install; then
  mkdir -p "$top/build"
  echo "Installing for tests: ${packages[*]} (log: build/setup.log)"
  apt_install "${packages[@]}" >>"$log" 2>&1 || echo "setup.sh: not installed, what needs them is left out: ${packages[*]}" >&2
fi
