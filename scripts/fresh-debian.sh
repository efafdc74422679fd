#!/bin/bash
# Tries the checkout where nothing is installed: makes a Debian in a folder, clones the committed state into it, and runs
# `make check` and `make demo` there. Needs root, debootstrap, 3 GB of room, and some minutes.
#
#   fresh-debian.sh [RELEASE] [FOLDER]   RELEASE: bookworm (PostgreSQL 15, the default), trixie (17), sid
#                                        FOLDER: kept, and used again if it has a Debian; without it a temporary one
#   GOALS="check"                        other goals of make
set -euo pipefail
source "$(dirname "$0")/common.sh"

release=${1:-bookworm}
folder=${2:-}
temporary=
[ "$(id -u)" -eq 0 ] || fail "needs root"
command -v debootstrap >/dev/null || fail "needs debootstrap"

leave() {
  umount -q "$folder/proc" "$folder/dev/shm" "$folder/dev/pts" || true
  if [ -n "$temporary" ]; then rm -rf --one-file-system "$folder"; fi
}
trap leave EXIT
trap 'exit 130' INT TERM HUP

# The archive that this machine uses itself.
# shellcheck disable=SC2016  # the dollar is for apt
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | sed -n 1p)
mirror=${mirror:-http://deb.debian.org/debian}

if [ -z "$folder" ]; then
  folder=$(mktemp -d /var/tmp/feature_ext-debian.XXXXXX)
  chmod 755 "$folder"
  temporary=yes
fi
if [ ! -e "$folder/etc/debian_version" ]; then
  echo "Making Debian $release in $folder"
  debootstrap --variant=minbase --include=ca-certificates,make "$release" "$folder" "$mirror" >"$folder.log" ||
    { tail "$folder.log" >&2; fail "debootstrap failed"; }
  rm -f "$folder.log"
  # How this machine reaches the archive (proxies and so on) holds in there too.
  apt-config dump | grep '^Acquire::' >"$folder/etc/apt/apt.conf.d/acquire" || true
fi
cp -L /etc/resolv.conf "$folder/etc/"
mount -t proc proc "$folder/proc"
mkdir -p "$folder/dev/shm"
mount -t tmpfs tmpfs "$folder/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$folder/dev/pts"

checkout=/root/feature_ext
rm -rf "${folder:?}$checkout"
git clone -q "$top" "$folder$checkout"
# shellcheck disable=SC2086  # several goals
env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM="${TERM:-dumb}" \
  chroot "$folder" make -C "$checkout" ${GOALS:-check demo}
