// See untrusted_states.hpp.

#include "pg/untrusted_states.hpp"

#include <algorithm>

#include "kernel/holistic.hpp"
#include "kernel/segment.hpp"
#include "pg/boundary.hpp"
#include "pg/catalogue_aggregate.hpp"
#include "pg/refusals.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <utils/builtins.h>
#include <utils/lsyscache.h>
}

namespace feature {
namespace {

// Whether any bytes with a right length word are a value of the type that does no harm. Runs backend code.
bool is_plain(Oid type) {
  switch (getBaseType(type)) {
    case TEXTOID:
    case VARCHAROID:
    case BPCHAROID:
    case BYTEAOID:
    case NUMERICOID: return true;
    case INTERNALOID: return false;
    default: return get_typbyval(type);
  }
}

// A varlena that holds all of its bytes itself.
bool is_whole_value(const Blob& blob) {
  const auto* bytes = reinterpret_cast<const char*>(blob.data);
  if (blob.size == 0 || VARATT_IS_1B_E(bytes)) return false;
  if (VARATT_IS_1B(bytes)) return VARSIZE_1B(bytes) == blob.size;
  return blob.size >= VARHDRSZ && VARATT_IS_4B_U(bytes) && VARSIZE_4B(bytes) == blob.size;
}

void check_record(const std::vector<Storage>& columns, const Value* values) {
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i] == Storage::bytes && !values[i].null && !is_whole_value(Blob::of(values[i].word))) {
      throw CorruptState("feature state has bytes that are not a value");
    }
  }
}

}  // namespace

std::string uncheckable_values(const Plan& plan) {
  for (const PartitionList& list : plan.lists) {
    for (const Argument& argument : list.arguments) {
      if (!call([&] { return is_plain(argument.type); })) {
        return "values of type " + std::string(call([&] { return format_type_be(argument.type); }));
      }
    }
    for (const auto& aggregate : list.aggregates) {
      if (!is_saved(list.kernel, aggregate.get())) continue;
      if (dynamic_cast<const Holistic*>(aggregate.get()) != nullptr)
        return "the values of distinct counts or percentiles";
      const auto* catalogue = dynamic_cast<const CatalogueAggregate*>(aggregate.get());
      if (catalogue != nullptr && !call([&] { return is_plain(catalogue->saved_type()); })) {
        return "states of aggregate " + function_name(catalogue->function());
      }
    }
  }
  return {};
}

void check_values(const std::byte* image, std::size_t size) {
  std::pmr::monotonic_buffer_resource memory;
  const Layout layout = layout_of(image, size);
  SegmentReader reader(layout, image, size, memory);
  if (reader.prefix().before.values != nullptr) check_record(layout.prefix, reader.prefix().before.values);
  for (Event event{}; reader.next(event);) check_record(layout.event, event.values);
}

}  // namespace feature
