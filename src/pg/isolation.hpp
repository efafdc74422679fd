// Isolation levels that rebuilding a view can run at.
#pragma once

#include "pg/boundary.hpp"

namespace feature {

// Throws SqlError at REPEATABLE READ and SERIALIZABLE: rows that were committed after the transaction's snapshot, but
// before the source was locked, would be missed.
void refuse_fixed_snapshot();

}  // namespace feature
