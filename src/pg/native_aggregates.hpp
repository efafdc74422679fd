// Which aggregates the kernel computes itself. Everything else that pg_aggregate knows goes through its own functions.
#pragma once

#include <optional>

#include "pg/plan.hpp"

namespace feature {

struct NativeAggregate {
  Fold fold;
  Finish finish;
  double fraction = 0;  // of Finish::quantile
};

// `bounded`: the frame does not begin with the entity's first event. The first argument is the one that is folded.
[[nodiscard]] std::optional<NativeAggregate> native_aggregate(const WindowFunc* function, bool bounded);

}  // namespace feature
