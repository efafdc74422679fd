// OIDs that lie in stored states, within the bytes of values. A dump carries the bytes, and so does pg_upgrade, but
// what they stand for may get new OIDs.
#pragma once

#include <string>

#include "pg/plan.hpp"

namespace feature {

// How states have come to another database. A dump keeps no OIDs; pg_upgrade keeps those of relations, types, labels of
// enums, and roles.
enum class Move { dump, upgrade };

// Whether an OID was given by the database, or by initdb. The others are the same everywhere.
[[nodiscard]] bool is_local(Oid oid);

// Whether values of the type have local OIDs in them that are not kept: those of labels in enums, of objects in
// regclass and the like, of types in arrays, ranges and composites. Base types of extensions are taken to have none, as
// pg_upgrade takes them. Runs backend code: only inside call.
[[nodiscard]] bool holds_local_oids(Oid type, Move move);

// What in the states of a plan holds local OIDs that are not kept, for messages; empty if nothing does.
[[nodiscard]] std::string local_oids_in_states(const Plan& plan, Move move);

}  // namespace feature
