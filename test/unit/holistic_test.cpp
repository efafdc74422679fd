// Distinct counts and quantiles of frames against std::set and sorted vectors, one frame after the other through the
// same objects, and that a frame whose scratch is gone is not read.

#include "kernel/holistic.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <memory_resource>
#include <random>
#include <set>

#include "kernel/quantile.hpp"
#include "segment_samples.hpp"

namespace feature {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();

// Events of one column, beside a column before it that no aggregate of the test may touch.
struct Frame {
  Samples samples;
  std::vector<Event> events;

  void add(Value value) {
    events.push_back(samples.event(static_cast<std::int64_t>(events.size()), {Samples::number(1e300), value}));
  }

  // Folded in runs of random lengths, empty ones among them.
  [[nodiscard]] Accumulator fold(const Aggregate& aggregate, std::mt19937_64& random) const {
    Accumulator accumulator;
    const Event* next = events.data();
    const Event* end = next + events.size();
    while (next != end) {
      const Event* stop = next + std::min<std::ptrdiff_t>(end - next, static_cast<std::ptrdiff_t>(random() % 200));
      aggregate.fold(accumulator, next, stop);
      next = stop;
    }
    return accumulator;
  }
  [[nodiscard]] Accumulator fold(const Aggregate& aggregate) const {
    Accumulator accumulator;
    aggregate.fold(accumulator, events.data(), events.data() + events.size());
    return accumulator;
  }
};

std::string identity(Storage storage, const Value& value) {
  if (storage == Storage::bytes) {
    const Blob& blob = Blob::of(value.word);
    return {reinterpret_cast<const char*>(blob.data), blob.size};
  }
  if (storage == Storage::float32) return std::to_string(ordered_key(from_word<float>(value.word) + 0.0F));
  if (storage == Storage::float64) return std::to_string(ordered_key(from_word<double>(value.word) + 0.0));
  return std::to_string(from_word<std::int64_t>(value.word));
}

TEST(DistinctCount, equals_the_size_of_a_set_for_every_storage) {
  for (const Storage storage : all_storages) {
    SCOPED_TRACE(static_cast<char>(storage));
    std::mt19937_64 random(1);
    const DistinctCount aggregate(storage, 1);
    for (int round = 0; round < 60; ++round) {
      Frame frame;
      std::set<std::string> expected;
      std::vector<Value> pool;
      const std::size_t size = round % 10 == 0 ? 3000 : random() % 100;
      for (std::size_t i = 0; i < size; ++i) {
        // Half of the values have come before.
        Value value = !pool.empty() && random() % 2 == 0 ? pool[random() % pool.size()]
                                                         : frame.samples.random(storage, random);
        pool.push_back(value);
        frame.add(value);
        if (!value.null) expected.insert(identity(storage, value));
      }
      ASSERT_EQ(frame.fold(aggregate, random).count, static_cast<std::int64_t>(expected.size()));
    }
  }
}

// What was allocated, as an arena counts it: nothing is given back.
class Allocated final : public std::pmr::memory_resource {
 public:
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    bytes_ += bytes;
    return arena_.allocate(bytes, alignment);
  }
  void do_deallocate(void*, std::size_t, std::size_t) override {}
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override { return this == &other; }

  std::pmr::monotonic_buffer_resource arena_;
  std::size_t bytes_ = 0;
};

TEST(DistinctCount, slides_as_a_set_of_each_frame_does) {
  for (const Storage storage : all_storages) {
    SCOPED_TRACE(static_cast<char>(storage));
    std::mt19937_64 random(3);
    const DistinctCount aggregate(storage, 1);
    Allocated memory;
    Slide* slide = aggregate.make_slide(memory);
    Frame frame;
    for (int i = 0; i < 3000; ++i) {
      frame.add(i > 0 && random() % 2 == 0 ? frame.events[random() % frame.events.size()].values[1]
                                           : frame.samples.random(storage, random));
    }
    const Event* first = frame.events.data();
    const Event* last = first;
    const Event* const end = first + frame.events.size();
    for (int step = 0; last < end; ++step) {
      const Event* to = std::min(end, last + random() % 20);
      slide->insert(last, to);
      last = to;
      to = std::max(first, last - static_cast<std::ptrdiff_t>(random() % (step % 100 < 50 ? 20 : 500)));
      slide->erase(first, to);
      first = to;
      std::set<std::string> expected;
      for (const Event* event = first; event < last; ++event) {
        if (!event->values[1].null) expected.insert(identity(storage, event->values[1]));
      }
      ASSERT_EQ(slide->result().count, static_cast<std::int64_t>(expected.size()));
      if (random() % 50 == 0) {
        slide->clear();
        first = last;
        ASSERT_EQ(slide->result().count, 0);
      }
    }
  }
}

TEST(Holistic, a_slide_takes_memory_for_its_largest_frame) {
  const DistinctCount distinct(Storage::float64, 1);
  const Quantile quantile(1);
  for (const Aggregate* aggregate : {static_cast<const Aggregate*>(&distinct), static_cast<const Aggregate*>(&quantile)}) {
    Allocated memory;
    Slide* slide = aggregate->make_slide(memory);
    Frame frame;
    for (int i = 0; i < 100'000; ++i) frame.add(Samples::number(static_cast<double>(i * 7919 % 100'003)));
    constexpr int length = 1000;
    for (int i = 0; i < 100'000; ++i) {
      slide->insert(&frame.events[static_cast<std::size_t>(i)], &frame.events[static_cast<std::size_t>(i)] + 1);
      if (i < length) continue;
      slide->erase(&frame.events[static_cast<std::size_t>(i - length)], &frame.events[static_cast<std::size_t>(i - length)] + 1);
      ASSERT_EQ(slide->result().count, length);
    }
    EXPECT_LT(memory.bytes(), std::size_t{256} * length);
  }
}

TEST(DistinctCount, floats_are_equal_as_numbers) {
  for (const Storage storage : {Storage::float32, Storage::float64}) {
    Frame frame;
    for (const double number : {0.0, -0.0, nan_value, -nan_value, infinity, -infinity, 1.0, 1.0}) {
      frame.add(storage == Storage::float64 ? Samples::number(number) : Samples::number(static_cast<float>(number)));
    }
    EXPECT_EQ(frame.fold(DistinctCount(storage, 1)).count, 5);
  }
}

TEST(DistinctCount, only_the_own_bits_of_an_integer_count) {
  Frame frame;
  frame.add({0xFFFFFFFF, false});
  frame.add({0xFFFFFFFFFFFFFFFF, false});
  EXPECT_EQ(frame.fold(DistinctCount(Storage::int32, 1)).count, 1);
  EXPECT_EQ(frame.fold(DistinctCount(Storage::int64, 1)).count, 2);
}

TEST(DistinctCount, blobs_are_compared_to_their_end) {
  Frame frame;
  for (const char* text : {"", "a", "ab", "12345678", "123456789", "12345678", "a"}) frame.add(frame.samples.bytes(text));
  frame.add(frame.samples.bytes(std::string_view("a\0", 2)));
  frame.add(frame.samples.bytes(std::string_view("\0", 1)));
  EXPECT_EQ(frame.fold(DistinctCount(Storage::bytes, 1)).count, 7);
}

// The arithmetic of PostgreSQL's percentile_cont_final_common and float8_lerp.
double percentile_cont(const std::vector<double>& sorted, double fraction) {
  const auto last = static_cast<double>(sorted.size() - 1);
  const double first_row = std::floor(fraction * last);
  const double low = sorted[static_cast<std::size_t>(first_row)];
  if (first_row == std::ceil(fraction * last)) return low;
  return low + (fraction * last - first_row) * (sorted[static_cast<std::size_t>(first_row) + 1] - low);
}

TEST(Quantile, equals_percentile_cont_over_a_sorted_vector) {
  std::mt19937_64 random(2);
  const Quantile aggregate(1);
  const double specials[] = {nan_value, infinity, -infinity, -0.0, 0.0};
  for (int round = 0; round < 500; ++round) {
    Frame frame;
    std::vector<double> sorted;
    for (std::size_t i = random() % 300 + 1; i > 0; --i) {
      if (random() % 5 == 0) frame.add(Samples::null());
      double number = static_cast<double>(random() % 1000) / 7 - 50;
      if (random() % 20 == 0) number = specials[random() % 5];
      frame.add(Samples::number(number));
      sorted.push_back(number);
    }
    std::sort(sorted.begin(), sorted.end(), [](double a, double b) { return ordered_key(a) < ordered_key(b); });
    const Accumulator accumulator = frame.fold(aggregate, random);
    ASSERT_EQ(accumulator.count, static_cast<std::int64_t>(sorted.size()));
    for (const double fraction : {0.5, 0.95, 0.0, 1.0, 0.25, static_cast<double>(random() % 1000) / 1000}) {
      ASSERT_EQ(ordered_key(aggregate.quantile(accumulator, fraction)),
                ordered_key(percentile_cont(sorted, fraction)));
    }
  }
}

TEST(Holistic, nothing_and_only_nulls_count_zero) {
  Frame nothing, nulls, number;
  nulls.add(Samples::null());
  number.add(Samples::number(1.0));
  const DistinctCount distinct(Storage::float64, 1);
  const Quantile quantile(1);
  for (const Aggregate* aggregate : {static_cast<const Aggregate*>(&distinct), static_cast<const Aggregate*>(&quantile)}) {
    EXPECT_EQ(number.fold(*aggregate).count, 1);
    EXPECT_EQ(nothing.fold(*aggregate).count, 0);
    EXPECT_EQ(number.fold(*aggregate).count, 1);
    EXPECT_EQ(nulls.fold(*aggregate).count, 0);
  }
}

TEST(Holistic, an_older_frame_is_refused) {
  Frame frame;
  frame.add(Samples::number(1.0));
  const Quantile aggregate(1);
  Accumulator older = frame.fold(aggregate);
  EXPECT_EQ(aggregate.quantile(older, 0.5), 1);
  const Accumulator newer = frame.fold(aggregate);
  EXPECT_THROW((void)aggregate.quantile(older, 0.5), std::logic_error);
  EXPECT_THROW(aggregate.fold(older, frame.events.data(), frame.events.data() + 1), std::logic_error);
  EXPECT_EQ(aggregate.quantile(newer, 0.5), 1);
}

TEST(Holistic, nothing_is_all_that_can_be_saved) {
  Frame frame;
  frame.add(Samples::number(1.0));
  const Quantile aggregate(1);
  EXPECT_TRUE(aggregate.saved().empty());
  EXPECT_NO_THROW(aggregate.save({}, nullptr, frame.samples.memory()));
  EXPECT_EQ(aggregate.restore(nullptr, 0).count, 0);
  EXPECT_THROW(aggregate.save(frame.fold(aggregate), nullptr, frame.samples.memory()), std::logic_error);
  EXPECT_THROW((void)aggregate.restore(nullptr, 1), std::logic_error);
}

}  // namespace
}  // namespace feature
