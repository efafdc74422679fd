// OIDs that lie in stored states, within the bytes of values. A dump carries the bytes, but what they stand for gets new
// OIDs when it is restored.
#pragma once

#include <string>

#include "pg/plan.hpp"

namespace feature {

// Whether an OID was given by the database, or by initdb. The others are the same everywhere.
[[nodiscard]] bool is_local(Oid oid);

// Whether values of the type have local OIDs in them: those of labels in enums, of objects in regclass and the like, of
// types in arrays, ranges and composites. Base types of extensions are taken to have none, as pg_upgrade takes them. Runs
// backend code: only inside call.
[[nodiscard]] bool holds_local_oids(Oid type);

// What in the states of a plan holds local OIDs, for messages; empty if nothing does.
[[nodiscard]] std::string local_oids_in_states(const Plan& plan);

}  // namespace feature
