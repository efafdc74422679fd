// ew_sum and ew_avg: sums and averages in which a value counts half after each half-life.

#include "pg/aggregates/state.hpp"

#include "kernel/decayed_sum.hpp"

extern "C" {
#include <common/int.h>
#include <datatype/timestamp.h>
#include <utils/timestamp.h>

PGDLLEXPORT Datum feature_ew_accum_timestamp(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum feature_ew_accum_bigint(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum feature_ew_combine(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum feature_ew_serialize(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum feature_ew_deserialize(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum feature_ew_sum_final(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum feature_ew_avg_final(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(feature_ew_accum_timestamp);
PG_FUNCTION_INFO_V1(feature_ew_accum_bigint);
PG_FUNCTION_INFO_V1(feature_ew_combine);
PG_FUNCTION_INFO_V1(feature_ew_serialize);
PG_FUNCTION_INFO_V1(feature_ew_deserialize);
PG_FUNCTION_INFO_V1(feature_ew_sum_final);
PG_FUNCTION_INFO_V1(feature_ew_avg_final);
}

namespace feature {
namespace {

struct Exponential {
  explicit Exponential(int64 half_life, const DecayedSum::Parts& parts = DecayedSum::Parts()) : sum(half_life, parts) {}

  Parameter<int64> half_life;  // in the unit of the times: microseconds for timestamps
  DecayedSum sum;              // stays empty if the half-life is NULL
};

constexpr const char* half_life_name = "half-life";

void check_half_life(int64 half_life) {
  if (half_life > 0) return;
  ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("half-life must be greater than zero")));
}

// In microseconds; a day has 24 hours. A month has no fixed length.
int64 to_microseconds(const Interval& interval) {
  if (interval.month != 0) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("half-life must not have months or years"),
                    errdetail("Their length varies."), errhint("Give it in days or shorter units.")));
  }
  int64 microseconds;
  if (pg_mul_s64_overflow(interval.day, USECS_PER_DAY, &microseconds) ||
      pg_add_s64_overflow(microseconds, interval.time, &microseconds)) {
    ereport(ERROR, (errcode(ERRCODE_DATETIME_FIELD_OVERFLOW), errmsg("half-life out of range")));
  }
  return microseconds;
}

// The state after the call's row has come in; the arguments are state, value, time and half-life.
Datum accumulate(FunctionCallInfo fcinfo, int64 half_life, bool null) {
  const MemoryContext context = aggregate_context(fcinfo);
  auto* state = state_argument<Exponential>(fcinfo, 0);
  if (state == nullptr) state = make_state<Exponential>(context, null ? 1 : half_life);
  state->half_life.enter(half_life, null, half_life_name);
  if (null || PG_ARGISNULL(1) || PG_ARGISNULL(2)) PG_RETURN_POINTER(state);
  return guard([&] {
    state->sum.add(PG_GETARG_FLOAT8(1), PG_GETARG_INT64(2));
    return PointerGetDatum(state);
  });
}

const Exponential* final_argument(FunctionCallInfo fcinfo) {
  (void)aggregate_context(fcinfo);
  const auto* state = state_argument<Exponential>(fcinfo, 0);
  return state == nullptr || state->sum.empty() ? nullptr : state;
}

}  // namespace
}  // namespace feature

extern "C" {

Datum feature_ew_accum_timestamp(PG_FUNCTION_ARGS) {
  if (!PG_ARGISNULL(2) && TIMESTAMP_NOT_FINITE(PG_GETARG_INT64(2))) {
    ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("time must be finite")));
  }
  const bool null = PG_ARGISNULL(3);
  const int64 half_life = null ? 0 : feature::to_microseconds(*PG_GETARG_INTERVAL_P(3));
  if (!null) feature::check_half_life(half_life);
  return feature::accumulate(fcinfo, half_life, null);
}

Datum feature_ew_accum_bigint(PG_FUNCTION_ARGS) {
  const bool null = PG_ARGISNULL(3);
  const int64 half_life = null ? 0 : PG_GETARG_INT64(3);
  if (!null) feature::check_half_life(half_life);
  return feature::accumulate(fcinfo, half_life, null);
}

Datum feature_ew_combine(PG_FUNCTION_ARGS) {
  const MemoryContext context = feature::aggregate_context(fcinfo);
  auto* left = feature::state_argument<feature::Exponential>(fcinfo, 0);
  const auto* right = feature::state_argument<feature::Exponential>(fcinfo, 1);
  if (right == nullptr) {
    if (left == nullptr) PG_RETURN_NULL();
    PG_RETURN_POINTER(left);
  }
  if (left == nullptr) PG_RETURN_POINTER(feature::make_state<feature::Exponential>(context, *right));
  left->half_life.merge(right->half_life, feature::half_life_name);
  return feature::guard([&] {
    left->sum.merge(right->sum);
    return PointerGetDatum(left);
  });
}

Datum feature_ew_serialize(PG_FUNCTION_ARGS) {
  (void)feature::aggregate_context(fcinfo);
  const auto& state = *reinterpret_cast<feature::Exponential*>(PG_GETARG_POINTER(0));
  feature::ImageWriter image;
  state.half_life.write(image);
  const feature::DecayedSum::Parts parts = state.sum.parts();
  image.put(parts.latest);
  image.put(parts.sum);
  image.put(parts.weights);
  return image.finish();
}

Datum feature_ew_deserialize(PG_FUNCTION_ARGS) {
  (void)feature::aggregate_context(fcinfo);
  feature::ImageReader image(PG_GETARG_DATUM(0));
  feature::Parameter<int64> half_life;
  half_life.read(image, [](int64 given) { return given > 0; });
  feature::DecayedSum::Parts parts;
  parts.latest = image.get<int64>();
  parts.sum = image.get<double>();
  parts.weights = image.get<double>();
  image.finish();
  auto* state =
      feature::make_state<feature::Exponential>(CurrentMemoryContext, half_life.null() ? 1 : half_life.value(), parts);
  state->half_life = half_life;
  PG_RETURN_POINTER(state);
}

Datum feature_ew_sum_final(PG_FUNCTION_ARGS) {
  const feature::Exponential* state = feature::final_argument(fcinfo);
  if (state == nullptr) PG_RETURN_NULL();
  return feature::guard([&] { return Float8GetDatum(state->sum.sum()); });
}

Datum feature_ew_avg_final(PG_FUNCTION_ARGS) {
  const feature::Exponential* state = feature::final_argument(fcinfo);
  if (state == nullptr) PG_RETURN_NULL();
  PG_RETURN_FLOAT8(state->sum.average());
}

}  // extern "C"
