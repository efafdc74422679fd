// See entity.hpp.

#include "kernel/entity.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

#include "kernel/digest.hpp"

namespace feature {

namespace {

// When the ring has grown so far within one session, its oldest events are sealed: frames over them cost less. Events
// that rows look at by number stay, unless they are many.
std::size_t largest_ring(const ListPlan& plan) {
  return static_cast<std::size_t>(
             std::clamp<std::int64_t>(plan.rows_needed, Tree::leaf_events, 3 * Tree::leaf_events)) +
         Tree::leaf_events;
}
// A leaf is ended where its events take so much, unless one alone does.
constexpr std::size_t leaf_bytes = 8000;
// Events that rows look at by number stay in the head if they fit this share of its room.
constexpr std::size_t needed_share(std::size_t room) { return room * 7 / 8; }
// What a head that may take so many bytes has for its events, where all else takes `fixed`. If that is most of it the
// head leaves its page anyway.
constexpr std::size_t room_for_events(std::size_t limit, std::size_t fixed) {
  constexpr std::size_t least_room = 2048;
  return fixed <= limit / 2 ? limit - fixed : least_room;
}

constexpr std::size_t any_number = std::numeric_limits<std::size_t>::max();

}  // namespace

Entity::Entity(const ListPlan& plan, std::pmr::memory_resource& memory, NodeSource& source)
    : plan_(plan),
      memory_(memory),
      source_(source),
      tree_(plan, memory, source),
      ring_(memory) {}

void Entity::open(const std::byte* head, std::size_t size, EventTime wanted_from) {
  SegmentReader reader(plan_.layout, head, size, memory_);
  const std::size_t fixed = reader.fixed();
  tree_.open(reader.prefix());
  late_ = reader.prefix().late;
  Event event;
  const bool all_wanted = wanted_from == EventTime::min();
  for (std::size_t left = reader.left(); all_wanted ? reader.next(event) : reader.next(event, wanted_from);
       left = reader.left()) {
    if (!all_wanted && event.time < wanted_from) {
      if (reader.left() > 0) {
        ring_.leave_unread(event.time);
        continue;
      }
      reader.keep(event);
    }
    // The first event is written against nothing; from the second on all take about the same.
    if (ring_.size() == ring_.unread() + 1) ring_.reserve(3 + reader.left() / (left - reader.left()));
    ring_.push_back(event);
  }
  head_ = head;
  head_size_ = size;
  head_fixed_ = fixed;
  head_end_ = reader.end();
  head_tail_ = reader.tail();
  head_events_ = ring_.size();
}

// Reads what open() has left unread.
void Entity::read_events() {
  if (ring_.unread() == 0) return;
  SegmentReader reader(plan_.layout, head_, head_size_, memory_);
  std::vector<Event> events(ring_.unread());
  for (Event& event : events) static_cast<void>(reader.next(event));
  ring_.take_in(events);
  if (folds_ != nullptr) folds_->forget_runs();
}

// Before the events [first, last) are asked for.
void Entity::read_events(std::int64_t first, std::int64_t last) {
  if (last > tree_.size() && first < tree_.size() + static_cast<std::int64_t>(ring_.unread())) read_events();
}

// The head is to be written from what is in memory.
void Entity::rewrite_head() {
  read_events();
  head_ = nullptr;
}

Prefix Entity::prefix() const {
  Prefix prefix = tree_.prefix();
  prefix.late = late_;
  return prefix;
}

// ---- events

std::int64_t Entity::add(const Event& event) {
  // All values are filled in now but the new event's.
  tree_.settle();
  if (ring_.size() >= largest_ring(plan_)) seal(Tree::leaf_events);
  if (folds_ != nullptr) folds_->forget_runs();
  const std::int64_t position = count_until(event.time);
  if (position == size()) {
    ring_.push_back(event);
    return position;
  }
  if (position < tree_.size()) {
    tree_.insert(position, event);
  } else {
    ring_.insert(static_cast<std::size_t>(position - tree_.size()), event);
  }
  forget_folded(position);
  rewrite_head();
  if (late_ < std::numeric_limits<std::uint32_t>::max()) ++late_;
  return position;
}

// What was folded beyond an event that came or went no longer holds.
void Entity::forget_folded(std::int64_t position) {
  if (folds_ != nullptr) folds_->forget(position);
}

Folds& Entity::folds() {
  if (folds_ == nullptr) {
    folds_ = new (memory_.allocate(sizeof(Folds), alignof(Folds))) Folds(plan_, memory_, source_, tree_, ring_);
  }
  return *folds_;
}

void Entity::remove(std::int64_t position) {
  read_events();
  if (position < tree_.size()) {
    tree_.remove(position);
    rewrite_head();
  } else {
    const auto index = static_cast<std::size_t>(position - tree_.size());
    ring_.erase(index);
    if (index < head_events_) rewrite_head();
  }
  forget_folded(position);
}

void Entity::undo_add(std::int64_t position) {
  if (position + 1 < size()) --late_;
  remove(position);
  if (folds_ != nullptr) folds_->forget_running();
}

std::optional<std::int64_t> Entity::find(const Event& event) {
  std::vector<std::size_t> columns(plan_.layout.event.size());
  std::iota(columns.begin(), columns.end(), std::size_t{0});
  return find(event, columns);
}

std::optional<std::int64_t> Entity::find(const Event& event, const std::vector<std::size_t>& columns) {
  read_events();
  std::int64_t first = 0;
  if (tree_.size() > 0 && event.time <= tree_.newest() && left().position > 0 && event.time <= left().before.time) {
    // Of this time some may be kept, of earlier ones none.
    if (event.time < left().before.time) return std::nullopt;
    first = left().position;
  } else {
    first = count_before(event.time);
  }
  Runs runs;
  std::int64_t position = count_until(event.time);
  static_cast<void>(tree_.collect(first, std::min(position, tree_.size()), Measure{nullptr}, runs));
  if (position > tree_.size()) {
    ring_.visit(static_cast<std::size_t>(std::max<std::int64_t>(first - tree_.size(), 0)),
                static_cast<std::size_t>(position - tree_.size()),
                [&](const Event* from, const Event* to) { runs.push_back({from, to, false}); });
  }
  for (auto run = runs.rbegin(); run != runs.rend(); ++run) {
    for (const Event* kept = run->last; kept != run->first;) {
      --kept;
      --position;
      const bool same = std::all_of(columns.begin(), columns.end(), [&](std::size_t column) {
        const Value& a = event.values[column];
        const Value& b = kept->values[column];
        return a.null == b.null && (a.null || is_same(plan_.layout.event[column], a.word, b.word));
      });
      if (same) return position;
    }
  }
  return std::nullopt;
}

bool Entity::is_needed(EventTime time, EventTime earliest) {
  earliest = std::min(time, earliest);
  if (tree_.size() == 0) return false;
  // What is asked of the ring alone needs no node.
  if (earliest > tree_.newest() && count_until(time) - plan_.rows_needed >= tree_.size()) return false;
  const Prefix& left = tree_.left();
  if (left.position == 0) return false;
  return earliest <= left.before.time || count_until(time) - plan_.rows_needed < left.position;
}

void Entity::recall(const std::vector<Event>& events) {
  read_events();
  tree_.settle();
  const std::size_t tied = ring_.count_until(tree_.left().before.time);
  Runs in_ring;
  ring_.visit(0, tied, [&](const Event* from, const Event* to) { in_ring.push_back({from, to, false}); });
  tree_.recall(events, in_ring);
  ring_.pop_front(tied);
  forget_folded(-1);
  rewrite_head();
  sealed_ = false;  // else they would leave again at once
}

std::int64_t Entity::count_before(EventTime time) {
  if (tree_.size() > 0 && time <= tree_.newest()) return tree_.count_before(time);
  if (ring_.is_unread_at(time)) read_events();
  return tree_.size() + static_cast<std::int64_t>(ring_.count_before(time));
}

std::int64_t Entity::count_until(EventTime time) {
  if (tree_.size() > 0 && time < tree_.newest()) return tree_.count_until(time);
  if (ring_.is_unread_behind(time)) read_events();
  return tree_.size() + static_cast<std::int64_t>(ring_.count_until(time));
}

const Event* Entity::at(std::int64_t position) {
  if (position < 0) return nullptr;
  if (position < tree_.size()) return &tree_.at(position);
  read_events(position, position + 1);
  return &ring_[static_cast<std::size_t>(position - tree_.size())];
}

std::int64_t Entity::first_peer(std::int64_t position) { return count_before(at(position)->time); }

// ---- frames

Positions Entity::locate(const Frame& frame, std::int64_t position, const EventTime* bounds) {
  Positions found;
  switch (frame.end.kind) {
    case Bound::Kind::unbounded:
    case Bound::Kind::current_row: found.last = position + 1; break;
    case Bound::Kind::rows: found.last = std::max<std::int64_t>(0, position + 1 - frame.end.offset); break;
    case Bound::Kind::range: found.last = std::min(position + 1, count_before(bounds[frame.end.offset])); break;
  }
  switch (frame.start.kind) {
    case Bound::Kind::unbounded: break;
    case Bound::Kind::current_row: found.first = position; break;
    case Bound::Kind::rows: found.first = std::max<std::int64_t>(0, position - frame.start.offset); break;
    case Bound::Kind::range: found.first = count_before(bounds[frame.start.offset]); break;
  }
  // The row's own event is the last that a frame can hold, its peers are those right before it: what is left out is at
  // the frame's end.
  const bool holds_row = found.first <= position && position < found.last;
  switch (frame.exclude) {
    case Exclude::nothing: break;
    case Exclude::current_row: found.last = std::min(found.last, position); break;
    case Exclude::group: found.last = std::min(found.last, first_peer(position)); break;
    case Exclude::ties:
      found.last = std::min(found.last, first_peer(position));
      found.self = holds_row;
      break;
  }
  found.last = std::max(found.first, found.last);
  return found;
}

Accumulator Entity::aggregate(std::size_t measure, Positions positions) {
  Accumulator accumulator;
  fold(measure, positions.first, positions.last, accumulator);
  return accumulator;
}

// ---- slots of a shared entity

// The events at [first, last), none of which has left.
Runs Entity::kept_events(std::int64_t first, std::int64_t last) {
  read_events(first, last);
  Runs runs;
  static_cast<void>(tree_.collect(first, std::min(last, tree_.size()), Measure{nullptr}, runs));
  if (last > tree_.size()) {
    ring_.visit(static_cast<std::size_t>(std::max<std::int64_t>(first - tree_.size(), 0)),
                static_cast<std::size_t>(last - tree_.size()),
                [&](const Event* from, const Event* to) { runs.push_back({from, to, false}); });
  }
  return runs;
}

bool Entity::would_have_left(EventTime time) { return left().position > 0 && time < left().before.time; }

void Entity::add_left(const Event& event) {
  tree_.settle();
  tree_.add_left(event);
  forget_folded(-1);
  rewrite_head();
  if (late_ < std::numeric_limits<std::uint32_t>::max()) ++late_;
}

void Entity::undo_add_left() {
  tree_.undo_add_left();
  --late_;
}

Entity::Tally Entity::tally(EventTime until) {
  tree_.settle();
  const std::int64_t first = tree_.left().position;
  Tally tally{first, tree_.left_digest()};
  for (const Run& run : kept_events(first, count_until(until))) {
    source_.pause();
    tally.events += run.last - run.first;
    tally.digest += digest(plan_.layout.event, run.first, run.last);
  }
  return tally;
}

Entity::Absorbed Entity::absorb(Entity& other, std::int64_t most) {
  read_events();
  other.read_events();
  if (other.kept() > most) {
    const std::int64_t first = other.size() - most;
    take_over(other.kept_events(first, other.size()));
    while (other.size() > first) other.remove(other.size() - 1);
    other.settle();
    return Absorbed::newest;
  }
  const Prefix& gone = other.left();
  const auto reaches_behind = [&](Entity& entity) { return entity.kept() > 0 && entity.newest() >= gone.before.time; };
  if (gone.position > 0 && !reaches_behind(*this) && !reaches_behind(other)) return Absorbed::nothing;
  take_over(other.kept_events(gone.position, other.size()));
  const std::uint64_t late = std::uint64_t{late_} + other.late_;
  late_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(late, std::numeric_limits<std::uint32_t>::max()));
  if (gone.position == 0) return Absorbed::all;
  // Times that have left are asked for where the tree is: it must reach behind them.
  if (tree_.size() == 0 || tree_.newest() < gone.before.time) {
    seal(std::min(ring_.size(), ring_.count_until(gone.before.time) + 1));
  }
  tree_.absorb_left(other.tree_);
  forget_folded(-1);
  rewrite_head();
  return Absorbed::all;
}

// Events of another slot. That they come late here does not make them late ones.
void Entity::take_over(const Runs& events) {
  const std::uint32_t late = late_;
  for (const Run& run : events) {
    for (const Event* event = run.first; event != run.last; ++event) {
      if (would_have_left(event->time)) {
        add_left(*event);
      } else {
        static_cast<void>(add(*event));
      }
    }
  }
  tree_.settle();
  late_ = late;
}

// ---- storing

// Moves the oldest events of the ring into the tree, in leaves of about the same size.
void Entity::seal(std::size_t events) {
  rewrite_head();
  while (events > 0) {
    const std::size_t leaves = (events + Tree::leaf_events - 1) / Tree::leaf_events;
    std::size_t count = 0;
    for (std::size_t bytes = 0; count < (events + leaves - 1) / leaves; ++count) {
      const std::vector<Storage>& columns = plan_.layout.event;
      for (std::size_t i = 0; i < columns.size(); ++i) {
        const Value& value = ring_[count].values[i];
        if (!value.null) bytes += largest_value_size(columns[i], value);
      }
      if (count > 0 && bytes > leaf_bytes) break;
    }
    Runs sealed;
    ring_.visit(0, count, [&](const Event* from, const Event* to) { sealed.push_back({from, to, false}); });
    tree_.append(sealed);
    ring_.pop_front(count);
    events -= count;
  }
  sealed_ = true;
}

// Returns what the head takes beside its events.
std::size_t Entity::write_head(SegmentWriter& writer) const {
  std::size_t written = 0;
  std::size_t fixed = head_fixed_;
  if (head_ != nullptr) {
    writer.resume(head_, head_end_, head_tail_);
    written = head_events_;
  } else {
    writer.begin(prefix());
    fixed = writer.size();
  }
  for (; written < ring_.size(); ++written) writer.append(ring_[written]);
  return fixed;
}

// Appends all events of the ring to a segment that has none. Returns for each event the most bytes that it and all
// behind it take in a segment that starts with it.
//
// Of those, only a column's first value takes other bytes there than it has taken here, as only that one has lost the
// value that it was written against.
std::vector<std::size_t> Entity::append_measured(SegmentWriter& writer) const {
  const std::vector<Storage>& columns = plan_.layout.event;
  std::vector<std::size_t> taken;
  taken.reserve(ring_.size());
  for (std::size_t at = 0; at < ring_.size(); ++at) {
    taken.push_back(writer.size());
    writer.append(ring_[at]);
  }
  std::vector<std::size_t> first_values(columns.size());
  std::size_t first_value_bytes = 0;
  for (std::size_t at = ring_.size(); at-- > 0;) {
    const Event& event = ring_[at];
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (event.values[i].null) continue;
      first_value_bytes -= first_values[i];
      first_values[i] = largest_value_size(columns[i], event.values[i]);
      first_value_bytes += first_values[i];
    }
    taken[at] = writer.size() - taken[at] + first_value_bytes;
  }
  return taken;
}

// How many events a head that has become too large is to give away: so many that it holds at least the events that rows
// look at by number, if they fit, and as many more as leave it some room. At least one.
std::size_t Entity::events_to_seal(const std::vector<std::size_t>& taken, std::size_t room) const {
  const std::size_t events = taken.size();
  // The earliest start with which the events behind it take no more bytes, going back no further than `most` events.
  const auto start_within = [&](std::size_t bytes, std::size_t most) {
    std::size_t start = events;
    while (start > 0 && events - start < most && taken[start - 1] <= bytes) --start;
    return start;
  };
  const auto needed = static_cast<std::size_t>(plan_.rows_needed);
  const std::size_t with_needed = start_within(needed_share(room), needed);
  std::size_t start = start_within(room / 2, any_number);
  if (events - with_needed >= needed) start = std::min(start, with_needed);
  return std::max<std::size_t>(start, 1);
}

// The size that a head of `size` bytes may keep: light, unless the events that rows look at by number, as large as
// those that are there, would not fit.
std::size_t Entity::head_limit(std::size_t size_now, std::size_t fixed) const {
  if (size_now <= light_head || ring_.empty()) return light_head;
  const double needed = static_cast<double>(size_now - fixed) / static_cast<double>(ring_.size()) *
                        static_cast<double>(plan_.rows_needed);
  return needed <= static_cast<double>(needed_share(room_for_events(light_head, fixed))) ? light_head : largest_head;
}

// `writer` holds the head as it would be written, `fixed` bytes of it beside the events; before and after.
void Entity::seal_what_does_not_fit(SegmentWriter& writer, std::size_t fixed) {
  const std::size_t limit = head_limit(writer.size(), fixed);
  for (;;) {
    const std::size_t room = room_for_events(limit, fixed);
    if (ring_.empty() || writer.size() <= fixed + room) break;
    read_events();
    writer.begin(prefix());
    seal(events_to_seal(append_measured(writer), room));
    fixed = write_head(writer);
  }
}

void Entity::store(SegmentWriters& writers, StateSink& sink, std::optional<EventTime> keep_from) {
  tree_.settle();
  if (folds_ != nullptr) folds_->forget_runs();
  SegmentWriter& head = writers.events;
  seal_what_does_not_fit(head, write_head(head));
  if (sealed_ && keep_from && !plan_.keeps_all) tree_.expire(*keep_from, size() - plan_.rows_needed);
  sealed_ = false;
  if (tree_.changed()) {
    tree_.store(writers, sink);
    write_head(head);
  }
  sink.set_head(head.finish(capacity_for(head.size())));
  if (ring_.unread() == 0) head_ = nullptr;
}

}  // namespace feature
