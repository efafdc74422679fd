// The partition lists of a definition while it is compiled: which expressions share entities, which values are kept
// with their events, and what is folded over them. Everything equal is kept once.
#pragma once

#include "pg/levels.hpp"
#include "pg/plan.hpp"
#include "pg/refusals.hpp"

namespace feature {

class PartitionLists {
 public:
  PartitionLists(const Levels& levels, const Refusals& refuse, std::vector<PartitionList>& lists)
      : levels_(levels), refuse_(refuse), lists_(lists) {}

  // The list of a window at a level, made if it is new; further calls are about it, and for this feature. Throws
  // SqlError if the window's PARTITION BY cannot tell entities apart for good.
  std::size_t enter(std::size_t level, const WindowClause* window, const char* feature);

  [[nodiscard]] PartitionList& current() { return lists_[list_]; }
  void select(std::size_t list) { list_ = list; }

  // The column that keeps an expression's values with the events of the list.
  [[nodiscard]] std::size_t add_argument(Expr* expression);

  // The kernel's aggregate over a column, or over the event times themselves.
  static constexpr int no_column = -1;
  [[nodiscard]] const Aggregate* native(Fold fold, int column);
  // The moments over the column of a sum, if they are asked for anywhere in the list; else null.
  [[nodiscard]] const Aggregate* moments_beside(const Aggregate* sum) const;
  // Any other aggregate. Throws SqlError if it cannot be used over a window.
  [[nodiscard]] const Aggregate* catalogue(WindowFunc* function);

  // The frame with its start as a row number that nobody reaches: the same events, none of them folded away.
  [[nodiscard]] std::size_t whole_history(std::size_t frame);
  // What is asked of an aggregate over a frame; what is folded over all events before a segment; and a running
  // accumulator of that for one frame.
  [[nodiscard]] std::size_t add_measure(const Aggregate* aggregate, const Frame& frame);
  [[nodiscard]] std::size_t add_partial(std::size_t measure);
  [[nodiscard]] std::size_t add_running(std::size_t partial, std::size_t frame);
  // A sliding accumulator of a measure for one frame.
  [[nodiscard]] std::size_t add_sliding(std::size_t measure, std::size_t frame);

  // Completes the lists' kernel plans once all levels are compiled.
  void finish();

 private:
  // What is known of a list beside what the plan keeps of it.
  struct Draft {
    std::vector<Expr*> keys;              // over the source row, or over the level's input
    std::vector<Expr*> argument_sources;  // over the source row, null where they are not
    std::vector<Expr*> arguments;         // as written
    struct Known {
      Fold fold;
      int column;
      const Aggregate* aggregate;
    };
    std::vector<Known> natives;
    std::vector<std::pair<std::size_t, std::size_t>> running;  // (partial, frame) of each running accumulator
    std::vector<std::pair<std::size_t, std::size_t>> sliding;  // (measure, frame) of each sliding one
  };

  [[nodiscard]] Key make_key(Expr* expression, Expr* used) const;

  const Levels& levels_;
  const Refusals& refuse_;
  std::vector<PartitionList>& lists_;
  std::vector<Draft> drafts_;
  std::size_t level_ = 0;
  std::size_t list_ = 0;
  const char* feature_ = nullptr;
};

}  // namespace feature
