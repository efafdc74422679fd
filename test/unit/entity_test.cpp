// An entity answers as a plain computation over all its events would, whatever the order in which they came, however
// they are cut into head and tree, and whenever it is stored and reopened (entity_trial.hpp); and it stores no more
// than has changed.

#include "kernel/entity.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "entity_trial.hpp"
#include "segment_samples.hpp"

namespace feature {
namespace {

class RandomChoices final : public Choices {
 public:
  RandomChoices(std::uint64_t seed, int steps) : random_(seed), steps_(steps) {}
  [[nodiscard]] bool more() override { return steps_-- > 0; }
  [[nodiscard]] std::int64_t below(std::int64_t limit) override {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(limit));
  }

 private:
  std::mt19937_64 random_;
  int steps_;
};

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr ? std::strtoull(value, nullptr, 10) : otherwise;
}

// ENTITY_TRIALS sets the number of trials, ENTITY_SEED the first one's seed.
TEST(EntityTrial, answers_as_a_plain_computation_over_all_events) {
  const std::uint64_t first = from_environment("ENTITY_SEED", 1);
  const std::uint64_t trials = from_environment("ENTITY_TRIALS", 150);
  std::size_t nodes = 0;
  std::size_t rewritten = 0;
  std::size_t tall = 0;
  std::size_t left = 0;
  std::size_t recalled = 0;
  std::size_t removed = 0;
  std::size_t emptied = 0;
  for (std::uint64_t seed = first; seed < first + trials; ++seed) {
    RandomChoices choices(seed, 20 + static_cast<int>(seed % 7) * 30);
    EntityTrial trial(choices);
    try {
      trial.run();
    } catch (const std::exception& error) {
      ADD_FAILURE() << "ENTITY_SEED=" << seed << " ENTITY_TRIALS=1: " << error.what();
    }
    nodes += trial.nodes();
    rewritten += trial.rewritten();
    tall += trial.levels() > 2;
    left += trial.left() > 0;
    recalled += trial.recalled();
    removed += trial.removed();
    emptied += trial.emptied();
  }
  if (trials >= 100) {
    EXPECT_GT(nodes, trials) << "trials are to fill nodes";
    EXPECT_GT(rewritten, trials) << "trials are to change nodes";
    EXPECT_GT(tall, 0U) << "trials are to make trees of three levels";
    EXPECT_GT(left, trials / 20) << "trials are to let events leave";
    EXPECT_GT(recalled, trials / 20) << "trials are to take them back";
    EXPECT_GT(removed, trials) << "trials are to remove events";
    EXPECT_GT(emptied, trials / 20) << "trials are to remove all events";
  }
}

// A number that takes eight bytes after nearly any other, so that heads fill soon.
Value wide(std::int64_t number) {
  return Samples::number(static_cast<std::int64_t>(static_cast<std::uint64_t>(number + 1) * 0x9E3779B97F4A7C15U));
}

// Bytes that differ from those of the time before.
std::string twenty_bytes(std::int64_t time) { return std::string(20, static_cast<char>('a' + time % 26)); }

// An entity of one column with its sum over everything before, reopened whenever a test likes.
class OneColumn {
 public:
  explicit OneColumn(Storage storage, std::int64_t rows_needed = 0, Fold fold = Fold::count)
      : aggregate_(make_aggregate(fold, storage, 0)), plan_(make_plan(storage, rows_needed)), writers_(plan_) {
    reopen();
  }

  void reopen(EventTime wanted_from = EventTime::min()) {
    entity_.reset();
    memory_ = std::make_unique<SeparateBlocks>();
    entity_ = std::make_unique<Entity>(plan_, *memory_, store);
    head_ = store.head;
    if (!head_.empty()) entity_->open(head_.data(), head_.size(), wanted_from);
    store.open();
  }
  void save_and_reopen(std::optional<EventTime> keep_from = std::nullopt) {
    store.begin_store();
    entity_->store(writers_, store, keep_from);
    store.end_store();
    reopen();
  }

  std::int64_t add_value(std::int64_t time, Value value) {
    auto* values = static_cast<Value*>(memory_->allocate(sizeof(Value), alignof(Value)));
    *values = value;
    return entity_->add({EventTime(Duration(time)), values});
  }
  std::int64_t add(std::int64_t time) { return add_value(time, wide(time)); }
  std::int64_t add(std::int64_t time, const std::string& bytes) {
    return add_value(time, {Blob::make(*memory_, bytes.data(), bytes.size()), false});
  }
  // Events of the times 0, 1, ..., stored one by one as single inserts are.
  void add_one_by_one(std::int64_t count) {
    for (std::int64_t time = 0; time < count; ++time) {
      add(time);
      save_and_reopen();
    }
  }

  [[nodiscard]] std::int64_t time_at(std::int64_t position) {
    return entity_->at(position)->time.time_since_epoch().count();
  }
  [[nodiscard]] Positions since(std::int64_t time, std::int64_t position) {
    const EventTime bound{Duration(time)};
    return entity_->locate({{Bound::Kind::range, 0}, {Bound::Kind::current_row, 0}}, position, &bound);
  }
  [[nodiscard]] std::int64_t start_of_head() { return head().position; }
  [[nodiscard]] Prefix head() { return prefix_of(store.head); }
  [[nodiscard]] std::int64_t count(Positions positions) { return entity_->aggregate(0, positions).count; }
  [[nodiscard]] std::int64_t size() const { return entity_->size(); }
  [[nodiscard]] Entity& entity() { return *entity_; }
  [[nodiscard]] SeparateBlocks& memory() { return *memory_; }
  [[nodiscard]] const Layout& layout() const { return plan_.layout; }
  [[nodiscard]] const Layout& summaries() const { return plan_.summaries; }

  MemoryStore store;

 private:
  [[nodiscard]] ListPlan make_plan(Storage storage, std::int64_t rows_needed) const {
    ListPlan plan;
    plan.layout = {aggregate_->saved(), {storage}};
    plan.summaries.prefix = plan.layout.prefix;
    for (const Storage saved : aggregate_->saved()) plan.summaries.event.push_back(saved);
    plan.measures = {{aggregate_.get(), first_summary_column}, {aggregate_.get()}};
    plan.partials = {{0, 0}};
    plan.rows_needed = rows_needed;
    plan.running = 1;
    return plan;
  }
  [[nodiscard]] Prefix prefix_of(const Image& image) {
    return SegmentReader(plan_.layout, image.data(), image.size(), *memory_).prefix();
  }

  std::unique_ptr<Aggregate> aggregate_;
  ListPlan plan_;
  SegmentWriters writers_;
  Image head_;
  std::unique_ptr<SeparateBlocks> memory_;
  std::unique_ptr<Entity> entity_;
};

TEST(Entity, without_events_is_stored_as_an_empty_head) {
  OneColumn column(Storage::int64);
  EXPECT_EQ(column.size(), 0);
  EXPECT_EQ(column.entity().at(-1), nullptr);
  column.save_and_reopen();
  EXPECT_EQ(column.size(), 0);
  EXPECT_TRUE(column.store.nodes.empty());
  EXPECT_EQ(column.add(5), 0);
}

TEST(Entity, stored_again_without_a_change_is_the_same) {
  OneColumn column(Storage::int64);
  column.add_one_by_one(300);
  const Image head = column.store.head;
  const std::size_t nodes = column.store.nodes.size();
  column.save_and_reopen();
  column.save_and_reopen();
  EXPECT_EQ(column.store.head, head);
  EXPECT_EQ(column.store.nodes.size(), nodes);
}

TEST(Entity, one_more_event_changes_one_short_run_of_its_head) {
  OneColumn column(Storage::int64);
  column.save_and_reopen();
  const std::size_t record = 1 + 1 + 8;
  int compared = 0;
  for (std::int64_t time = 0; time < 1000; ++time) {
    const Image before = column.store.head;
    column.add(time);
    column.save_and_reopen();
    const Image& after = column.store.head;
    if (before.size() != after.size() || column.store.added != 0) continue;
    std::size_t first = 0;
    while (before[first] == after[first]) ++first;
    std::size_t last = after.size();
    while (before[last - 1] == after[last - 1]) --last;
    EXPECT_GE(first, used_size(before) - SegmentWriter::trailer_size);
    EXPECT_LE(last - first, record + SegmentWriter::trailer_size);
    ++compared;
  }
  EXPECT_GT(compared, 900);
}

TEST(Entity, a_head_that_is_full_is_sealed_from_its_oldest_event_on) {
  OneColumn column(Storage::int64);
  std::int64_t time = 0;
  for (; column.store.nodes.empty(); ++time) {
    column.add(time);
    column.save_and_reopen();
    ASSERT_LE(column.store.head.size(), largest_head);
    ASSERT_LT(time, 1000);
  }
  EXPECT_GT(column.start_of_head(), 0);
  EXPECT_LT(column.start_of_head(), time);
  for (std::int64_t position = time; position-- > 0;) EXPECT_EQ(column.time_at(position), position);
}

TEST(Entity, a_large_batch_is_sealed_in_leaves_of_128_events) {
  OneColumn column(Storage::int64);
  for (std::int64_t time = 0; time < 2000; ++time) column.add(time);
  column.save_and_reopen();
  EXPECT_EQ(column.head().level, 2);
  EXPECT_LE(column.store.nodes.size(), 2000 / 128 + 2U);
}

// Stores events of 10 bytes one by one: the latest are in the head, and it never takes more.
void expect_in_head(std::int64_t needed, std::size_t most) {
  OneColumn column(Storage::int64, needed);
  for (std::int64_t time = 0; time < 1500; ++time) {
    column.add(time);
    column.save_and_reopen();
    ASSERT_GE(column.size() - column.start_of_head(), std::min<std::int64_t>(needed, time + 1));
    ASSERT_LE(column.store.head.size(), most) << time;
  }
}

TEST(Entity, rows_that_are_needed_by_number_stay_in_the_head) { expect_in_head(320, largest_head); }

TEST(Entity, a_head_is_light_if_the_rows_that_are_needed_by_number_fit) { expect_in_head(100, light_head); }

TEST(Entity, rows_that_do_not_fit_the_head_are_found_in_the_tree) {
  OneColumn column(Storage::int64, 1000);
  column.add_one_by_one(1500);
  EXPECT_LE(column.store.head.size(), largest_head);
  EXPECT_EQ(column.time_at(500), 500);
  EXPECT_GT(column.store.loads, 0U);
}

TEST(Entity, an_event_larger_than_any_head_is_sealed_at_once) {
  OneColumn column(Storage::bytes);
  column.add(0, std::string(10, 'a'));
  column.add(10, std::string(5000, 'b'));
  column.save_and_reopen();
  EXPECT_EQ(column.store.nodes.size(), 1U);
  EXPECT_EQ(column.start_of_head(), 2);
  EXPECT_LE(column.store.head.size(), largest_head);
  EXPECT_EQ(column.add(5, std::string(9000, 'c')), 1);
  EXPECT_EQ(column.add(20, std::string("d")), 3);
  column.save_and_reopen();
  EXPECT_GT(column.store.replaced, 0U);
  for (std::int64_t position = 3; position >= 0; --position) {
    const std::int64_t times[] = {0, 5, 10, 20};
    EXPECT_EQ(column.time_at(position), times[position]);
  }
}

TEST(Entity, a_prefix_that_grows_with_sealing_leaves_the_head_within_its_size) {
  OneColumn column(Storage::bytes, 0, Fold::first_value);
  column.add(0, std::string(1500, 'a'));
  for (std::int64_t time = 1; time < 200; ++time) {
    column.add(time, twenty_bytes(time));
    column.save_and_reopen();
    ASSERT_LE(column.store.head.size(), largest_head) << time;
  }
  EXPECT_GT(column.store.nodes.size(), 1U);
}

TEST(Entity, a_prefix_larger_than_any_head_does_not_make_leaves_small) {
  OneColumn column(Storage::bytes, 0, Fold::first_value);
  column.add(0, std::string(5000, 'a'));
  for (std::int64_t time = 1; time < 500; ++time) {
    column.add(time, twenty_bytes(time));
    column.save_and_reopen();
  }
  EXPECT_LT(column.store.nodes.size(), 40U);
}

TEST(Entity, rows_that_are_needed_by_number_do_not_make_leaves_small) {
  for (const std::int64_t needed : {100, 250, 320, 335, 350, 400, 1000}) {
    OneColumn column(Storage::int64, needed);
    column.add_one_by_one(2000);
    EXPECT_LT(column.store.nodes.size(), 90U) << needed;
  }
}

TEST(Entity, a_frame_within_the_head_loads_no_node) {
  OneColumn column(Storage::int64);
  column.add_one_by_one(1000);
  ASSERT_GT(column.store.nodes.size(), 2U);
  const std::int64_t start = column.start_of_head();
  column.store.loads = 0;
  const std::int64_t position = column.add(1000);
  EXPECT_EQ(column.since(start, position).first, start);
  EXPECT_EQ(column.entity().at(start)->time, EventTime(Duration(start)));
  EXPECT_EQ(column.count(column.since(start, position)), 1001 - start);
  EXPECT_EQ(column.store.loads, 0U);
  EXPECT_EQ(column.since(start - 1, position).first, start - 1);
  EXPECT_EQ(column.store.loads, column.head().level);
}

TEST(Entity, events_that_are_not_wanted_take_no_memory_until_they_are_asked_for) {
  for (const Storage storage : {Storage::int64, Storage::bytes}) {
    OneColumn column(storage);
    const auto add = [&](std::int64_t time) {
      return storage == Storage::bytes ? column.add(time, twenty_bytes(time)) : column.add(time);
    };
    for (std::int64_t time = 0; time < 50; ++time) add(time);
    column.save_and_reopen();
    const std::size_t all = column.memory().allocated();
    column.reopen(EventTime(Duration(48)));
    EXPECT_LT(column.memory().allocated(), all / 3);
    ASSERT_EQ(column.size(), 50);
    const std::int64_t position = add(50);
    EXPECT_EQ(column.since(48, position).first, 48);
    EXPECT_EQ(column.count(column.since(48, position)), 3);
    EXPECT_EQ(column.time_at(49), 49);
    EXPECT_LT(column.memory().allocated(), all / 2);
    EXPECT_EQ(column.count(column.since(10, position)), 41);
    EXPECT_GT(column.memory().allocated(), all);
    EXPECT_EQ(column.time_at(10), 10);
    // Stored without their having been read, they are still there.
    column.save_and_reopen();
    column.reopen(EventTime(Duration(1000)));
    EXPECT_EQ(column.entity().newest(), EventTime(Duration(50)));
    add(51);
    column.save_and_reopen();
    ASSERT_EQ(column.size(), 52);
    for (std::int64_t time = 0; time < 52; ++time) EXPECT_EQ(column.time_at(time), time);
  }
}

TEST(Entity, a_frame_of_any_length_loads_one_path) {
  OneColumn column(Storage::int64);
  for (std::int64_t time = 0; time < 20'000; ++time) column.add(time);
  column.save_and_reopen();
  ASSERT_EQ(column.head().level, 3);
  for (const std::int64_t start : {0, 1, 127, 128, 5000, 9999, 19'000}) {
    column.reopen();
    column.store.loads = 0;
    const std::int64_t position = column.add(20'000);
    EXPECT_EQ(column.count(column.since(start, position)), 20'001 - start);
    EXPECT_LE(column.store.loads, 3U) << start;
  }
}

TEST(Entity, a_frame_that_is_folded_event_by_event_pauses_every_few_thousand) {
  OneColumn column(Storage::int64);
  for (std::int64_t time = 0; time < 20'000; ++time) column.add(time);
  column.save_and_reopen();
  const std::int64_t position = column.add(20'000);
  constexpr std::size_t not_summarised = 1;
  const auto pauses_of = [&](std::int64_t start) {
    column.store.pauses = 0;
    const Positions frame = column.since(start, position);
    EXPECT_EQ(column.entity().aggregate(not_summarised, frame).count, frame.count());
    return column.store.pauses;
  };
  EXPECT_GE(pauses_of(0), 20'001U / 4096);
  EXPECT_EQ(pauses_of(19'990), 0U);
}

TEST(Entity, equal_times_across_leaves_are_all_in_the_frame_that_begins_with_them) {
  OneColumn column(Storage::int64);
  for (std::int64_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(column.add_value(7, wide(i)), i);
    column.save_and_reopen();
  }
  ASSERT_GT(column.store.nodes.size(), 2U);
  EXPECT_EQ(column.head().late, 0U) << "a tie goes behind those before it";
  column.store.loads = 0;
  EXPECT_EQ(column.since(8, 999).first, 1000);
  EXPECT_EQ(column.store.loads, 0U);
  EXPECT_EQ(column.since(7, 999).first, 0);
  for (std::int64_t i = 0; i < 1000; ++i) EXPECT_EQ(column.entity().at(i)->values[0].word, wide(i).word);
}

TEST(Entity, a_late_event_changes_one_path) {
  OneColumn column(Storage::int64);
  for (std::int64_t time = 0; time < 20'000; ++time) column.add(10 * time);
  column.save_and_reopen();
  ASSERT_EQ(column.head().level, 3);
  for (const std::int64_t late : {-1, 5, 99'995, 150'000}) {
    column.add(late);
    column.save_and_reopen();
    EXPECT_EQ(column.store.replaced, 3U) << late;
    EXPECT_EQ(column.store.added + column.store.removed, 0U) << late;
  }
  EXPECT_EQ(column.head().late, 4U);
}

TEST(Entity, a_late_event_in_the_head_changes_no_node) {
  OneColumn column(Storage::int64);
  column.add_one_by_one(1000);
  for (const std::int64_t late : {column.start_of_head(), column.start_of_head() - 1, std::int64_t{998}}) {
    column.add(late);
    column.save_and_reopen();
    EXPECT_EQ(column.store.replaced + column.store.added, 0U);
  }
}

TEST(Entity, leaves_that_take_many_late_events_are_split) {
  OneColumn column(Storage::int64);
  for (std::int64_t time = 0; time < 1000; ++time) column.add(1000 * time);
  column.save_and_reopen();
  for (std::int64_t late = 1; late < 600; ++late) column.add(late);
  column.save_and_reopen();
  EXPECT_GT(column.store.added, 1U);
  for (std::int64_t position = 0; position < 600; ++position) EXPECT_EQ(column.time_at(position), position);
}

TEST(Entity, the_tree_stays_small_where_events_leave) {
  OneColumn column(Storage::int64);
  std::size_t most = 0;
  for (std::int64_t time = 0; time < 20'000; ++time) {
    column.add(time);
    column.save_and_reopen(EventTime(Duration(time - 500)));
    most = std::max(most, column.store.nodes.size());
  }
  EXPECT_LT(most, 20U);
  EXPECT_EQ(column.size(), 20'000);
  EXPECT_EQ(column.entity().running_aggregate(0, 0, 20'000).count, 20'000);
  EXPECT_EQ(column.count(column.since(19'500, 19'999)), 500);
  EXPECT_THROW(static_cast<void>(column.since(100, 19'999)), EventsLeft);
  EXPECT_THROW(column.add(100), EventsLeft);
}

TEST(Entity, only_what_has_left_is_taken_back) {
  OneColumn column(Storage::int64);
  for (std::int64_t time = 0; time < 2000; ++time) {
    column.add(time);
    column.save_and_reopen(EventTime(Duration(time - 200)));
  }
  const auto left = static_cast<std::size_t>(column.entity().left().position);
  ASSERT_GT(left, 1000U);
  std::vector<Value> values(left);
  std::vector<Event> events;
  for (std::size_t i = 0; i < left; ++i) {
    values[i] = wide(static_cast<std::int64_t>(i));
    events.push_back({EventTime(Duration(static_cast<std::int64_t>(i))), &values[i]});
  }
  std::vector<Event> fewer(events.begin() + 1, events.end());
  EXPECT_THROW(column.entity().recall(fewer), EventsLeft);
  ++values[500].word;
  column.store.pauses = 0;
  EXPECT_THROW(column.entity().recall(events), EventsLeft);
  EXPECT_GE(column.store.pauses, left / 4096 + 1) << "in between, others are let in";
  --values[500].word;
  events[500].time += Duration(1);
  EXPECT_THROW(column.entity().recall(events), EventsLeft);
  events[500].time -= Duration(1);
  column.entity().recall(events);
  EXPECT_EQ(column.entity().left().position, 0);
  EXPECT_EQ(column.add(100), 101);
  column.save_and_reopen();
  EXPECT_EQ(column.time_at(100), 100);
  EXPECT_EQ(column.size(), 2001);
}

TEST(Entity, events_that_rows_look_at_by_number_do_not_leave) {
  OneColumn column(Storage::int64, 3000);
  for (std::int64_t time = 0; time < 10'000; ++time) {
    column.add(time);
    if (time % 100 == 0) column.save_and_reopen(EventTime(Duration(time)));
  }
  EXPECT_EQ(column.time_at(7000), 7000);
  EXPECT_THROW(static_cast<void>(column.entity().at(100)), EventsLeft);
}

// --- removal

// What is stored of an entity that holds these events and never held others.
Image head_of(const std::vector<std::int64_t>& times) {
  OneColumn column(Storage::int64);
  for (const std::int64_t time : times) column.add(time);
  column.save_and_reopen();
  return column.store.head;
}

TEST(Entity, a_removed_event_leaves_nothing_behind_in_the_head) {
  OneColumn column(Storage::int64);
  for (const std::int64_t time : {1, 2, 3, 4, 5}) column.add(time);
  column.save_and_reopen();
  for (const std::int64_t position : {4, 2, 0}) column.entity().remove(position);
  EXPECT_EQ(column.size(), 2);
  EXPECT_EQ(column.time_at(0), 2);
  EXPECT_EQ(column.time_at(1), 4);
  EXPECT_EQ(column.entity().newest(), EventTime(Duration(4)));
  EXPECT_EQ(column.entity().running_aggregate(0, 0, 2).count, 2);
  column.save_and_reopen();
  EXPECT_EQ(column.store.head, head_of({2, 4}));
}

TEST(Entity, a_frame_that_is_asked_for_again_after_a_removal_holds_other_events) {
  OneColumn column(Storage::int64);
  column.add_value(0, Value{});
  for (std::int64_t time = 1; time < 6; ++time) column.add(time);
  EXPECT_EQ(column.count({0, 4, false}), 3);
  EXPECT_EQ(column.entity().running_aggregate(0, 0, 4).count, 3);
  column.entity().remove(0);
  EXPECT_EQ(column.count({0, 4, false}), 4);
  EXPECT_EQ(column.entity().running_aggregate(0, 0, 4).count, 4);
}

TEST(Entity, without_its_last_event_is_as_if_it_were_new) {
  for (const std::int64_t events : {1, 100, 1000, 20'000}) {
    OneColumn column(Storage::int64);
    for (std::int64_t time = 0; time < events; ++time) column.add(time);
    column.save_and_reopen();
    for (std::int64_t position = events; position-- > 0;) column.entity().remove(position);
    EXPECT_EQ(column.size(), 0);
    EXPECT_FALSE(column.entity().is_late(EventTime(Duration(-1))));
    EXPECT_FALSE(column.entity().is_needed(EventTime(Duration(-1)), EventTime(Duration(-1))));
    EXPECT_EQ(column.entity().left().position, 0);
    column.save_and_reopen();
    EXPECT_TRUE(column.store.nodes.empty());
    EXPECT_EQ(column.head().level, 0);
    EXPECT_EQ(column.add(-7), 0);
    EXPECT_EQ(column.add(-6), 1);
    EXPECT_EQ(column.entity().running_aggregate(0, 0, 2).count, 2);
    for (std::int64_t time = 0; time < 500; ++time) column.add(time);
    column.save_and_reopen();
    EXPECT_EQ(column.count(column.since(-7, 501)), 502);
    EXPECT_EQ(column.head().late, 0U);
  }
}

TEST(Entity, without_kept_events_still_tells_of_those_that_have_left) {
  OneColumn column(Storage::int64);
  for (std::int64_t time = 0; time < 2000; ++time) column.add(time);
  column.save_and_reopen(EventTime(Duration(1000)));
  const std::int64_t left = column.entity().left().position;
  ASSERT_GT(left, 500);
  for (std::int64_t position = 2000; position-- > left;) column.entity().remove(position);
  column.save_and_reopen();
  EXPECT_EQ(column.size(), left);
  EXPECT_EQ(column.entity().left().position, left);
  EXPECT_EQ(column.entity().newest(), EventTime(Duration(left - 1)));
  EXPECT_EQ(column.store.nodes.size(), 1U);
  EXPECT_TRUE(column.entity().is_late(EventTime(Duration(left - 2))));
  EXPECT_EQ(column.entity().running_aggregate(0, 0, left).count, left);
  EXPECT_THROW(column.entity().remove(left - 1), EventsLeft);
  EXPECT_THROW(static_cast<void>(column.entity().at(left - 1)), EventsLeft);
  EXPECT_THROW(column.add(left - 2), EventsLeft);
  // It goes on from there: in the head, in a leaf, in a tree.
  for (const std::int64_t last : {left, left + 300, left + 1000}) {
    for (std::int64_t time = column.size(); time <= last; ++time) EXPECT_EQ(column.add(time), time);
    column.save_and_reopen();
    EXPECT_EQ(column.entity().left().position, left);
    EXPECT_EQ(column.entity().running_aggregate(0, 0, column.size()).count, last + 1);
    EXPECT_EQ(column.time_at(left), left);
  }
}

TEST(Entity, that_was_emptied_takes_back_what_has_left) {
  OneColumn column(Storage::int64);
  for (std::int64_t time = 0; time < 1000; ++time) column.add(time);
  column.save_and_reopen(EventTime(Duration(500)));
  const std::int64_t left = column.entity().left().position;
  ASSERT_GT(left, 128);
  while (column.size() > left) column.entity().remove(left);
  column.save_and_reopen();
  std::vector<Value> values(static_cast<std::size_t>(left));
  std::vector<Event> events;
  for (std::int64_t time = 0; time < left; ++time) {
    Value& value = values[static_cast<std::size_t>(time)];
    value = wide(time);
    events.push_back({EventTime(Duration(time)), &value});
  }
  EXPECT_TRUE(column.entity().is_needed(EventTime(Duration(left)), EventTime(Duration(10))));
  column.entity().recall(events);
  column.entity().remove(10);
  column.save_and_reopen();
  EXPECT_EQ(column.size(), left - 1);
  EXPECT_EQ(column.time_at(10), 11);
}

TEST(Entity, a_removal_changes_one_path) {
  OneColumn column(Storage::int64);
  for (std::int64_t time = 0; time < 20'000; ++time) column.add(time);
  column.save_and_reopen();
  ASSERT_EQ(column.head().level, 3);
  for (const std::int64_t position : {0, 9999, 15'000}) {
    column.store.loads = 0;
    column.entity().remove(position);
    EXPECT_LE(column.store.loads, 3U);
    EXPECT_NE(column.time_at(position), position);
    column.save_and_reopen();
    EXPECT_EQ(column.store.replaced, 3U) << position;
    EXPECT_EQ(column.store.added + column.store.removed, 0U) << position;
  }
  EXPECT_EQ(column.entity().running_aggregate(0, 0, column.size()).count, 19'997);
}

TEST(Entity, a_leaf_that_loses_all_its_events_is_gone) {
  OneColumn column(Storage::int64);
  for (std::int64_t time = 0; time < 1000; ++time) column.add(time);
  column.save_and_reopen();
  const std::size_t nodes = column.store.nodes.size();
  for (std::int64_t i = 0; i < 128; ++i) column.entity().remove(128);
  column.save_and_reopen();
  EXPECT_EQ(column.store.removed, 1U);
  EXPECT_EQ(column.store.replaced, 1U) << "the root";
  EXPECT_EQ(column.store.nodes.size(), nodes - 1);
  EXPECT_EQ(column.time_at(127), 127);
  EXPECT_EQ(column.time_at(128), 256);
}

TEST(Entity, a_tree_becomes_lower_as_it_loses_its_events) {
  OneColumn column(Storage::int64);
  for (std::int64_t time = 0; time < 20'000; ++time) column.add(time);
  column.save_and_reopen();
  ASSERT_EQ(column.head().level, 3);
  while (column.size() > 400) column.entity().remove(0);
  column.save_and_reopen();
  EXPECT_EQ(column.head().level, 2);
  EXPECT_LT(column.store.nodes.size(), 6U);
  while (column.size() > 1) column.entity().remove(1);
  column.save_and_reopen();
  EXPECT_EQ(column.head().level, 1);
  EXPECT_EQ(column.store.nodes.size(), 1U);
  EXPECT_EQ(column.time_at(0), 19'600);
}

TEST(Entity, the_last_event_of_a_tree_may_be_removed) {
  OneColumn column(Storage::int64);
  column.add_one_by_one(1000);
  const std::int64_t start = column.start_of_head();
  while (column.size() > start) column.entity().remove(start);
  EXPECT_EQ(column.entity().newest(), EventTime(Duration(start - 1)));
  column.entity().remove(start - 1);
  EXPECT_EQ(column.entity().newest(), EventTime(Duration(start - 2)));
  EXPECT_EQ(column.add(start - 2), start - 1) << "a tie, not late";
  column.save_and_reopen();
  EXPECT_EQ(column.head().late, 0U);
  EXPECT_EQ(column.head().before.time, EventTime(Duration(start - 2)));
}

TEST(Entity, an_event_that_has_left_is_not_removed) {
  OneColumn column(Storage::int64);
  for (std::int64_t time = 0; time < 2000; ++time) column.add(time);
  column.save_and_reopen(EventTime(Duration(1500)));
  const std::int64_t left = column.entity().left().position;
  ASSERT_GT(left, 0);
  EXPECT_THROW(column.entity().remove(left - 1), EventsLeft);
  EXPECT_THROW(column.entity().remove(0), EventsLeft);
  const Image head = column.store.head;
  column.save_and_reopen();
  EXPECT_EQ(column.store.head, head);
  EXPECT_EQ(column.store.replaced + column.store.removed, 0U);
  column.entity().remove(left);
  column.save_and_reopen();
  EXPECT_EQ(column.entity().left().position, left);
  EXPECT_EQ(column.time_at(left), left + 1);
}

TEST(Entity, a_late_event_that_is_removed_still_came_late) {
  OneColumn column(Storage::int64);
  for (const std::int64_t time : {1, 2, 3}) column.add(time);
  column.entity().remove(column.add(0));
  column.save_and_reopen();
  EXPECT_EQ(column.head().late, 1U);
  EXPECT_EQ(column.size(), 3);
}

TEST(Entity, an_event_that_is_taken_back_leaves_no_trace) {
  OneColumn column(Storage::int64);
  column.add_one_by_one(1000);
  const Image head = column.store.head;
  const auto nodes = column.store.nodes;
  for (const std::int64_t time : {1000, 999, 998, 500, -1}) {
    const EventTime at{Duration(time)};
    column.entity().undo_add(column.entity().add({at, nullptr}));  // its values are not there yet
    EXPECT_EQ(column.size(), 1000);
    column.save_and_reopen();
    EXPECT_EQ(column.store.head, head) << time;
    EXPECT_EQ(column.store.nodes, nodes) << time;
  }
}

TEST(Entity, an_event_is_found_by_its_time_and_values) {
  OneColumn column(Storage::bytes);
  for (std::int64_t time = 0; time < 600; ++time) column.add(time / 3 * 3, twenty_bytes(time));
  column.save_and_reopen();
  ASSERT_GT(column.start_of_head(), 0);
  const auto found = [&](std::int64_t time, const std::string& bytes) {
    Value value{Blob::make(column.memory(), bytes.data(), bytes.size()), false};
    return column.entity().find({EventTime(Duration(time)), &value});
  };
  for (const std::int64_t position : {0, 1, 2, 300, 301, 597, 598, 599}) {
    EXPECT_EQ(found(position / 3 * 3, twenty_bytes(position)), position);
  }
  EXPECT_EQ(found(300, twenty_bytes(303)), std::nullopt);
  EXPECT_EQ(found(301, twenty_bytes(301)), std::nullopt);
  EXPECT_EQ(found(-1, twenty_bytes(0)), std::nullopt);
  EXPECT_EQ(found(600, twenty_bytes(0)), std::nullopt);
  Value null{};
  EXPECT_EQ(column.entity().find({EventTime(Duration(300)), &null}), std::nullopt);
  const Event of_time{EventTime(Duration(300)), nullptr};
  EXPECT_EQ(column.entity().find(of_time, {}), 302) << "the last, where no column is looked at";
}

TEST(Entity, of_equal_events_the_last_is_found) {
  OneColumn column(Storage::int64);
  for (int i = 0; i < 1000; ++i) column.add(7);
  column.save_and_reopen();
  ASSERT_GT(column.store.nodes.size(), 2U);
  Value value = wide(7);
  const Event event{EventTime(Duration(7)), &value};
  for (std::int64_t size = 1000; size > 0; --size) {
    EXPECT_EQ(column.entity().find(event), size - 1);
    column.entity().remove(size - 1);
  }
  EXPECT_EQ(column.entity().find(event), std::nullopt);
}

TEST(Entity, events_that_have_left_are_not_found) {
  OneColumn column(Storage::int64);
  for (std::int64_t i = 0; i < 2000; ++i) column.add_value(i / 500, wide(i));
  column.save_and_reopen(EventTime(Duration(2)));
  const std::int64_t left = column.entity().left().position;
  ASSERT_GT(left, 500);
  ASSERT_LT(left, 1000) << "some of their time are kept";
  for (const std::int64_t i : {std::int64_t{0}, left - 1, left, std::int64_t{999}}) {
    Value value = wide(i);
    const Event event{EventTime(Duration(i / 500)), &value};
    EXPECT_EQ(column.entity().find(event), i < left ? std::nullopt : std::optional(i));
  }
}

TEST(Entity, rows_that_the_head_has_all_of_need_no_node) {
  OneColumn column(Storage::int64, 40);
  for (std::int64_t time = 0; time < 2000; ++time) {
    column.add(time);
    column.save_and_reopen(EventTime(Duration(time)));
  }
  ASSERT_GT(column.entity().left().position, 0);
  column.reopen();
  column.store.loads = 0;
  EXPECT_FALSE(column.entity().is_needed(EventTime(Duration(2000)), EventTime(Duration(2000))));
  EXPECT_EQ(column.store.loads, 0U);
  // But once too few are left behind those that have left:
  while (column.size() > column.entity().left().position + 39) column.entity().remove(column.size() - 1);
  EXPECT_TRUE(column.entity().is_needed(EventTime(Duration(2000)), EventTime(Duration(2000))));
}

// --- stores that are not what they should be

TEST(Entity, a_head_of_other_columns_is_corrupt) {
  OneColumn column(Storage::int64);
  column.store.head = write({{Storage::int64}, {Storage::int32}}, Prefix{0, 0, 0, 0, 0, Samples().event(0, {Value{}})}, {});
  EXPECT_THROW(column.reopen(), CorruptState);
}

TEST(Entity, nodes_that_are_not_what_their_parents_say_are_corrupt) {
  for (const bool swapped : {false, true}) {
    OneColumn column(Storage::int64);
    column.add_one_by_one(1000);
    auto& nodes = column.store.nodes;
    ASSERT_GT(nodes.size(), 4U);
    if (swapped) {
      std::swap(nodes[0], nodes[1]);
    } else {
      nodes[0] = nodes[3];
    }
    EXPECT_THROW(static_cast<void>(column.entity().at(0)), CorruptState);
  }
}

// Images with a right checksum that contradict themselves.
class Contradiction : public ::testing::Test {
 protected:
  [[nodiscard]] Image image(std::int64_t position, std::uint8_t level, std::uint32_t next, int events) {
    Prefix prefix;
    prefix.position = position;
    prefix.level = level;
    prefix.next = next;
    prefix.before = samples.event(0, {Samples::number(std::int64_t{5})});
    std::vector<Event> written;
    for (int i = 0; i < events; ++i) written.push_back(samples.event(i, {Samples::number(std::int64_t{i})}));
    return write(column.layout(), prefix, written);
  }

  Samples samples;
  OneColumn column{Storage::int64};
};

TEST_F(Contradiction, events_before_a_head_but_no_tree) {
  column.store.head = image(5, 0, 0, 1);
  EXPECT_THROW(column.reopen(), CorruptState);
}

TEST_F(Contradiction, a_tree_before_a_head_but_no_events) {
  column.store.head = image(0, 1, 1, 1);
  EXPECT_THROW(column.reopen(), CorruptState);
}

TEST_F(Contradiction, a_root_that_is_numbered_beyond_all_nodes) {
  column.store.head = image(5, 1, 0, 1);
  EXPECT_THROW(column.reopen(), CorruptState);
}

TEST_F(Contradiction, a_tree_of_fewer_events_than_the_head_says) {
  column.store.head = image(5, 1, 1, 1);
  column.store.nodes[0] = image(0, 0, 0, 3);
  column.reopen();
  EXPECT_THROW(column.add(-1), CorruptState);
}

TEST_F(Contradiction, a_leaf_without_events) {
  // One that tells of events that have left is what a tree is when all others have been removed.
  column.store.head = image(5, 1, 1, 1);
  for (const std::int64_t left : {0, 4, 6}) {
    column.store.nodes[0] = image(left, 0, 0, 0);
    column.reopen();
    EXPECT_THROW(column.add(-1), CorruptState) << left;
  }
}

TEST_F(Contradiction, an_inner_node_without_children) {
  column.store.head = image(5, 2, 1, 1);
  Prefix prefix;
  prefix.position = 5;
  prefix.level = 1;
  prefix.before = samples.event(0, {Samples::number(std::int64_t{5})});
  column.store.nodes[0] = write(column.summaries(), prefix, {});
  column.reopen();
  EXPECT_THROW(column.add(-1), CorruptState);
}

}  // namespace
}  // namespace feature
