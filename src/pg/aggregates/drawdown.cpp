// drawdown: the greatest fall from a value to a later one. Depends on the order of input.

#include "pg/aggregates/state.hpp"

#include "kernel/drawdown.hpp"

extern "C" {
PGDLLEXPORT Datum feature_drawdown_accum(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum feature_drawdown_combine(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum feature_drawdown_serialize(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum feature_drawdown_deserialize(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum feature_drawdown_final(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(feature_drawdown_accum);
PG_FUNCTION_INFO_V1(feature_drawdown_combine);
PG_FUNCTION_INFO_V1(feature_drawdown_serialize);
PG_FUNCTION_INFO_V1(feature_drawdown_deserialize);
PG_FUNCTION_INFO_V1(feature_drawdown_final);
}

namespace feature {
namespace {

// The state after a sequence has been put behind the one of the first argument, which may be none.
Datum append(FunctionCallInfo fcinfo, const Drawdown& later) {
  const MemoryContext context = aggregate_context(fcinfo);
  auto* drawdown = state_argument<Drawdown>(fcinfo, 0);
  if (drawdown == nullptr) PG_RETURN_POINTER(make_state<Drawdown>(context, later));
  return guard([&] {
    drawdown->append(later);
    return PointerGetDatum(drawdown);
  });
}

}  // namespace
}  // namespace feature

extern "C" {

Datum feature_drawdown_accum(PG_FUNCTION_ARGS) {
  if (!PG_ARGISNULL(1)) return feature::append(fcinfo, feature::Drawdown(PG_GETARG_FLOAT8(1)));
  if (PG_ARGISNULL(0)) PG_RETURN_NULL();
  return PG_GETARG_DATUM(0);
}

Datum feature_drawdown_combine(PG_FUNCTION_ARGS) {
  const auto* right = feature::state_argument<feature::Drawdown>(fcinfo, 1);
  if (right != nullptr) return feature::append(fcinfo, *right);
  if (PG_ARGISNULL(0)) PG_RETURN_NULL();
  return PG_GETARG_DATUM(0);
}

Datum feature_drawdown_serialize(PG_FUNCTION_ARGS) {
  (void)feature::aggregate_context(fcinfo);
  feature::ImageWriter image;
  image.put(*reinterpret_cast<feature::Drawdown*>(PG_GETARG_POINTER(0)));
  return image.finish();
}

Datum feature_drawdown_deserialize(PG_FUNCTION_ARGS) {
  (void)feature::aggregate_context(fcinfo);
  feature::ImageReader image(PG_GETARG_DATUM(0));
  const auto drawdown = image.get<feature::Drawdown>();
  image.finish();
  PG_RETURN_POINTER(feature::make_state<feature::Drawdown>(CurrentMemoryContext, drawdown));
}

Datum feature_drawdown_final(PG_FUNCTION_ARGS) {
  (void)feature::aggregate_context(fcinfo);
  const auto* drawdown = feature::state_argument<feature::Drawdown>(fcinfo, 0);
  if (drawdown == nullptr) PG_RETURN_NULL();
  PG_RETURN_FLOAT8(drawdown->greatest());
}

}  // extern "C"
