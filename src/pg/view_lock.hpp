// Whose turn it is at a view with entities that are known only row by row, as their keys are results of windows.
//
// Whoever works on the view's entities says so until the transaction ends, behind its lock of the state tables and
// before it locks any entity. So somebody who has none can keep all others from them, and then meets nobody there.
// There is no such lock for other views.
#pragma once

#include "pg/program.hpp"

namespace feature {

[[nodiscard]] bool has_turns(const Program& program);

// Among others, once the state tables are open. Waits for whoever is alone.
void take_turn(const Program& program);
// Waits for all others. To be called only if the transaction has not taken its turn yet.
void take_turn_alone(const Program& program);
[[nodiscard]] bool has_taken_turn(const Program& program);

}  // namespace feature
