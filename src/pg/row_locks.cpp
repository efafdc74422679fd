// See row_locks.hpp.

#include "pg/row_locks.hpp"

#include "pg/boundary.hpp"
#include "pg/subtransaction.hpp"

extern "C" {
#include <access/table.h>
#include <access/tableam.h>
#include <access/xact.h>
#include <executor/tuptable.h>
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
  [[nodiscard]] bool lock(ItemPointerData row, LockWaitPolicy policy) const {
    if (table_ == nullptr) return false;
    TM_FailureData failure;
    const TM_Result result = table_tuple_lock(table_, &row, GetActiveSnapshot(), slot_, GetCurrentCommandId(false),
                                              LockTupleExclusive, policy, 0, &failure);
    ExecClearTuple(slot_);
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
  while (i < places.size() && places.relations[i] == places.relations[first] &&
         locker.lock(places.rows[i], LockWaitSkip)) {
    CHECK_FOR_INTERRUPTS();
    ++i;
  }
  locker.close();
  return i;
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

void wait_for_row(Oid relation, const ItemPointerData& row) {
  Subtransaction locked;
  call([&] {
    const Locker locker(relation);
    (void)locker.lock(row, LockWaitBlock);
    locker.close();
  });
  locked.roll_back();
}

}  // namespace feature
