// Locks of rows that are found by a query and then are to be deleted, for whoever must not wait for one row while it has
// others.
#pragma once

#include "pg/postgres.hpp"

extern "C" {
#include <storage/itemptr.h>
}

namespace feature {

// Rows of tables: by number, the table of each and its place there.
struct RowPlaces {
  std::vector<Oid> relations;
  std::vector<ItemPointerData> rows;

  [[nodiscard]] std::size_t size() const { return rows.size(); }
};

// Locks the rows as a DELETE does, but does not wait: gives the number of one that somebody else has, or has changed
// since it was found; nothing if all are locked. At isolation levels of one snapshot the latter is a serialization
// failure. Checks no privileges. O(rows).
[[nodiscard]] std::optional<std::size_t> lock_rows(const RowPlaces& places);

// Waits for all who have a row now. Nobody comes to wait for this session by that, and nothing stays locked.
void wait_for_row(Oid relation, const ItemPointerData& row);

}  // namespace feature
