// Aggregates over value counts: count_distinct, mode, top_n and entropy.

#include "pg/aggregates/value_counts.hpp"

#include "kernel/entropy.hpp"

extern "C" {
PGDLLEXPORT Datum feature_value_counts_accum(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum feature_value_counts_accum_inv(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum feature_value_counts_combine(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum feature_value_counts_serialize(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum feature_value_counts_deserialize(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum feature_count_distinct_final(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum feature_mode_final(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum feature_top_n_accum(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum feature_top_n_accum_inv(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum feature_top_n_final(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum feature_entropy_final(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(feature_value_counts_accum);
PG_FUNCTION_INFO_V1(feature_value_counts_accum_inv);
PG_FUNCTION_INFO_V1(feature_value_counts_combine);
PG_FUNCTION_INFO_V1(feature_value_counts_serialize);
PG_FUNCTION_INFO_V1(feature_value_counts_deserialize);
PG_FUNCTION_INFO_V1(feature_count_distinct_final);
PG_FUNCTION_INFO_V1(feature_mode_final);
PG_FUNCTION_INFO_V1(feature_top_n_accum);
PG_FUNCTION_INFO_V1(feature_top_n_accum_inv);
PG_FUNCTION_INFO_V1(feature_top_n_final);
PG_FUNCTION_INFO_V1(feature_entropy_final);
}

namespace feature {
namespace {

// The state after the call's value has come in.
ValueCounts* accumulate(FunctionCallInfo fcinfo) {
  const MemoryContext context = aggregate_context(fcinfo);
  const ElementType type = ElementType::of_argument(fcinfo, 1);
  auto* counts = state_argument<ValueCounts>(fcinfo, 0);
  if (counts == nullptr) {
    type.require_hash();
    counts = make_state<ValueCounts>(context, type, context);
  } else if (counts->type() != type) {
    report_damaged_state();
  }
  if (!PG_ARGISNULL(1)) counts->add(PG_GETARG_DATUM(1), 1);
  return counts;
}

// The state after the call's value has gone out, or null: PostgreSQL then aggregates the frame anew.
ValueCounts* take_back(FunctionCallInfo fcinfo) {
  (void)aggregate_context(fcinfo);
  auto* counts = state_argument<ValueCounts>(fcinfo, 0);
  if (counts == nullptr || (!PG_ARGISNULL(1) && !counts->remove(PG_GETARG_DATUM(1)))) return nullptr;
  return counts;
}

// The state that a final function of an ordered result reads; null if it has counted nothing.
const ValueCounts* ordered_argument(FunctionCallInfo fcinfo) {
  const auto* counts = state_argument<ValueCounts>(fcinfo, 0);
  if (counts == nullptr || counts->distinct() == 0) return nullptr;
  if (counts->type() != ElementType::of_argument(fcinfo, 1)) report_damaged_state();
  counts->type().require_order();
  return counts;
}

// Whether a comes before b: more frequent, or as frequent and smaller.
bool ranks_before(const ElementType& type, const ValueCount& a, const ValueCount& b) {
  if (a.count != b.count) return a.count > b.count;
  return type.compare(a.images.value, b.images.value) < 0;
}

int compare_ranks(const void* a, const void* b, void* type) {
  CHECK_FOR_INTERRUPTS();
  const ValueCount& left = **static_cast<const ValueCount* const*>(a);
  const ValueCount& right = **static_cast<const ValueCount* const*>(b);
  return ranks_before(*static_cast<const ElementType*>(type), left, right) ? -1 : 1;
}

}  // namespace
}  // namespace feature

extern "C" {

Datum feature_value_counts_accum(PG_FUNCTION_ARGS) {
  PG_RETURN_POINTER(feature::accumulate(fcinfo));
}

Datum feature_value_counts_accum_inv(PG_FUNCTION_ARGS) {
  feature::ValueCounts* counts = feature::take_back(fcinfo);
  if (counts == nullptr) PG_RETURN_NULL();
  PG_RETURN_POINTER(counts);
}

Datum feature_value_counts_combine(PG_FUNCTION_ARGS) {
  const MemoryContext context = feature::aggregate_context(fcinfo);
  auto* left = feature::state_argument<feature::ValueCounts>(fcinfo, 0);
  const auto* right = feature::state_argument<feature::ValueCounts>(fcinfo, 1);
  if (right != nullptr) {
    if (left == nullptr) left = feature::make_state<feature::ValueCounts>(context, right->type(), context);
    left->merge(*right);
  }
  if (left == nullptr) PG_RETURN_NULL();
  PG_RETURN_POINTER(left);
}

Datum feature_value_counts_serialize(PG_FUNCTION_ARGS) {
  (void)feature::aggregate_context(fcinfo);
  const auto& counts = *reinterpret_cast<feature::ValueCounts*>(PG_GETARG_POINTER(0));
  feature::ImageWriter image;
  counts.type().write(image);
  counts.write(image);
  return image.finish();
}

Datum feature_value_counts_deserialize(PG_FUNCTION_ARGS) {
  (void)feature::aggregate_context(fcinfo);
  feature::ImageReader image(PG_GETARG_DATUM(0));
  const feature::ElementType type = feature::ElementType::read(image);
  type.require_hash();
  auto* counts = feature::make_state<feature::ValueCounts>(CurrentMemoryContext, type, CurrentMemoryContext);
  counts->read(image);
  image.finish();
  PG_RETURN_POINTER(counts);
}

Datum feature_count_distinct_final(PG_FUNCTION_ARGS) {
  (void)feature::aggregate_context(fcinfo);
  const auto* counts = feature::state_argument<feature::ValueCounts>(fcinfo, 0);
  PG_RETURN_INT64(counts == nullptr ? 0 : counts->distinct());
}

// O(distinct values).
Datum feature_mode_final(PG_FUNCTION_ARGS) {
  (void)feature::aggregate_context(fcinfo);
  const feature::ValueCounts* counts = feature::ordered_argument(fcinfo);
  if (counts == nullptr) PG_RETURN_NULL();
  const feature::ValueCount* first = nullptr;
  counts->for_each([&](const feature::ValueCount& counted) {
    if (first == nullptr || feature::ranks_before(counts->type(), counted, *first)) first = &counted;
  });
  return counts->type().copy(counts->shown(*first), CurrentMemoryContext);
}

Datum feature_top_n_accum(PG_FUNCTION_ARGS) {
  feature::ValueCounts* counts = feature::accumulate(fcinfo);
  counts->limit.enter(fcinfo);
  PG_RETURN_POINTER(counts);
}

Datum feature_top_n_accum_inv(PG_FUNCTION_ARGS) {
  feature::ValueCounts* counts = feature::take_back(fcinfo);
  if (counts == nullptr) PG_RETURN_NULL();
  counts->limit.leave();
  PG_RETURN_POINTER(counts);
}

// O(d log d) for d distinct values.
Datum feature_top_n_final(PG_FUNCTION_ARGS) {
  (void)feature::aggregate_context(fcinfo);
  const feature::ValueCounts* counts = feature::ordered_argument(fcinfo);
  if (counts == nullptr || counts->limit.null()) PG_RETURN_NULL();
  const auto distinct = static_cast<std::size_t>(counts->distinct());
  auto** ranked = static_cast<const feature::ValueCount**>(
      MemoryContextAllocHuge(CurrentMemoryContext, distinct * sizeof(feature::ValueCount*)));
  const feature::ValueCount** end = ranked;
  counts->for_each([&](const feature::ValueCount& counted) { *end++ = &counted; });
  feature::ElementType type = counts->type();
  qsort_arg(ranked, distinct, sizeof *ranked, feature::compare_ranks, &type);
  const auto wanted = std::min(distinct, static_cast<std::size_t>(counts->limit.value()));
  auto* values = static_cast<Datum*>(palloc(wanted * sizeof(Datum)));
  for (std::size_t i = 0; i < wanted; ++i) values[i] = counts->shown(*ranked[i]);
  return type.make_array(values, static_cast<int>(wanted));
}

// O(d log d) for d distinct values.
Datum feature_entropy_final(PG_FUNCTION_ARGS) {
  (void)feature::aggregate_context(fcinfo);
  const auto* counts = feature::state_argument<feature::ValueCounts>(fcinfo, 0);
  if (counts == nullptr || counts->distinct() == 0) PG_RETURN_NULL();
  auto* occurrences = static_cast<std::int64_t*>(MemoryContextAllocHuge(
      CurrentMemoryContext, static_cast<std::size_t>(counts->distinct()) * sizeof(std::int64_t)));
  std::int64_t* end = occurrences;
  counts->for_each([&](const feature::ValueCount& counted) { *end++ = counted.count; });
  PG_RETURN_FLOAT8(feature::entropy_bits(occurrences, end));
}

}  // extern "C"
