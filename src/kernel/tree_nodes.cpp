// See tree_nodes.hpp.

#include "kernel/tree_nodes.hpp"

#include <algorithm>
#include <limits>

namespace feature {
namespace {

// Children of a full node: enough that trees are low, few enough that a node is cheap to decode and to rewrite. Where
// summaries are large (sketches), bytes decide.
constexpr std::size_t node_children = 64;
constexpr std::size_t least_children = 8;
constexpr std::size_t node_bytes = 4096;
// A saved state over this size is left out of a summary: it costs more than the events that it stands for.
constexpr std::size_t largest_saved = 32768;

}  // namespace

void TreeNodes::contradiction() { throw CorruptState("nodes of an entity's state contradict each other"); }

TreeNode& TreeNodes::make(std::uint8_t level) {
  // A number is stored as an int32.
  if (next_ == std::uint32_t{std::numeric_limits<std::int32_t>::max()}) {
    throw OutOfRange("too many nodes in an entity's state");
  }
  return *new (memory_.allocate(sizeof(TreeNode), alignof(TreeNode))) TreeNode(next_++, level, memory_);
}

TreeNode& TreeNodes::load(std::uint32_t number, std::uint8_t level, Prefix* said) {
  const NodeSource::Image image = source_.load(number);
  SegmentReader reader(level == 0 ? plan_.layout : plan_.summaries, image.bytes, image.size, memory_);
  const Prefix& prefix = reader.prefix();
  if (prefix.node != number || prefix.level != level) contradiction();
  TreeNode& node = *new (memory_.allocate(sizeof(TreeNode), alignof(TreeNode))) TreeNode(number, level, memory_);
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
  if (said != nullptr) *said = prefix;
  return node;
}

TreeNode& TreeNodes::load_child(TreeNode& node, std::size_t index) {
  const Event& record = node.records[index];
  const auto number = from_word<std::uint32_t>(record.values[number_column].word);
  if (number >= next_) contradiction();
  TreeNode& loaded = load(number, static_cast<std::uint8_t>(node.level - 1), nullptr);
  if (loaded.count() != node.ends[index] - node.start_of(index) || loaded.records.back().time != record.time) {
    contradiction();
  }
  return *(node.children[index] = &loaded);
}

// ---- children

void TreeNodes::add_child(TreeNode& node, std::size_t index, TreeNode& child, std::int64_t end) {
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

void TreeNodes::append_child(TreeNode& node, TreeNode& child) {
  const std::size_t index = node.records.size();
  add_child(node, index, child, node.start_of(index) + child.count());
}

void TreeNodes::summarise(TreeNode& node, std::size_t index) {
  const TreeNode& child = *node.children[index];
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

void TreeNodes::drop_child(TreeNode& node, std::size_t index) {
  const TreeNode& dropped = *node.children[index];
  const std::int64_t count = node.ends[index] - node.start_of(index);
  remove(dropped);
  const auto place = static_cast<std::ptrdiff_t>(index);
  node.records.erase(node.records.begin() + place);
  node.children.erase(node.children.begin() + place);
  node.ends.erase(node.ends.begin() + place);
  for (std::size_t i = index; i < node.ends.size(); ++i) node.ends[i] -= count;
  node.changed = true;
}

// ---- size

std::size_t TreeNodes::estimated_size(const TreeNode& node) const {
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

bool TreeNodes::is_full(const TreeNode& node) const {
  const std::size_t children = node.records.size();
  return children >= node_children || (children >= least_children && estimated_size(node) >= node_bytes);
}

bool TreeNodes::is_overfull(const TreeNode& node) const {
  const std::size_t records = node.records.size();
  if (node.level == 0) return records > 2 * leaf_events;
  return records > 2 * node_children || (records > 2 * least_children && estimated_size(node) > 2 * node_bytes);
}

TreeNode& TreeNodes::split(TreeNode& node) {
  TreeNode& newer = make(node.level);
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

// ---- storing

void TreeNodes::remove(const TreeNode& node) {
  if (node.stored) removed_.push_back(node.number);
}

void TreeNodes::store_removed(NodeSink& sink) {
  for (const std::uint32_t number : removed_) sink.remove_node(number);
  removed_.clear();
}

void TreeNodes::store(TreeNode& node, const Prefix& prefix, SegmentWriters& writers, NodeSink& sink) {
  if (!node.changed) return;
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
