// What feature.describe says of a definition, for others to say the same.
#pragma once

#include "pg/plan.hpp"

namespace feature {

// The PARTITION BY list of each partition list of a plan that was compiled from this definition: text in terms of
// source columns, () for a list without keys.
[[nodiscard]] std::vector<std::string> entities_of(Query* definition, const Plan& plan);

// A column of a PARTITION BY list that is an expression over the source row.
struct KeyText {
  std::string name;  // of the source's column, or the expression
  std::string sql;   // over the source; empty if it reads a window
};
[[nodiscard]] std::vector<KeyText> keys_of(Query* definition, const PartitionList& list, Oid source);

}  // namespace feature
