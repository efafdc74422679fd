// Computing views anew from what their sources hold.
#pragma once

#include "pg/program.hpp"

namespace feature {

// Computes all rows of a view, and of those that are fed by it, anew. Returns the number of its rows. Locks the source.
std::int64_t refresh(Oid relation);

}  // namespace feature
