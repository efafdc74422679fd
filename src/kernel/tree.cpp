// See tree.hpp.

#include "kernel/tree.hpp"

#include <algorithm>
#include <utility>

#include "kernel/digest.hpp"

namespace feature {
namespace {

constexpr std::uint8_t most_levels = 32;

}  // namespace

Tree::Tree(const ListPlan& plan, std::pmr::memory_resource& memory, NodeSource& source)
    : plan_(plan), memory_(memory), source_(source) {
  prefix_.before.values = prefix_values();
}

Tree::Grown::Grown(const ListPlan& plan, std::pmr::memory_resource& memory, NodeSource& source, Prefix& prefix)
    : nodes(plan, memory, source, prefix.next), unsettled_left(&memory) {
  left.before.values = prefix.before.values;  // never written to: stands for no events
}

void Tree::grow_first() {
  if (grown_ == nullptr) {
    grown_ = new (memory_.allocate(sizeof(Grown), alignof(Grown))) Grown(plan_, memory_, source_, prefix_);
  }
}

void Tree::open(const Prefix& head) {
  if ((head.position == 0) != (head.level == 0) || head.position > TreeNodes::most_events || head.level > most_levels ||
      (head.level > 0 && head.node >= head.next)) {
    throw CorruptState("an entity's state contradicts itself");
  }
  prefix_ = head;
  if (head.level > 0) grow_first();
}

const Prefix& Tree::left() {
  if (grown_ == nullptr) return prefix_;  // of no events
  if (prefix_.level > 0) static_cast<void>(root());
  return grown_->left;
}

Value* Tree::prefix_values() const {
  const std::size_t count = plan_.layout.prefix.size();
  if (count == 0) return nullptr;
  auto* values = static_cast<Value*>(memory_.allocate(sizeof(Value) * count, alignof(Value)));
  std::uninitialized_fill_n(values, count, Value{});
  return values;
}

void Tree::events_left() { throw EventsLeft("events before this time are no longer kept in the entity's state"); }

// Before anything is changed.
void Tree::check_room(std::int64_t more) const {
  if (more > TreeNodes::most_events - prefix_.position) throw OutOfRange("too many events in an entity's state");
}

TreeNode& Tree::root() {
  if (grown_->root == nullptr) {
    Node& loaded = grown_->nodes.load(prefix_.node, static_cast<std::uint8_t>(prefix_.level - 1), &grown_->left);
    grown_->left_digest = grown_->left.next | std::uint64_t{grown_->left.late} << 32;
    const EventTime newest = loaded.records.empty() ? grown_->left.before.time : loaded.records.back().time;
    if (grown_->left.position < 0 || grown_->left.position + loaded.count() != prefix_.position ||
        newest != prefix_.before.time) {
      TreeNodes::contradiction();
    }
    grown_->root = &loaded;
  }
  return *grown_->root;
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
  std::int64_t count = grown_->left.position;
  while (node->level > 0) {
    const std::size_t index = first_not_before(*node);
    if (index == node->records.size()) return count + node->count();
    count += node->start_of(index);
    node = &grown_->nodes.child(*node, index);
  }
  return count + static_cast<std::int64_t>(first_not_before(*node));
}

std::int64_t Tree::count_before(EventTime time) {
  if (left().position > 0 && time <= grown_->left.before.time) events_left();
  return count([time](EventTime other) { return other < time; });
}

std::int64_t Tree::count_until(EventTime time) {
  if (left().position > 0 && time < grown_->left.before.time) events_left();
  return count([time](EventTime other) { return other <= time; });
}

const Event& Tree::at(std::int64_t position) {
  Node* node = &root();
  std::int64_t offset = position - grown_->left.position;
  if (offset < 0) events_left();
  while (node->level > 0) {
    const auto found = std::upper_bound(node->ends.begin(), node->ends.end(), offset);
    const auto index = static_cast<std::size_t>(found - node->ends.begin());
    offset -= node->start_of(index);
    node = &grown_->nodes.child(*node, index);
  }
  return node->records[static_cast<std::size_t>(offset)];
}

namespace {

void add_run(Runs& runs, const Event* first, const Event* last, bool summaries) {
  if (!runs.empty() && runs.back().last == first && runs.back().summaries == summaries) {
    runs.back().last = last;
  } else {
    runs.push_back({first, last, summaries});
  }
}

}  // namespace

bool Tree::collect(std::int64_t first, std::int64_t last, const Measure& measure, Runs& runs) {
  if (first >= last) return true;
  if (first < left().position) events_left();
  return collect(*grown_->root, grown_->left.position, first, last, measure, runs);
}

bool Tree::collect(Node& node, std::int64_t start, std::int64_t first, std::int64_t last, const Measure& measure,
                   Runs& runs) {
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
      shared = collect(grown_->nodes.child(node, index), from, first, last, measure, runs) && shared;
    }
  }
  return shared;
}

// ---- late events

void Tree::insert(std::int64_t position, const Event& event) {
  if (position < left().position) events_left();
  check_room(1);
  insert(*grown_->root, position - grown_->left.position, event);
  ++prefix_.position;
  prefix_.before.time = std::max(prefix_.before.time, event.time);
  grown_->partials_stale = true;
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
  insert(grown_->nodes.child(node, index), position - node.start_of(index), event);
  node.records[index].time = std::max(node.records[index].time, event.time);
  for (std::size_t i = index; i < node.ends.size(); ++i) ++node.ends[i];
}

// ---- removal

void Tree::remove(std::int64_t position) {
  if (position < left().position) events_left();
  remove(*grown_->root, position - grown_->left.position);
  --prefix_.position;
  grown_->partials_stale = true;
  if (grown_->root->records.empty()) {
    become_empty();
  } else {
    prefix_.before.time = grown_->root->records.back().time;
  }
}

// Changes nothing before all nodes on the path are there.
void Tree::remove(Node& node, std::int64_t position) {
  if (node.level == 0) {
    node.records.erase(node.records.begin() + position);
  } else {
    const auto found = std::upper_bound(node.ends.begin(), node.ends.end(), position);
    const auto index = static_cast<std::size_t>(found - node.ends.begin());
    Node& below = grown_->nodes.child(node, index);
    remove(below, position - node.start_of(index));
    for (std::size_t i = index; i < node.ends.size(); ++i) --node.ends[i];
    if (below.records.empty()) {
      grown_->nodes.drop_child(node, index);
    } else {
      node.records[index].time = below.records.back().time;
    }
  }
  node.changed = true;
  node.stale = true;
}

// The last event is gone. The root stays where it has to tell of events that have left.
void Tree::become_empty() {
  if (grown_->left.position > 0) {
    grown_->root->level = 0;
    prefix_.level = 1;
    prefix_.before.time = grown_->left.before.time;
    return;
  }
  grown_->nodes.remove(*grown_->root);
  grown_->root = nullptr;
  prefix_ = {0, 0, 0, prefix_.next, prefix_.late, {{}, prefix_values()}};
  grown_->partials_stale = false;
}

// A root of one child gives way to it.
void Tree::shrink() {
  while (grown_->root->level > 0 && grown_->root->records.size() == 1) {
    Node& only = grown_->nodes.child(*grown_->root, 0);
    grown_->nodes.remove(*grown_->root);
    grown_->root = &only;
    grown_->root->changed = true;  // it is to say what has left
    prefix_.node = only.number;
    --prefix_.level;
  }
}

// ---- settling

void Tree::settle() {
  if (grown_ == nullptr) return;
  const std::pmr::vector<Event> unsettled(std::move(grown_->unsettled_left));
  grown_->unsettled_left.clear();
  for (const Event& event : unsettled) {
    grown_->left_digest += digest(plan_.layout.event, &event, &event + 1);
    extend_left(0, event.time, [&](const Partial& partial, Accumulator& accumulator) {
      plan_.measures[partial.measure].aggregate->fold(accumulator, &event, &event + 1);
    });
  }
  if (grown_->root != nullptr && grown_->root->stale) {
    settle(*grown_->root);
    if (grown_->nodes.is_overfull(*grown_->root)) grow(grown_->nodes.split(*grown_->root));
    shrink();
  }
  if (grown_->partials_stale) compute_partials();
}

void Tree::settle(Node& node) {
  node.stale = false;
  for (std::size_t i = 0; i < node.children.size(); ++i) {
    Node* changed = node.children[i];
    if (changed == nullptr || !changed->stale) continue;
    settle(*changed);
    if (grown_->nodes.is_overfull(*changed)) {
      grown_->nodes.add_child(node, i + 1, grown_->nodes.split(*changed), node.ends[i]);
      node.ends[i] = node.start_of(i) + changed->count();
    }
    grown_->nodes.summarise(node, i);
  }
}

// ---- partial results

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
  Runs runs;
  for (const Partial& partial : plan_.partials) {
    const Measure& measure = plan_.measures[partial.measure];
    runs.clear();
    static_cast<void>(collect(left().position, prefix_.position, measure, runs));
    Accumulator accumulator =
        measure.aggregate->restore(grown_->left.before.values + partial.column, grown_->left.position);
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
  grown_->partials_stale = false;
}

// ---- sealing

void Tree::append(const Runs& events) {
  std::int64_t count = 0;
  for (const Run& run : events) count += run.last - run.first;
  check_room(count);
  grow_first();
  const bool refilled = prefix_.level == 1 && root().records.empty();
  Node& leaf = refilled ? *grown_->root : grown_->nodes.make(0);
  for (const Run& run : events) leaf.records.insert(leaf.records.end(), run.first, run.last);
  leaf.changed = true;
  if (prefix_.level == 0) {
    grown_->root = &leaf;
    prefix_.node = leaf.number;
    prefix_.level = 1;
  } else if (Node* sibling = refilled ? nullptr : append(root(), leaf)) {
    grow(*sibling);
  }
  advance(prefix_, prefix_, leaf);
}

// Puts a leaf below a node, at its new end. If there is no room, returns a new sibling of the node that holds it.
TreeNode* Tree::append(Node& node, Node& leaf) {
  if (node.level == 0) return &leaf;
  Node* added = &leaf;
  if (node.level > 1) {
    const std::size_t last = node.records.size() - 1;
    added = append(grown_->nodes.child(node, last), leaf);
    if (added == nullptr) {
      node.ends[last] = node.start_of(last) + node.children[last]->count();
      grown_->nodes.summarise(node, last);
      return nullptr;
    }
  }
  if (!grown_->nodes.is_full(node)) {
    grown_->nodes.append_child(node, *added);
    return nullptr;
  }
  Node& sibling = grown_->nodes.make(node.level);
  grown_->nodes.append_child(sibling, *added);
  return &sibling;
}

// A new root over the old one and a newer sibling of that.
void Tree::grow(Node& sibling) {
  if (prefix_.level == most_levels) throw OutOfRange("too many levels in an entity's state");
  Node& over = grown_->nodes.make(static_cast<std::uint8_t>(grown_->root->level + 1));
  grown_->root->changed = grown_->root->changed || grown_->left.position > 0;  // it says no longer what has left
  grown_->nodes.append_child(over, *grown_->root);
  grown_->nodes.append_child(over, sibling);
  grown_->root = &over;
  prefix_.node = over.number;
  ++prefix_.level;
}

// ---- leaving

void Tree::expire(EventTime time, std::int64_t position) {
  while (prefix_.level > 1) {
    Node* node = &root();
    while (node->level > 1) node = &grown_->nodes.child(*node, 0);
    const bool outlived = node->records.front().time < time && grown_->left.position + node->ends.front() <= position;
    if (!outlived || (prefix_.level == 2 && node->records.size() == 1)) return;
    expire_first_leaf();
  }
}

void Tree::expire_first_leaf() {
  Node* parent = grown_->root;
  std::vector<Node*> path;
  for (; parent->level > 1; parent = &grown_->nodes.child(*parent, 0)) path.push_back(parent);
  const Node& leaf = grown_->nodes.child(*parent, 0);
  const std::int64_t count = leaf.count();
  advance(grown_->left, grown_->left, leaf);
  grown_->left_digest += digest(plan_.layout.event, leaf.records.data(), leaf.records.data() + leaf.records.size());
  grown_->nodes.drop_child(*parent, 0);
  // From below, so that each ancestor sees its child as it is now.
  for (; !path.empty(); path.pop_back()) {
    Node& node = *path.back();
    for (std::int64_t& end : node.ends) end -= count;
    if (parent->records.empty()) {
      grown_->nodes.drop_child(node, 0);
    } else {
      grown_->nodes.summarise(node, 0);
    }
    parent = &node;
  }
  grown_->root->changed = true;
  shrink();
}

// More events have left, the newest of them at `time`: `take` puts them into each partial result.
template <class Take>
void Tree::extend_left(std::int64_t events, EventTime time, Take take) {
  static_cast<void>(root());
  Value* values = prefix_values();
  for (const Partial& partial : plan_.partials) {
    const Aggregate& aggregate = *plan_.measures[partial.measure].aggregate;
    Accumulator accumulator = aggregate.restore(grown_->left.before.values + partial.column, grown_->left.position);
    take(partial, accumulator);
    aggregate.save(accumulator, values + partial.column, memory_);
  }
  grown_->left.before = {grown_->left.position > 0 ? std::max(grown_->left.before.time, time) : time, values};
  grown_->left.position += events;
  prefix_.position += events;
  grown_->partials_stale = true;
  grown_->root->changed = true;
}

void Tree::add_left(const Event& event) {
  check_room(1);
  grown_->unsettled_left.push_back(event);
  static_cast<void>(root());
  ++grown_->left.position;
  ++prefix_.position;
}

void Tree::undo_add_left() {
  grown_->unsettled_left.pop_back();
  --grown_->left.position;
  --prefix_.position;
}

void Tree::absorb_left(Tree& other) {
  settle();
  const Prefix& more = other.left();
  check_room(more.position);
  grown_->left_digest = left_digest() + other.left_digest();
  extend_left(more.position, more.before.time, [&](const Partial& partial, Accumulator& accumulator) {
    const Event& record = more.before;
    plan_.measures[partial.measure].aggregate->combine(accumulator, &record, &record + 1, partial.column);
  });
  settle();
}

void Tree::recall(const std::vector<Event>& events, const Runs& more) {
  const Prefix gone = left();
  const std::int64_t kept = count_until(gone.before.time) - gone.position;
  const Measure by_event{nullptr};
  Runs known;
  static_cast<void>(collect(gone.position, gone.position + kept, by_event, known));
  known.insert(known.end(), more.begin(), more.end());
  std::uint64_t expected = grown_->left_digest;
  std::int64_t count = gone.position;
  for (const Run& run : known) {
    source_.pause();
    expected += digest(plan_.layout.event, run.first, run.last);
    count += run.last - run.first;
  }
  if (static_cast<std::int64_t>(events.size()) != count || digest_of(events) != expected) events_left();
  Runs runs;
  static_cast<void>(collect(gone.position + kept, size(), by_event, runs));
  runs.insert(runs.begin(), Run{events.data(), events.data() + events.size(), false});
  remove_nodes(*grown_->root);

  grown_->root = nullptr;
  grown_->left = {};
  grown_->left.before.values = prefix_values();
  grown_->left_digest = 0;
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

std::uint64_t Tree::digest_of(const std::vector<Event>& events) {
  constexpr std::ptrdiff_t events_between_pauses = 1024;
  std::uint64_t sum = 0;
  const Event* end = events.data() + events.size();
  for (const Event* first = events.data(); first != end;) {
    const Event* last = first + std::min(end - first, events_between_pauses);
    source_.pause();
    sum += digest(plan_.layout.event, first, last);
    first = last;
  }
  return sum;
}

void Tree::remove_nodes(Node& node) {
  grown_->nodes.remove(node);
  for (std::size_t i = 0; i < node.children.size(); ++i) remove_nodes(grown_->nodes.child(node, i));
}

// ---- storing

void Tree::store(SegmentWriters& writers, NodeSink& sink) {
  if (grown_ == nullptr) return;
  grown_->nodes.store_removed(sink);
  if (grown_->root != nullptr) store(*grown_->root, writers, sink);
}

void Tree::store(Node& node, SegmentWriters& writers, NodeSink& sink) {
  for (Node* below : node.children) {
    if (below != nullptr) store(*below, writers, sink);
  }
  if (!node.changed) return;
  Prefix prefix;
  if (&node == grown_->root) {
    prefix = grown_->left;
  } else {
    prefix.before.values = prefix_values();
  }
  prefix.node = node.number;
  prefix.level = node.level;
  prefix.next = &node == grown_->root ? static_cast<std::uint32_t>(grown_->left_digest) : 0;
  prefix.late = &node == grown_->root ? static_cast<std::uint32_t>(grown_->left_digest >> 32) : 0;
  grown_->nodes.store(node, prefix, writers, sink);
}

}  // namespace feature
