// The ring of events keeps them all, in order, wherever its storage wraps around: pushed at the end, taken out at the
// front, inserted and taken out at any index, visited in any interval, searched by any time.

#include "kernel/ring.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace feature {
namespace {

constexpr std::int64_t first_capacity = 4;

Event event_at(std::int64_t time) { return {EventTime(Duration(time)), nullptr}; }
std::int64_t time_of(const Event& event) { return event.time.time_since_epoch().count(); }

std::vector<std::int64_t> times_of(const EventRing& ring) {
  std::vector<std::int64_t> times;
  for (std::size_t i = 0; i < ring.size(); ++i) times.push_back(time_of(ring[i]));
  return times;
}

std::vector<std::int64_t> tens(std::int64_t size) {
  std::vector<std::int64_t> times;
  for (std::int64_t i = 0; i < size; ++i) times.push_back(10 * i);
  return times;
}

// A ring of the events of these times, of which the first `front` lie at the end of the storage, the others at its
// beginning: those that were before them have been taken out.
void fill_wrapped(EventRing& ring, const std::vector<std::int64_t>& times, std::int64_t front) {
  std::size_t capacity = first_capacity;
  while (capacity < times.size()) capacity *= 2;
  const std::size_t before = capacity - static_cast<std::size_t>(front);
  for (std::size_t i = 0; i < before; ++i) ring.push_back(event_at(-1000));
  for (std::int64_t i = 0; i < front; ++i) ring.push_back(event_at(times[static_cast<std::size_t>(i)]));
  ring.pop_front(before);
  for (auto i = static_cast<std::size_t>(front); i < times.size(); ++i) ring.push_back(event_at(times[i]));
}

// Every ring of up to 16 events, cut at every place, and some larger ones.
template <class Check>
void for_each_wrapped_ring(Check check) {
  for (std::int64_t size = 0; size <= 16; ++size) {
    for (std::int64_t front = 0; front <= size; ++front) check(size, front);
  }
  for (const std::int64_t size : {17, 31, 32, 33}) {
    for (std::int64_t front = 0; front <= size; front += 5) check(size, front);
  }
}

TEST(EventRing, an_empty_ring_has_nothing_to_visit_or_to_count) {
  const EventRing ring(*std::pmr::new_delete_resource());
  EXPECT_TRUE(ring.empty());
  EXPECT_EQ(ring.count_before(EventTime::max()), 0U);
  EXPECT_EQ(ring.count_until(EventTime::min()), 0U);
  ring.visit(0, 0, [](const Event*, const Event*) { ADD_FAILURE() << "there is no run of events"; });
}

TEST(EventRing, growing_keeps_every_event) {
  EventRing ring(*std::pmr::new_delete_resource());
  std::vector<std::int64_t> expected;
  for (std::int64_t i = 0; i < 1000; ++i) {
    ring.push_back(event_at(i));
    expected.push_back(i);
    ASSERT_EQ(ring.size(), expected.size());
    ASSERT_EQ(time_of(ring[0]), expected.front());
    ASSERT_EQ(time_of(ring.back()), expected.back());
  }
  EXPECT_EQ(times_of(ring), expected);
}

TEST(EventRing, growing_while_wrapped_around_keeps_the_order) {
  for (std::int64_t front = 0; front <= first_capacity; ++front) {
    EventRing ring(*std::pmr::new_delete_resource());
    fill_wrapped(ring, tens(first_capacity), front);
    std::vector<std::int64_t> expected = tens(first_capacity);
    ring.push_back(event_at(1000));
    expected.push_back(1000);
    EXPECT_EQ(times_of(ring), expected) << front;
  }
}

TEST(EventRing, the_oldest_events_can_be_taken_out) {
  for_each_wrapped_ring([](std::int64_t size, std::int64_t front) {
    for (std::int64_t count = 0; count <= size; ++count) {
      EventRing ring(*std::pmr::new_delete_resource());
      fill_wrapped(ring, tens(size), front);
      ring.pop_front(static_cast<std::size_t>(count));
      std::vector<std::int64_t> expected = tens(size);
      expected.erase(expected.begin(), expected.begin() + count);
      EXPECT_EQ(times_of(ring), expected) << size << " events, " << front << " at the end, without " << count;
    }
  });
}

TEST(EventRing, events_that_are_unread_count_and_can_be_taken_in) {
  for (std::int64_t unread = 1; unread <= 9; ++unread) {
    for (std::int64_t read = 1; read <= 9; ++read) {
      EventRing ring(*std::pmr::new_delete_resource());
      std::vector<Event> first;
      for (std::int64_t i = 0; i < unread; ++i) {
        first.push_back(event_at(10 * i));
        ring.leave_unread(first.back().time);
      }
      for (std::int64_t i = unread; i < unread + read; ++i) ring.push_back(event_at(10 * i));
      const auto size = static_cast<std::size_t>(unread + read);
      EXPECT_EQ(ring.size(), size);
      EXPECT_EQ(ring.unread(), static_cast<std::size_t>(unread));
      const EventTime last = first.back().time;
      const Duration tick(1);
      EXPECT_TRUE(ring.is_unread_at(last));
      EXPECT_FALSE(ring.is_unread_at(last + tick));
      EXPECT_TRUE(ring.is_unread_behind(last - tick));
      EXPECT_FALSE(ring.is_unread_behind(last));
      EXPECT_EQ(ring.count_before(last + tick), static_cast<std::size_t>(unread));
      EXPECT_EQ(ring.count_until(last), static_cast<std::size_t>(unread));
      EXPECT_EQ(ring.count_until(EventTime::max()), size);
      EXPECT_EQ(time_of(ring[size - 1]), 10 * (unread + read - 1));
      ring.insert(static_cast<std::size_t>(unread), event_at(10 * unread - 5));
      ring.erase(static_cast<std::size_t>(unread));
      ring.take_in(first);
      EXPECT_EQ(times_of(ring), tens(unread + read)) << unread << " unread, " << read << " read";
      EXPECT_FALSE(ring.is_unread_at(last));
    }
  }
}

TEST(EventRing, an_event_can_be_inserted_at_every_index) {
  for_each_wrapped_ring([](std::int64_t size, std::int64_t front) {
    for (std::int64_t index = 0; index <= size; ++index) {
      EventRing ring(*std::pmr::new_delete_resource());
      fill_wrapped(ring, tens(size), front);
      ring.insert(static_cast<std::size_t>(index), event_at(10 * index - 5));
      std::vector<std::int64_t> expected = tens(size);
      expected.insert(expected.begin() + index, 10 * index - 5);
      EXPECT_EQ(times_of(ring), expected) << size << " events, " << front << " at the end, inserted at " << index;
    }
  });
}

TEST(EventRing, the_event_at_every_index_can_be_taken_out) {
  for_each_wrapped_ring([](std::int64_t size, std::int64_t front) {
    for (std::int64_t index = 0; index < size; ++index) {
      EventRing ring(*std::pmr::new_delete_resource());
      fill_wrapped(ring, tens(size), front);
      ring.erase(static_cast<std::size_t>(index));
      std::vector<std::int64_t> expected = tens(size);
      expected.erase(expected.begin() + index);
      EXPECT_EQ(times_of(ring), expected) << size << " events, " << front << " at the end, without " << index;
    }
  });
}

TEST(EventRing, a_visit_sees_every_interval_in_at_most_two_runs) {
  for_each_wrapped_ring([](std::int64_t size, std::int64_t front) {
    EventRing ring(*std::pmr::new_delete_resource());
    fill_wrapped(ring, tens(size), front);
    const std::vector<std::int64_t> all = tens(size);
    for (std::int64_t from = 0; from <= size; ++from) {
      for (std::int64_t to = from; to <= size; ++to) {
        std::vector<std::int64_t> seen;
        int runs = 0;
        ring.visit(static_cast<std::size_t>(from), static_cast<std::size_t>(to),
                   [&](const Event* first, const Event* last) {
                     EXPECT_LE(first, last);
                     for (; first != last; ++first) seen.push_back(time_of(*first));
                     ++runs;
                   });
        EXPECT_LE(runs, 2);
        EXPECT_EQ(seen, std::vector<std::int64_t>(all.begin() + from, all.begin() + to));
      }
    }
  });
}

TEST(EventRing, a_wrapped_ring_is_visited_in_two_runs) {
  EventRing ring(*std::pmr::new_delete_resource());
  fill_wrapped(ring, tens(first_capacity), 1);
  std::vector<std::ptrdiff_t> runs;
  ring.visit(0, first_capacity, [&](const Event* first, const Event* last) { runs.push_back(last - first); });
  EXPECT_EQ(runs, (std::vector<std::ptrdiff_t>{1, first_capacity - 1}));
}

TEST(EventRing, counts_are_those_of_a_plain_count_with_ties_anywhere) {
  // Three events a time, so that runs of ties lie across the place where the storage wraps around.
  for_each_wrapped_ring([](std::int64_t size, std::int64_t front) {
    EventRing ring(*std::pmr::new_delete_resource());
    std::vector<std::int64_t> thirds;
    for (std::int64_t i = 0; i < size; ++i) thirds.push_back(i / 3);
    fill_wrapped(ring, thirds, front);
    for (std::int64_t time = -1; time <= size / 3 + 1; ++time) {
      std::size_t before = 0;
      std::size_t until = 0;
      for (std::int64_t i = 0; i < size; ++i) {
        before += i / 3 < time;
        until += i / 3 <= time;
      }
      EXPECT_EQ(ring.count_before(EventTime(Duration(time))), before);
      EXPECT_EQ(ring.count_until(EventTime(Duration(time))), until);
    }
  });
}

TEST(EventRing, counts_hold_at_the_ends_of_time) {
  EventRing ring(*std::pmr::new_delete_resource());
  for (const EventTime time : {EventTime::min(), EventTime(), EventTime::max(), EventTime::max()}) {
    ring.push_back({time, nullptr});
  }
  EXPECT_EQ(ring.count_before(EventTime::min()), 0U);
  EXPECT_EQ(ring.count_until(EventTime::min()), 1U);
  EXPECT_EQ(ring.count_before(EventTime::max()), 2U);
  EXPECT_EQ(ring.count_until(EventTime::max()), 4U);
}

}  // namespace
}  // namespace feature
