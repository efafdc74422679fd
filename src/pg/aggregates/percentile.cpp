// percentile and median: exact quantiles with PostgreSQL's interpolation.

#include "pg/aggregates/state.hpp"

#include "kernel/sorted_floats.hpp"
#include "pg/memory.hpp"

extern "C" {
PGDLLEXPORT Datum feature_percentile_accum(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum feature_percentile_accum_inv(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum feature_percentile_combine(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum feature_percentile_serialize(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum feature_percentile_deserialize(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum feature_percentile_final(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum feature_median_accum(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum feature_median_accum_inv(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(feature_percentile_accum);
PG_FUNCTION_INFO_V1(feature_percentile_accum_inv);
PG_FUNCTION_INFO_V1(feature_percentile_combine);
PG_FUNCTION_INFO_V1(feature_percentile_serialize);
PG_FUNCTION_INFO_V1(feature_percentile_deserialize);
PG_FUNCTION_INFO_V1(feature_percentile_final);
PG_FUNCTION_INFO_V1(feature_median_accum);
PG_FUNCTION_INFO_V1(feature_median_accum_inv);
}

namespace feature {
namespace {

struct Percentile {
  explicit Percentile(MemoryContext context) : memory(context), sample(&memory) {}
  Percentile(const Percentile&) = delete;
  Percentile& operator=(const Percentile&) = delete;

  Parameter<double> fraction;
  ContextResource memory;
  SortedFloats sample;
};

constexpr const char* fraction_name = "percentile fraction";

bool is_fraction(double number) { return number >= 0 && number <= 1; }

Datum accumulate(FunctionCallInfo fcinfo, double fraction, bool null) {
  const MemoryContext context = aggregate_context(fcinfo);
  auto* state = state_argument<Percentile>(fcinfo, 0);
  if (state == nullptr) state = make_state<Percentile>(context, context);
  state->fraction.enter(fraction, null, fraction_name);
  if (PG_ARGISNULL(1)) PG_RETURN_POINTER(state);
  return guard([&] {
    state->sample.insert(PG_GETARG_FLOAT8(1));
    return PointerGetDatum(state);
  });
}

}  // namespace
}  // namespace feature

extern "C" {

Datum feature_percentile_accum(PG_FUNCTION_ARGS) {
  const bool null = PG_ARGISNULL(2);
  const double fraction = null ? 0 : PG_GETARG_FLOAT8(2);
  // As percentile_cont says it.
  if (!feature::is_fraction(fraction)) {
    ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
                    errmsg("percentile value %g is not between 0 and 1", fraction)));
  }
  return feature::accumulate(fcinfo, fraction, null);
}

Datum feature_median_accum(PG_FUNCTION_ARGS) {
  return feature::accumulate(fcinfo, 0.5, false);
}

Datum feature_percentile_accum_inv(PG_FUNCTION_ARGS) {
  (void)feature::aggregate_context(fcinfo);
  auto* state = feature::state_argument<feature::Percentile>(fcinfo, 0);
  // NULL makes PostgreSQL aggregate the frame anew.
  if (state == nullptr || (!PG_ARGISNULL(1) && !state->sample.erase(PG_GETARG_FLOAT8(1)))) PG_RETURN_NULL();
  state->fraction.leave();
  PG_RETURN_POINTER(state);
}

Datum feature_median_accum_inv(PG_FUNCTION_ARGS) {
  return feature_percentile_accum_inv(fcinfo);
}

Datum feature_percentile_combine(PG_FUNCTION_ARGS) {
  const MemoryContext context = feature::aggregate_context(fcinfo);
  auto* left = feature::state_argument<feature::Percentile>(fcinfo, 0);
  const auto* right = feature::state_argument<feature::Percentile>(fcinfo, 1);
  if (left == nullptr && right == nullptr) PG_RETURN_NULL();
  if (left == nullptr) left = feature::make_state<feature::Percentile>(context, context);
  if (right == nullptr) PG_RETURN_POINTER(left);
  left->fraction.merge(right->fraction, feature::fraction_name);
  return feature::guard([&] {
    right->sample.for_each([&](double number) {
      feature::check_interrupts();
      left->sample.insert(number);
    });
    return PointerGetDatum(left);
  });
}

Datum feature_percentile_serialize(PG_FUNCTION_ARGS) {
  (void)feature::aggregate_context(fcinfo);
  const auto& state = *reinterpret_cast<feature::Percentile*>(PG_GETARG_POINTER(0));
  feature::ImageWriter image;
  state.fraction.write(image);
  image.put(state.sample.size());
  state.sample.for_each([&](double number) { image.put(number); });
  return image.finish();
}

Datum feature_percentile_deserialize(PG_FUNCTION_ARGS) {
  (void)feature::aggregate_context(fcinfo);
  feature::ImageReader image(PG_GETARG_DATUM(0));
  auto* state = feature::make_state<feature::Percentile>(CurrentMemoryContext, CurrentMemoryContext);
  state->fraction.read(image, feature::is_fraction);
  const auto count = image.get<std::size_t>();
  if (count > MaxAllocHugeSize / sizeof(double)) feature::report_damaged_state();
  const char* numbers = image.bytes(count * sizeof(double));
  image.finish();
  return feature::guard([&] {
    for (std::size_t i = 0; i < count; ++i) {
      double number;
      std::memcpy(&number, numbers + i * sizeof number, sizeof number);
      feature::check_interrupts();
      state->sample.insert(number);
    }
    return PointerGetDatum(state);
  });
}

Datum feature_percentile_final(PG_FUNCTION_ARGS) {
  (void)feature::aggregate_context(fcinfo);
  const auto* state = feature::state_argument<feature::Percentile>(fcinfo, 0);
  if (state == nullptr || state->fraction.null() || state->sample.size() == 0) PG_RETURN_NULL();
  PG_RETURN_FLOAT8(state->sample.quantile(state->fraction.value()));
}

}  // extern "C"
