// From an accumulator to the result of PostgreSQL's aggregate.
#pragma once

#include "pg/plan.hpp"

namespace feature {

// Runs backend code and allocates in the current context: only inside call.
[[nodiscard]] Datum finish(const WindowFunction& function, const Accumulator& accumulator, bool* null);

}  // namespace feature
