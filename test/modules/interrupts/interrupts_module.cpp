// See README.md.

#include "../module.hpp"

extern "C" {
#include <miscadmin.h>
}

static int64 cancelled_call = 0;
static int64 calls = 0;
static int64 calls_of_other = 0;

// cancel_at(nth bigint): the nth call of pass() from here on cancels.
MODULE_FUNCTION(cancel_at) {
  cancelled_call = PG_GETARG_INT64(0);
  calls = calls_of_other = 0;
  PG_RETURN_VOID();
}

static void count_call() {
  if (++calls != cancelled_call) return;
  InterruptPending = true;
  QueryCancelPending = true;
}

// pass(value bigint): the value.
MODULE_FUNCTION(pass) {
  count_call();
  PG_RETURN_INT64(PG_GETARG_INT64(0));
}

// pass_row(): pass() as a trigger.
MODULE_FUNCTION(pass_row) {
  static_cast<void>(fcinfo);
  count_call();
  PG_RETURN_POINTER(nullptr);
}

// count_up(state bigint, value bigint): the state and one, by way of pass().
MODULE_FUNCTION(count_up) {
  const int64 state = PG_GETARG_INT64(0) + 1;
  (void)pass(fcinfo);
  PG_RETURN_INT64(state);
}

// pass_other(value bigint): the value; never cancels.
MODULE_FUNCTION(pass_other) {
  ++calls_of_other;
  PG_RETURN_INT64(PG_GETARG_INT64(0));
}

// calls_after(): calls of pass() after the one that has cancelled, -1 if none has. other_calls(): of pass_other().
MODULE_FUNCTION(calls_after) {
  static_cast<void>(fcinfo);
  PG_RETURN_INT64(calls < cancelled_call ? -1 : calls - cancelled_call);
}
MODULE_FUNCTION(other_calls) {
  static_cast<void>(fcinfo);
  PG_RETURN_INT64(calls_of_other);
}
