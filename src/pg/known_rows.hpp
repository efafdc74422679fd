// Whether a source still has the rows that a view's states know of: where states are computed anew, what they knew of
// others is lost. Rows go without the view by feature.expire, with a partition, or past triggers.
#pragma once

#include "pg/program.hpp"

namespace feature {

// How many rows are in the states of a view, which nobody else can change; 0 if it has no windows. O(states).
[[nodiscard]] std::int64_t known_rows(const ViewIdentity& view);

// Whether a row that is still to come may ask for rows that the source has lost. Not if all frames are bounded by times,
// and what the source has reaches back over the longest of them and the lateness. Runs a query as the current user.
[[nodiscard]] bool asks_for_lost_rows(const Program& program);

// For messages.
[[nodiscard]] std::string number_of_rows(std::int64_t rows);

}  // namespace feature
