#!/bin/bash
# Runs goals of make in the Debian release that has a given major version of PostgreSQL, on this checkout as it stands.
#
#   debian.sh [--fresh] [--with OLDER] [--own NAME] MAJOR GOAL...
#                                     GOAL: what make takes, variables included: check SUITES="regress tap"
#   debian.sh --release MAJOR         prints the name of the release
#
# The Debian is a folder, /var/cache/feature_ext/debian-RELEASE: made by debootstrap when it is first asked for, and
# kept with what `make setup` installs there. Nothing is mounted in it that others see, so `rm -rf` is all it takes to
# be rid of it. --fresh uses one in a temporary folder instead, which shows that nothing else is needed.
#
# What runs there is a copy of the checkout, build/debian-RELEASE/checkout: with edits and new files, without what git
# ignores. It is made anew each time, and stays, for its build/check/ has the logs; ccache spares most of compiling.
#
# --with OLDER: a Debian of its own, in which apt also knows the packages of the release that has PostgreSQL OLDER, and
# takes from there what its own release has not. --own NAME: a Debian of its own, too, in which goals may install what
# others must not see.
#
# Needs root, debootstrap (`scripts/setup.sh debootstrap`), and 2 GB of room.
set -euo pipefail
source "$(dirname "$0")/common.sh"

# No release of Debian had 16.
declare -A release_of=([15]=bookworm [17]=trixie [18]=forky)

release_with() {
  [ -n "${release_of[$1]:-}" ] || fail "no Debian is known that has PostgreSQL $1; known are ${!release_of[*]}"
  echo "${release_of[$1]}"
}

# Makes a Debian in a folder beside, so that one that is there is a whole one.
make_debian() {
  local mirror script=
  echo "Making Debian $release in $folder"
  # The archive that this machine uses itself.
  # shellcheck disable=SC2016  # the dollar is for apt
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | sed -n '1s,/$,,p')
  # A debootstrap that is older than the release does not know its name.
  [ -e "/usr/share/debootstrap/scripts/$release" ] || script=sid
  rm -rf --one-file-system "$folder.new"
  mkdir -p "$(dirname "$folder")"
  debootstrap --variant=minbase --include=ca-certificates,ccache,make "$release" "$folder.new" \
    "${mirror:-http://deb.debian.org/debian}" $script >"$folder.log" 2>&1 ||
    { tail "$folder.log" >&2; fail "debootstrap failed"; }
  # How this machine reaches the archive (proxies and so on) holds in there too.
  apt-config dump | grep '^Acquire::' >"$folder.new/etc/apt/apt.conf.d/acquire" || true
  echo 'APT::Keep-Downloaded-Packages "false";' >"$folder.new/etc/apt/apt.conf.d/keep-nothing"
  echo force-unsafe-io >"$folder.new/etc/dpkg/dpkg.cfg.d/unsafe-io"
  if [ -n "$older" ]; then
    echo "deb ${mirror:-http://deb.debian.org/debian} $older main" >"$folder.new/etc/apt/sources.list.d/$older.list"
    printf 'Package: *\nPin: release n=%s\nPin-Priority: 100\n' "$older" >"$folder.new/etc/apt/preferences.d/$older"
  fi
  rm "$folder.log"
  mv "$folder.new" "$folder"
}

copy_checkout() {
  local file
  rm -rf "$work"
  mkdir -p "$work/checkout"
  mkdir -m 1777 "$work/tmp"
  git -C "$top" -c safe.directory='*' ls-files -z --cached --others --exclude-standard |
    while IFS= read -r -d '' file; do [ ! -e "$top/$file" ] || printf '%s\0' "$file"; done |
    tar -C "$top" --null -T - -c | tar -C "$work/checkout" -x --no-same-owner
}

# in_debian COMMAND...: runs it in the copy, in namespaces of its own: its mounts and all that it has started end with
# it, and it ends with us.
in_debian() {
  local name settings=()
  for name in CASES FUZZ_SECONDS RANDOM_SECONDS ROUNDS BENCH BENCH_ROUNDS BENCH_ROWS BENCH_SECONDS BENCH_HUGE_PAGES BENCH_COMMIT; do
    [ -z "${!name:-}" ] || settings+=("$name=${!name}")
  done
  # shellcheck disable=SC2016  # the dollars are for the inner shell
  setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child -- bash -euc '
    folder=$1 work=$2
    shift 2
    mkdir -p "$folder/checkout"
    mount --bind "$work/checkout" "$folder/checkout"
    mount --bind "$work/tmp" "$folder/tmp"
    mount -t proc proc "$folder/proc"
    mount -t tmpfs tmpfs "$folder/dev/shm"
    mount -t devpts -o newinstance,ptmxmode=0666 devpts "$folder/dev/pts"
    chroot "$folder" env -i --chdir=/checkout "$@"
  ' bash "$folder" "$work" PATH=/usr/lib/ccache:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM="${TERM:-dumb}" \
    "${settings[@]}" "$@"
}

fresh=
older=
own=
while [[ ${1:-} == --* ]]; do
  case $1 in
    --release)
      release_with "$2"
      exit
      ;;
    --fresh) fresh=yes ;;
    --with)
      older=$(release_with "$2")
      shift
      ;;
    --own)
      own=$2
      shift
      ;;
    *) set -- ;;
  esac
  [ $# -eq 0 ] || shift
done
[ $# -ge 2 ] || { sed -n '4,6s/^# *//p' "$0" >&2; exit 2; }
release=$(release_with "$1")
name=debian-$release${older:+-with-$older}${own:+-$own}
shift

[ "$(id -u)" -eq 0 ] || fail "needs root"
command -v debootstrap >/dev/null || fail "needs debootstrap"
folder=/var/cache/feature_ext/$name
work=$top/build/$name
if [ -n "$fresh" ]; then
  temporary=$(mktemp -d /var/tmp/feature_ext.XXXXXX)
  trap 'rm -rf --one-file-system "$temporary"' EXIT
  trap 'exit 130' INT TERM HUP
  chmod 755 "$temporary"
  folder=$temporary/$name
fi

# One at a time in a checkout, for they would share the copy; and one at a time that makes the Debian or installs there.
mkdir -p "$top/build" "$(dirname "$folder")"
exec {working}>"$top/build/$name.lock"
flock "$working"
exec {installing}>"$folder.lock"
flock "$installing"
[ -e "$folder" ] || make_debian
cp -L /etc/resolv.conf "$folder/etc/"
copy_checkout
in_debian make -s setup
exec {installing}>&-

in_debian make -s "$@"
