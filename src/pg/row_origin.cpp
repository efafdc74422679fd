// See row_origin.hpp.

#include "pg/row_origin.hpp"

#include "pg/one_statement.hpp"

extern "C" {
#include <access/htup_details.h>
#include <access/tableam.h>
#include <access/xact.h>
#include <storage/bufmgr.h>
#include <storage/bufpage.h>
}

namespace feature {
namespace {

// Nothing if it is for the version before to say.
std::optional<Origin> told_by(std::int32_t view, HeapTupleHeader version) {
  if (!TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(version))) return Origin::processed;
  const CommandId command = HeapTupleHeaderGetCmin(version);
  if ((version->t_infomask & HEAP_UPDATED) == 0) {
    return is_inserting(view, command) ? Origin::running_insert : Origin::processed;
  }
  if (!was_inserting_before(view, command)) return Origin::processed;
  return std::nullopt;
}

HeapTupleHeader version_at(Page page, OffsetNumber place) {
  const ItemId item = PageGetItemId(page, place);
  return ItemIdIsNormal(item) ? reinterpret_cast<HeapTupleHeader>(PageGetItem(page, item)) : nullptr;
}

// Of each version on a page the one before, if it is there too. Those that the current transaction has changed are not
// pruned; what a changed one points at may be another row if the change was undone.
struct VersionsBefore {
  explicit VersionsBefore(Page page, BlockNumber block) {
    const OffsetNumber last = PageGetMaxOffsetNumber(page);
    for (OffsetNumber place = FirstOffsetNumber; place <= last; ++place) {
      const HeapTupleHeader version = version_at(page, place);
      if (version == nullptr || !is_changed(version) || HeapTupleHeaderIndicatesMovedPartitions(version)) continue;
      if (ItemPointerGetBlockNumber(&version->t_ctid) != block) continue;
      const OffsetNumber next = ItemPointerGetOffsetNumber(&version->t_ctid);
      if (next == place || next < FirstOffsetNumber || next > last) continue;
      const HeapTupleHeader successor = version_at(page, next);
      if (successor == nullptr || HeapTupleHeaderGetXmin(successor) != HeapTupleHeaderGetUpdateXid(version)) continue;
      of[next] = place;
    }
  }

  OffsetNumber of[MaxHeapTuplesPerPage + 1] = {};
};

std::optional<Origin> told_by_page(std::int32_t view, Page page, const ItemPointerData& row) {
  const VersionsBefore before(page, ItemPointerGetBlockNumber(&row));
  std::optional<Origin> origin;
  for (OffsetNumber place = before.of[ItemPointerGetOffsetNumber(&row)]; !origin && place != InvalidOffsetNumber;
       place = before.of[place]) {
    origin = told_by(view, version_at(page, place));
  }
  return origin;
}

}  // namespace

bool is_changed(HeapTupleHeader version) {
  return (version->t_infomask & HEAP_XMAX_INVALID) == 0 && !HEAP_XMAX_IS_LOCKED_ONLY(version->t_infomask) &&
         TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetUpdateXid(version));
}

Origin origin_of(std::int32_t view, Relation table, HeapTuple row) {
  std::optional<Origin> origin = told_by(view, row->t_data);
  if (origin) return *origin;
  if (table->rd_tableam != GetHeapamTableAmRoutine()) return Origin::running_insert;
  const Buffer buffer = ReadBuffer(table, ItemPointerGetBlockNumber(&row->t_self));
  LockBuffer(buffer, BUFFER_LOCK_SHARE);
  origin = told_by_page(view, BufferGetPage(buffer), row->t_self);
  UnlockReleaseBuffer(buffer);
  return origin.value_or(Origin::unknown);
}

}  // namespace feature
