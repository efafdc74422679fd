// What must hold before a view is changed, or computed from its whole source.
#pragma once

#include "pg/boundary.hpp"

namespace feature {

// Of a function that writes, named as it is called: throws an error where the transaction may not, before it comes to
// statements that the user has not written.
void refuse_read_only(const char* function);

// Throws SqlError at REPEATABLE READ and SERIALIZABLE: rows that were committed after the transaction's snapshot, but
// before the source was locked, would be missed.
void refuse_fixed_snapshot();

// Locks a source, and its partitions, against inserts until the end of the transaction. Throws an error if a statement
// of this session may be inserting into it right now: its rows would be missed, or counted twice.
void lock_source(Oid source);

}  // namespace feature
