// The making of state rows: the part of StateStore (state_store.hpp) that is about entities that have none.
//
// A row that is made when its entity is locked is inserted speculatively, as INSERT .. ON CONFLICT does it: of two
// sessions that both meet the entity one has its row, and the other, whose row is gone as if it had never been, finds
// that of the first.
//
// Rows that are made when they are written are inserted many at a time. If somebody else has been faster nobody waits
// for anybody: the caller is told, and has to undo what it has done.
//
// The unique index lets an entity have one row as long as its slot's number is the same for everybody: zero, if no
// other entity has its hash. Where one has, whoever wants the entity has that one's row locked first, and so is alone
// with the hash. Rows of a hash that has several are removed only while nobody makes any, see forget.cpp: else its
// first one could go, and somebody who has seen none before take its number.

#include "pg/state_store.hpp"

#include <algorithm>

extern "C" {
#include <access/tableam.h>
#include <access/xact.h>
#include <storage/lmgr.h>
}

namespace feature {

// Looks for the entity's row with a dirty snapshot, which also sees rows that other transactions are working on, and
// makes one if there is none: then it is in write_slot_, unless it is to be made when it is written. Slots below
// `behind_pending` may belong to rows that the caller has still to write.
StateStore::Found StateStore::find_or_make(std::uint64_t hash, const NullableDatum* keys, std::int16_t behind_pending,
                                           const std::byte* empty, std::size_t size) {
  for (;;) {
    Found found = find_behind_first(hash, keys);
    if (found.found || found.taken) return found;
    found.free_slot = std::max(found.free_slot, behind_pending);
    found.deferred = is_alone_;
    if (is_alone_) return found;
    // Behind a row that is not there yet others can be as well.
    found.taken = behind_pending > 0;
    if (found.taken) return found;
    // A dirty snapshot can miss a row: one whose new version has come into the index behind the scan, while the old one
    // was not yet reached in the table. The old one's entry was seen then, and a snapshot taken now sees one of the
    // two.
    if (found.had_entries && is_committed(hash, keys, found.free_slot)) continue;
    found.deferred = new_rows_ == NewRows::when_written && !found.had_entries;
    if (found.deferred || insert_unless_taken(hash, keys, found.free_slot, empty, size)) return found;
  }
}

// False if somebody else has made a row with the same hash and slot.
bool StateStore::insert_unless_taken(std::uint64_t hash, const NullableDatum* keys, std::int16_t slot,
                                     const std::byte* image, std::size_t size) {
  fill_slot(hash, keys, slot, image, size);
  const TransactionId self = GetCurrentTransactionId();
  const std::uint32_t token = SpeculativeInsertionLockAcquire(self);
  table_tuple_insert_speculative(states_, write_slot_, GetCurrentCommandId(true), 0, nullptr, token);
  const bool made = insert_index_entry(&write_slot_->tts_tid, hash, slot, UNIQUE_CHECK_PARTIAL);
  table_tuple_complete_speculative(states_, write_slot_, token, made);
  SpeculativeInsertionLockRelease(self);
  return made;
}

// A row that is written for the first time is inserted together with others: one change of a page, and one WAL record,
// for many. They are the entities' own and nobody looks for them meanwhile.
bool StateStore::let_wait(const StateRow& row, const std::byte* image, std::size_t size) {
  fill_slot(row.hash, row.keys, row.slot, image, size);
  TupleTableSlot*& slot = waiting_slots_[waiting_];
  if (waiting_context_ == nullptr) {
    waiting_context_ = AllocSetContextCreate(context_, "feature_ext waiting state rows", ALLOCSET_DEFAULT_SIZES);
  }
  if (slot == nullptr) {
    MemoryContext previous = MemoryContextSwitchTo(context_);
    slot = MakeSingleTupleTableSlot(RelationGetDescr(states_), &TTSOpsHeapTuple);
    MemoryContextSwitchTo(previous);
  }
  MemoryContext previous = MemoryContextSwitchTo(waiting_context_);
  HeapTuple tuple = ExecCopySlotHeapTuple(write_slot_);
  MemoryContextSwitchTo(previous);
  ExecStoreHeapTuple(tuple, slot, false);
  ++waiting_;
  waiting_bytes_ += tuple->t_len;
  return (waiting_ < most_waiting && waiting_bytes_ < most_waiting_bytes) || insert_waiting();
}

// If one is taken the rest has to be undone, these rows with it.
bool StateStore::insert_waiting() {
  if (waiting_ == 0) return true;
  MemoryContext previous = MemoryContextSwitchTo(waiting_context_);
  table_multi_insert(states_, waiting_slots_, waiting_, GetCurrentCommandId(true), 0, nullptr);
  bool all_free = true;
  for (int i = 0; i < waiting_; ++i) {
    CHECK_FOR_INTERRUPTS();
    TupleTableSlot* slot = waiting_slots_[i];
    bool null;
    const auto hash = static_cast<std::uint64_t>(slot_getattr(slot, hash_attribute, &null));
    const std::int16_t number = DatumGetInt16(slot_getattr(slot, slot_attribute, &null));
    all_free = all_free && insert_index_entry(&slot->tts_tid, hash, number, UNIQUE_CHECK_PARTIAL);
    ExecClearTuple(slot);
  }
  MemoryContextSwitchTo(previous);
  MemoryContextReset(waiting_context_);
  waiting_ = 0;
  waiting_bytes_ = 0;
  return all_free;
}

}  // namespace feature
