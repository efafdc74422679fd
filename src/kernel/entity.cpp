// See entity.hpp.

#include "kernel/entity.hpp"

#include <algorithm>

namespace feature {

namespace {

// The most events of a chunk: enough that a frame touches few chunks, few enough that one is cheap to decode.
constexpr std::int64_t chunk_events = 128;
// Events that rows look at by number stay in the head if they fit this share of it.
constexpr std::size_t needed_share(std::size_t limit) { return limit * 7 / 8; }
// What a head may hold beside a prefix that takes most of it. Such heads leave their page anyway.
constexpr std::size_t least_room = 2048;

// No entity has more events than this; a larger number in an image would overflow what is computed from it.
constexpr std::int64_t most_events = std::int64_t{1} << 62;

void check_prefix(const Prefix& prefix) {
  // No chunk is empty, so there are at least as many events as chunks, and none of the one without the other.
  if ((prefix.position == 0) != (prefix.chunks == 0) || prefix.position < prefix.chunks ||
      prefix.position > most_events) {
    throw CorruptState("position and chunk number of an entity's segment contradict each other");
  }
}

}  // namespace

Entity::Entity(const ListPlan& plan, std::pmr::memory_resource& memory)
    : plan_(plan), memory_(memory), ring_(memory), sealed_(&memory), running_(plan.running, &memory) {
  open_.before.values = prefix_values();
}

Value* Entity::prefix_values() const {
  const std::size_t count = plan_.layout.prefix.size();
  auto* values = static_cast<Value*>(memory_.allocate(sizeof(Value) * std::max<std::size_t>(1, count)));
  std::uninitialized_fill_n(values, count, Value{});
  return values;
}

void Entity::open(const std::byte* head, std::size_t size) {
  SegmentReader reader(plan_.layout, head, size, memory_);
  check_prefix(reader.prefix());
  open_ = reader.prefix();
  Event event;
  while (reader.next(event)) ring_.push_back(event);
  head_ = head;
  head_end_ = reader.end();
  head_tail_ = reader.tail();
  head_size_ = this->size();
}

bool Entity::load_earlier(ChunkSource& chunks) {
  const std::uint32_t number = earliest().chunks;
  if (number == 0) return false;
  const ChunkSource::Image image = chunks.load(number - 1);
  SegmentReader reader(plan_.layout, image.bytes, image.size, memory_);
  const Prefix& prefix = reader.prefix();
  check_prefix(prefix);
  std::pmr::vector<Event> events(&memory_);
  events.reserve(chunk_events);
  Event event;
  while (reader.next(event)) events.push_back(event);
  if (prefix.chunks != number - 1 || events.empty() ||
      prefix.position + static_cast<std::int64_t>(events.size()) != first_loaded()) {
    throw CorruptState("chunks of an entity do not follow one another");
  }
  for (auto event = events.rbegin(); event != events.rend(); ++event) ring_.push_front(*event);
  sealed_.push_back(prefix);
  return true;
}

void Entity::load_from(std::int64_t position, ChunkSource& chunks) {
  while (first_loaded() > position && load_earlier(chunks)) {
  }
}

// After it, every event that is not loaded is earlier than `time`, or not later if inclusive.
void Entity::load_until_before(EventTime time, bool inclusive, ChunkSource& chunks) {
  while (first_loaded() > 0) {
    const EventTime newest = earliest().before.time;
    if (newest < time || (inclusive && newest == time)) return;
    if (!load_earlier(chunks)) return;
  }
}

std::int64_t Entity::count_before(EventTime time, ChunkSource& chunks) {
  load_until_before(time, false, chunks);
  return first_loaded() + static_cast<std::int64_t>(ring_.count_before(time));
}

std::int64_t Entity::count_until(EventTime time, ChunkSource& chunks) {
  load_until_before(time, true, chunks);
  return first_loaded() + static_cast<std::int64_t>(ring_.count_until(time));
}

std::int64_t Entity::add(const Event& event, ChunkSource& chunks) {
  const std::int64_t position = count_until(event.time, chunks);
  const bool appended = position == size();
  ring_.insert(static_cast<std::size_t>(position - first_loaded()), event);
  if (appended) return position;
  // What was folded beyond the new event no longer holds, and its segment is no longer as stored.
  for (Running& running : running_) {
    if (running.end > position) running.end = -1;
  }
  unseal(position);
  return position;
}

// A late event in a sealed segment opens it again, with all that follow. One at the very start of a segment opens just
// that one: its prefix stays true, as nothing before it has changed.
void Entity::unseal(std::int64_t position) {
  head_ = nullptr;
  if (open_.position <= position) return;
  const auto reopened = std::find_if(sealed_.begin(), sealed_.end(),
                                     [&](const Prefix& prefix) { return prefix.position <= position; });
  open_ = *reopened;
  sealed_.erase(sealed_.begin(), reopened + 1);
  if (!invalid_ || open_.chunks < *invalid_) invalid_ = open_.chunks;
}

Positions Entity::locate(const Frame& frame, std::int64_t position, const EventTime* bounds, ChunkSource& chunks) {
  Positions found;
  switch (frame.end.kind) {
    case Bound::Kind::unbounded:
    case Bound::Kind::current_row: found.last = position + 1; break;
    case Bound::Kind::rows: found.last = std::max<std::int64_t>(0, position + 1 - frame.end.offset); break;
    case Bound::Kind::range: found.last = std::min(position + 1, count_until(bounds[frame.end.offset], chunks)); break;
  }
  switch (frame.start.kind) {
    case Bound::Kind::unbounded: break;
    case Bound::Kind::current_row: found.first = position; break;
    case Bound::Kind::rows: found.first = std::max<std::int64_t>(0, position - frame.start.offset); break;
    case Bound::Kind::range: found.first = count_before(bounds[frame.start.offset], chunks); break;
  }
  // The row's own event is the last that a frame can hold, its peers are those right before it: what is left out is at
  // the frame's end.
  const bool holds_row = found.first <= position && position < found.last;
  switch (frame.exclude) {
    case Exclude::nothing: break;
    case Exclude::current_row: found.last = std::min(found.last, position); break;
    case Exclude::group: found.last = std::min(found.last, first_peer(position, chunks)); break;
    case Exclude::ties:
      found.last = std::min(found.last, first_peer(position, chunks));
      found.self = holds_row;
      break;
  }
  found.last = std::max(found.first, found.last);
  if (frame.unbounded()) {
    load_from(found.last, chunks);
  } else if (found.first < found.last) {
    load_from(found.first, chunks);
  }
  return found;
}

std::int64_t Entity::first_peer(std::int64_t position, ChunkSource& chunks) {
  return count_before(loaded(position).time, chunks);
}

void Entity::fold_events(const Aggregate& aggregate, std::int64_t first, std::int64_t last,
                         Accumulator& accumulator) const {
  const std::int64_t base = first_loaded();
  ring_.visit(static_cast<std::size_t>(first - base), static_cast<std::size_t>(last - base),
              [&](const Event* from, const Event* to) { aggregate.fold(accumulator, from, to); });
}

Accumulator Entity::aggregate(const Aggregate& aggregate, Positions positions) const {
  Accumulator accumulator;
  if (positions.first < positions.last) fold_events(aggregate, positions.first, positions.last, accumulator);
  return accumulator;
}

// The newest loaded segment that starts at or before a position.
const Prefix& Entity::newest_until(std::int64_t position) const {
  if (open_.position <= position || sealed_.empty()) return open_;
  const auto found = std::find_if(sealed_.begin(), sealed_.end(),
                                  [&](const Prefix& prefix) { return prefix.position <= position; });
  return found == sealed_.end() ? sealed_.back() : *found;
}

const Accumulator& Entity::running_aggregate(const Partial& partial, std::size_t running, std::int64_t last) {
  Running& known = running_[running];
  if (known.end < first_loaded() || known.end > last) {
    const Prefix& prefix = newest_until(last);
    known.end = prefix.position;
    known.accumulator = partial.aggregate->restore(prefix.before.values + partial.column, prefix.position);
  }
  if (known.end < last) {
    fold_events(*partial.aggregate, known.end, last, known.accumulator);
    known.end = last;
  }
  return known.accumulator;
}

const Event* Entity::at(std::int64_t position, ChunkSource& chunks) {
  if (position < 0) return nullptr;
  load_from(position, chunks);
  return &loaded(position);
}

// The prefix of a segment that starts at `to`, from that of one that starts earlier and is loaded.
Prefix Entity::advance(const Prefix& prefix, std::int64_t to) const {
  Prefix next = prefix;
  next.position = to;
  next.before.values = prefix_values();
  if (to > prefix.position) next.before.time = loaded(to - 1).time;
  for (const Partial& partial : plan_.partials) {
    Accumulator accumulator = partial.aggregate->restore(prefix.before.values + partial.column, prefix.position);
    fold_events(*partial.aggregate, prefix.position, to, accumulator);
    partial.aggregate->save(accumulator, next.before.values + partial.column, memory_);
  }
  return next;
}

// Appends the events from `open` on to a segment that starts there. Returns for each event the most bytes that it and all
// behind it take in a segment that starts with it.
//
// Of those, only a column's first value takes other bytes there than it has taken here, as only that one has lost the
// value that it was written against.
std::vector<std::size_t> Entity::append_measured(SegmentWriter& writer, std::int64_t open) const {
  const std::vector<Storage>& columns = plan_.layout.event;
  std::vector<std::size_t> taken;
  taken.reserve(static_cast<std::size_t>(size() - open));
  for (std::int64_t at = open; at < size(); ++at) {
    taken.push_back(writer.size());
    writer.append(loaded(at));
  }
  std::vector<std::size_t> first_values(columns.size());
  std::size_t first_value_bytes = 0;
  for (std::int64_t at = size(); at-- > open;) {
    const Event& event = loaded(at);
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (event.values[i].null) continue;
      first_value_bytes -= first_values[i];
      first_values[i] = largest_value_size(columns[i], event.values[i]);
      first_value_bytes += first_values[i];
    }
    std::size_t& bytes = taken[static_cast<std::size_t>(at - open)];
    bytes = writer.size() - bytes + first_value_bytes;
  }
  return taken;
}

// Where a head that has become too large is to start: so that it holds at least the events that rows look at by number,
// if they fit, and as many more as leave it some room. Always behind its present start.
std::int64_t Entity::choose_head_start(const std::vector<std::size_t>& taken, std::size_t fixed,
                                       std::size_t limit) const {
  const auto events = static_cast<std::int64_t>(taken.size());
  // The earliest start with which the events behind it fit a limit, going back no further than `most` events.
  const auto start_within = [&](std::size_t bytes, std::int64_t most) {
    const std::size_t room = std::max(bytes, fixed + least_room * bytes / limit) - fixed;
    std::int64_t start = events;
    while (start > 0 && events - start < most && taken[static_cast<std::size_t>(start - 1)] <= room) --start;
    return start;
  };
  const std::int64_t with_needed = start_within(needed_share(limit), plan_.rows_needed);
  std::int64_t start = start_within(limit / 2, most_events);
  if (events - with_needed >= plan_.rows_needed) start = std::min(start, with_needed);
  return size() - events + std::max<std::int64_t>(start, 1);
}

// The size that a head of `size` bytes may keep: light, unless the events that rows look at by number, as large as those
// that are there, would not fit.
std::size_t Entity::head_limit(std::size_t size_now) const {
  const std::int64_t events = size() - open_.position;
  if (size_now <= light_head || events == 0) return light_head;
  const double needed = static_cast<double>(size_now) / static_cast<double>(events) * static_cast<double>(plan_.rows_needed);
  return needed <= static_cast<double>(needed_share(light_head)) ? light_head : largest_head;
}

void Entity::store(SegmentWriter& writer, SegmentSink& sink) {
  if (invalid_) sink.remove_chunks_from(*invalid_);

  const auto append = [&](std::int64_t from, std::int64_t to) {
    for (std::int64_t at = from; at < to; ++at) writer.append(loaded(at));
  };
  if (head_ != nullptr) {
    writer.resume(head_, head_end_, head_tail_);
    append(head_size_, size());
  } else {
    writer.begin(open_);
    append(open_.position, size());
  }

  Prefix open = open_;
  const std::size_t limit = head_limit(writer.size());
  while (writer.size() > limit && open.position < size()) {
    writer.begin(open);
    const std::size_t fixed = writer.size();
    const std::vector<std::size_t> taken = append_measured(writer, open.position);
    if (writer.size() <= std::max(limit, fixed + least_room)) break;
    const std::int64_t head_start = choose_head_start(taken, fixed, limit);
    while (open.position < head_start) {
      const std::int64_t end = std::min(head_start, open.position + chunk_events);
      writer.begin(open);
      append(open.position, end);
      sink.add_chunk(open.chunks, writer.finish(writer.size()));
      const std::uint32_t next = open.chunks + 1;
      open = advance(open, end);
      open.chunks = next;
    }
    writer.begin(open);
    append(open.position, size());
  }
  sink.set_head(writer.finish(capacity_for(writer.size())));
  head_ = nullptr;
  invalid_.reset();
}

}  // namespace feature
