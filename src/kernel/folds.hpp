// What has been folded of one entity's events, and goes on from row to row: the records that the last frame was made
// of, totals over the ring, and accumulators over everything from the start.
#pragma once

#include <memory_resource>
#include <vector>

#include "kernel/ring.hpp"
#include "kernel/tree.hpp"

namespace feature {

class Folds {
 public:
  // Folds what is in `tree`, and behind it in `ring`. Everything it allocates comes from `memory` and is never given
  // back.
  Folds(const ListPlan& plan, std::pmr::memory_resource& memory, NodeSource& source, Tree& tree, const EventRing& ring);

  // An event has come behind all others.
  void forget_runs() { known_.last = -1; }
  // An event has come or gone at this position: what was folded beyond it no longer holds.
  void forget(std::int64_t position);
  // What was being folded when it failed may be folded in part.
  void forget_running();

  // Folds the events [first, last) into an accumulator. O(log n) where the measure is summarised, else O(length).
  void fold(std::size_t measure, std::int64_t first, std::int64_t last, Accumulator& accumulator);
  // See Entity.
  [[nodiscard]] Accumulator sliding_aggregate(std::size_t measure, std::size_t sliding, std::int64_t first,
                                              std::int64_t last);
  [[nodiscard]] const Accumulator& running_aggregate(std::size_t partial, std::size_t running, std::int64_t last);
  void fold_from_start(std::size_t partial, std::int64_t last, Accumulator& accumulator);

 private:
  [[nodiscard]] const Runs& runs(std::size_t measure, std::int64_t first, std::int64_t last);
  [[nodiscard]] bool can_total(std::size_t measure, std::int64_t first, std::int64_t last) const;
  [[nodiscard]] bool total_ring(std::size_t measure, std::int64_t last);
  template <class Visit>
  void visit_ring(std::int64_t first, std::int64_t last, Visit&& visit) const;
  template <class Visit>
  void visit_events(std::int64_t first, std::int64_t last, Visit&& visit);

  const ListPlan& plan_;
  std::pmr::memory_resource& memory_;
  NodeSource& source_;
  Tree& tree_;
  const EventRing& ring_;

  // The runs that were last asked for, as the frame's next measure most often has the same.
  struct Known {
    explicit Known(std::pmr::memory_resource& memory) : runs(&memory) {}
    Runs runs;
    std::int64_t first = 0;
    std::int64_t last = -1;  // -1: none
    const Measure* measure = nullptr;
    bool shared = false;
    bool totalled = false;  // the last run is ring_record_
  } known_;

  // What measures make of the events of the ring from its first on: all frames that begin before the ring have that in
  // common. It is read as if the ring were a child of a node.
  struct Total {
    std::int64_t first = -1;  // -1: nothing yet
    std::int64_t end = -1;
    Accumulator accumulator;
  };
  std::pmr::vector<Total> totals_;  // by measure; empty until one is asked for
  Event ring_record_{};

  struct Running {
    std::int64_t end = -1;  // -1: nothing yet
    Accumulator accumulator;
  };
  std::pmr::vector<Running> running_;

  // The interval that was asked for last, and its values once another one has followed it: most entities of a statement
  // are asked once.
  struct Sliding {
    std::int64_t first = 0;
    std::int64_t last = -1;  // -1: none
    bool is_filled = false;
    Slide* values = nullptr;
  };
  std::pmr::vector<Sliding> sliding_;  // empty until one is asked for
};

}  // namespace feature
