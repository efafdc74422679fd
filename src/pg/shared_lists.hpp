// Which partition lists of a view are shared: written by several sessions at once, see slots.cpp.
//
// A row of such a list sees the events of other sessions as a set: they are in no order with its own. So its functions
// must be such that can be computed from parts: over frames that are bounded by times, and without regard to the order
// of events.
#pragma once

#include "pg/catalogue.hpp"

namespace feature {

// The elements of a text array.
[[nodiscard]] std::vector<std::string> texts_in(Datum array);

// Marks the lists of a plan that was compiled from `definition` which have these names: PARTITION BY lists as
// feature.columns prints them. Throws SqlError if there is no such list, or if a function over it needs an order.
// `text` is the definition's.
void share_lists(Plan& plan, Query* definition, const char* text, const std::vector<std::string>& names);

// For a view whose definition changes: the new plan's lists that were shared, by name, still are.
void keep_lists_shared(Plan& plan, Query* definition, const char* text, const ViewIdentity& view);

}  // namespace feature
