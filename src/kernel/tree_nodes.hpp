// The nodes of a tree (tree.hpp): how they are made, read, summarised in the node above, and written.
#pragma once

#include <cstddef>
#include <memory_resource>
#include <vector>

#include "kernel/node_store.hpp"

namespace feature {

struct TreeNode {
  TreeNode(std::uint32_t its_number, std::uint8_t its_level, std::pmr::memory_resource& memory)
      : number(its_number), level(its_level), records(&memory), children(&memory), ends(&memory) {}

  [[nodiscard]] std::int64_t count() const {
    return level == 0 ? static_cast<std::int64_t>(records.size()) : ends.back();
  }
  [[nodiscard]] std::int64_t start_of(std::size_t child) const { return child == 0 ? 0 : ends[child - 1]; }

  std::uint32_t number;
  std::uint8_t level;
  bool stored = false;    // under its number
  bool changed = true;    // is not what is stored
  bool stale = false;     // is not what its parent's record says
  bool complete = true;   // all measures are saved in all its records
  std::pmr::vector<Event> records;
  // Of an inner node, one a record:
  std::pmr::vector<TreeNode*> children;    // null while not loaded
  std::pmr::vector<std::int64_t> ends;     // number of events below this child and those before it
};

class TreeNodes {
 public:
  // New nodes are numbered from `next` on, which lives as long as this. Everything it allocates comes from `memory`.
  TreeNodes(const ListPlan& plan, std::pmr::memory_resource& memory, NodeSource& source, std::uint32_t& next)
      : plan_(plan), memory_(memory), source_(source), next_(next), removed_(&memory) {}

  [[nodiscard]] TreeNode& make(std::uint8_t level);
  // Reads a node, and what is written in front of its records. Throws CorruptState.
  [[nodiscard]] TreeNode& load(std::uint32_t number, std::uint8_t level, Prefix* prefix);

  // The child at an index, loaded if it was not.
  [[nodiscard]] TreeNode& child(TreeNode& node, std::size_t index) {
    TreeNode* known = node.children[index];
    return known != nullptr ? *known : load_child(node, index);
  }
  // Puts a record for a child in front of the record at `index`; its events end at `end`, those of the others where
  // they did.
  void add_child(TreeNode& node, std::size_t index, TreeNode& child, std::int64_t end);
  void append_child(TreeNode& node, TreeNode& child);
  // A child of a node is no longer, with all that is below it. It is loaded.
  void drop_child(TreeNode& node, std::size_t index);
  // Writes into a node's record what its loaded child holds.
  void summarise(TreeNode& node, std::size_t index);

  // Whether a node gets no further child at its end, and whether it has become too large.
  [[nodiscard]] bool is_full(const TreeNode& node) const;
  [[nodiscard]] bool is_overfull(const TreeNode& node) const;
  // The newer half of a node, as a node of its own.
  [[nodiscard]] TreeNode& split(TreeNode& node);

  // A node is no longer. If it is stored, it goes from there.
  void remove(const TreeNode& node);
  [[nodiscard]] bool has_removed() const { return !removed_.empty(); }
  // Hands over which are gone.
  void store_removed(NodeSink& sink);
  // Hands over a node if it has changed, with what is written in front of its records.
  void store(TreeNode& node, const Prefix& prefix, SegmentWriters& writers, NodeSink& sink);

  static constexpr std::size_t leaf_events = 128;
  // No tree has had more events than this; a larger number in an image would overflow what is computed from it.
  static constexpr std::int64_t most_events = std::int64_t{1} << 62;

  [[noreturn]] static void contradiction();

 private:
  [[nodiscard]] TreeNode& load_child(TreeNode& node, std::size_t index);
  [[nodiscard]] std::size_t estimated_size(const TreeNode& node) const;

  const ListPlan& plan_;
  std::pmr::memory_resource& memory_;
  NodeSource& source_;
  std::uint32_t& next_;
  std::pmr::vector<std::uint32_t> removed_;
};

}  // namespace feature
