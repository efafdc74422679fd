// Where a row that a trigger is told of comes from, if it is not said by its own version: others may have been written
// since, by changes that are nothing to the view, so that it was not told of them.
//
// A version knows the next one and not the one before. Those on its page are looked through for that, which is where
// PostgreSQL writes the next version as long as there is room.
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include <access/htup.h>
#include <utils/rel.h>
}

namespace feature {

enum class Origin {
  processed,       // or it was there before
  running_insert,  // whose rows the view has still to process, from a transition table; or not heap, so nobody knows
  unknown          // versions before are on other pages
};

// Of a version that a view's row trigger is told of. Reads its page, but only if the current transaction has written it
// while an INSERT into the view's source was running, as an update. Backend code.
[[nodiscard]] Origin origin_of(std::int32_t view, Relation table, HeapTuple row);

// Whether the current transaction has updated or deleted the version. Backend code.
[[nodiscard]] bool is_changed(HeapTupleHeader version);

}  // namespace feature
