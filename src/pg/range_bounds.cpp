// See range_bounds.hpp.

#include "pg/range_bounds.hpp"

#include <algorithm>

namespace feature {

RangeBounds::RangeBounds(const Plan& plan) : time_type_(plan.time.type) {
  std::size_t most = 0;
  for (const PartitionList& list : plan.lists) most = std::max(most, list.offsets.size());
  times_.resize(most);
}

EventTime RangeBounds::earliest(const PartitionList& list, EventTime time) {
  const EventTime* times = resolve(list, time);
  const EventTime* first = std::min_element(times, times + list.offsets.size());
  return list.offsets.empty() ? EventTime::max() : *first;
}

void RangeBounds::resolve_all(const PartitionList& list, EventTime time) {
  call([&] {
    for (std::size_t i = 0; i < list.offsets.size(); ++i) {
      times_[i] = resolve_bound(time_type_, time, list.offsets[i]);
    }
  });
}

}  // namespace feature
