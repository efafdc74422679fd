// A shared entity: one that several sessions write at once, each into a slot of its own, which is an Entity with ring
// and tree. To one of them it is the slot that it writes, and the others as they were committed.
//
//   own slot    |---tree---|-ring-| + the row's event
//   other slot  |----tree----|-ring-|            only read
//   recalled    |--------|                       what has left the slots, read again for a row that is later than that
//
// Events of different slots are not put in order: what is asked of a frame is asked of each slot's part of it, and
// folded into one accumulator. So frames are bounded by times, and aggregates must not depend on the order of events.
//
// Once events have been recalled, everything up to the newest that has left any slot is taken from them, and the slots
// are asked for later events only.
#pragma once

#include "kernel/entity.hpp"

namespace feature {

class SharedEntity {
 public:
  // Slots are borrowed, and of one plan. Everything it allocates comes from `memory` and is never given back singly.
  SharedEntity(const ListPlan& plan, std::pmr::memory_resource& memory, Entity& own);
  SharedEntity(const SharedEntity&) = delete;
  SharedEntity& operator=(const SharedEntity&) = delete;
  void add_slot(Entity& other) { slots_.push_back(&other); }

  // Whether events of later times are there.
  [[nodiscard]] bool is_late(EventTime time) const;
  // As Entity::is_needed, for all slots.
  [[nodiscard]] bool is_needed(EventTime time, EventTime earliest);
  // The newest event that has left.
  [[nodiscard]] EventTime left_until();
  // Number of events that have left.
  [[nodiscard]] std::int64_t left_count();
  // Takes back what has left: `events` are all of the entity that are not later than left_until(), in order. Throws
  // EventsLeft, and changes nothing, unless they are what left the slots and what these still keep of that time.
  void recall(const std::vector<Event>& events);

  // As Entity::add: puts a row's event in its place. The questions below are about the event that was added last.
  void add(const Event& event);
  // Takes back the last add(), which is possible until the next one, with values or without. What was recalled for it
  // stays.
  void undo_add();

  // Number of events up to the row, itself included, and of those of earlier times.
  [[nodiscard]] std::int64_t count_until();
  [[nodiscard]] std::int64_t count_before();

  // What a frame holds for the row: of each slot an interval. `bounds` are the row's resolved bound times. Frames are
  // bounded by times.
  struct Part {
    Entity* slot;
    Positions positions;
    bool from_start;  // holds all that the slot has before positions.last, those that have left included
  };
  using Parts = std::vector<Part>;
  [[nodiscard]] Parts locate(const Frame& frame, const EventTime* bounds);
  [[nodiscard]] static std::int64_t count(const Parts& parts);

  // Folds what a frame holds into a fresh accumulator: of an aggregate over an unbounded frame by its partial results.
  [[nodiscard]] Accumulator aggregate(std::size_t measure, std::size_t partial, const Parts& parts) const;

 private:
  [[nodiscard]] bool in_recalled(EventTime time) const { return recalled_ != nullptr && time <= recalled_until_; }
  [[nodiscard]] Part part(Entity& slot, const Frame& frame, const EventTime* bounds) const;
  // In the slot that holds it: it is the last of its time.
  [[nodiscard]] std::int64_t row_position() const { return holder_->count_until(time_) - 1; }

  // There are no nodes but those in memory. Pauses are those of the own slot.
  class NoNodes final : public NodeSource {
   public:
    explicit NoNodes(Entity& own) : own_(own) {}
    [[nodiscard]] Image load(std::uint32_t) override { throw CorruptState("a node of an entity's state is missing"); }
    void pause() override { own_.pause(); }

   private:
    Entity& own_;
  };

  const ListPlan& plan_;
  std::pmr::memory_resource& memory_;
  std::pmr::vector<Entity*> slots_;  // the first is the own one
  NoNodes no_nodes_;
  Entity* recalled_ = nullptr;
  EventTime recalled_until_{};
  EventTime time_{};          // of the row
  Entity* holder_ = nullptr;  // of the row's event
  // Where add() has put it: nothing if it counts as having left the own slot, and if it is not among recalled ones.
  std::optional<std::int64_t> own_position_;
  std::optional<std::int64_t> recalled_position_;
};

}  // namespace feature
