// See row_locks.hpp.

#include "pg/row_locks.hpp"

#include "pg/boundary.hpp"

extern "C" {
#include <access/htup_details.h>
#include <access/multixact.h>
#include <access/table.h>
#include <access/tableam.h>
#include <access/xact.h>
#include <executor/tuptable.h>
#include <storage/bufmgr.h>
#include <storage/lmgr.h>
#include <utils/rel.h>
#include <utils/snapmgr.h>
}

namespace feature {
namespace {

// A table some rows of which are locked. Backend code.
class Locker {
 public:
  // Nothing can be locked if there is no such table any more.
  explicit Locker(Oid relation) : table_(try_table_open(relation, RowShareLock)) {
    if (table_ != nullptr) slot_ = table_slot_create(table_, nullptr);
  }
  [[nodiscard]] bool lock(ItemPointerData row) const {
    if (table_ == nullptr) return false;
    TM_FailureData failure;
    const TM_Result result = table_tuple_lock(table_, &row, GetActiveSnapshot(), slot_, GetCurrentCommandId(false),
                                              LockTupleExclusive, LockWaitSkip, 0, &failure);
    ExecClearTuple(slot_);
    // The snapshot would find the same version again.
    if (IsolationUsesXactSnapshot() && (result == TM_Updated || result == TM_Deleted)) {
      ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                      errmsg("could not serialize access due to concurrent change of a row of table \"%s\"",
                             RelationGetRelationName(table_)),
                      errhint("The transaction might succeed if retried.")));
    }
    return result == TM_Ok;
  }
  void close() const {
    if (table_ == nullptr) return;
    ExecDropSingleTupleTableSlot(slot_);
    table_close(table_, NoLock);
  }

 private:
  Relation table_;
  TupleTableSlot* slot_ = nullptr;
};

// Those of one table, from a number on: the number of the first that is not locked, or of the first one of another table.
std::size_t lock_rows_of_table(const RowPlaces& places, std::size_t first) {
  const Locker locker(places.relations[first]);
  std::size_t i = first;
  while (i < places.size() && places.relations[i] == places.relations[first] && locker.lock(places.rows[i])) {
    CHECK_FOR_INTERRUPTS();
    ++i;
  }
  locker.close();
  return i;
}

// What a row says of who has locked or changed it, whether they still run or not.
struct Holders {
  TransactionId id;  // of a transaction, or of a MultiXact
  std::uint16_t flags;
};

// Nothing where rows are not kept in a heap, or the row is gone. Backend code.
std::optional<Holders> holders_of(Relation table, ItemPointer row) {
  std::optional<Holders> holders;
  TupleTableSlot* slot = table_slot_create(table, nullptr);
  if (table_tuple_fetch_row_version(table, row, SnapshotAny, slot) && TTS_IS_BUFFERTUPLE(slot)) {
    auto* tuple = reinterpret_cast<BufferHeapTupleTableSlot*>(slot);
    LockBuffer(tuple->buffer, BUFFER_LOCK_SHARE);
    const HeapTupleHeader header = tuple->base.tuple->t_data;
    if ((header->t_infomask & HEAP_XMAX_INVALID) == 0) {
      holders = {HeapTupleHeaderGetRawXmax(header), header->t_infomask};
    }
    LockBuffer(tuple->buffer, BUFFER_LOCK_UNLOCK);
  }
  ExecDropSingleTupleTableSlot(slot);
  return holders;
}

void wait_for(const Holders& holders, Relation table, ItemPointer row) {
  const auto wait = [&](TransactionId holder) {
    if (TransactionIdIsCurrentTransactionId(holder)) return;
    XactLockTableWait(holder, table, row, XLTW_Lock);
  };
  if ((holders.flags & HEAP_XMAX_IS_MULTI) == 0) {
    wait(holders.id);
    return;
  }
  MultiXactMember* members;
  const int count = GetMultiXactIdMembers(holders.id, &members, HEAP_LOCKED_UPGRADED(holders.flags),
                                          HEAP_XMAX_IS_LOCKED_ONLY(holders.flags));
  for (int i = 0; i < count; ++i) wait(members[i].xid);
}

}  // namespace

std::optional<std::size_t> lock_rows(const RowPlaces& places) {
  for (std::size_t next = 0; next < places.size();) {
    const std::size_t first = next;
    next = call([&] { return lock_rows_of_table(places, first); });
    if (next < places.size() && places.relations[next] == places.relations[first]) return next;
  }
  return std::nullopt;
}

// To lock the row would mean to queue for it: whoever wants it next would wait for this session, which so would be in a
// circle of two who wait for each other's rows.
void wait_for_row(Oid relation, const ItemPointerData& row) {
  call([&] {
    Relation table = try_table_open(relation, AccessShareLock);
    if (table == nullptr) return;
    ItemPointerData place = row;
    if (const std::optional<Holders> holders = holders_of(table, &place)) wait_for(*holders, table, &place);
    table_close(table, AccessShareLock);
  });
}

}  // namespace feature
