// From an analysed definition to a plan.
#pragma once

#include "pg/boundary.hpp"
#include "pg/plan.hpp"

namespace feature {

// Compiles a definition that analyse_definition has accepted, or that was stored after being accepted. Refuses what
// cannot be kept incrementally; `text` is what positions refer to, or null. The same definition always gives the same
// lists, columns and prefixes in the same order: stored states rely on it. Nodes are made in the current context.
// Constant expressions are evaluated on the way, as the current user: run it as the view's owner.
[[nodiscard]] std::unique_ptr<Plan> compile(Query* definition, const char* text);

}  // namespace feature
