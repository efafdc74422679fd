// last_distinct: the latest values that differ from each other. Depends on the order of input.

#include "pg/aggregates/element_type.hpp"

extern "C" {
PGDLLEXPORT Datum feature_last_distinct_accum(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum feature_last_distinct_combine(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum feature_last_distinct_serialize(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum feature_last_distinct_deserialize(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum feature_last_distinct_final(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(feature_last_distinct_accum);
PG_FUNCTION_INFO_V1(feature_last_distinct_combine);
PG_FUNCTION_INFO_V1(feature_last_distinct_serialize);
PG_FUNCTION_INFO_V1(feature_last_distinct_deserialize);
PG_FUNCTION_INFO_V1(feature_last_distinct_final);
}

namespace feature {
namespace {

// At most `limit` values, no two of them equal, the latest first; of equal ones the image that came last.
class LastDistinct {
 public:
  Limit limit;

  LastDistinct(const ElementType& type, MemoryContext context) : type_(type), context_(context) {}
  LastDistinct(const LastDistinct&) = delete;
  LastDistinct& operator=(const LastDistinct&) = delete;

  [[nodiscard]] const ElementType& type() const { return type_; }
  [[nodiscard]] int count() const { return count_; }
  [[nodiscard]] const Datum* values() const { return values_; }

  // The value comes last. O(limit) calls of the type's equality.
  void add(Datum given) {
    const Datum value = type_.flat(given);
    const Datum made = type_.copy(value, context_);
    int place = find(value);
    if (place < 0 && count_ < limit.value()) {
      reserve(count_ + 1);
      place = count_++;
    } else {
      // The equal one goes, or the oldest.
      if (place < 0) place = count_ - 1;
      type_.release(values_[place]);
    }
    memmove(values_ + 1, values_, static_cast<std::size_t>(place) * sizeof(Datum));
    values_[0] = made;
  }

  // The other one's values come after all that are here.
  void append(const LastDistinct& later) {
    if (type_ != later.type_) report_damaged_state();
    limit.merge(later.limit);
    for (int i = later.count_; i-- > 0;) add(later.values_[i]);
  }

  void write(ImageWriter& image) const {
    type_.write(image);
    limit.write(image);
    image.put(count_);
    for (int i = 0; i < count_; ++i) type_.write(image, values_[i]);
  }

  // Of a fresh state; the type has been read.
  void read(ImageReader& image) {
    limit.read(image);
    const auto count = image.get<int>();
    if (count < 0 || count > limit.value()) report_damaged_state();
    while (count_ < count) {
      const Datum value = type_.read_value(image);
      if (find(value) >= 0) report_damaged_state();
      reserve(count_ + 1);
      values_[count_++] = value;
    }
  }

 private:
  // The place of the equal value, or -1.
  [[nodiscard]] int find(Datum value) const {
    for (int i = 0; i < count_; ++i) {
      if (type_.equal(values_[i], value)) return i;
    }
    return -1;
  }

  void reserve(int count) {
    if (count <= capacity_) return;
    capacity_ = std::max(count, 2 * capacity_);
    const std::size_t size = static_cast<std::size_t>(capacity_) * sizeof(Datum);
    values_ = static_cast<Datum*>(values_ == nullptr ? MemoryContextAlloc(context_, size) : repalloc(values_, size));
  }

  ElementType type_;
  MemoryContext context_;
  Datum* values_ = nullptr;
  int count_ = 0;
  int capacity_ = 0;
};

}  // namespace
}  // namespace feature

extern "C" {

Datum feature_last_distinct_accum(PG_FUNCTION_ARGS) {
  const MemoryContext context = feature::aggregate_context(fcinfo);
  const feature::ElementType type = feature::ElementType::of_argument(fcinfo, 1);
  auto* last = feature::state_argument<feature::LastDistinct>(fcinfo, 0);
  if (last == nullptr) {
    last = feature::make_state<feature::LastDistinct>(context, type, context);
  } else if (last->type() != type) {
    feature::report_damaged_state();
  }
  last->limit.enter(fcinfo);
  if (!last->limit.null() && !PG_ARGISNULL(1)) last->add(PG_GETARG_DATUM(1));
  PG_RETURN_POINTER(last);
}

Datum feature_last_distinct_combine(PG_FUNCTION_ARGS) {
  const MemoryContext context = feature::aggregate_context(fcinfo);
  auto* left = feature::state_argument<feature::LastDistinct>(fcinfo, 0);
  const auto* right = feature::state_argument<feature::LastDistinct>(fcinfo, 1);
  if (right != nullptr) {
    if (left == nullptr) left = feature::make_state<feature::LastDistinct>(context, right->type(), context);
    left->append(*right);
  }
  if (left == nullptr) PG_RETURN_NULL();
  PG_RETURN_POINTER(left);
}

Datum feature_last_distinct_serialize(PG_FUNCTION_ARGS) {
  (void)feature::aggregate_context(fcinfo);
  feature::ImageWriter image;
  reinterpret_cast<feature::LastDistinct*>(PG_GETARG_POINTER(0))->write(image);
  return image.finish();
}

Datum feature_last_distinct_deserialize(PG_FUNCTION_ARGS) {
  (void)feature::aggregate_context(fcinfo);
  feature::ImageReader image(PG_GETARG_DATUM(0));
  const feature::ElementType type = feature::ElementType::read(image);
  auto* last = feature::make_state<feature::LastDistinct>(CurrentMemoryContext, type, CurrentMemoryContext);
  last->read(image);
  image.finish();
  PG_RETURN_POINTER(last);
}

Datum feature_last_distinct_final(PG_FUNCTION_ARGS) {
  (void)feature::aggregate_context(fcinfo);
  const auto* last = feature::state_argument<feature::LastDistinct>(fcinfo, 0);
  if (last == nullptr || last->count() == 0) PG_RETURN_NULL();
  if (last->type() != feature::ElementType::of_argument(fcinfo, 1)) feature::report_damaged_state();
  return last->type().make_array(last->values(), last->count());
}

}  // extern "C"
