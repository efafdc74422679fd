// See state_images.hpp.

#include "pg/state_images.hpp"

#include <array>

#include "kernel/segment.hpp"
#include "pg/state_store.hpp"

extern "C" {
#include <access/table.h>
#include <utils/fmgrprotos.h>
}

namespace feature {

StateImages::StateImages(Oid table) : table_(call([&] { return table_open(table, AccessShareLock); })) {}

void StateImages::close() {
  call([&] { table_close(table_, AccessShareLock); });
}

bool StateImages::has_image() const {
  const TupleDesc description = RelationGetDescr(table_);
  return description->natts > 0 &&
         TupleDescAttr(description, description->natts - 1)->atttypid == call([] { return state_type(); });
}

bool StateImages::has_columns(int before_image) const {
  return RelationGetDescr(table_)->natts == before_image + 1 && has_image();
}

TupleTableSlot* StateImages::make_slot() const {
  return call([&] { return table_slot_create(table_, nullptr); });
}

std::int64_t StateImages::total_bytes() const {
  return call([&] {
    return DatumGetInt64(DirectFunctionCall1(pg_total_relation_size, ObjectIdGetDatum(RelationGetRelid(table_))));
  });
}

Head read_head(const std::byte* image, std::size_t size) {
  std::array<std::byte, 16384> room;  // enough for most
  std::pmr::monotonic_buffer_resource memory(room.data(), room.size());
  const Layout layout = layout_of(image, size);
  SegmentReader reader(layout, image, size, memory);
  std::int64_t events = reader.prefix().position;
  Event newest = reader.prefix().before;
  while (reader.next(newest)) ++events;
  return {events, reader.prefix().late, newest.time};
}

}  // namespace feature
