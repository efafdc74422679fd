// See stopwatch.hpp.

#include "pg/stopwatch.hpp"

#include <unordered_map>

#include "pg/boundary.hpp"
#include "pg/catalogue.hpp"
#include "pg/settings.hpp"

extern "C" {
#include <funcapi.h>

PGDLLEXPORT Datum feature_session_times(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(feature_session_times);
}

namespace feature {
namespace {

std::unordered_map<std::int32_t, Stopwatch::Times>& times() {
  static std::unordered_map<std::int32_t, Stopwatch::Times> by_view;
  return by_view;
}

Stopwatch* innermost = nullptr;  // of those that run

}  // namespace

Stopwatch::Stopwatch(std::int32_t view, Stage first) : stage_(first) {
  if (!timing()) return;
  times_ = &times()[view];
  outer_ = innermost;
  if (outer_ != nullptr) outer_->lap();
  innermost = this;
  INSTR_TIME_SET_CURRENT(since_);
}

void Stopwatch::lap() {
  instr_time now;
  INSTR_TIME_SET_CURRENT(now);
  INSTR_TIME_ACCUM_DIFF(times_->spent[static_cast<std::size_t>(stage_)], now, since_);
  since_ = now;
}

void Stopwatch::stop() {
  lap();
  innermost = outer_;
  if (outer_ != nullptr) outer_->since_ = since_;
}

const Stopwatch::Times* Stopwatch::times_of(std::int32_t view) {
  const auto found = times().find(view);
  return found == times().end() ? nullptr : &found->second;
}

void Stopwatch::forget_all() noexcept {
  if (innermost == nullptr) times().clear();
}

}  // namespace feature

Datum feature_session_times(PG_FUNCTION_ARGS) {
  return feature::guard([&] {
    using feature::Stopwatch;
    const Stopwatch::Times* times = Stopwatch::times_of(feature::view_by_relation(PG_GETARG_OID(0)).id);
    Datum values[1 + Stopwatch::stages] = {};
    bool nulls[1 + Stopwatch::stages];
    std::fill(std::begin(nulls), std::end(nulls), times == nullptr);
    if (times != nullptr) {
      values[0] = Int64GetDatum(times->rows);
      for (std::size_t stage = 0; stage < Stopwatch::stages; ++stage) {
        values[1 + stage] = Float8GetDatum(INSTR_TIME_GET_MILLISEC(times->spent[stage]));
      }
    }
    return feature::call([&] {
      TupleDesc columns;
      if (get_call_result_type(fcinfo, nullptr, &columns) != TYPEFUNC_COMPOSITE) elog(ERROR, "a record is expected");
      return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(columns), values, nulls));
    });
  });
}
