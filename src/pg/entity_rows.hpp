// The rows of an entity among rows whose keys may fail to be evaluated, as the keys of diverted rows may. Such a row is
// taken for no entity's.
#pragma once

#include "pg/diverted_rows.hpp"
#include "pg/retraction.hpp"
#include "pg/row_locks.hpp"

namespace feature {

// Of the rows that are in the source now. O(rows of the source).
[[nodiscard]] RowPlaces places_of_entity(Program& program, const ForgottenEntity& entity);

// The entries of those that were diverted. O(diverted rows).
[[nodiscard]] RowPlaces diverted_of_entity(Program& program, const ForgottenEntity& entity);

}  // namespace feature
