// An entity's loaded events in order: a ring that grows at the new end, gives way at the old one, and takes a late
// event in the middle or gives one back.
//
// Boost's ring was chosen over a deque because its elements lie in at most two contiguous runs, which is what a frame's
// rescan is made of. The policy when full is to double, never to overwrite: losing the oldest event silently is the one
// thing that must not happen.
#pragma once

#include <boost/circular_buffer.hpp>
#include <cassert>
#include <cstddef>
#include <memory_resource>

#include "kernel/event.hpp"

namespace feature {

class EventRing {
 public:
  explicit EventRing(std::pmr::memory_resource& memory) : events_(Allocator(&memory)) {}

  [[nodiscard]] std::size_t size() const { return events_.size(); }
  [[nodiscard]] bool empty() const { return events_.empty(); }
  [[nodiscard]] const Event& operator[](std::size_t index) const { return events_[index]; }
  [[nodiscard]] const Event& front() const { return events_.front(); }
  [[nodiscard]] const Event& back() const { return events_.back(); }

  // Makes room for as many in all, so that they are not moved as they come.
  void reserve(std::size_t count) {
    if (count > events_.capacity()) events_.set_capacity(count);
  }

  // Amortised O(1).
  void push_back(const Event& event) {
    grow_if_full();
    events_.push_back(event);
  }
  // O(count).
  void pop_front(std::size_t count) { events_.erase_begin(count); }
  // O(min(index, size - index)).
  void insert(std::size_t index, const Event& event) {
    grow_if_full();
    const auto place = events_.begin() + static_cast<std::ptrdiff_t>(index);
    // Either moves the events on its own side of the place.
    if (index < events_.size() / 2) {
      events_.rinsert(place, event);
    } else {
      events_.insert(place, event);
    }
  }
  // O(min(index, size - index)).
  void erase(std::size_t index) {
    const auto place = events_.begin() + static_cast<std::ptrdiff_t>(index);
    if (index < events_.size() / 2) {
      events_.rerase(place);
    } else {
      events_.erase(place);
    }
  }

  // Number of events earlier than `time`. O(log n), O(1) when all are.
  [[nodiscard]] std::size_t count_before(EventTime time) const {
    return count_if_sorted([time](const Event& event) { return event.time < time; });
  }
  // Number of events not later than `time`. O(log n), O(1) when all are.
  [[nodiscard]] std::size_t count_until(EventTime time) const {
    return count_if_sorted([time](const Event& event) { return event.time <= time; });
  }

  // Calls visit(first, last) for each contiguous run of the events [from, to), oldest first: at most twice.
  template <class Visit>
  void visit(std::size_t from, std::size_t to, Visit&& visit) const {
    assert(from <= to && to <= events_.size());
    const auto one = events_.array_one();
    const std::size_t split = one.second;
    if (from < split) visit(one.first + from, one.first + (to < split ? to : split));
    if (to > split) {
      const Event* two = events_.array_two().first;
      visit(two + (from > split ? from - split : 0), two + (to - split));
    }
  }

 private:
  // Most entities have few events.
  static constexpr std::size_t first_capacity = 4;

  using Allocator = std::pmr::polymorphic_allocator<Event>;

  void grow_if_full() {
    if (events_.full()) events_.set_capacity(events_.capacity() == 0 ? first_capacity : 2 * events_.capacity());
  }

  template <class Before>
  [[nodiscard]] std::size_t count_if_sorted(Before before) const {
    std::size_t high = events_.size();
    if (high == 0 || before(events_.back())) return high;
    std::size_t low = 0;
    while (low < high) {
      const std::size_t middle = low + (high - low) / 2;
      if (before(events_[middle])) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  boost::circular_buffer<Event, Allocator> events_;
};

}  // namespace feature
