// A row that a statement has written can be changed again while the statement is running: by a trigger, a function that
// it calls, or a foreign key that cascades. Views process a statement when it ends. So a view would be given the later
// change first, or both of them together, and look for a version of the row that it does not know: it would take out an
// event that looks the same, or leave the first version's features behind. Such a statement is refused.
#pragma once

#include "pg/row_collector.hpp"

extern "C" {
#include <commands/trigger.h>
}

namespace feature {

// Of a row trigger for an update or deletion. Throws SqlError if a statement has written the row that is known to have
// still to be processed. Else that becomes known by the next two, where there is one.
void check_was_processed(const TriggerData& data, std::int32_t view);

// Of changes that are to be processed. Throws SqlError if the view was told already that a row was changed again. Takes
// a look at each row, but only if the statement has run others that have changed rows of the same transaction.
void check_are_latest(std::int32_t view, const RowChanges& changes);

// Of an INSERT that ends and whose rows come as a transition table, so that their places are not known. Throws SqlError
// if the view was told already that one of them was changed again. Reads the whole source, but only where that has been
// possible and could not be seen then, see row_origin.hpp.
void check_inserted_are_latest(std::int32_t view, Relation source);

// The transaction has ended.
void forget_later_changes();

}  // namespace feature
