// What a column is computed from, in a form that can be compared between definitions.
#pragma once

#include "pg/levels.hpp"

namespace feature {

// All that the expression, over the input of the top level, reads: the whole expression over the source, with the
// windows of its window functions. equal() of two of them tells whether they say the same, whatever levels and
// windows are called and how they are numbered. WHERE is not part of it.
[[nodiscard]] ::List* computation_of(const Levels& levels, Expr* expression);

}  // namespace feature
