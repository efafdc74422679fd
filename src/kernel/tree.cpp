// See tree.hpp.

#include "kernel/tree.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace feature {

namespace {

// Children of a full node: enough that trees are low, few enough that a node is cheap to decode and to rewrite. Where
// summaries are large (sketches), bytes decide.
constexpr std::size_t node_children = 64;
constexpr std::size_t least_children = 8;
constexpr std::size_t node_bytes = 4096;
// A saved state over this size is left out of a summary: it costs more than the events that it stands for.
constexpr std::size_t largest_saved = 32768;

// No entity has more events than this; a larger number in an image would overflow what is computed from it.
constexpr std::int64_t most_events = std::int64_t{1} << 62;
constexpr std::uint8_t most_levels = 32;

// The finaliser of SplitMix64 (G. Steele, D. Lea, C. Flood 2014, "Fast splittable pseudorandom number generators").
std::uint64_t hash_word(std::uint64_t word) {
  word += 0x9e3779b97f4a7c15U;
  word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9U;
  word = (word ^ word >> 27) * 0x94d049bb133111ebU;
  return word ^ word >> 31;
}

// By the bytes that a value of this storage has; those of its word beyond them may be anything.
std::uint64_t hash_value(Storage storage, Word word) {
  switch (storage) {
    case Storage::int8: return hash_word(word & 0xFF);
    case Storage::int16: return hash_word(word & 0xFFFF);
    case Storage::int32:
    case Storage::float32: return hash_word(word & 0xFFFFFFFF);
    case Storage::int64:
    case Storage::float64: return hash_word(word);
    case Storage::bytes: break;
  }
  const Blob& blob = Blob::of(word);
  std::uint64_t hash = hash_word(blob.size);
  for (std::size_t at = 0; at < blob.size; at += sizeof(Word)) {
    Word part = 0;
    std::memcpy(&part, blob.data + at, std::min(sizeof part, blob.size - at));
    hash = hash_word(hash ^ part);
  }
  return hash;
}

[[noreturn]] void contradiction() { throw CorruptState("nodes of an entity's state contradict each other"); }

}  // namespace

Tree::Tree(const ListPlan& plan, std::pmr::memory_resource& memory, NodeSource& source)
    : plan_(plan), memory_(memory), source_(source) {
  prefix_.before.values = prefix_values();
  left_.before.values = prefix_.before.values;  // never written to: both stand for no events
}

void Tree::open(const Prefix& head) {
  if ((head.position == 0) != (head.level == 0) || head.position > most_events || head.level > most_levels ||
      (head.level > 0 && head.node >= head.next)) {
    throw CorruptState("an entity's state contradicts itself");
  }
  prefix_ = head;
}

const Prefix& Tree::left() {
  if (prefix_.level > 0) static_cast<void>(root());
  return left_;
}

Value* Tree::prefix_values() const {
  const std::size_t count = plan_.layout.prefix.size();
  if (count == 0) return nullptr;
  auto* values = static_cast<Value*>(memory_.allocate(sizeof(Value) * count, alignof(Value)));
  std::uninitialized_fill_n(values, count, Value{});
  return values;
}

void Tree::events_left() { throw EventsLeft("events before this time are no longer kept in the entity's state"); }

// ---- nodes

Tree::Node& Tree::make_node(std::uint8_t level) {
  // A number is stored as an int32.
  if (prefix_.next == std::uint32_t{std::numeric_limits<std::int32_t>::max()}) {
    throw OutOfRange("too many nodes in an entity's state");
  }
  return *new (memory_.allocate(sizeof(Node), alignof(Node))) Node(prefix_.next++, level, memory_);
}

Tree::Node& Tree::load(std::uint32_t number, std::uint8_t level) {
  const NodeSource::Image image = source_.load(number);
  SegmentReader reader(level == 0 ? plan_.layout : plan_.summaries, image.bytes, image.size, memory_);
  const Prefix& prefix = reader.prefix();
  if (prefix.node != number || prefix.level != level) contradiction();
  Node& node = *new (memory_.allocate(sizeof(Node), alignof(Node))) Node(number, level, memory_);
  node.stored = true;
  node.changed = false;
  node.records.reserve(level == 0 ? leaf_events : node_children);
  for (Event record; reader.next(record);) node.records.push_back(record);
  if (node.records.empty() && (level > 0 || prefix.position == 0)) contradiction();
  if (level > 0) {
    node.children.resize(node.records.size());
    node.ends.reserve(node.records.size());
    std::int64_t end = 0;
    for (const Event& record : node.records) {
      const auto count = from_word<std::int64_t>(record.values[count_column].word);
      if (count <= 0 || count > most_events - end) contradiction();
      node.ends.push_back(end += count);
      for (const Measure& measure : plan_.measures) {
        node.complete = node.complete && (measure.summary == Measure::not_summarised ||
                                          measure.aggregate->is_saved(record.values + measure.summary));
      }
    }
  }
  if (number == prefix_.node && root_ == nullptr) {
    left_ = prefix;
    left_digest_ = prefix.next | std::uint64_t{prefix.late} << 32;
  }
  return node;
}

Tree::Node& Tree::root() {
  if (root_ == nullptr) {
    Node& loaded = load(prefix_.node, static_cast<std::uint8_t>(prefix_.level - 1));
    const EventTime newest = loaded.records.empty() ? left_.before.time : loaded.records.back().time;
    if (left_.position < 0 || left_.position + loaded.count() != prefix_.position || newest != prefix_.before.time) {
      contradiction();
    }
    root_ = &loaded;
  }
  return *root_;
}

Tree::Node& Tree::child(Node& node, std::size_t index) {
  Node*& known = node.children[index];
  if (known == nullptr) {
    const Event& record = node.records[index];
    const auto number = from_word<std::uint32_t>(record.values[number_column].word);
    if (number >= prefix_.next) contradiction();
    Node& loaded = load(number, static_cast<std::uint8_t>(node.level - 1));
    if (loaded.count() != node.ends[index] - node.start_of(index) || loaded.records.back().time != record.time) {
      contradiction();
    }
    known = &loaded;
  }
  return *known;
}

// ---- questions

// The number of events before the first for which before(time) is false, among those that are kept.
template <class Before>
std::int64_t Tree::count(Before before) {
  const auto first_not_before = [&](const Node& node) {
    const auto found = std::partition_point(node.records.begin(), node.records.end(),
                                            [&](const Event& record) { return before(record.time); });
    return static_cast<std::size_t>(found - node.records.begin());
  };
  Node* node = &root();
  std::int64_t count = left_.position;
  while (node->level > 0) {
    const std::size_t index = first_not_before(*node);
    if (index == node->records.size()) return count + node->count();
    count += node->start_of(index);
    node = &child(*node, index);
  }
  return count + static_cast<std::int64_t>(first_not_before(*node));
}

std::int64_t Tree::count_before(EventTime time) {
  if (left().position > 0 && time <= left_.before.time) events_left();
  return count([time](EventTime other) { return other < time; });
}

std::int64_t Tree::count_until(EventTime time) {
  if (left().position > 0 && time < left_.before.time) events_left();
  return count([time](EventTime other) { return other <= time; });
}

const Event& Tree::at(std::int64_t position) {
  Node* node = &root();
  std::int64_t offset = position - left_.position;
  if (offset < 0) events_left();
  while (node->level > 0) {
    const auto found = std::upper_bound(node->ends.begin(), node->ends.end(), offset);
    const auto index = static_cast<std::size_t>(found - node->ends.begin());
    offset -= node->start_of(index);
    node = &child(*node, index);
  }
  return node->records[static_cast<std::size_t>(offset)];
}

namespace {

void add_run(std::vector<Run>& runs, const Event* first, const Event* last, bool summaries) {
  if (!runs.empty() && runs.back().last == first && runs.back().summaries == summaries) {
    runs.back().last = last;
  } else {
    runs.push_back({first, last, summaries});
  }
}

}  // namespace

bool Tree::collect(std::int64_t first, std::int64_t last, const Measure& measure, std::vector<Run>& runs) {
  if (first >= last) return true;
  if (first < left().position) events_left();
  return collect(*root_, left_.position, first, last, measure, runs);
}

bool Tree::collect(Node& node, std::int64_t start, std::int64_t first, std::int64_t last, const Measure& measure,
                   std::vector<Run>& runs) {
  if (node.level == 0) {
    const std::int64_t from = std::max<std::int64_t>(first - start, 0);
    const std::int64_t to = std::min(last - start, node.count());
    add_run(runs, node.records.data() + from, node.records.data() + to, false);
    return true;
  }
  const bool summarised = measure.summary != Measure::not_summarised;
  bool shared = true;
  auto index = static_cast<std::size_t>(std::upper_bound(node.ends.begin(), node.ends.end(), first - start) -
                                        node.ends.begin());
  for (; index < node.records.size(); ++index) {
    const std::int64_t from = start + node.start_of(index);
    const std::int64_t to = start + node.ends[index];
    if (from >= last) break;
    const bool whole = summarised && first <= from && to <= last &&
                       (node.children[index] == nullptr || !node.children[index]->stale);
    if (whole && !node.complete) shared = false;
    if (whole && (node.complete || measure.aggregate->is_saved(node.records[index].values + measure.summary))) {
      const Event* record = node.records.data() + index;
      add_run(runs, record, record + 1, true);
    } else {
      shared = collect(child(node, index), from, first, last, measure, runs) && shared;
    }
  }
  return shared;
}

// ---- late events

void Tree::insert(std::int64_t position, const Event& event) {
  if (position < left().position) events_left();
  insert(*root_, position - left_.position, event);
  ++prefix_.position;
  prefix_.before.time = std::max(prefix_.before.time, event.time);
  partials_stale_ = true;
}

void Tree::insert(Node& node, std::int64_t position, const Event& event) {
  node.changed = true;
  node.stale = true;
  if (node.level == 0) {
    node.records.insert(node.records.begin() + position, event);
    return;
  }
  // Between two children it goes to the earlier one.
  const auto found = std::lower_bound(node.ends.begin(), node.ends.end(), position);
  const auto index = static_cast<std::size_t>(found - node.ends.begin());
  insert(child(node, index), position - node.start_of(index), event);
  node.records[index].time = std::max(node.records[index].time, event.time);
  for (std::size_t i = index; i < node.ends.size(); ++i) ++node.ends[i];
}

// ---- removal

void Tree::remove(std::int64_t position) {
  if (position < left().position) events_left();
  remove(*root_, position - left_.position);
  --prefix_.position;
  partials_stale_ = true;
  if (root_->records.empty()) {
    become_empty();
  } else {
    prefix_.before.time = root_->records.back().time;
  }
}

// Changes nothing before all nodes on the path are there.
void Tree::remove(Node& node, std::int64_t position) {
  if (node.level == 0) {
    node.records.erase(node.records.begin() + position);
  } else {
    const auto found = std::upper_bound(node.ends.begin(), node.ends.end(), position);
    const auto index = static_cast<std::size_t>(found - node.ends.begin());
    Node& below = child(node, index);
    remove(below, position - node.start_of(index));
    for (std::size_t i = index; i < node.ends.size(); ++i) --node.ends[i];
    if (below.records.empty()) {
      drop_child(node, index);
    } else {
      node.records[index].time = below.records.back().time;
    }
  }
  node.changed = true;
  node.stale = true;
}

// The last event is gone. The root stays where it has to tell of events that have left.
void Tree::become_empty() {
  if (left_.position > 0) {
    root_->level = 0;
    prefix_.level = 1;
    prefix_.before.time = left_.before.time;
    return;
  }
  if (root_->stored) removed_.push_back(root_->number);
  root_ = nullptr;
  prefix_ = {0, 0, 0, prefix_.next, prefix_.late, {{}, prefix_values()}};
  partials_stale_ = false;
}

// A child of a node is no longer, with all that is below it. It is loaded.
void Tree::drop_child(Node& node, std::size_t index) {
  const Node& dropped = *node.children[index];
  const std::int64_t count = node.ends[index] - node.start_of(index);
  if (dropped.stored) removed_.push_back(dropped.number);
  const auto place = static_cast<std::ptrdiff_t>(index);
  node.records.erase(node.records.begin() + place);
  node.children.erase(node.children.begin() + place);
  node.ends.erase(node.ends.begin() + place);
  for (std::size_t i = index; i < node.ends.size(); ++i) node.ends[i] -= count;
  node.changed = true;
}

// A root of one child gives way to it.
void Tree::shrink() {
  while (root_->level > 0 && root_->records.size() == 1) {
    Node& only = child(*root_, 0);
    if (root_->stored) removed_.push_back(root_->number);
    root_ = &only;
    root_->changed = true;  // it is to say what has left
    prefix_.node = only.number;
    --prefix_.level;
  }
}

// ---- settling

void Tree::settle() {
  for (const Event& event : std::exchange(unsettled_left_, {})) {
    left_digest_ += digest(&event, &event + 1);
    extend_left(0, event.time, [&](const Partial& partial, Accumulator& accumulator) {
      plan_.measures[partial.measure].aggregate->fold(accumulator, &event, &event + 1);
    });
  }
  if (root_ != nullptr && root_->stale) {
    settle(*root_);
    if (is_overfull(*root_)) grow(split(*root_));
    shrink();
  }
  if (partials_stale_) compute_partials();
}

void Tree::settle(Node& node) {
  node.stale = false;
  for (std::size_t i = 0; i < node.children.size(); ++i) {
    Node* changed = node.children[i];
    if (changed == nullptr || !changed->stale) continue;
    settle(*changed);
    if (is_overfull(*changed)) {
      add_child(node, i + 1, split(*changed), node.ends[i]);
      node.ends[i] = node.start_of(i) + changed->count();
    }
    summarise(node, i);
  }
}

// The newer half of a node, as a node of its own.
Tree::Node& Tree::split(Node& node) {
  Node& newer = make_node(node.level);
  const auto half = static_cast<std::ptrdiff_t>(node.records.size() / 2);
  newer.records.assign(node.records.begin() + half, node.records.end());
  node.records.resize(static_cast<std::size_t>(half));
  newer.complete = node.complete;
  if (node.level > 0) {
    newer.children.assign(node.children.begin() + half, node.children.end());
    for (auto end = node.ends.begin() + half; end != node.ends.end(); ++end) {
      newer.ends.push_back(*end - node.ends[static_cast<std::size_t>(half) - 1]);
    }
    node.children.resize(static_cast<std::size_t>(half));
    node.ends.resize(static_cast<std::size_t>(half));
  }
  return newer;
}

// ---- summaries

// A record for a child, in front of the record at `index`; its events end at `end`, those of the others where they did.
void Tree::add_child(Node& node, std::size_t index, Node& child, std::int64_t end) {
  const std::size_t columns = plan_.summaries.event.size();
  auto* values = static_cast<Value*>(memory_.allocate(sizeof(Value) * columns, alignof(Value)));
  std::uninitialized_fill_n(values, columns, Value{});
  const auto place = static_cast<std::ptrdiff_t>(index);
  node.records.insert(node.records.begin() + place, Event{{}, values});
  node.children.insert(node.children.begin() + place, &child);
  node.ends.insert(node.ends.begin() + place, end);
  node.changed = true;
  summarise(node, index);
}

void Tree::append_child(Node& node, Node& child) {
  const std::size_t index = node.records.size();
  add_child(node, index, child, node.start_of(index) + child.count());
}

// Writes into a node's record what its loaded child holds.
void Tree::summarise(Node& node, std::size_t index) {
  const Node& child = *node.children[index];
  Event& record = node.records[index];
  record.time = child.records.back().time;
  record.values[count_column] = {to_word(child.count()), false};
  record.values[number_column] = {to_word(child.number), false};
  node.changed = true;
  const Event* first = child.records.data();
  const Event* last = first + child.records.size();
  for (const Measure& measure : plan_.measures) {
    if (measure.summary == Measure::not_summarised) continue;
    const std::vector<Storage> storages = measure.aggregate->saved();
    Value* saved = record.values + measure.summary;
    std::fill_n(saved, storages.size(), Value{});
    bool fits = child.level == 0 || child.complete ||
                std::all_of(first, last, [&](const Event& below) {
                  return measure.aggregate->is_saved(below.values + measure.summary);
                });
    if (fits) {
      try {
        Accumulator accumulator;
        if (child.level == 0) {
          measure.aggregate->fold(accumulator, first, last);
        } else {
          measure.aggregate->combine(accumulator, first, last, measure.summary);
        }
        measure.aggregate->save(accumulator, saved, memory_);
      } catch (const OutOfRange&) {
        // No frame may ever hold all of these: whoever asks for them sees the events, and the error if there is one.
        fits = false;
      }
    }
    for (std::size_t i = 0; i < storages.size(); ++i) {
      fits = fits && (storages[i] != Storage::bytes || saved[i].null || Blob::of(saved[i].word).size <= largest_saved);
    }
    if (!fits) std::fill_n(saved, storages.size(), Value{});
    node.complete = node.complete && measure.aggregate->is_saved(saved);
  }
}

// Partial results over what lies before a leaf, with that leaf's events taken in. O(events of the leaf).
void Tree::advance(const Prefix& from, Prefix& to, const Node& leaf) {
  Value* values = prefix_values();
  for (const Partial& partial : plan_.partials) {
    const Aggregate& aggregate = *plan_.measures[partial.measure].aggregate;
    Accumulator accumulator = aggregate.restore(from.before.values + partial.column, from.position);
    aggregate.fold(accumulator, leaf.records.data(), leaf.records.data() + leaf.records.size());
    aggregate.save(accumulator, values + partial.column, memory_);
  }
  const EventTime last = leaf.records.back().time;
  to.before = {from.position > 0 ? std::max(from.before.time, last) : last, values};
  to.position = from.position + leaf.count();
}

void Tree::compute_partials() {
  Value* values = prefix_values();
  std::vector<Run> runs;
  for (const Partial& partial : plan_.partials) {
    const Measure& measure = plan_.measures[partial.measure];
    runs.clear();
    static_cast<void>(collect(left().position, prefix_.position, measure, runs));
    Accumulator accumulator = measure.aggregate->restore(left_.before.values + partial.column, left_.position);
    for (const Run& run : runs) {
      source_.pause();
      if (run.summaries) {
        measure.aggregate->combine(accumulator, run.first, run.last, measure.summary);
      } else {
        measure.aggregate->fold(accumulator, run.first, run.last);
      }
    }
    measure.aggregate->save(accumulator, values + partial.column, memory_);
  }
  prefix_.before.values = values;
  partials_stale_ = false;
}

// ---- sealing

void Tree::append(const std::vector<Run>& events) {
  const bool refilled = prefix_.level == 1 && root().records.empty();
  Node& leaf = refilled ? *root_ : make_node(0);
  for (const Run& run : events) leaf.records.insert(leaf.records.end(), run.first, run.last);
  leaf.changed = true;
  if (prefix_.level == 0) {
    root_ = &leaf;
    prefix_.node = leaf.number;
    prefix_.level = 1;
  } else if (Node* sibling = refilled ? nullptr : append(root(), leaf)) {
    grow(*sibling);
  }
  advance(prefix_, prefix_, leaf);
}

// Puts a leaf below a node, at its new end. If there is no room, returns a new sibling of the node that holds it.
Tree::Node* Tree::append(Node& node, Node& leaf) {
  if (node.level == 0) return &leaf;
  Node* added = &leaf;
  if (node.level > 1) {
    const std::size_t last = node.records.size() - 1;
    added = append(child(node, last), leaf);
    if (added == nullptr) {
      node.ends[last] = node.start_of(last) + node.children[last]->count();
      summarise(node, last);
      return nullptr;
    }
  }
  if (!is_full(node)) {
    append_child(node, *added);
    return nullptr;
  }
  Node& sibling = make_node(node.level);
  append_child(sibling, *added);
  return &sibling;
}

// A new root over the old one and a newer sibling of that.
void Tree::grow(Node& sibling) {
  if (prefix_.level == most_levels) throw OutOfRange("too many levels in an entity's state");
  Node& over = make_node(static_cast<std::uint8_t>(root_->level + 1));
  root_->changed = root_->changed || left_.position > 0;  // it says no longer what has left
  append_child(over, *root_);
  append_child(over, sibling);
  root_ = &over;
  prefix_.node = over.number;
  ++prefix_.level;
}

std::size_t Tree::estimated_size(const Node& node) const {
  constexpr std::size_t usual_size = 4;
  const std::vector<Storage>& columns = plan_.summaries.event;
  std::size_t size = 0;
  for (const Event& record : node.records) {
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const Value& value = record.values[i];
      size += columns[i] == Storage::bytes && !value.null ? Blob::of(value.word).size : usual_size;
    }
  }
  return size;
}

bool Tree::is_full(const Node& node) const {
  const std::size_t children = node.records.size();
  return children >= node_children || (children >= least_children && estimated_size(node) >= node_bytes);
}

bool Tree::is_overfull(const Node& node) const {
  const std::size_t records = node.records.size();
  if (node.level == 0) return records > 2 * leaf_events;
  return records > 2 * node_children || (records > 2 * least_children && estimated_size(node) > 2 * node_bytes);
}

// ---- leaving

void Tree::expire(EventTime time, std::int64_t position) {
  while (prefix_.level > 1) {
    Node* node = &root();
    while (node->level > 1) node = &child(*node, 0);
    const bool outlived = node->records.front().time < time && left_.position + node->ends.front() <= position;
    if (!outlived || (prefix_.level == 2 && node->records.size() == 1)) return;
    expire_first_leaf();
  }
}

void Tree::expire_first_leaf() {
  Node* parent = root_;
  std::vector<Node*> path;
  for (; parent->level > 1; parent = &child(*parent, 0)) path.push_back(parent);
  const Node& leaf = child(*parent, 0);
  const std::int64_t count = leaf.count();
  advance(left_, left_, leaf);
  left_digest_ += digest(leaf.records.data(), leaf.records.data() + leaf.records.size());
  drop_child(*parent, 0);
  // From below, so that each ancestor sees its child as it is now.
  for (; !path.empty(); path.pop_back()) {
    Node& node = *path.back();
    for (std::int64_t& end : node.ends) end -= count;
    if (parent->records.empty()) {
      drop_child(node, 0);
    } else {
      summarise(node, 0);
    }
    parent = &node;
  }
  root_->changed = true;
  shrink();
}

// More events have left, the newest of them at `time`: `take` puts them into each partial result.
template <class Take>
void Tree::extend_left(std::int64_t events, EventTime time, Take take) {
  static_cast<void>(root());
  Value* values = prefix_values();
  for (const Partial& partial : plan_.partials) {
    const Aggregate& aggregate = *plan_.measures[partial.measure].aggregate;
    Accumulator accumulator = aggregate.restore(left_.before.values + partial.column, left_.position);
    take(partial, accumulator);
    aggregate.save(accumulator, values + partial.column, memory_);
  }
  left_.before = {left_.position > 0 ? std::max(left_.before.time, time) : time, values};
  left_.position += events;
  prefix_.position += events;
  partials_stale_ = true;
  root_->changed = true;
}

void Tree::add_left(const Event& event) {
  unsettled_left_.push_back(event);
  static_cast<void>(root());
  ++left_.position;
  ++prefix_.position;
}

void Tree::absorb_left(Tree& other) {
  settle();
  const Prefix& more = other.left();
  left_digest_ = left_digest() + other.left_digest();
  extend_left(more.position, more.before.time, [&](const Partial& partial, Accumulator& accumulator) {
    const Event& record = more.before;
    plan_.measures[partial.measure].aggregate->combine(accumulator, &record, &record + 1, partial.column);
  });
  settle();
}

std::uint64_t Tree::digest(const Event* first, const Event* last) const {
  const std::vector<Storage>& columns = plan_.layout.event;
  std::uint64_t sum = 0;
  for (; first != last; ++first) {
    std::uint64_t hash = hash_word(static_cast<Word>(first->time.time_since_epoch().count()));
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const Value& value = first->values[i];
      hash = hash_word(hash + i + (value.null ? 0 : hash_value(columns[i], value.word)));
    }
    sum += hash;
  }
  return sum;
}

void Tree::recall(const std::vector<Event>& events, const std::vector<Run>& more) {
  const Prefix gone = left();
  const std::int64_t kept = count_until(gone.before.time) - gone.position;
  const Measure by_event{nullptr};
  std::vector<Run> known;
  static_cast<void>(collect(gone.position, gone.position + kept, by_event, known));
  known.insert(known.end(), more.begin(), more.end());
  std::uint64_t expected = left_digest_;
  std::int64_t count = gone.position;
  for (const Run& run : known) {
    expected += digest(run.first, run.last);
    count += run.last - run.first;
  }
  if (static_cast<std::int64_t>(events.size()) != count ||
      digest(events.data(), events.data() + events.size()) != expected) {
    events_left();
  }
  std::vector<Run> runs;
  static_cast<void>(collect(gone.position + kept, size(), by_event, runs));
  runs.insert(runs.begin(), Run{events.data(), events.data() + events.size(), false});
  remove_nodes(*root_);

  root_ = nullptr;
  left_ = {};
  left_.before.values = prefix_values();
  left_digest_ = 0;
  prefix_ = {0, 0, 0, prefix_.next, prefix_.late, {{}, prefix_values()}};
  for (const Run& run : runs) {
    for (const Event* first = run.first; first != run.last;) {
      const Event* last = first + std::min<std::ptrdiff_t>(run.last - first, leaf_events);
      source_.pause();
      append({{first, last, false}});
      first = last;
    }
  }
}

void Tree::remove_nodes(Node& node) {
  if (node.stored) removed_.push_back(node.number);
  for (std::size_t i = 0; i < node.children.size(); ++i) remove_nodes(child(node, i));
}

// ---- storing

void Tree::store(SegmentWriters& writers, NodeSink& sink) {
  for (const std::uint32_t number : removed_) sink.remove_node(number);
  removed_.clear();
  if (root_ != nullptr) store(*root_, writers, sink);
}

void Tree::store(Node& node, SegmentWriters& writers, NodeSink& sink) {
  for (Node* below : node.children) {
    if (below != nullptr) store(*below, writers, sink);
  }
  if (!node.changed) return;
  Prefix prefix;
  if (&node == root_) {
    prefix = left_;
  } else {
    prefix.before.values = prefix_values();
  }
  prefix.node = node.number;
  prefix.level = node.level;
  prefix.next = &node == root_ ? static_cast<std::uint32_t>(left_digest_) : 0;
  prefix.late = &node == root_ ? static_cast<std::uint32_t>(left_digest_ >> 32) : 0;
  SegmentWriter& writer = node.level == 0 ? writers.events : writers.summaries;
  writer.begin(prefix);
  for (const Event& record : node.records) writer.append(record);
  const std::vector<std::byte>& image = writer.finish(writer.size());
  if (node.stored) {
    sink.replace_node(node.number, image);
  } else {
    sink.add_node(node.number, image);
  }
  node.stored = true;
  node.changed = false;
}

}  // namespace feature
