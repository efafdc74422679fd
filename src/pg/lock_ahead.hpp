// Locks the entities of a statement that takes more than one batch, before the first batch is processed.
//
// A batch locks its entities in one order for all sessions: by list and hash. Those of the next batch would come out of
// that order, and two statements could wait for each other. So the rows are gone through once more beforehand, and what
// they call for is sorted, on disk where it is more than work_mem. Entities of equal hash count as one.
//
// Lists whose keys are results of windows are left out: their entities are not known yet. So are shared lists at READ
// COMMITTED, where nobody waits. A row that cannot be evaluated has no entities; where such rows are diverted, it will
// be when its batch is read.
#pragma once

#include "pg/diverted_rows.hpp"
#include "pg/place.hpp"
#include "pg/row_streams.hpp"

namespace feature {

// `rows` are all rows of the statement, old ones included, and at hand. `diversion` is null where an error aborts.
// Clobbers the program's source row and what is evaluated from it. O(n log n).
void lock_ahead(Program& program, Place& place, Diversion* diversion, RowSource& rows, std::vector<StateStore>& stores);

}  // namespace feature
