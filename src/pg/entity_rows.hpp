// The rows of an entity among rows whose keys may fail to be evaluated, as the keys of diverted rows may. Such a row is
// taken for no entity's.
#pragma once

#include "pg/retraction.hpp"
#include "pg/source_rows.hpp"

namespace feature {

// Of the rows that are in the source now: their places, see to_places. Nothing if there are none. O(rows of the
// source).
[[nodiscard]] std::optional<Parameters> places_of_entity(Program& program, const ForgottenEntity& entity);

// Takes the rows that were diverted off the table of errors. O(diverted rows).
void forget_diverted(Program& program, const ForgottenEntity& entity);

}  // namespace feature
