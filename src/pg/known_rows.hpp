// Whether a source still has the rows that a view's states know of: where states are computed anew, what they knew of
// others is lost. Rows go without the view by feature.expire, with a partition, or past triggers.
//
// Rows are counted, so that lost ones are not noticed where the source has as many others that the states do not know.
#pragma once

#include "pg/plan.hpp"

namespace feature {

struct ViewIdentity;

// The rows in a view's states that later rows may ask for.
struct KnownRows {
  std::optional<EventTime> since;  // the earliest that may be asked for; nothing if any may, also those that have left
  std::int64_t rows = 0;
  std::int64_t gone = 0;  // those of them that have been taken out of the source by right
};

// Those of a view whose states nobody else can change: they were made by one plan, and will be asked by another. If all
// frames of that are bounded by times, and it does not look further back, rows ask for what lies in the longest of them
// and the lateness, before the newest event that is not in the future. O(states).
[[nodiscard]] KnownRows known_rows(const ViewIdentity& view, const Plan& made_by, const Plan& asked_by);

// How many of them states that were made anew meanwhile lack. O(states).
[[nodiscard]] std::int64_t lost_rows(const ViewIdentity& view, const KnownRows& known);

// For messages.
[[nodiscard]] std::string number_of_rows(std::int64_t rows);

}  // namespace feature
