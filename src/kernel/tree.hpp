// The sealed events of an entity: a counted B+-tree whose inner nodes summarise what lies below them.
//
//                    | 900 | 850 | 310 |                   records of the root: last time, count, number, measures
//                      |     |     |
//        | 128 | .. | 97 |  ...  | 128 | .. | 54 |         so on each level
//           |          |
//        leaf 0      leaf 9   ...                          records of a leaf: events
//
// So a frame costs the leaves at its two ends and, a level, the records between: O(log n) nodes to load and
// O(64 log n + 128) records to fold, however many events it holds (Cormen et al., "Introduction to Algorithms", on
// augmenting data structures). A late event changes one path, and so does the removal of one. Nodes that have lost most
// of their events are not merged: they are never more than they were when they were full.
//
// Nodes are stored one by one, by number, and loaded when a question leads into them. Events leave by the old end when
// no frame can ask for them any more (expire); what partial results know of them stays behind in the root's prefix.
//
// Invariants: leaves are at one depth; no node is empty, but for a leaf that is the root and tells of events that have
// left when none is kept; records are in order of time, among equal times of arrival; a node that is not stale is
// summarised in its parent by what it holds.
#pragma once

#include <cstddef>
#include <memory_resource>
#include <vector>

#include "kernel/frame.hpp"
#include "kernel/tree_nodes.hpp"

namespace feature {

// Contiguous records: events, or summaries of events.
struct Run {
  const Event* first;
  const Event* last;
  bool summaries;
};
using Runs = std::pmr::vector<Run>;

class Tree {
 public:
  // Everything it allocates comes from `memory` and is never given back singly.
  Tree(const ListPlan& plan, std::pmr::memory_resource& memory, NodeSource& source);
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;

  // The tree that a stored head tells of. Throws CorruptState.
  void open(const Prefix& head);

  // What a head has to say: the number of events, in the tree and no longer in it, and the partial results over them.
  // There are never more than TreeNodes::most_events: what would add to them throws OutOfRange, and changes nothing.
  [[nodiscard]] const Prefix& prefix() const { return prefix_; }
  [[nodiscard]] std::int64_t size() const { return prefix_.position; }
  [[nodiscard]] EventTime newest() const { return prefix_.before.time; }
  // The same of the events that are no longer in the tree. Loads the root.
  [[nodiscard]] const Prefix& left();

  // Questions below throw EventsLeft where they lead before the oldest event that is kept. O(log n).

  // Number of events earlier than `time`, which is not after newest().
  [[nodiscard]] std::int64_t count_before(EventTime time);
  // Number of events not later than `time`, which is before newest().
  [[nodiscard]] std::int64_t count_until(EventTime time);
  [[nodiscard]] const Event& at(std::int64_t position);

  // Adds to `runs` the records that make up the events [first, last), oldest first: summaries where they are saved for
  // the measure, else events; events only if the measure is not summarised. True if other measures that are summarised
  // have the same runs.
  [[nodiscard]] bool collect(std::int64_t first, std::int64_t last, const Measure& measure, Runs& runs);

  // Puts a late event in its place, position < size(). Its values may be filled in until settle().
  void insert(std::int64_t position, const Event& event);
  // Takes an event out, position < size(), which need not have its values yet. Throws EventsLeft, and changes nothing,
  // if it has left.
  void remove(std::int64_t position);
  // Brings summaries and partial results in line with late events and removals. O(log n) for each of them, but O(n) for
  // a partial result that cannot be combined.
  void settle();

  // Seals events behind all that are there: `runs` are copied into a new leaf. Settled before. O(log n).
  void append(const Runs& events);
  // Lets whole leaves go whose events are all earlier than `time` and before `position`; never the last leaf.
  void expire(EventTime time, std::int64_t position);
  // Takes back what has left: `events` are all that are not later than the newest that has, in order; those of that
  // time that are still here are among them, and `more`, which are not in the tree. Throws EventsLeft, and changes
  // nothing, unless they are what has left, to the last bit. O(n).
  void recall(const std::vector<Event>& events, const Runs& more);

  // For a slot of a shared entity, whose partial results take in events in any order:

  // Adds an event that is earlier than the newest that has left, as one that has left. Its values may be filled in
  // until settle().
  void add_left(const Event& event);
  // Takes back the last add_left(), before settle().
  void undo_add_left();
  // Takes over what another tree knows of the events that have left it; none of them is later than newest().
  void absorb_left(Tree& other);
  // A digest of the events that have left: the sum of those of runs of them, whatever their order.
  [[nodiscard]] std::uint64_t left_digest() { return left().position == 0 ? 0 : grown_->left_digest; }

  // Whether there may be something to store.
  [[nodiscard]] bool changed() const {
    return grown_ != nullptr && (grown_->nodes.has_removed() || (grown_->root != nullptr && grown_->root->changed));
  }
  // Hands over what has changed. Settled before.
  void store(SegmentWriters& writers, NodeSink& sink);

  static constexpr std::size_t leaf_events = TreeNodes::leaf_events;

 private:
  using Node = TreeNode;

  void grow_first();
  [[nodiscard]] Node& root();
  [[nodiscard]] Value* prefix_values() const;
  [[noreturn]] static void events_left();
  void check_room(std::int64_t more) const;

  template <class Before>
  [[nodiscard]] std::int64_t count(Before before);
  [[nodiscard]] bool collect(Node& node, std::int64_t start, std::int64_t first, std::int64_t last,
                             const Measure& measure, Runs& runs);
  void insert(Node& node, std::int64_t position, const Event& event);
  void remove(Node& node, std::int64_t position);
  void become_empty();
  void settle(Node& node);
  [[nodiscard]] Node* append(Node& node, Node& leaf);
  void grow(Node& sibling);
  void shrink();
  void expire_first_leaf();
  [[nodiscard]] std::uint64_t digest_of(const std::vector<Event>& events);
  void remove_nodes(Node& node);
  void advance(const Prefix& from, Prefix& to, const Node& leaf);
  void compute_partials();
  template <class Take>
  void extend_left(std::int64_t events, EventTime time, Take take);
  void store(Node& node, SegmentWriters& writers, NodeSink& sink);

  const ListPlan& plan_;
  std::pmr::memory_resource& memory_;
  NodeSource& source_;
  Prefix prefix_;

  // What there is once events have been sealed: most entities never come to that.
  struct Grown {
    Grown(const ListPlan& plan, std::pmr::memory_resource& memory, NodeSource& source, Prefix& prefix);
    TreeNodes nodes;  // numbers them by prefix_.next
    Prefix left;
    std::uint64_t left_digest = 0;  // of the events that have left, whatever their order
    Node* root = nullptr;
    bool partials_stale = false;
    std::pmr::vector<Event> unsettled_left;  // have left, but are not in partial results and digest yet
  };
  Grown* grown_ = nullptr;
};

}  // namespace feature
