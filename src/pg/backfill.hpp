// Computing a view's rows from what its source holds.
#pragma once

#include "pg/program.hpp"

namespace feature {

// Processes all rows of the source in event-time order, equal times in physical order, as one run. The feature table
// and the states must be empty and nobody may insert into the source meanwhile. Returns the number of rows.
std::int64_t backfill(Program& program);

}  // namespace feature
