// What happens when the library is loaded: settings, and what the session tells it. Nothing that needs preloading.

#include "pg/postgres.hpp"

#include "pg/program_cache.hpp"
#include "pg/row_collector.hpp"
#include "pg/settings.hpp"
#include "pg/stopwatch.hpp"

extern "C" {
#include <utils/guc.h>

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);
}

namespace {
int batch_rows_setting = 50000;
int entity_memory_setting = 160 * 1024;
int progress_interval_setting = 5;
bool timing_setting = false;
bool plain_writes_setting = false;

void timing_changes(bool on, void*) {
  if (on && !timing_setting) feature::Stopwatch::forget_all();
}
}

namespace feature {

int batch_rows() { return batch_rows_setting; }
std::size_t entity_memory() { return static_cast<std::size_t>(entity_memory_setting) * 1024; }
int progress_interval() { return progress_interval_setting; }
bool timing() { return timing_setting; }
bool plain_writes() { return plain_writes_setting; }

}  // namespace feature

namespace {

void define_batch_rows() {
  DefineCustomIntVariable("feature_ext.batch_rows", "Rows of a statement that are processed together.",
                          "Rows of one batch are processed in event-time order, whatever their order in the statement. "
                          "Memory grows with the batch and with the entities in it.",
                          &batch_rows_setting, 50000, 1, 10000000, PGC_USERSET, 0, nullptr, nullptr, nullptr);
}

void define_entity_memory() {
  DefineCustomIntVariable("feature_ext.entity_memory", "Memory that the loaded entities of a statement may take.",
                          "Beyond it states are set aside in temporary files, and taken back when the statement meets "
                          "them again.",
                          &entity_memory_setting, 160 * 1024, 64, MAX_KILOBYTES, PGC_USERSET, GUC_UNIT_KB, nullptr,
                          nullptr, nullptr);
}

void define_progress_interval() {
  DefineCustomIntVariable("feature_ext.progress_interval",
                          "Time between notices about the progress of long computations.", "0 turns them off.",
                          &progress_interval_setting, 5, 0, 86400, PGC_USERSET, GUC_UNIT_S, nullptr, nullptr, nullptr);
}

void define_timing() {
  DefineCustomBoolVariable("feature_ext.timing", "Counts where the time of computing feature views goes.",
                           "The session's times are shown in feature.stats. Turning it on begins anew.",
                           &timing_setting, false, PGC_USERSET, 0, nullptr, timing_changes, nullptr);
}

void define_plain_writes() {
  DefineCustomBoolVariable("feature_ext.plain_writes", "Inserts finished rows by a plain statement.",
                           "Slower. Tells whether the faster way of writing rows is what has gone wrong.",
                           &plain_writes_setting, false, PGC_USERSET, GUC_NOT_IN_SAMPLE, nullptr, nullptr, nullptr);
}

void reserve_prefix() {
  MarkGUCPrefixReserved("feature_ext");
}

// Runs each step once. Where one fails, for lack of memory, the library stays loaded, and PostgreSQL begins here again
// when it is needed next; but a setting cannot be defined twice.
template <class... Step>
void run_once(Step... steps) {
  static std::size_t done = 0;
  std::size_t number = 0;
  const auto run = [&](auto step) {
    if (number++ != done) return;
    step();
    ++done;
  };
  (run(steps), ...);
}

}  // namespace

void _PG_init(void) {
  run_once(define_batch_rows, define_entity_memory, define_progress_interval, define_timing, define_plain_writes,
           reserve_prefix, feature::watch_invalidations, feature::watch_transactions);
}
