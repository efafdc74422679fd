// See shared_entity.hpp.

#include "kernel/shared_entity.hpp"

#include <algorithm>

namespace feature {
namespace {

// Each slot may have so many events that those of several do not fit the sum.
std::int64_t checked_sum(std::int64_t a, std::int64_t b) {
  std::int64_t sum;
  if (__builtin_add_overflow(a, b, &sum)) throw OutOfRange("too many events in an entity's state");
  return sum;
}

}  // namespace

SharedEntity::SharedEntity(const ListPlan& plan, std::pmr::memory_resource& memory, Entity& own)
    : plan_(plan), memory_(memory), slots_({&own}, &memory), no_nodes_(own) {}

bool SharedEntity::is_late(EventTime time) const {
  return std::any_of(slots_.begin(), slots_.end(), [&](const Entity* slot) { return slot->is_late(time); });
}

// ---- events that have left

bool SharedEntity::is_needed(EventTime time, EventTime earliest) {
  if (recalled_ != nullptr) return false;
  return std::any_of(slots_.begin(), slots_.end(), [&](Entity* slot) { return slot->is_needed(time, earliest); });
}

EventTime SharedEntity::left_until() {
  EventTime until = EventTime::min();
  for (Entity* slot : slots_) {
    if (slot->left().position > 0) until = std::max(until, slot->left().before.time);
  }
  return until;
}

std::int64_t SharedEntity::left_count() {
  std::int64_t count = 0;
  for (Entity* slot : slots_) count = checked_sum(count, slot->left().position);
  return count;
}

void SharedEntity::recall(const std::vector<Event>& events) {
  const EventTime until = left_until();
  Entity* recalled = new (memory_.allocate(sizeof(Entity), alignof(Entity))) Entity(plan_, memory_, no_nodes_);
  constexpr std::size_t events_between_pauses = 1024;
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (i % events_between_pauses == 0) no_nodes_.pause();
    static_cast<void>(recalled->add(events[i]));
  }
  Entity::Tally expected;
  for (Entity* slot : slots_) {
    const Entity::Tally tally = slot->tally(until);
    expected.events = checked_sum(expected.events, tally.events);
    expected.digest += tally.digest;
  }
  const Entity::Tally found = recalled->tally(until);
  if (found.events != expected.events || found.digest != expected.digest) {
    throw EventsLeft("events before this time are no longer kept in the entity's state");
  }
  recalled_ = recalled;
  recalled_until_ = until;
}

// ---- the row

void SharedEntity::add(const Event& event) {
  Entity& own = *slots_.front();
  time_ = event.time;
  holder_ = &own;
  own_position_ = recalled_position_ = std::nullopt;
  if (in_recalled(event.time)) {
    recalled_position_ = recalled_->add(event);
    holder_ = recalled_;
    if (own.would_have_left(event.time)) {
      own.add_left(event);
      return;
    }
  } else if (recalled_ != nullptr) {
    // Late events in it have all their values by now, and nothing else settles them.
    recalled_->settle();
  }
  own_position_ = own.add(event);
}

void SharedEntity::undo_add() {
  Entity& own = *slots_.front();
  if (recalled_position_) recalled_->undo_add(*recalled_position_);
  if (own_position_) {
    own.undo_add(*own_position_);
  } else {
    own.undo_add_left();
  }
}

std::int64_t SharedEntity::count_until() {
  const Frame everything{{Bound::Kind::unbounded, 0}, {Bound::Kind::current_row, 0}};
  return count(locate(everything, nullptr));
}

std::int64_t SharedEntity::count_before() {
  const Frame earlier{{Bound::Kind::unbounded, 0}, {Bound::Kind::current_row, 0}, Exclude::group};
  return count(locate(earlier, nullptr));
}

// ---- frames

SharedEntity::Parts SharedEntity::locate(const Frame& frame, const EventTime* bounds) {
  Parts parts;
  if (recalled_ != nullptr) parts.push_back(part(*recalled_, frame, bounds));
  if (!in_recalled(time_)) {
    for (Entity* slot : slots_) parts.push_back(part(*slot, frame, bounds));
  }
  static_cast<void>(count(parts));  // no aggregate counts more
  return parts;
}

SharedEntity::Part SharedEntity::part(Entity& slot, const Frame& frame, const EventTime* bounds) const {
  const bool holds_row = &slot == holder_;
  Part part{&slot, {}, false};
  std::int64_t& first = part.positions.first;
  std::int64_t& last = part.positions.last;
  const bool after_recalled = recalled_ != nullptr && &slot != recalled_;
  const EventTime from = after_recalled ? recalled_until_ + Duration(1) : EventTime::min();
  const auto count_before = [&](EventTime time) { return slot.count_before(std::max(time, from)); };
  if (frame.start.kind == Bound::Kind::range) {
    first = count_before(bounds[frame.start.offset]);
  } else if (after_recalled) {
    first = count_before(from);
  } else {
    part.from_start = true;
  }
  last = slot.count_until(time_);
  if (frame.end.kind == Bound::Kind::range) last = std::min(last, count_before(bounds[frame.end.offset]));
  const std::int64_t row = holds_row ? row_position() : -1;
  const bool has_row = holds_row && first <= row && row < last;
  switch (frame.exclude) {
    case Exclude::nothing: break;
    case Exclude::current_row:
      if (has_row) last = row;
      break;
    case Exclude::group: last = std::min(last, count_before(time_)); break;
    case Exclude::ties:
      last = std::min(last, count_before(time_));
      part.positions.self = has_row;
      break;
  }
  last = std::max(first, last);
  return part;
}

std::int64_t SharedEntity::count(const Parts& parts) {
  std::int64_t count = 0;
  for (const Part& part : parts) count = checked_sum(count, part.positions.count());
  return count;
}

Accumulator SharedEntity::aggregate(std::size_t measure, std::size_t partial, const Parts& parts) const {
  Accumulator accumulator;
  for (const Part& part : parts) {
    if (part.from_start) {
      part.slot->fold_from_start(partial, part.positions.last, accumulator);
    } else {
      part.slot->fold(measure, part.positions.first, part.positions.last, accumulator);
    }
  }
  for (const Part& part : parts) {
    if (part.positions.self) part.slot->fold(measure, row_position(), row_position() + 1, accumulator);
  }
  return accumulator;
}

}  // namespace feature
