// From an accumulator to the result of PostgreSQL's aggregate.
#pragma once

#include "pg/plan.hpp"

namespace feature {

// Whether that runs backend code, and allocates in the current context.
[[nodiscard]] inline bool needs_backend(Finish finish) {
  return finish == Finish::catalogue || finish == Finish::numeric_sum || finish == Finish::numeric_average;
}

// Only inside call, if it needs the backend.
[[nodiscard]] Datum finish(const WindowFunction& function, const Accumulator& accumulator, bool* null);

}  // namespace feature
