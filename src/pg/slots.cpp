// The slots of shared lists: the part of StateStore (state_store.hpp) that is about entities with several state rows.
//
// At READ COMMITTED a session takes the first slot that nobody has locked, or adds one, and so never waits. There are
// at most as many slots as there have been transactions on the entity at one time: whoever has one adds none.
//
// Which events a row sees is decided by one snapshot for all slots. It is taken after the own slot has been locked, so
// that its newest version is the one that the snapshot sees, and whatever others commit or merge meanwhile shows either
// as it was before or as it was after.
//
// At REPEATABLE READ and SERIALIZABLE all slots are locked, in order, and any that has changed since the transaction's
// snapshot is a serialization failure: two such transactions that see nothing of each other cannot both commit. A
// statement of several batches comes to them again. Slots that others have come to add meanwhile, at READ COMMITTED,
// are passed by then: their sessions may wait for entities of other lists that this transaction has.

#include "pg/compat.hpp"
#include "pg/state_store.hpp"

extern "C" {
#include <access/sysattr.h>
#include <access/transam.h>
#include <access/xact.h>
#include <storage/lmgr.h>
#include <utils/snapmgr.h>
}

namespace feature {

struct StateStore::Search {
  std::int16_t free_slot = 0;  // the first that no row of the hash has
  bool had_entries = false;    // there are index entries of this hash, of dead rows at least
  bool found = false;
  bool changed = false;  // a row was there, and then another version of it
  Slots slots{};
};

StateStore::Slots StateStore::lock_slot(std::uint64_t hash, const NullableDatum* keys, const std::byte* empty,
                                        std::size_t size) {
  // Sessions that add slots to an entity are kept apart by a page lock that is held only while the row is made.
  const auto block = static_cast<BlockNumber>(hash % MaxBlockNumber);
  for (bool page_locked = false;;) {
    CHECK_FOR_INTERRUPTS();
    Search search;
    if (!IsolationUsesXactSnapshot()) {
      look_for_free_slot(hash, keys, &search);
    } else if (page_locked) {
      // Nobody waits for a transaction under the page lock.
      const Found made = find(states_scan_, hash, keys);
      search.changed = made.found;
      search.free_slot = made.free_slot;
      search.had_entries = made.had_entries;
    } else {
      search.changed = !lock_all_slots(hash, keys, &search);
    }
    const bool add = page_locked && !search.found && !search.changed;
    // A dirty snapshot can miss a row that moves, see find_or_make. Of one that others write, its slot's number
    // matters.
    const NullableDatum* missed = IsolationUsesXactSnapshot() ? keys : nullptr;
    if (add && search.had_entries && is_committed(hash, missed, search.free_slot)) continue;
    if (add) {
      insert(hash, keys, search.free_slot, empty, size);
      search.slots.own = {hash, keys, write_slot_->tts_tid, search.free_slot, empty, size};
    }
    if (page_locked) UnlockPage(states_index_, block, ExclusiveLock);
    if (add || search.found) return search.slots;
    page_locked = !search.changed;
    if (page_locked) LockPage(states_index_, block, ExclusiveLock);
  }
}

void StateStore::look_for_free_slot(std::uint64_t hash, const NullableDatum* keys, Search* search) {
  bool first = true;
  start_states(states_scan_, hash);
  while (next(states_scan_, read_slot_, &search->had_entries)) {
    if (slot_number() == search->free_slot) ++search->free_slot;
    if (!has_keys(keys)) continue;
    if (!search->found) {
      switch (try_lock_found()) {
        case Attempt::locked:
          search->found = true;
          search->slots.own = row_in_slot(hash, keys);
          if (!first) return;
          break;
        case Attempt::taken: break;
        case Attempt::changed: search->changed = true; break;
      }
      first = false;
    } else if (is_quiet() && try_lock_found() == Attempt::locked) {
      search->slots.merged = row_in_slot(hash, keys);
      return;
    }
  }
}

// Locks the row in read_slot_ if that is possible at once.
StateStore::Attempt StateStore::try_lock_found() {
  if (TransactionIdIsValid(dirty_.xmin) || TransactionIdIsValid(dirty_.xmax)) return Attempt::taken;
  ItemPointerData tid = read_slot_->tts_tid;
  TM_FailureData failure;
  const TM_Result result = table_tuple_lock(states_, &tid, GetActiveSnapshot(), read_slot_, GetCurrentCommandId(false),
                                            LockTupleNoKeyExclusive, LockWaitSkip, 0, &failure);
  switch (result) {
    case TM_Ok: return Attempt::locked;
    case TM_Updated:
    case TM_Deleted: return Attempt::changed;
    case TM_WouldBlock: return Attempt::taken;
    default: break;
  }
  ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("unexpected result %d of locking a row of table \"%s\"",
                                                          static_cast<int>(result), RelationGetRelationName(states_))));
  return Attempt::taken;
}

// Whether the row in read_slot_ was written before all transactions that were running when this statement began: then
// sessions have been getting along without that slot.
bool StateStore::is_quiet() const {
  bool null;
  const TransactionId made_by =
      DatumGetTransactionId(slot_getsysattr(read_slot_, MinTransactionIdAttributeNumber, &null));
  return TransactionIdPrecedes(made_by, GetActiveSnapshot()->xmin);
}

// False if they must be looked for again.
bool StateStore::lock_all_slots(std::uint64_t hash, const NullableDatum* keys, Search* search) {
  TransactionId other = InvalidTransactionId;
  ItemPointerData tid;
  start_states(states_scan_, hash);
  while (next(states_scan_, read_slot_)) {
    if (!has_keys(keys)) continue;
    const bool is_late =
        !waits_for_slots_ && !table_tuple_satisfies_snapshot(states_, read_slot_, GetTransactionSnapshot());
    const bool is_being_added = TransactionIdIsValid(dirty_.xmin);
    if (!is_being_added && (is_late || !TransactionIdIsValid(dirty_.xmax))) {
      // Fails if it is late.
      if (lock_found(keys) != Attempt::locked) return false;
      if (!search->found) search->slots.own = row_in_slot(hash, keys);
      search->found = true;
      continue;
    }
    other = is_being_added ? dirty_.xmin : dirty_.xmax;
    tid = read_slot_->tts_tid;
    if (is_late) continue;
    search->found = false;
    break;
  }
  ExecClearTuple(read_slot_);
  if (search->found || !TransactionIdIsValid(other)) return true;
  wait_for(other, tid, keys);
  return false;
}

// ---- what others have committed

void StateStore::use_snapshot(Snapshot snapshot) {
  if (snapshot_ == snapshot) return;
  if (slots_scan_ != nullptr) index_endscan(slots_scan_);
  if (slot_chunks_scan_ != nullptr) index_endscan(slot_chunks_scan_);
  slots_scan_ = slot_chunks_scan_ = nullptr;
  snapshot_ = snapshot;
}

void StateStore::find_slots(std::uint64_t hash, Snapshot snapshot) {
  use_snapshot(snapshot);
  if (slots_scan_ == nullptr) {
    MemoryContext previous = MemoryContextSwitchTo(context_);
    slots_scan_ = compat::index_beginscan(states_, states_index_, snapshot, 1);
    MemoryContextSwitchTo(previous);
  }
  start_states(slots_scan_, hash);
}

bool StateStore::next_slot(std::uint64_t hash, const NullableDatum* keys, StateRow* row) {
  while (next(slots_scan_, read_slot_)) {
    if (!has_keys(keys)) continue;
    *row = row_in_slot(hash, keys);
    return true;
  }
  return false;
}

StateStore::Bytes StateStore::node(const StateRow& row, std::uint32_t number, Snapshot snapshot) {
  open_chunks();
  use_snapshot(snapshot);
  if (slot_chunks_scan_ == nullptr) {
    MemoryContext previous = MemoryContextSwitchTo(context_);
    slot_chunks_scan_ = compat::index_beginscan(chunks_, chunks_index_, snapshot, 3);
    MemoryContextSwitchTo(previous);
  }
  return node(slot_chunks_scan_, row, number);
}

}  // namespace feature
