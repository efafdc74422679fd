// See isolation.hpp.

#include "pg/isolation.hpp"

extern "C" {
#include <access/table.h>
#include <access/xact.h>
#include <commands/tablecmds.h>
#include <utils/rel.h>
}

namespace feature {

void refuse_fixed_snapshot() {
  if (!IsolationUsesXactSnapshot()) return;
  throw SqlError(ERRCODE_ACTIVE_SQL_TRANSACTION,
                 "feature views can only be created or refreshed at isolation level READ COMMITTED")
      .detail("Rows committed after the transaction's snapshot would be missed.")
      .hint("Use BEGIN ISOLATION LEVEL READ COMMITTED.");
}

void lock_source(Oid source, const char* action) {
  call([&] {
    Relation relation = table_open(source, ShareRowExclusiveLock);
    CheckTableNotInUse(relation, action);
    table_close(relation, NoLock);
  });
}

}  // namespace feature
