// A shared entity answers as a plain computation over the events of all its slots would: whichever slot each session
// writes, whatever has left them, however they are merged, and whichever events are taken back.

#include "kernel/shared_entity.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "memory_store.hpp"

namespace feature {
namespace {

EventTime at(std::int64_t time) { return EventTime(Duration(time)); }

struct Plain {
  std::int64_t time;
  std::int64_t value;
};

// Sessions one after the other, each of which writes one slot, sees the others, and may take one over.
class Trial {
 public:
  explicit Trial(std::uint64_t seed)
      : random_(seed),
        sum_(make_aggregate(Fold::sum, Storage::int64, 0)),
        least_(make_aggregate(Fold::min, Storage::int64, 0)),
        distinct_(make_aggregate(Fold::distinct, Storage::int64, 0)) {
    plan_.layout.event = {Storage::int64};
    for (const Aggregate* aggregate : {sum_.get(), least_.get()}) {
      Measure measure{aggregate, plan_.summaries.event.size()};
      plan_.partials.push_back({plan_.measures.size(), plan_.layout.prefix.size()});
      plan_.measures.push_back(measure);
      for (const Storage saved : aggregate->saved()) {
        plan_.layout.prefix.push_back(saved);
        plan_.summaries.event.push_back(saved);
      }
    }
    plan_.measures.push_back({distinct_.get()});
    plan_.summaries.prefix = plan_.layout.prefix;
    plan_.running = 2;
    frames_ = {{{Bound::Kind::unbounded, 0}, {Bound::Kind::current_row, 0}},
               {{Bound::Kind::range, 0}, {Bound::Kind::current_row, 0}},
               {{Bound::Kind::range, 0}, {Bound::Kind::range, 1}},
               {{Bound::Kind::unbounded, 0}, {Bound::Kind::range, 1}},
               {{Bound::Kind::range, 0}, {Bound::Kind::current_row, 0}, Exclude::current_row},
               {{Bound::Kind::range, 0}, {Bound::Kind::current_row, 0}, Exclude::group},
               {{Bound::Kind::unbounded, 0}, {Bound::Kind::current_row, 0}, Exclude::ties}};
    keeps_ = random_() % 4 == 0;
  }

  void run(int sessions) {
    for (int i = 0; i < sessions; ++i) session();
  }

  // Many events leave the slot that has all of them, and come back for a late row of another slot, whose frame then holds
  // them one by one. Returns how often there was a pause meanwhile.
  struct Pauses {
    std::size_t taking_back;
    std::size_t folding;
  };
  Pauses pauses_of_recall(std::int64_t events) {
    SeparateBlocks memory;
    Slot slot;
    slot.store.open();
    Entity first(plan_, memory, slot.store);
    std::vector<Event> source;
    for (std::int64_t time = 0; time < events; ++time) {
      source.push_back(event({time, time}, memory));
      static_cast<void>(first.add(source.back()));
    }
    store(first, slot, at(events));
    Slot own_slot;
    own_slot.store.open();
    Entity own(plan_, memory, own_slot.store);
    slot.store.open();
    Entity other(plan_, memory, slot.store);
    other.open(slot.store.head.data(), slot.store.head.size());
    SharedEntity shared(plan_, memory, own);
    shared.add_slot(other);
    const EventTime until = shared.left_until();
    source.erase(std::find_if(source.begin(), source.end(), [&](const Event& one) { return one.time > until; }),
                 source.end());
    const auto pauses = [&] { return own_slot.store.pauses + slot.store.pauses; };
    const std::size_t before = pauses();
    shared.recall(source);
    const std::size_t after = pauses();
    shared.add(event({until.time_since_epoch().count(), 1}, memory));
    const EventTime bounds[] = {at(0), at(0)};
    static_cast<void>(shared.aggregate(2, 0, shared.locate(frames_[1], bounds)));
    return {after - before, pauses() - after};
  }

  std::size_t recalled = 0;
  std::size_t absorbed = 0;
  std::size_t absorbed_in_part = 0;
  std::size_t left = 0;
  std::size_t undone = 0;          // of slots that others were seen beside,
  std::size_t undone_as_left = 0;  // and of these, where events up to that time had been recalled

 private:
  static constexpr std::int64_t span = 200;  // of the frames that are bounded
  static constexpr std::int64_t gap = 20;    // at their ends
  static constexpr std::int64_t lateness = 50;

  struct Slot {
    MemoryStore store;
    bool written = false;
  };

  std::int64_t below(std::int64_t limit) { return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(limit)); }

  void session() {
    SeparateBlocks memory;
    std::vector<std::unique_ptr<Entity>> entities;
    const auto open = [&](Slot& slot) {
      slot.store.open();
      entities.push_back(std::make_unique<Entity>(plan_, memory, slot.store));
      if (slot.written) entities.back()->open(slot.store.head.data(), slot.store.head.size());
      return entities.back().get();
    };
    const int number = static_cast<int>(below(5));
    Slot& own_slot = slots_[number];
    Entity& own = *open(own_slot);
    if (slots_.size() > 1 && below(4) == 0) {
      const auto other = std::find_if(slots_.begin(), slots_.end(), [&](const auto& slot) { return slot.first != number; });
      Entity& given = *open(other->second);
      const std::int64_t kept = given.kept();
      const std::int64_t most = 1 + below(100);
      switch (own.absorb(given, most)) {
        case Entity::Absorbed::all:
          EXPECT_LE(kept, most);
          slots_.erase(other);
          ++absorbed;
          break;
        case Entity::Absorbed::newest:
          EXPECT_EQ(given.kept(), kept - most);
          store(given, other->second, std::nullopt);
          ++absorbed_in_part;
          break;
        case Entity::Absorbed::nothing: break;
      }
    }
    std::unique_ptr<SharedEntity> shared;
    for (auto& [other, slot] : slots_) {
      if (other == number) continue;
      if (!shared) shared = std::make_unique<SharedEntity>(plan_, memory, own);
      shared->add_slot(*open(slot));
    }
    const std::vector<Plain> source = model_;
    std::vector<Plain> batch;
    for (std::int64_t count = 1 + below(below(8) == 0 ? 300 : 20); count > 0; --count) {
      now_ += below(4);
      const std::int64_t late = below(6) == 0 ? below(below(3) == 0 ? 2000 : 30) : 0;
      batch.push_back({now_ - late, below(50)});
    }
    std::stable_sort(batch.begin(), batch.end(), [](const Plain& a, const Plain& b) { return a.time < b.time; });
    for (const Plain& row : batch) {
      while (below(5) == 0) {
        const std::int64_t late = below(below(2) == 0 ? 2000 : 30);
        add_and_undo(own, shared.get(), source, {now_ - late, below(50)}, memory);
      }
      recall(own, shared.get(), source, row.time, memory);
      add(own, shared.get(), row, memory);
      if (batch.size() < 50 || below(10) == 0) query(own, shared.get(), row);
    }
    store(own, own_slot, keeps_ ? std::nullopt : std::optional(own.newest() - Duration(span + lateness)));
    left += own.left().position > 0;
  }

  void store(Entity& entity, Slot& slot, std::optional<EventTime> keep_from) {
    SegmentWriters writers(plan_);
    slot.store.begin_store();
    entity.store(writers, slot.store, keep_from);
    slot.store.end_store();
    slot.written = true;
  }

  static Event event(const Plain& row, std::pmr::memory_resource& memory) {
    auto* value = static_cast<Value*>(memory.allocate(sizeof(Value), alignof(Value)));
    return {at(row.time), new (value) Value{to_word(row.value), row.value % 7 == 0}};
  }

  template <class AnyEntity>
  void recall(AnyEntity& entity, std::vector<Plain> source, std::int64_t time, std::pmr::memory_resource& memory) {
    if (!entity.is_late(at(time)) || !entity.is_needed(at(time), at(time - span))) return;
    const std::int64_t until = entity.left_until().time_since_epoch().count();
    std::stable_sort(source.begin(), source.end(), [](const Plain& a, const Plain& b) { return a.time < b.time; });
    std::vector<Event> events;
    for (const Plain& row : source) {
      if (row.time <= until) events.push_back(event(row, memory));
    }
    // Without one of them, or with another one, it is not what has left.
    std::vector<Event> fewer(events.begin() + 1, events.end());
    EXPECT_THROW(entity.recall(fewer), EventsLeft);
    fewer.insert(fewer.begin(), event({source.front().time, source.front().value + 1}, memory));
    EXPECT_THROW(entity.recall(fewer), EventsLeft);
    entity.recall(events);
    ++recalled;
  }

  void recall(Entity& own, SharedEntity* shared, const std::vector<Plain>& source, std::int64_t time,
              std::pmr::memory_resource& memory) {
    if (shared != nullptr) {
      recall(*shared, source, time, memory);
    } else {
      recall(own, source, time, memory);
    }
  }

  // As for a row that fails: before its value is there, or when it has been computed.
  void add_and_undo(Entity& own, SharedEntity* shared, const std::vector<Plain>& source, const Plain& row,
                    std::pmr::memory_resource& memory) {
    recall(own, shared, source, row.time, memory);
    const bool as_left = own.would_have_left(at(row.time));
    if (below(2) == 0) {
      add(own, shared, row, memory);
      if (below(2) == 0) query(own, shared, row);
      model_.pop_back();
    } else if (shared != nullptr) {
      shared->add({at(row.time), nullptr});
    } else {
      position_ = own.add({at(row.time), nullptr});
    }
    if (shared == nullptr) {
      own.undo_add(position_);
      return;
    }
    shared->undo_add();
    ++undone;
    undone_as_left += as_left;
  }

  void add(Entity& own, SharedEntity* shared, const Plain& row, std::pmr::memory_resource& memory) {
    // As the engine does: the value is filled in afterwards.
    Event added = event(row, memory);
    const Value value = std::exchange(*added.values, Value{});
    if (shared != nullptr) {
      shared->add(added);
    } else {
      position_ = own.add(added);
    }
    *added.values = value;
    model_.push_back(row);
  }

  void query(Entity& own, SharedEntity* shared, const Plain& row) {
    const EventTime bounds[] = {at(row.time - span), at(row.time - gap + 1)};
    for (std::size_t i = 0; i < frames_.size(); ++i) {
      const Frame& frame = frames_[i];
      std::int64_t count = 0;
      std::int64_t total = 0;
      std::vector<std::int64_t> values;
      for (std::size_t at_row = 0; at_row < model_.size(); ++at_row) {
        const Plain& other = model_[at_row];
        const bool self = at_row + 1 == model_.size();
        bool in = other.time <= row.time;
        if (frame.start.kind == Bound::Kind::range) in = in && other.time >= row.time - span;
        if (frame.end.kind == Bound::Kind::range) in = in && other.time <= row.time - gap;
        if (frame.exclude == Exclude::current_row) in = in && !self;
        if (frame.exclude == Exclude::group) in = in && other.time != row.time;
        if (frame.exclude == Exclude::ties) in = in && (self || other.time != row.time);
        if (!in) continue;
        ++count;
        if (other.value % 7 == 0) continue;
        total += other.value;
        values.push_back(other.value);
      }
      std::sort(values.begin(), values.end());
      const auto distinct = static_cast<std::int64_t>(std::unique(values.begin(), values.end()) - values.begin());
      const auto expect = [&](const Accumulator& sum, const Accumulator& least, std::int64_t found, std::int64_t kinds) {
        EXPECT_EQ(found, count) << "frame " << i;
        EXPECT_EQ(static_cast<std::int64_t>(sum.total), total) << "frame " << i;
        EXPECT_EQ(kinds, distinct) << "frame " << i;
        EXPECT_EQ(least.count, values.empty() ? 0 : 1) << "frame " << i;
        if (values.empty()) return;
        EXPECT_EQ(from_word<std::int64_t>(least.word), values.front()) << "frame " << i;
      };
      if (shared != nullptr) {
        const SharedEntity::Parts parts = shared->locate(frame, bounds);
        // An unbounded frame is not asked for what has no partial results.
        const std::int64_t kinds = frame.unbounded() ? distinct : shared->aggregate(2, 0, parts).count;
        expect(shared->aggregate(0, 0, parts), shared->aggregate(1, 1, parts), SharedEntity::count(parts), kinds);
        continue;
      }
      const Positions positions = own.locate(frame, position_, bounds);
      Accumulator sum = frame.unbounded() ? own.running_aggregate(0, 0, positions.last) : own.aggregate(0, positions);
      Accumulator least = frame.unbounded() ? own.running_aggregate(1, 1, positions.last) : own.aggregate(1, positions);
      Accumulator kinds;
      if (positions.self) {
        own.fold(0, position_, position_ + 1, sum);
        own.fold(1, position_, position_ + 1, least);
      }
      if (!frame.unbounded()) kinds = own.aggregate(2, positions);
      expect(sum, least, positions.count(), frame.unbounded() ? distinct : kinds.count);
    }
    if (shared == nullptr) return;
    std::int64_t until = 0;
    std::int64_t before = 0;
    for (const Plain& other : model_) {
      until += other.time <= row.time;
      before += other.time < row.time;
    }
    EXPECT_EQ(shared->count_until(), until);
    EXPECT_EQ(shared->count_before(), before);
  }

  std::mt19937_64 random_;
  std::unique_ptr<Aggregate> sum_, least_, distinct_;
  ListPlan plan_;
  std::vector<Frame> frames_;
  bool keeps_;
  std::map<int, Slot> slots_;
  std::vector<Plain> model_;  // in the order of arrival
  std::int64_t now_ = 0;
  std::int64_t position_ = 0;
};

TEST(SharedEntity, answers_as_a_plain_computation_over_all_slots) {
  std::size_t recalled = 0;
  std::size_t absorbed = 0;
  std::size_t absorbed_in_part = 0;
  std::size_t left = 0;
  std::size_t undone = 0;
  std::size_t undone_as_left = 0;
  for (std::uint64_t seed = 1; seed <= 30 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Trial trial(seed);
    trial.run(40);
    recalled += trial.recalled;
    absorbed += trial.absorbed;
    absorbed_in_part += trial.absorbed_in_part;
    left += trial.left;
    undone += trial.undone;
    undone_as_left += trial.undone_as_left;
  }
  EXPECT_GT(recalled, 10U) << "trials are to recall events";
  EXPECT_GT(absorbed, 30U) << "trials are to merge slots";
  EXPECT_GT(absorbed_in_part, 30U) << "trials are to merge slots in parts";
  EXPECT_GT(left, 20U) << "trials are to let events leave";
  EXPECT_GT(undone, 100U) << "trials are to take events back";
  EXPECT_GT(undone_as_left, 10U) << "trials are to take events back that count as having left";
}

TEST(SharedEntity, what_is_taken_back_is_counted_and_folded_with_pauses) {
  Trial trial(1);
  const auto [taking_back, folding] = trial.pauses_of_recall(20'000);
  EXPECT_GE(taking_back, 20'000U / 4096);
  EXPECT_GE(folding, 20'000U / 4096);
}

}  // namespace
}  // namespace feature
