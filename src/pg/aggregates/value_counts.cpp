// See value_counts.hpp.

#include "pg/aggregates/value_counts.hpp"

namespace feature {

#define SH_PREFIX counts
#define SH_ELEMENT_TYPE ValueCount
#define SH_KEY_TYPE Datum
#define SH_KEY images.value
#define SH_HASH_KEY(table, key) static_cast<const ElementType*>((table)->private_data)->hash(key)
#define SH_EQUAL(table, a, b) static_cast<const ElementType*>((table)->private_data)->equal(a, b)
#define SH_STORE_HASH
#define SH_GET_HASH(table, entry) (entry)->hash
#define SH_SCOPE extern
#define SH_DEFINE
#include <lib/simplehash.h>

ValueCounts::ValueCounts(const ElementType& type, MemoryContext context)
    : type_(type), context_(context), table_(counts_create(context, 4, &type_)) {}

void ValueCounts::add(Datum given, int64 count) {
  CHECK_FOR_INTERRUPTS();
  const Datum value = type_.flat(given);
  bool found;
  ValueCount* counted = counts_insert(table_, value, &found);
  if (!found) {
    counted->images = {type_.copy(value, context_), count, nullptr};
    counted->count = count;
    return;
  }
  counted->count += count;
  for (ValueImage* image = &counted->images; image != nullptr; image = image->next) {
    if (type_.same_image(image->value, value)) {
      image->count += count;
      return;
    }
  }
  auto* image = static_cast<ValueImage*>(MemoryContextAlloc(context_, sizeof(ValueImage)));
  *image = {type_.copy(value, context_), count, counted->images.next};
  counted->images.next = image;
}

bool ValueCounts::remove(Datum given) {
  const Datum value = type_.flat(given);
  ValueCount* counted = counts_lookup(table_, value);
  if (counted == nullptr) return false;
  ValueImage* before = nullptr;
  ValueImage* image = &counted->images;
  while (image != nullptr && !type_.same_image(image->value, value)) {
    before = image;
    image = image->next;
  }
  if (image == nullptr) return false;
  --counted->count;
  if (--image->count > 0) return true;

  const Datum gone = image->value;
  if (counted->count == 0) {
    counts_delete_item(table_, counted);
  } else if (before != nullptr) {
    before->next = image->next;
    pfree(image);
  } else {
    // The entry is found by its first image, so another one moves there.
    ValueImage* next = image->next;
    *image = *next;
    pfree(next);
  }
  type_.release(gone);
  return true;
}

void ValueCounts::merge(const ValueCounts& other) {
  if (type_ != other.type_) report_damaged_state();
  limit.merge(other.limit);
  other.for_each([&](const ValueCount& counted) {
    for (const ValueImage* image = &counted.images; image != nullptr; image = image->next) {
      add(image->value, image->count);
    }
  });
}

Datum ValueCounts::shown(const ValueCount& counted) const {
  Datum first = counted.images.value;
  for (const ValueImage* image = counted.images.next; image != nullptr; image = image->next) {
    if (type_.image_before(image->value, first)) first = image->value;
  }
  return first;
}

void ValueCounts::write(ImageWriter& image) const {
  limit.write(image);
  uint32 count = 0;
  for_each([&](const ValueCount& counted) {
    for (const ValueImage* one = &counted.images; one != nullptr; one = one->next) ++count;
  });
  image.put(count);
  for_each([&](const ValueCount& counted) {
    for (const ValueImage* one = &counted.images; one != nullptr; one = one->next) {
      image.put(one->count);
      type_.write(image, one->value);
    }
  });
}

void ValueCounts::read(ImageReader& image) {
  limit.read(image);
  for (auto left = image.get<uint32>(); left > 0; --left) {
    const auto count = image.get<int64>();
    if (count <= 0) report_damaged_state();
    const Datum value = type_.read_value(image);
    add(value, count);
    type_.release(value);
  }
}

}  // namespace feature
