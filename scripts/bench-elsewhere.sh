#!/bin/bash
# Measures in the Debian release that has PostgreSQL MAJOR: bench-elsewhere.sh MAJOR
#
# That is a Debian of its own (debian.sh), for pg_ivm and what else is measured against is installed there, which tests
# must not see. BENCH and the like are as of bench.sh; results are brought to bench/results/.
set -euo pipefail
source "$(dirname "$0")/common.sh"

BENCH_COMMIT=$(git -C "$top" -c safe.directory='*' describe --always --dirty)
export BENCH_COMMIT
results=$top/build/debian-$("$top/scripts/debian.sh" --release "$1")-bench/checkout/bench/results

"$top/scripts/setup.sh" debootstrap python3-matplotlib
"$top/scripts/debian.sh" --own bench "$1" bench
mkdir -p "$top/bench/results"
cp "$results"/*.json "$top/bench/results"
"$PYTHON" "$top/bench/picture.py" "$top/bench/results" "$top/bench/results/goals.svg"
