// See changed_again.hpp.

#include "pg/changed_again.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "pg/boundary.hpp"

extern "C" {
#include <access/htup_details.h>
#include <access/table.h>
#include <access/tableam.h>
#include <access/xact.h>
#include <utils/rel.h>
#include <utils/snapmgr.h>
}

namespace feature {
namespace {

using LaterChange = std::pair<CommandId, std::int32_t>;

// In order: the commands that have changed rows of their own transaction, and the views that were told.
std::vector<LaterChange>& later_changes() {
  static std::vector<LaterChange> told;
  return told;
}

void remember(const LaterChange& change) {
  auto& told = later_changes();
  const auto place = std::lower_bound(told.begin(), told.end(), change);
  if (place == told.end() || *place != change) told.insert(place, change);
}

bool was_told(const LaterChange& change) {
  return std::binary_search(later_changes().begin(), later_changes().end(), change);
}

// Backend code.
[[noreturn]] void refuse(Relation table) {
  ereport(ERROR, (errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
                  errmsg("row of table \"%s\" was written by a statement that is still running",
                         RelationGetRelationName(table)),
                  errdetail("A feature view on the table has still to process that statement, and the row was changed "
                            "again."),
                  errhint("Change the row in a trigger BEFORE INSERT OR UPDATE FOR EACH ROW, or by a statement of its "
                          "own.")));
  pg_unreachable();
}

bool is_changed(HeapTupleHeader row) {
  return (row->t_infomask & HEAP_XMAX_INVALID) == 0 && !HEAP_XMAX_IS_LOCKED_ONLY(row->t_infomask) &&
         TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetUpdateXid(row));
}

// Follows the row's versions, since changes that are nothing to the view come between those that it is told of.
// Backend code.
bool was_told_of_later_change(std::int32_t view, Relation table, ItemPointerData place, TupleTableSlot* slot) {
  while (table_tuple_fetch_row_version(table, &place, SnapshotAny, slot)) {
    bool copied;
    HeapTupleHeader row = ExecFetchSlotHeapTuple(slot, false, &copied)->t_data;
    if (!is_changed(row)) return false;
    if (was_told({HeapTupleHeaderGetCmax(row), view})) return true;
    if (HeapTupleHeaderIndicatesMovedPartitions(row) || ItemPointerEquals(&row->t_ctid, &place)) return false;
    place = row->t_ctid;
  }
  return false;
}

}  // namespace

void check_was_processed(const TriggerData& data, std::int32_t view) {
  HeapTupleHeader row = data.tg_trigtuple->t_data;
  if (!TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(row))) return;
  const CommandId changed_by = call([&] {
    const CommandId written_by = HeapTupleHeaderGetCmin(row);
    if (written_by != current_command() && is_unprocessed(view, written_by)) refuse(data.tg_relation);
    return HeapTupleHeaderGetCmax(row);
  });
  remember({changed_by, view});
}

void check_are_latest(std::int32_t view, const RowChanges& changes) {
  if (later_changes().empty() || later_changes().back().first <= current_command()) return;
  call([&] {
    Relation table = nullptr;
    TupleTableSlot* slot = nullptr;
    const auto close = [&] {
      if (table == nullptr) return;
      ExecDropSingleTupleTableSlot(slot);
      table_close(table, NoLock);
    };
    for (const RowChange& change : changes.changes()) {
      if (change.new_relation == InvalidOid) continue;
      CHECK_FOR_INTERRUPTS();
      if (table == nullptr || RelationGetRelid(table) != change.new_relation) {
        close();
        table = table_open(change.new_relation, AccessShareLock);
        slot = table_slot_create(table, nullptr);
      }
      if (was_told_of_later_change(view, table, change.new_tid, slot)) refuse(table);
    }
    close();
  });
}

void forget_later_changes() { later_changes().clear(); }

}  // namespace feature
