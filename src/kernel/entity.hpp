// One entity while it is worked on: its newest events in a ring, all before them in a tree.
//
//   | leaf | leaf | ...  | leaf | head        what is stored
//   +---------- tree ----------+  ring        what it is loaded into: the ring at once, nodes when they are needed
//
// Events of the head that frames do not reach any more are most of it where few come in the length of a frame. They
// stay unread: in the image they take a fifth of what they take in memory. What asks for one after all has them read.
//
// Invariants: the ring holds exactly the events from position tree_.size() on, of which it has not read the oldest
// ones; while it has not, `head_` is the image that has them. Rows are added in the order in which they are processed.
#pragma once

#include <cstddef>
#include <memory_resource>
#include <optional>
#include <vector>

#include "kernel/folds.hpp"

namespace feature {

// What has to be written for an entity.
class StateSink : public NodeSink {
 public:
  // Called last.
  virtual void set_head(const std::vector<std::byte>& image) = 0;
};

class Entity {
 public:
  // A new entity without events. Everything it allocates comes from `memory` and is never given back singly.
  Entity(const ListPlan& plan, std::pmr::memory_resource& memory, NodeSource& source);

  // Takes in a stored head. The image must stay valid as long as the entity. Events that are earlier than `wanted_from`
  // are left unread, but for the last of all: it makes no difference but of time and memory. Throws CorruptState.
  void open(const std::byte* head, std::size_t size, EventTime wanted_from = EventTime::min());

  // Whether events of later times are there.
  [[nodiscard]] bool is_late(EventTime time) const { return size() > 0 && time < newest(); }
  [[nodiscard]] EventTime newest() const { return ring_.empty() ? tree_.newest() : ring_.back().time; }

  // Events that are no longer kept. What is asked of them throws EventsLeft. An event of this time, whose frames reach
  // back to `earliest`, may be added and asked about once is_needed() is false or they have been recalled.
  [[nodiscard]] bool is_needed(EventTime time, EventTime earliest);
  [[nodiscard]] const Prefix& left() { return tree_.left(); }
  [[nodiscard]] EventTime left_until() { return left().before.time; }
  [[nodiscard]] std::int64_t left_count() { return left().position; }
  // See Tree::recall.
  void recall(const std::vector<Event>& events);

  // Puts an event in its place: behind all events that are not later. Returns its position. `event.values` is kept and
  // may be filled in afterwards, before anything reads it and before the next event is added.
  std::int64_t add(const Event& event);

  // The position of the kept event of this time that has the same values as `event`, the last of several; nothing if
  // none has. Or the same in some columns only: the others of `event` are not looked at. O(log n + events of that
  // time).
  [[nodiscard]] std::optional<std::int64_t> find(const Event& event);
  [[nodiscard]] std::optional<std::int64_t> find(const Event& event, const std::vector<std::size_t>& columns);

  // Takes an event out, as if it had never been there: those behind it move up by one. Whether it came late still
  // counts. Throws EventsLeft, and changes nothing, if the event has left: recall it first. O(log n); summaries and
  // partial results follow when they are next needed, at once for all that were removed until then.
  //
  // Others may have left in view of events that are no longer there: from now on is_needed() tells something of rows
  // that are not late, too.
  void remove(std::int64_t position);
  // Takes back the last add(), which gave this position, with values or without: an event that came late does not count
  // as such any more.
  void undo_add(std::int64_t position);

  // The events that a frame holds for the row at `position`; `bounds` are the row's resolved bound times. O(log n).
  [[nodiscard]] Positions locate(const Frame& frame, std::int64_t position, const EventTime* bounds);

  // Folds the events of an interval into a fresh accumulator. O(log n) where the measure is summarised, else O(length).
  [[nodiscard]] Accumulator aggregate(std::size_t measure, Positions positions);

  // The same of a measure that slides. What it has made of an interval is kept under a number, one for each frame, so
  // that rows in order cost what comes into the frame and what goes. The result is read before the next is asked for.
  [[nodiscard]] Accumulator sliding_aggregate(std::size_t measure, std::size_t sliding, Positions positions) {
    read_events(positions.first, positions.last);
    return folds().sliding_aggregate(measure, sliding, positions.first, positions.last);
  }

  // The same over everything before `last`: from the accumulator that the entity keeps for this running number if that
  // is not beyond `last`, so that rows in order cost what they add.
  [[nodiscard]] const Accumulator& running_aggregate(std::size_t partial, std::size_t running, std::int64_t last) {
    read_events(tree_.size(), last);
    return folds().running_aggregate(partial, running, last);
  }

  // Folds the events [first, last) into an accumulator.
  void fold(std::size_t measure, std::int64_t first, std::int64_t last, Accumulator& accumulator) {
    if (first >= last) return;
    read_events(first, last);
    folds().fold(measure, first, last, accumulator);
  }

  // The first position with the same time as the event at `position`.
  [[nodiscard]] std::int64_t first_peer(std::int64_t position);

  // The event at a position; null if the position is negative.
  [[nodiscard]] const Event* at(std::int64_t position);

  [[nodiscard]] std::int64_t size() const { return tree_.size() + static_cast<std::int64_t>(ring_.size()); }

  // The number of events earlier than `time`, and of those not later. O(log n).
  [[nodiscard]] std::int64_t count_before(EventTime time);
  [[nodiscard]] std::int64_t count_until(EventTime time);

  // For a slot of a shared entity (shared_entity.hpp), whose aggregates combine in any order:

  // Folds all events before `last` into an accumulator that may hold others.
  void fold_from_start(std::size_t partial, std::int64_t last, Accumulator& accumulator) {
    read_events(tree_.size(), last);
    folds().fold_from_start(partial, last, accumulator);
  }
  // Whether an event of this time is earlier than one that has left; and adds such an event: it counts as having left,
  // too. As in add(), its values may be filled in afterwards.
  [[nodiscard]] bool would_have_left(EventTime time);
  void add_left(const Event& event);
  // Takes back the last add_left(), as undo_add() does an add().
  void undo_add_left();
  // As add() does first: once the event that was added last has all its values.
  void settle() { tree_.settle(); }
  // Number and digest of all events that are not later than `until`, which is not before the last that has left.
  struct Tally {
    std::int64_t events = 0;
    std::uint64_t digest = 0;  // whatever their order
  };
  [[nodiscard]] Tally tally(EventTime until);
  // Takes over what another slot has. If it keeps no more than `most` events, that is all, with what it knows of those
  // that have left: then it is not to be used any more. Else its newest `most` events. Nothing if neither keeps an
  // event that is behind those that have left. O(most log n).
  enum class Absorbed { nothing, newest, all };
  [[nodiscard]] Absorbed absorb(Entity& other, std::int64_t most);
  // For what takes long over its events: see NodeSource.
  void pause() { source_.pause(); }
  // Number of events that are kept.
  [[nodiscard]] std::int64_t kept() { return size() - left().position; }

  // Hands over what has changed: nodes, and the head. Where events have been sealed, those that are earlier than
  // `keep_from` and that no row looks at by number leave.
  void store(SegmentWriters& writers, StateSink& sink, std::optional<EventTime> keep_from);

 private:
  [[nodiscard]] Folds& folds();
  void read_events();
  void read_events(std::int64_t first, std::int64_t last);
  void rewrite_head();
  void forget_folded(std::int64_t position);
  void take_over(const Runs& events);
  [[nodiscard]] Runs kept_events(std::int64_t first, std::int64_t last);
  [[nodiscard]] Prefix prefix() const;
  void seal(std::size_t events);
  std::size_t write_head(SegmentWriter& writer) const;
  [[nodiscard]] std::vector<std::size_t> append_measured(SegmentWriter& writer) const;
  [[nodiscard]] std::size_t events_to_seal(const std::vector<std::size_t>& taken, std::size_t room) const;
  [[nodiscard]] std::size_t head_limit(std::size_t size_now, std::size_t fixed) const;
  void seal_what_does_not_fit(SegmentWriter& writer, std::size_t fixed);

  const ListPlan& plan_;
  std::pmr::memory_resource& memory_;
  NodeSource& source_;
  Tree tree_;
  EventRing ring_;
  std::uint32_t late_ = 0;
  bool sealed_ = false;  // something, since the last store
  Folds* folds_ = nullptr;  // null until something is folded: most entities are only counted

  const std::byte* head_ = nullptr;  // the image it was opened from, while all it says is still so
  std::size_t head_size_ = 0;
  std::size_t head_fixed_ = 0;       // what it takes beside its events
  std::size_t head_end_ = 0;
  Tail head_tail_;
  std::size_t head_events_ = 0;
};

}  // namespace feature
