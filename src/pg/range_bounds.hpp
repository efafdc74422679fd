// The times at which the RANGE frames of a list begin and end for one row.
//
// Frames share bounds, so all of a list's are resolved at once, in the order of its offsets; what is resolved holds
// until the next row is. Offsets of the calendar are left to PostgreSQL's own arithmetic; others cost a subtraction.
#pragma once

#include "pg/boundary.hpp"
#include "pg/frame_bounds.hpp"

namespace feature {

class RangeBounds {
 public:
  explicit RangeBounds(const Plan& plan);

  // For a row of this time.
  const EventTime* resolve(const PartitionList& list, EventTime time) {
    bool resolved = true;
    for (std::size_t i = 0; i < list.offsets.size() && resolved; ++i) {
      resolved = resolve_by_subtraction(time_type_, time, list.offsets[i], &times_[i]);
    }
    if (!resolved) resolve_all(list, time);
    return times_.data();
  }

  // The first of them; the end of time if the list has none.
  [[nodiscard]] EventTime earliest(const PartitionList& list, EventTime time);

 private:
  void resolve_all(const PartitionList& list, EventTime time);

  Oid time_type_;
  std::vector<EventTime> times_;
};

}  // namespace feature
