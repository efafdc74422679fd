// The levels of a definition as expressions: each level's columns over its own input, and, where no window function
// stands between, over the source row.
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include <nodes/parsenodes.h>
#include <nodes/primnodes.h>
}

namespace feature {

class Levels {
 public:
  explicit Levels(Query* definition);

  [[nodiscard]] std::size_t count() const { return levels_.size(); }
  [[nodiscard]] Query* query(std::size_t level) const { return levels_[level].query; }
  [[nodiscard]] Oid source() const { return source_; }

  // The level's target list, junk entries included, with the input's columns as Vars of varno 1.
  [[nodiscard]] ::List* targets(std::size_t level) const { return levels_[level].targets; }
  // WHERE of level 0 as one expression, or null.
  [[nodiscard]] Expr* filter() const { return filter_; }

  // The expression over the source row, or null if it reads a window function's result. `expression` is over the input
  // of `level`.
  [[nodiscard]] Expr* over_source(std::size_t level, Expr* expression) const;

  // The expression with everything below put in, window functions too; their winref then tells the level as well, see
  // window_of_level. Null if it refers to whole rows.
  [[nodiscard]] Expr* expanded(std::size_t level, Expr* expression) const;
  [[nodiscard]] static Index window_of_level(std::size_t level, Index winref) {
    return static_cast<Index>(level << 16) | winref;
  }

 private:
  struct One {
    Query* query;
    ::List* targets;
  };
  std::vector<One> levels_;
  Expr* filter_ = nullptr;
  Oid source_ = InvalidOid;
};

}  // namespace feature
