// change_count: how often a value differs from the one before it. Depends on the order of input.

#include "pg/aggregates/element_type.hpp"

extern "C" {
PGDLLEXPORT Datum feature_change_count_accum(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum feature_change_count_combine(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum feature_change_count_serialize(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum feature_change_count_deserialize(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum feature_change_count_final(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(feature_change_count_accum);
PG_FUNCTION_INFO_V1(feature_change_count_combine);
PG_FUNCTION_INFO_V1(feature_change_count_serialize);
PG_FUNCTION_INFO_V1(feature_change_count_deserialize);
PG_FUNCTION_INFO_V1(feature_change_count_final);
}

namespace feature {
namespace {

// Of a sequence of non-NULL values that is not empty. The first one is kept for what may be put before it.
struct Changes {
  ElementType type;
  Datum first;
  Datum last;
  int64 count;

  Changes(const ElementType& type, Datum first, Datum last, int64 count, MemoryContext context)
      : type(type), first(type.copy(first, context)), last(type.copy(last, context)), count(count) {}

  // The sequence continues with another one.
  void append(Datum later_first, Datum later_last, int64 later_count, MemoryContext context) {
    count += later_count + (type.equal(last, later_first) ? 0 : 1);
    if (type.same_image(last, later_last)) return;
    type.release(last);
    last = type.copy(later_last, context);
  }
};

}  // namespace
}  // namespace feature

extern "C" {

Datum feature_change_count_accum(PG_FUNCTION_ARGS) {
  const MemoryContext context = feature::aggregate_context(fcinfo);
  const feature::ElementType type = feature::ElementType::of_argument(fcinfo, 1);
  auto* changes = feature::state_argument<feature::Changes>(fcinfo, 0);
  if (changes != nullptr && changes->type != type) feature::report_damaged_state();
  if (!PG_ARGISNULL(1)) {
    const Datum value = type.flat(PG_GETARG_DATUM(1));
    if (changes == nullptr) {
      changes = feature::make_state<feature::Changes>(context, type, value, value, 0, context);
    } else {
      changes->append(value, value, 0, context);
    }
  }
  if (changes == nullptr) PG_RETURN_NULL();
  PG_RETURN_POINTER(changes);
}

Datum feature_change_count_combine(PG_FUNCTION_ARGS) {
  const MemoryContext context = feature::aggregate_context(fcinfo);
  auto* left = feature::state_argument<feature::Changes>(fcinfo, 0);
  const auto* right = feature::state_argument<feature::Changes>(fcinfo, 1);
  if (right != nullptr) {
    if (left == nullptr) {
      left = feature::make_state<feature::Changes>(context, right->type, right->first, right->last, right->count,
                                                   context);
    } else {
      if (left->type != right->type) feature::report_damaged_state();
      left->append(right->first, right->last, right->count, context);
    }
  }
  if (left == nullptr) PG_RETURN_NULL();
  PG_RETURN_POINTER(left);
}

Datum feature_change_count_serialize(PG_FUNCTION_ARGS) {
  (void)feature::aggregate_context(fcinfo);
  const auto& changes = *reinterpret_cast<feature::Changes*>(PG_GETARG_POINTER(0));
  feature::ImageWriter image;
  changes.type.write(image);
  image.put(changes.count);
  changes.type.write(image, changes.first);
  changes.type.write(image, changes.last);
  return image.finish();
}

Datum feature_change_count_deserialize(PG_FUNCTION_ARGS) {
  (void)feature::aggregate_context(fcinfo);
  feature::ImageReader image(PG_GETARG_DATUM(0));
  const feature::ElementType type = feature::ElementType::read(image);
  const auto count = image.get<int64>();
  const Datum first = type.read_value(image);
  const Datum last = type.read_value(image);
  image.finish();
  PG_RETURN_POINTER(
      feature::make_state<feature::Changes>(CurrentMemoryContext, type, first, last, count, CurrentMemoryContext));
}

Datum feature_change_count_final(PG_FUNCTION_ARGS) {
  (void)feature::aggregate_context(fcinfo);
  const auto* changes = feature::state_argument<feature::Changes>(fcinfo, 0);
  PG_RETURN_INT64(changes == nullptr ? 0 : changes->count);
}

}  // extern "C"
