// See isolation.hpp.

#include "pg/isolation.hpp"

#include "pg/catalogue.hpp"

extern "C" {
#include <access/table.h>
#include <access/xact.h>
#include <miscadmin.h>
#include <storage/lmgr.h>
#include <utils/rel.h>
}

namespace feature {

void refuse_read_only(const char* function) {
  call([&] {
    PreventCommandDuringRecovery(function);
    PreventCommandIfReadOnly(function);
  });
}

void refuse_fixed_snapshot() {
  if (!IsolationUsesXactSnapshot()) return;
  throw SqlError(ERRCODE_ACTIVE_SQL_TRANSACTION,
                 "feature views can only be created, altered or refreshed at isolation level READ COMMITTED")
      .detail("Rows committed after the transaction's snapshot would be missed.")
      .hint("Use BEGIN ISOLATION LEVEL READ COMMITTED.");
}

void lock_source(Oid source) {
  call([&] {
    ListCell* cell;
    foreach (cell, tables_of_source(source, ShareRowExclusiveLock)) {
      Relation table = table_open(lfirst_oid(cell), NoLock);
      // Somebody beside us has it open, and this session has locked it for writing: for the statement that is running,
      // or for one before while a cursor is open.
      if (table->rd_refcnt > 1 && CheckRelationLockedByMe(table, RowExclusiveLock, false)) {
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_IN_USE),
                 errmsg("cannot compute a feature view because its source \"%s\" is being used by active queries in "
                        "this session",
                        RelationGetRelationName(table)),
                 errdetail("The transaction has written to the table, and may still do so."),
                 errhint("Close cursors on it, and call the function in a statement of its own.")));
      }
      table_close(table, NoLock);
    }
  });
}

}  // namespace feature
