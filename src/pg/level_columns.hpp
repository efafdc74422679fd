// Where the columns of a plan's levels are while a row goes through them.
//
// No level copies what the one below has: a column of the source stays in the source's row, the result of a window
// function where that was put, and only what an expression gives has a column of its own, among those of all levels. So
// a level costs what it computes, however many columns it hands on.
//
// In the expressions made here the source's row is the scan tuple, what has been computed the outer tuple, and the
// window results the inner tuple. Backend code is called safely; nodes are made in the current memory context.
#pragma once

#include "pg/plan.hpp"

namespace feature {

class LevelColumns {
 public:
  // O(size of all expressions, with the columns that they name in place).
  explicit LevelColumns(const Plan& plan);

  // An expression over a level's input, or over its window results, as one over the three tuples.
  [[nodiscard]] Expr* placed(std::size_t level, Expr* expression) const;

  // What a level has to compute: TargetEntry nodes, numbered by their column of the outer tuple.
  [[nodiscard]] ::List* computed(std::size_t level) const { return computed_[level]; }
  [[nodiscard]] ::List* all_computed() const;
  // All window results, as columns of the inner tuple; a level's come from this place on.
  [[nodiscard]] ::List* all_results() const { return results_; }
  [[nodiscard]] std::size_t first_result(std::size_t level) const { return first_result_[level]; }
  // Where the columns of the last level are: Vars.
  [[nodiscard]] const std::vector<const Var*>& output() const { return places_.back(); }

 private:
  std::vector<std::vector<const Var*>> places_;  // by level and column
  std::vector<::List*> computed_;
  std::vector<std::size_t> first_result_;
  ::List* results_ = NIL;
};

}  // namespace feature
