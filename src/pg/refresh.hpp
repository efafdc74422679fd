// Computing views anew from what their sources hold.
#pragma once

#include "pg/program.hpp"

namespace feature {

// Computes all rows of a view, and of those that are fed by it, anew. Its source must be locked. Returns the number
// of its rows.
std::int64_t refresh(const ViewIdentity& view);

}  // namespace feature
