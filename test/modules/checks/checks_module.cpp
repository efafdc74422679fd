// See README.md.

#include <cerrno>
#include <csignal>
#include <ctime>
#include <execinfo.h>

#include "../module.hpp"

extern "C" {
#include <funcapi.h>
#include <lib/stringinfo.h>
#include <miscadmin.h>
#include <utils/builtins.h>
}

namespace {

struct Stretch {
  double milliseconds;
  int depth;
  void* callers[48];
};

constexpr double worth_a_look = 2;  // milliseconds
Stretch longest;
Stretch current;
double last_check;
volatile std::sig_atomic_t watching = 0;

double processor_time() {
  timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

void tick(int) {
  if (!watching) return;
  const int error = errno;
  const double time = processor_time();
  if (InterruptPending) {
    current.milliseconds = time - last_check;
    if (current.milliseconds >= worth_a_look && current.milliseconds > longest.milliseconds) {
      current.depth = backtrace(current.callers, static_cast<int>(lengthof(current.callers)));
    }
  } else {
    if (current.milliseconds > longest.milliseconds) longest = current;
    current.milliseconds = 0;
    last_check = time;
    InterruptPending = true;
  }
  errno = error;
}

void start_timer() {
  void* loads_the_unwinder[1];
  backtrace(loads_the_unwinder, 1);
  struct sigaction action {};
  action.sa_handler = tick;
  action.sa_flags = SA_RESTART;
  sigaction(SIGPROF, &action, nullptr);
  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGPROF;
  timer_t timer;
  if (timer_create(CLOCK_PROCESS_CPUTIME_ID, &event, &timer) != 0) elog(ERROR, "timer_create failed: %m");
  const itimerspec each_millisecond{{0, 1000000}, {0, 1000000}};
  if (timer_settime(timer, 0, &each_millisecond, nullptr) != 0) elog(ERROR, "timer_settime failed: %m");
}

}  // namespace

// watch_checks(): begins anew.
MODULE_FUNCTION(watch_checks) {
  static_cast<void>(fcinfo);
  watching = 0;
  static bool started = false;
  if (!started) start_timer();
  started = true;
  longest = current = {};
  last_check = processor_time();
  watching = 1;
  PG_RETURN_VOID();
}

// longest_without_check(OUT milliseconds float8, OUT callers text): ends it.
MODULE_FUNCTION(longest_without_check) {
  watching = 0;
  TupleDesc columns;
  if (get_call_result_type(fcinfo, nullptr, &columns) != TYPEFUNC_COMPOSITE) elog(ERROR, "a record is expected");
  StringInfoData callers;
  initStringInfo(&callers);
  if (longest.depth > 0) {
    char** symbols = backtrace_symbols(longest.callers, longest.depth);
    for (int i = 0; i < longest.depth; ++i) appendStringInfo(&callers, "%s\n", symbols[i]);
    free(symbols);
  }
  Datum values[] = {Float8GetDatum(longest.milliseconds), CStringGetTextDatum(callers.data)};
  bool nulls[] = {false, false};
  PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(columns), values, nulls)));
}
