// See isolation.hpp.

#include "pg/isolation.hpp"

extern "C" {
#include <access/xact.h>
}

namespace feature {

void refuse_fixed_snapshot() {
  if (!IsolationUsesXactSnapshot()) return;
  throw SqlError(ERRCODE_ACTIVE_SQL_TRANSACTION,
                 "feature views can only be created or refreshed at isolation level READ COMMITTED")
      .detail("Rows committed after the transaction's snapshot would be missed.")
      .hint("Use BEGIN ISOLATION LEVEL READ COMMITTED.");
}

}  // namespace feature
