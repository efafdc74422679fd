// Where the rows of a transition table are in their source: it has them without their places.
#pragma once

#include "pg/program.hpp"
#include "pg/row_collector.hpp"
#include "pg/source_rows.hpp"

namespace feature {

// Of those rows of a statement of the current transaction whose places are not known, in any order. `known`: places of
// others, see to_places. Reads the whole source, if there are such rows. Clobbers the program's source row.
[[nodiscard]] std::vector<ItemPointerData> places_of_inserted(const Program& program, const RowChanges& changes,
                                                              const Parameters& known);

}  // namespace feature
