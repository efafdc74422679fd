// Numbers of events are exact up to the most that an entity may have, and one more is refused. Nobody can wait for so
// many events: an entity is forged that so many have left.

#include <gtest/gtest.h>

#include <limits>
#include <memory>

#include "kernel/shared_entity.hpp"
#include "memory_store.hpp"
#include "segment_samples.hpp"

namespace feature {
namespace {

constexpr std::int64_t value = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kept = 3;  // of the times 1, 2 and 3; what has left came at time 0
constexpr std::int64_t most_events = std::int64_t{1} << 62;

EventTime at(std::int64_t time) { return EventTime(Duration(time)); }

// Every event has the same value. Partial results: how many they are, their sum, and how many times they have.
class LongLived {
 public:
  explicit LongLived(std::int64_t left) {
    plan_.layout.event = {Storage::int64};
    for (const Aggregate* aggregate : {count_.get(), sum_.get(), times_.get()}) {
      plan_.partials.push_back({plan_.measures.size(), plan_.layout.prefix.size()});
      plan_.measures.push_back({aggregate, plan_.summaries.event.size()});
      for (const Storage saved : aggregate->saved()) {
        plan_.layout.prefix.push_back(saved);
        plan_.summaries.event.push_back(saved);
      }
    }
    plan_.summaries.prefix = plan_.layout.prefix;
    plan_.running = plan_.partials.size();
    forge(left);
    reopen();
  }

  void reopen() {
    entity_.reset();
    memory_ = std::make_unique<SeparateBlocks>();
    entity_ = std::make_unique<Entity>(plan_, *memory_, store_);
    head_ = store_.head;
    entity_->open(head_.data(), head_.size());
    store_.open();
  }
  void store(std::optional<EventTime> keep_from = std::nullopt) {
    SegmentWriters writers(plan_);
    store_.begin_store();
    entity_->store(writers, store_, keep_from);
    store_.end_store();
  }

  [[nodiscard]] Event event(std::int64_t time) { return samples_.event(time, {Samples::number(value)}); }
  std::int64_t add(std::int64_t time) { return entity_->add(event(time)); }
  // Over everything before a position.
  [[nodiscard]] std::int64_t count(std::int64_t last) { return entity_->running_aggregate(0, 0, last).count; }
  [[nodiscard]] __int128 sum(std::int64_t last) { return entity_->running_aggregate(1, 1, last).total; }
  [[nodiscard]] std::int64_t times(std::int64_t last) { return entity_->running_aggregate(2, 2, last).count; }

  [[nodiscard]] Entity& entity() { return *entity_; }
  [[nodiscard]] const ListPlan& plan() const { return plan_; }
  [[nodiscard]] std::pmr::memory_resource& memory() { return *memory_; }

 private:
  // A head without events over a leaf that tells of what has left.
  void forge(std::int64_t left) {
    std::vector<Event> events;
    for (std::int64_t time = 1; time <= kept; ++time) events.push_back(event(time));
    store_.nodes[0] = write(plan_.layout, prefix(left, 0, 0), events);
    Prefix head = prefix(left + kept, 1, kept);
    head.next = 1;
    store_.head = write(plan_.layout, head, {});
  }
  [[nodiscard]] Prefix prefix(std::int64_t position, std::uint8_t level, std::int64_t time) {
    Prefix prefix;
    prefix.position = position;
    prefix.level = level;
    std::vector<Value> values(plan_.layout.prefix.size());
    Accumulator count;
    count.count = position;
    Accumulator sum;
    sum.count = position;
    sum.total = static_cast<__int128>(position) * value;
    Accumulator times;
    times.count = position;  // as if each had its own
    times.word = to_word(time);
    times.first = to_word(time - position);
    const Accumulator* accumulators[] = {&count, &sum, &times};
    for (const Partial& partial : plan_.partials) {
      const Aggregate& aggregate = *plan_.measures[partial.measure].aggregate;
      aggregate.save(*accumulators[partial.measure], values.data() + partial.column, samples_.memory());
    }
    prefix.before = samples_.event(time, values);
    return prefix;
  }

  const std::unique_ptr<Aggregate> count_ = make_aggregate(Fold::count, Storage::int64, 0);
  const std::unique_ptr<Aggregate> sum_ = make_aggregate(Fold::sum, Storage::int64, 0);
  const std::unique_ptr<Aggregate> times_ = make_aggregate(Fold::distinct_times, Storage::int64, 0);
  ListPlan plan_;
  Samples samples_;
  MemoryStore store_;
  Image head_;
  std::unique_ptr<SeparateBlocks> memory_;
  std::unique_ptr<Entity> entity_;
};

class EventCounts : public ::testing::TestWithParam<std::int64_t> {};

TEST_P(EventCounts, are_exact) {
  const std::int64_t left = GetParam();
  LongLived lived(left);
  std::int64_t size = left + kept;
  ASSERT_EQ(lived.entity().size(), size);
  for (std::int64_t time = kept + 1; time < 600; ++time) {
    ASSERT_EQ(lived.add(time), size);
    ++size;
    ASSERT_EQ(lived.count(size), size);
    ASSERT_EQ(lived.sum(size), static_cast<__int128>(size) * value);
    ASSERT_EQ(lived.times(size), size);
    if (time % 7 != 0) continue;
    lived.store(at(time - 50));
    lived.reopen();
    ASSERT_EQ(lived.entity().size(), size);
    ASSERT_EQ(lived.entity().newest(), at(time));
  }
  Entity& entity = lived.entity();
  ASSERT_GT(entity.left_count(), left + kept);

  // Frames by number and by time, a late event, one that is taken out, and what is looked up by number.
  const std::int64_t row = size - 1;
  const Positions last_ten = entity.locate({{Bound::Kind::rows, 9}, {Bound::Kind::current_row, 0}}, row, nullptr);
  EXPECT_EQ(last_ten.first, size - 10);
  EXPECT_EQ(entity.aggregate(0, last_ten).count, 10);
  const Positions all = entity.locate({{Bound::Kind::rows, value}, {Bound::Kind::current_row, 0}}, row, nullptr);
  EXPECT_EQ(all.count(), size);
  const Positions none = entity.locate({{}, {Bound::Kind::rows, value}}, row, nullptr);
  EXPECT_EQ(none.count(), 0);
  const EventTime since = at(590);
  const Positions by_time = entity.locate({{Bound::Kind::range, 0}, {Bound::Kind::current_row, 0}}, row, &since);
  EXPECT_EQ(by_time.count(), 10);
  EXPECT_EQ(entity.at(row - 5)->time, at(594));
  EXPECT_EQ(lived.add(590), size - 9);
  EXPECT_EQ(lived.count(size + 1), size + 1);
  EXPECT_EQ(lived.times(size + 1), size);
  entity.remove(size - 9);
  EXPECT_EQ(lived.count(size), size);
  EXPECT_EQ(entity.size(), size);
  EXPECT_THROW(entity.recall({lived.event(0)}), EventsLeft);
}

INSTANTIATE_TEST_SUITE_P(Around, EventCounts,
                         ::testing::Values((std::int64_t{1} << 31) - 300, (std::int64_t{1} << 32) - 300,
                                           (std::int64_t{1} << 53) - 300, most_events - 1000),
                         ::testing::PrintToStringParamName());

TEST(EventCountsLimit, a_tree_takes_the_most_events_and_no_more) {
  LongLived lived(most_events - kept - 128);
  Entity& entity = lived.entity();
  for (std::int64_t time = kept + 1; entity.size() < most_events + 128; ++time) lived.add(time);
  lived.store();
  lived.reopen();
  EXPECT_EQ(lived.entity().size(), most_events + 128);
  EXPECT_EQ(lived.count(lived.entity().size()), most_events + 128);

  const auto add_many = [&] {
    for (std::int64_t time = 1000; time < 2000; ++time) lived.add(time);
  };
  EXPECT_THROW(add_many(), OutOfRange);
  // What was stored before can still be read.
  lived.reopen();
  EXPECT_EQ(lived.entity().size(), most_events + 128);
}

TEST(EventCountsLimit, late_events_are_counted_as_well) {
  LongLived lived(most_events - kept - 1);
  EXPECT_EQ(lived.add(2), most_events - 2);
  EXPECT_THROW(lived.add(2), OutOfRange);
  EXPECT_EQ(lived.entity().size(), most_events);
  EXPECT_EQ(lived.count(most_events), most_events);
  EXPECT_THROW(lived.entity().add_left(lived.event(-1)), OutOfRange);
  lived.store();
  lived.reopen();
  EXPECT_EQ(lived.entity().size(), most_events);
}

TEST(EventCountsLimit, slots_of_a_shared_entity_are_summed_up_to_what_an_integer_holds) {
  LongLived one(most_events - 200);
  LongLived two(most_events - 200);
  SharedEntity shared(one.plan(), one.memory(), one.entity());
  shared.add_slot(two.entity());
  EXPECT_EQ(shared.left_count(), 2 * (most_events - 200));
  shared.add(one.event(kept + 1));
  EXPECT_EQ(shared.count_until(), 2 * (most_events - 200 + kept) + 1);
  const Frame everything{{}, {Bound::Kind::current_row, 0}};
  const Accumulator counted = shared.aggregate(0, 0, shared.locate(everything, nullptr));
  EXPECT_EQ(counted.count, 2 * (most_events - 200 + kept) + 1);
  const Accumulator summed = shared.aggregate(1, 1, shared.locate(everything, nullptr));
  EXPECT_EQ(summed.total, static_cast<__int128>(counted.count) * value);

  LongLived three(1000);
  shared.add_slot(three.entity());
  EXPECT_THROW(static_cast<void>(shared.left_count()), OutOfRange);
  EXPECT_THROW(static_cast<void>(shared.locate(everything, nullptr)), OutOfRange);
  EXPECT_THROW(static_cast<void>(one.entity().absorb(two.entity(), 100)), OutOfRange);
}

}  // namespace
}  // namespace feature
