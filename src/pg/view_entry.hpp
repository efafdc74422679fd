// A view's entry in the catalogue, read without SQL. It is the first thing that a session does for its first row, and
// in a new session so small a query takes ten milliseconds: it looks up each function and operator that it names.
#pragma once

#include "pg/program.hpp"

namespace feature {

// As it is now, whatever the transaction's snapshot: the relations that it names may have been replaced since. With id
// 0 if there is none, or if its feature table is gone. O(number of views).
[[nodiscard]] ViewIdentity read_entry(std::int32_t id);

}  // namespace feature
