// An event: when it happened and the argument values that frames are computed from.
#pragma once

#include <chrono>
#include <cstdint>

#include "kernel/value.hpp"

namespace feature {

// Event time. The clock has no now(): the kernel never asks what time it is. One tick is one unit of the time column's
// type: a microsecond for timestamps, a day for dates, one for integers.
struct EventClock {
  using rep = std::int64_t;
  using period = std::micro;
  using duration = std::chrono::duration<rep, period>;
  using time_point = std::chrono::time_point<EventClock>;
};
using EventTime = EventClock::time_point;
using Duration = EventClock::duration;

// `values` has one entry for each column of the entity's layout and is owned by the memory resource that the entity was
// loaded into. Events are ordered by time; among equal times, by arrival.
struct Event {
  EventTime time;
  Value* values;
};

}  // namespace feature
