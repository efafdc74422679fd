// See changed_again.hpp.

#include "pg/changed_again.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "pg/boundary.hpp"
#include "pg/row_origin.hpp"

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

// Versions of rows that a running INSERT may have put there, and what has changed them.
struct Doubt {
  LaterChange change;
  ItemPointerData version;
};

bool operator<(const Doubt& left, const Doubt& right) {
  if (left.change != right.change) return left.change < right.change;
  return ItemPointerCompare(const_cast<ItemPointer>(&left.version), const_cast<ItemPointer>(&right.version)) < 0;
}

// In order as far as they have been sorted.
std::vector<Doubt>& doubts() {
  static std::vector<Doubt> remembered;
  return remembered;
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

// Whether it is so of the version at a place or of a later one of the row: changes that are nothing to the view come
// between those that it is told of. Backend code.
template <class IsSo>
bool is_so_later(Relation table, ItemPointerData place, TupleTableSlot* slot, IsSo is_so) {
  while (table_tuple_fetch_row_version(table, &place, SnapshotAny, slot)) {
    bool copied;
    HeapTupleHeader row = ExecFetchSlotHeapTuple(slot, false, &copied)->t_data;
    if (!is_changed(row)) return false;
    if (is_so(HeapTupleHeaderGetCmax(row), place)) return true;
    if (HeapTupleHeaderIndicatesMovedPartitions(row) || ItemPointerEquals(&row->t_ctid, &place)) return false;
    place = row->t_ctid;
  }
  return false;
}

// Backend code.
bool is_inserted_by(CommandId command, TupleTableSlot* slot) {
  bool copied;
  HeapTupleHeader row = ExecFetchSlotHeapTuple(slot, false, &copied)->t_data;
  return TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(row)) && HeapTupleHeaderGetCmin(row) == command &&
         (row->t_infomask & HEAP_UPDATED) == 0;
}

}  // namespace

void check_was_processed(const TriggerData& data, std::int32_t view) {
  HeapTupleHeader row = data.tg_trigtuple->t_data;
  if (!TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(row))) return;
  Origin origin;
  const CommandId changed_by = call([&] {
    const CommandId written_by = HeapTupleHeaderGetCmin(row);
    if (written_by != current_command() && is_unprocessed(view, written_by)) refuse(data.tg_relation);
    origin = origin_of(view, data.tg_relation, data.tg_trigtuple);
    if (origin == Origin::running_insert) refuse(data.tg_relation);
    return HeapTupleHeaderGetCmax(row);
  });
  remember({changed_by, view});
  if (origin == Origin::unknown) doubts().push_back({{changed_by, view}, data.tg_trigtuple->t_self});
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
      const auto told = [&](CommandId command, ItemPointerData) { return was_told({command, view}); };
      if (is_so_later(table, change.new_tid, slot, told)) refuse(table);
    }
    close();
  });
}

void check_inserted_are_latest(std::int32_t view, Relation source) {
  std::vector<Doubt>& all = doubts();
  if (std::none_of(all.begin(), all.end(), [&](const Doubt& doubt) {
        return doubt.change.second == view && doubt.change.first > current_command();
      })) {
    return;
  }
  std::sort(all.begin(), all.end());
  const auto doubted = [&](CommandId command, ItemPointerData version) {
    return std::binary_search(all.begin(), all.end(), Doubt{{command, view}, version});
  };
  call([&] {
    TupleTableSlot* row = table_slot_create(source, nullptr);
    TupleTableSlot* later = table_slot_create(source, nullptr);
    TableScanDesc scan = table_beginscan(source, SnapshotAny, 0, nullptr);
    while (table_scan_getnextslot(scan, ForwardScanDirection, row)) {
      CHECK_FOR_INTERRUPTS();
      if (is_inserted_by(current_command(), row) && is_so_later(source, row->tts_tid, later, doubted)) refuse(source);
    }
    table_endscan(scan);
    ExecDropSingleTupleTableSlot(later);
    ExecDropSingleTupleTableSlot(row);
  });
}

void forget_later_changes() {
  later_changes().clear();
  doubts().clear();
}

}  // namespace feature
