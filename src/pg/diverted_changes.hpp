// Rows that were diverted before a statement has updated or deleted them.
#pragma once

#include "pg/program.hpp"
#include "pg/row_collector.hpp"

namespace feature {

// Takes the old versions of these changes that were diverted out of the table of errors, and tells which they are, by
// their numbers. Of rows that are the same to the view each has an entry of its own, and as many are taken out.
// O(changes), if anything was diverted at all.
[[nodiscard]] std::vector<bool> take_out_diverted(const Program& program, const RowChanges& changes);

}  // namespace feature
