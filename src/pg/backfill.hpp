// Computing a view's rows from what its source holds.
#pragma once

#include "pg/engine.hpp"

namespace feature {

// Processes all rows of the source in event-time order, equal times in physical order, as one run. The states must be
// empty, the destination without the rows that will be written, and nobody may insert into the source meanwhile.
// Reports its progress.
Processed backfill(Program& program, const Destination& destination = {});

}  // namespace feature
