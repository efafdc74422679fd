// From definition text to an analysed query that is known to be a stack of SELECT levels over one ordinary table.
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include <nodes/parsenodes.h>
}

namespace feature {

// Parses and analyses `text` under the current user and search path, and refuses what is not a definition: each refusal
// names position, reason and hint. Locks the source AccessShare. Allocates in the current context.
[[nodiscard]] Query* analyse_definition(const char* text);

// The definition that a SQL view holds. Allocates in the current context.
[[nodiscard]] Query* stored_definition(Oid view);

// The levels of a definition, innermost first.
[[nodiscard]] std::vector<Query*> levels_of(Query* definition);

// The only range table entry of a level that its rows come from, and its index.
[[nodiscard]] RangeTblEntry* source_of_level(Query* level, int* index);

// The columns of the source that a definition reads, by number. Rows that are the same in these are the same to a view.
[[nodiscard]] std::vector<AttrNumber> columns_read(Query* definition);

}  // namespace feature
