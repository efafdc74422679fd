// The end of a statement whose row triggers fire on a source, but not its statement triggers: one that writes to a
// partition directly, the first copy of a table that logical replication makes, or one change that it applies.
//
// All of PostgreSQL's AFTER triggers wait in one queue until the query ends, and a trigger may add to it. So the first
// row trigger puts the closing statement triggers, feature_<id>_end, behind the row triggers that are in the queue
// already.
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include <commands/trigger.h>
}

namespace feature {

// For a row trigger that finds no collection of its view open: opens those of all views on the source, until the
// running query ends. False, and nothing done, if there is no closing trigger of the view, or it is disabled.
[[nodiscard]] bool collect_until_query_ends(const TriggerData& data, std::int32_t view, Oid source);

}  // namespace feature
