# feature_ext. Goals for people (`make help`) are scripts, and work before PostgreSQL is installed; everything else is
# PGXS's: all, install, installcheck, uninstall, clean.
#
#   PG_CONFIG   the PostgreSQL to build for and to test with (the first in PATH)
#   PG          the major version to check or measure with; another one than PG_CONFIG's is, in the Debian release that
#               has it
#   SUITES      what to check: some of the suites that `make help` names
#   OLD, NEW    the major versions that are upgraded from and to
#   WARN        more warning flags; the checks add -Werror

PG_CONFIG ?= pg_config

PEOPLE = help setup demo check counts fuzz sanitize valgrind bench picture format $(filter check-%,$(MAKECMDGOALS))

ifeq ($(filter $(PEOPLE),$(MAKECMDGOALS)),)

EXTENSION   = feature_ext
MODULE_big  = feature_ext
# Versions that were released are installed as they were; from them an update leads here.
EXTVERSION  = $(shell sed -n "s/^default_version = '\(.*\)'$$/\1/p" feature_ext.control)
RELEASED    = 0.1
DATA        = $(wildcard sql/released/*.sql)
DATA_built  = sql/feature_ext--$(EXTVERSION).sql sql/feature_ext--$(RELEASED)--$(EXTVERSION).sql
SOURCES     = $(sort $(wildcard src/kernel/*.cpp src/pg/*.cpp src/pg/aggregates/*.cpp))
OBJS        = $(SOURCES:.cpp=.o)

# For `make installcheck` with a server that is already there; `make check` brings its own and knows more suites, and runs
# the tests that need extensions of others where these are.
REGRESS        = $(sort $(patsubst test/regress/sql/%.sql,%,$(shell grep -L '^-- needs: ' test/regress/sql/*.sql)))
REGRESS_OPTS   = --inputdir=test/regress --load-extension=feature_ext
ISOLATION      = $(sort $(patsubst test/isolation/specs/%.spec,%,$(wildcard test/isolation/specs/*.spec)))
ISOLATION_OPTS = --inputdir=test/isolation --load-extension=feature_ext

# Server headers are system headers to us: their warnings are not ours. -MMD tracks header dependencies, which PGXS
# does not where PostgreSQL was configured without --enable-depend, as Debian's is.
PG_CXXFLAGS = -std=gnu++17 -Wno-register -Wall -Wextra -fvisibility=hidden -MMD -MP $(WARN)
# ASSERTIONS=1: the standard library aborts where it is used wrongly, as by an index beyond a vector's end.
ifneq ($(ASSERTIONS),)
PG_CXXFLAGS += -D_GLIBCXX_ASSERTIONS
endif
PG_CPPFLAGS = -Isrc -isystem $(shell $(PG_CONFIG) --includedir-server 2>/dev/null)
SHLIB_LINK  = -lstdc++
# PGXS compiles bitcode without PG_CXXFLAGS, so that it cannot compile C++17.
override with_llvm = no

EXTRA_CLEAN = $(SOURCES:.cpp=.d) build

PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifeq ($(wildcard $(PGXS)),)
$(error $(PG_CONFIG) does not lead to the files for building extensions; `make setup` installs what is missing)
endif
include $(PGXS)

# Objects belong to one server version, and to one kind of build: others compile them anew.
SERVER := $(shell $(PG_CONFIG) --version) $(PGXS) $(ASSERTIONS:%=with assertions)
$(shell mkdir -p build; echo '$(SERVER)' | cmp -s - build/server || echo '$(SERVER)' >build/server)
$(OBJS): build/server

# The folder is named too, so that a file that is gone goes from the script as well.
sql/feature_ext--$(EXTVERSION).sql: sql/install $(sort $(wildcard sql/install/*.sql))
	cat $(filter %.sql,$^) >$@

# What has changed, then the files that hold nothing but what is new, or functions that are there already with other bodies.
NEW_FILES = $(sort $(shell grep -l '^-- new in $(EXTVERSION)$$' sql/install/*.sql))
OTHER_BODIES = $(sort $(shell grep -l '^-- other bodies in $(EXTVERSION)$$' sql/install/*.sql))
sql/feature_ext--$(RELEASED)--$(EXTVERSION).sql: sql/install sql/update/$(RELEASED)--$(EXTVERSION).sql $(NEW_FILES) $(OTHER_BODIES)
	cat sql/update/$(RELEASED)--$(EXTVERSION).sql $(NEW_FILES) >$@
	sed 's/^CREATE FUNCTION/CREATE OR REPLACE FUNCTION/' $(OTHER_BODIES) >>$@

clean: clean-loadgen
clean-loadgen:
	@$(MAKE) -s -C loadgen clean

.PHONY: clean-loadgen

-include $(SOURCES:.cpp=.d)

else

export PG_CONFIG

help:
	@echo 'make demo        show it at work: builds, starts a server of its own, ten seconds of transactions, cleans up'
	@echo 'make check       build and run all tests; check-unit, check-fuzz, check-counts, check-loadgen, check-regress,'
	@echo '                 check-isolation, check-tap, check-clients, check-random, check-aggregates, check-docs run one'
	@echo 'make check PG=17 the same in the Debian release that has PostgreSQL 17, made when it is first asked for'
	@echo 'make check-all   the same with PostgreSQL 15, 17 and 18'
	@echo 'make check-upgrade  pg_upgrade from PostgreSQL OLD (15) to NEW (17), in a Debian that has both'
	@echo 'make counts      record anew how many instructions the kernel takes, which check-counts compares with'
	@echo 'make fuzz        both fuzzers, then random cases, for FUZZ_SECONDS (600) each'
	@echo 'make sanitize    unit tests and fuzzers under sanitizers, the latter for FUZZ_SECONDS (600) each'
	@echo 'make valgrind    regression tests against a server under valgrind; takes long'
	@echo 'make bench       measure; see docs for what the numbers mean. PG=18 as for check'
	@echo 'make picture     draw what was measured, for the README'
	@echo 'make setup       install what building and testing need, where something is missing (apt)'
	@echo 'make             build the extension for the PostgreSQL of PG_CONFIG ($(PG_CONFIG))'
	@echo 'make install     install it there'
	@echo 'make clean       remove what was built'

setup:
	@scripts/setup.sh

demo: setup
	@scripts/demo.sh

ifdef PG
check:
	@scripts/check-versions.sh '$(PG) $(SUITES)'

check-%:
	@scripts/check-versions.sh '$(PG) $*'
else
check: setup
	@scripts/check.sh $(SUITES)

check-%: setup
	@scripts/check.sh $*
endif

check-all:
	@scripts/check-versions.sh $(foreach version,15 17 18,'$(version) $(SUITES)')

check-upgrade:
	@scripts/check-upgrade.sh $(HERE) $(OLD) $(NEW)

counts: setup
	@$(MAKE) -s -C test/counts record

fuzz: export FUZZ_SECONDS ?= 600
fuzz: export RANDOM_SECONDS ?= $(FUZZ_SECONDS)
fuzz: setup
	@scripts/check.sh fuzz random

sanitize: export FUZZ_SECONDS ?= 600
sanitize: setup
	@scripts/check.sh unit fuzz

valgrind: setup
	@scripts/valgrind.sh $(TESTS)

ifdef PG
bench:
	@scripts/bench-elsewhere.sh $(PG)
else
bench: setup
	@scripts/setup.sh python3-matplotlib redis-server libhiredis-dev bench/ivm.sql
	@scripts/bench.sh
endif

picture:
	@scripts/setup.sh python3-matplotlib
	@bench/picture.py bench/results docs/performance.svg

format:
	clang-format -i $(wildcard src/*/*.[ch]pp src/pg/aggregates/*.[ch]pp test/*/*.[ch]pp loadgen/*.[ch]pp)

# Goals of PGXS named in the same call.
$(filter-out $(PEOPLE),$(MAKECMDGOALS)):
	@$(MAKE) $@

.PHONY: help setup demo check check-all check-upgrade counts fuzz sanitize valgrind bench picture format

endif
