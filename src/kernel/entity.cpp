// See entity.hpp.

#include "kernel/entity.hpp"

#include <algorithm>

namespace feature {

namespace {

// Events of a chunk: enough that a frame touches few chunks, few enough that one is cheap to decode.
constexpr std::int64_t chunk_events = 128;
// A head is sealed down to this size, so that the next sealing is some way off.
constexpr std::size_t sealed_head = largest_head * 3 / 4;

}  // namespace

Entity::Entity(const ListPlan& plan, std::pmr::memory_resource& memory)
    : plan_(plan), memory_(memory), ring_(memory), segments_(&memory), running_(plan.running, &memory) {
  Prefix empty;
  empty.before.values = static_cast<Value*>(memory.allocate(sizeof(Value) * std::max<std::size_t>(1, plan.layout.prefix.size())));
  std::uninitialized_fill_n(empty.before.values, plan.layout.prefix.size(), Value{});
  segments_.push_back(empty);
}

void Entity::open(const std::byte* head, std::size_t size) {
  SegmentReader reader(plan_.layout, head, size, memory_);
  segments_.assign(1, reader.prefix());
  Event event;
  while (reader.next(event)) ring_.push_back(event);
  head_ = head;
  head_end_ = reader.end();
  head_size_ = this->size();
}

bool Entity::load_earlier(ChunkSource& chunks) {
  const std::uint32_t number = segments_.front().chunks;
  if (number == 0) return false;
  const ChunkSource::Image image = chunks.load(number - 1);
  SegmentReader reader(plan_.layout, image.bytes, image.size, memory_);
  std::pmr::vector<Event> events(&memory_);
  Event event;
  while (reader.next(event)) events.push_back(event);
  const Prefix& prefix = reader.prefix();
  if (prefix.chunks != number - 1 ||
      prefix.position + static_cast<std::int64_t>(events.size()) != segments_.front().position) {
    throw CorruptState("chunks of an entity do not follow one another");
  }
  for (auto event = events.rbegin(); event != events.rend(); ++event) ring_.push_front(*event);
  segments_.insert(segments_.begin(), prefix);
  return true;
}

void Entity::load_from(std::int64_t position, ChunkSource& chunks) {
  while (first_loaded() > position && load_earlier(chunks)) {
  }
}

// After it, every event that is not loaded is earlier than `time`, or not later if inclusive.
void Entity::load_until_before(EventTime time, bool inclusive, ChunkSource& chunks) {
  while (first_loaded() > 0) {
    const EventTime newest = segments_.front().before.time;
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
  const std::uint32_t open = segments_.back().chunks;
  while (segments_.back().position > position) segments_.pop_back();
  const std::uint32_t reopened = segments_.back().chunks;
  if (reopened < open && (!invalid_ || reopened < *invalid_)) invalid_ = reopened;
  head_ = nullptr;
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
    case Bound::Kind::unbounded:
      load_from(found.last, chunks);
      return found;
    case Bound::Kind::current_row: found.first = position; break;
    case Bound::Kind::rows: found.first = std::max<std::int64_t>(0, position - frame.start.offset); break;
    case Bound::Kind::range: found.first = count_before(bounds[frame.start.offset], chunks); break;
  }
  found.last = std::max(found.first, found.last);
  if (found.first < found.last) load_from(found.first, chunks);
  return found;
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

const Accumulator& Entity::running_aggregate(const Partial& partial, std::size_t running, std::int64_t last) {
  Running& known = running_[running];
  if (known.end < first_loaded() || known.end > last) {
    known.end = first_loaded();
    known.accumulator = partial.aggregate->restore(segments_.front().before.values + partial.column, first_loaded());
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
  return &ring_[static_cast<std::size_t>(position - first_loaded())];
}

// The prefix of a segment that starts at `to`, from that of one that starts earlier and is loaded.
Prefix Entity::advance(const Prefix& prefix, std::int64_t to) const {
  Prefix next = prefix;
  next.position = to;
  next.before.values = static_cast<Value*>(memory_.allocate(sizeof(Value) * std::max<std::size_t>(1, plan_.layout.prefix.size())));
  std::uninitialized_fill_n(next.before.values, plan_.layout.prefix.size(), Value{});
  if (to > prefix.position) next.before.time = ring_[static_cast<std::size_t>(to - 1 - first_loaded())].time;
  for (const Partial& partial : plan_.partials) {
    Accumulator accumulator = partial.aggregate->restore(prefix.before.values + partial.column, prefix.position);
    fold_events(*partial.aggregate, prefix.position, to, accumulator);
    partial.aggregate->save(accumulator, next.before.values + partial.column, memory_);
  }
  return next;
}

// Where a head that has become too large is to start: so that it holds at least the events that rows look at by number,
// if they fit, and as many more as leave it some room.
std::int64_t Entity::choose_head_start() const {
  const std::int64_t open = segments_.back().position;
  const std::int64_t base = first_loaded();
  std::size_t bytes = record_size(plan_.layout.prefix, segments_.back().before) + SegmentWriter::trailer_size + 64;
  std::int64_t start = size();
  while (start > open) {
    bytes += record_size(plan_.layout.event, ring_[static_cast<std::size_t>(start - 1 - base)]);
    const bool needed = size() - start < plan_.rows_needed;
    if (bytes > (needed ? largest_head - largest_head / 16 : sealed_head)) break;
    --start;
  }
  return start;
}

void Entity::store(SegmentWriter& writer, SegmentSink& sink) {
  if (invalid_) sink.remove_chunks_from(*invalid_);

  const auto append = [&](std::int64_t from, std::int64_t to) {
    for (std::int64_t at = from; at < to; ++at) writer.append(ring_[static_cast<std::size_t>(at - first_loaded())]);
  };
  if (head_ != nullptr) {
    writer.resume(head_, head_end_);
    append(head_size_, size());
  } else {
    writer.begin(segments_.back());
    append(segments_.back().position, size());
  }

  if (writer.size() > largest_head) {
    const std::int64_t head_start = choose_head_start();
    while (segments_.back().position < head_start) {
      const Prefix& chunk = segments_.back();
      const std::int64_t end = std::min(head_start, chunk.position + chunk_events);
      writer.begin(chunk);
      append(chunk.position, end);
      const std::uint32_t number = chunk.chunks;
      Prefix next = advance(chunk, end);
      next.chunks = number + 1;
      sink.add_chunk(number, writer.finish(writer.size()));
      segments_.push_back(next);
    }
    writer.begin(segments_.back());
    append(segments_.back().position, size());
  }
  sink.set_head(writer.finish(capacity_for(writer.size())));
  head_ = nullptr;
  invalid_.reset();
}

}  // namespace feature
