// An entity's loaded events in order: a ring that grows at the new end, gives way at the old one, and takes a late
// event in the middle or gives one back.
//
// Boost's ring was chosen over a deque because its elements lie in at most two contiguous runs, which is what a frame's
// rescan is made of. The policy when full is to double, never to overwrite: losing the oldest event silently is the one
// thing that must not happen.
//
// The oldest events may be left unread, see Entity::open: they count, but nothing else may be asked about them.
#pragma once

#include <boost/circular_buffer.hpp>
#include <cassert>
#include <cstddef>
#include <memory_resource>
#include <vector>

#include "kernel/event.hpp"

namespace feature {

class EventRing {
 public:
  explicit EventRing(std::pmr::memory_resource& memory) : events_(Allocator(&memory)) {}

  [[nodiscard]] std::size_t size() const { return unread_ + events_.size(); }
  [[nodiscard]] bool empty() const { return size() == 0; }
  [[nodiscard]] const Event& operator[](std::size_t index) const { return events_[index - unread_]; }
  // Is never unread.
  [[nodiscard]] const Event& back() const { return events_.back(); }

  // Makes room for as many that are read, so that they are not moved as they come.
  void reserve(std::size_t count) {
    if (count > events_.capacity()) events_.set_capacity(count);
  }

  [[nodiscard]] std::size_t unread() const { return unread_; }
  // Whether events of this time, or before it, are among them.
  [[nodiscard]] bool is_unread_at(EventTime time) const { return unread_ > 0 && time <= unread_until_; }
  [[nodiscard]] bool is_unread_behind(EventTime time) const { return unread_ > 0 && time < unread_until_; }
  // An event that is to be unread comes behind others that are.
  void leave_unread(EventTime time) {
    ++unread_;
    unread_until_ = time;
  }
  // Takes in those that were unread.
  void take_in(const std::vector<Event>& events) {
    assert(events.size() == unread_);
    reserve(size());
    for (auto event = events.rbegin(); event != events.rend(); ++event) events_.push_front(*event);
    unread_ = 0;
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
    const auto place = this->place(index);
    // Either moves the events on its own side of the place.
    if (is_in_older_half(place)) {
      events_.rinsert(place, event);
    } else {
      events_.insert(place, event);
    }
  }
  // O(min(index, size - index)).
  void erase(std::size_t index) {
    const auto place = this->place(index);
    if (is_in_older_half(place)) {
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
    assert(unread_ <= from && from <= to && to <= size());
    from -= unread_;
    to -= unread_;
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

  using Place = boost::circular_buffer<Event, Allocator>::iterator;

  [[nodiscard]] Place place(std::size_t index) {
    return events_.begin() + static_cast<std::ptrdiff_t>(index - unread_);
  }
  [[nodiscard]] bool is_in_older_half(Place place) {
    return static_cast<std::size_t>(place - events_.begin()) < events_.size() / 2;
  }

  void grow_if_full() {
    if (events_.full()) events_.set_capacity(events_.capacity() == 0 ? first_capacity : 2 * events_.capacity());
  }

  template <class Before>
  [[nodiscard]] std::size_t count_if_sorted(Before before) const {
    std::size_t high = events_.size();
    if (high == 0 || before(events_.back())) return size();
    std::size_t low = 0;
    while (low < high) {
      const std::size_t middle = low + (high - low) / 2;
      if (before(events_[middle])) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return unread_ + low;
  }

  boost::circular_buffer<Event, Allocator> events_;
  std::size_t unread_ = 0;    // events before those
  EventTime unread_until_{};  // the time of the last of them
};

}  // namespace feature
