// What must hold before a view is computed from its whole source.
#pragma once

#include "pg/boundary.hpp"

namespace feature {

// Throws SqlError at REPEATABLE READ and SERIALIZABLE: rows that were committed after the transaction's snapshot, but
// before the source was locked, would be missed.
void refuse_fixed_snapshot();

// Locks a source, and its partitions, against inserts until the end of the transaction. Throws SqlError if a statement
// of this session is inserting into it right now: its rows would be missed, or counted twice.
void lock_source(Oid source);

}  // namespace feature
