// The direct path follows execReplication.c: find by index, lock, retry, update, and an index entry where the update
// was not HOT. See state_store.hpp for the protocol.

#include "pg/state_store.hpp"

#include "pg/compat.hpp"

extern "C" {
#include <access/htup_details.h>
#include <access/sysattr.h>
#include <access/table.h>
#include <access/xact.h>
#include <catalog/index.h>
#include <catalog/namespace.h>
#include <catalog/pg_am.h>
#include <catalog/pg_opfamily.h>
#include <catalog/pg_type.h>
#include <storage/lmgr.h>
#include <utils/datum.h>
#include <utils/fmgroids.h>
#include <utils/snapmgr.h>
#include <utils/syscache.h>
}

namespace feature {
namespace {

constexpr AttrNumber first_key_attribute = 3;
constexpr AttrNumber number_attribute = 3;
constexpr AttrNumber events_attribute = 4;

// An index of integers, the first columns of its table, in which a row is found by all of them.
bool is_index_on(Relation index, const Oid* types, int columns) {
  const Form_pg_index form = index->rd_index;
  bool fits = index->rd_rel->relam == BTREE_AM_OID && form->indisunique && form->indisvalid && form->indimmediate &&
              form->indnkeyatts == columns && form->indnatts == columns &&
              heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, nullptr);
  for (int i = 0; fits && i < columns; ++i) {
    fits = form->indkey.values[i] == i + 1 && index->rd_opfamily[i] == INTEGER_BTREE_FAM_OID &&
           index->rd_opcintype[i] == types[i];
  }
  return fits;
}

[[noreturn]] void altered(Relation table) {
  ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                  errmsg("table \"%s\" is not as it was made", RelationGetRelationName(table)),
                  errdetail("Somebody has changed its columns or its index."),
                  errhint("Drop the feature view and create it again.")));
  pg_unreachable();
}

// An ERROR unless the table has columns of these types, of which the first `identifying` ones are indexed and the last
// is never NULL.
void check_columns(Relation table, Relation index, const Oid* types, int columns, int identifying) {
  const TupleDesc description = RelationGetDescr(table);
  if (table->rd_rel->relkind != RELKIND_RELATION || description->natts != columns) altered(table);
  for (int i = 0; i < columns; ++i) {
    const Form_pg_attribute attribute = TupleDescAttr(description, i);
    if (attribute->attisdropped || attribute->atttypid != types[i]) altered(table);
  }
  if (!TupleDescAttr(description, columns - 1)->attnotnull) altered(table);
  if (!is_index_on(index, types, identifying)) altered(table);
}

Oid only_index(Relation table) {
  ::List* indexes = RelationGetIndexList(table);
  if (list_length(indexes) != 1) {
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("table \"%s\" must have exactly one index", RelationGetRelationName(table)),
                    errhint("Drop indexes that were added: they make every update slower. Without its own, drop the feature view and "
                            "create it again.")));
  }
  return linitial_oid(indexes);
}

Datum image_datum(const std::byte* image, std::size_t size) {
  auto* datum = static_cast<struct varlena*>(palloc(VARHDRSZ + size));
  SET_VARSIZE(datum, VARHDRSZ + size);
  std::memcpy(VARDATA(datum), image, size);
  return PointerGetDatum(datum);
}

StateStore::Bytes image_copy(Datum datum) {
  auto* flat = PG_DETOAST_DATUM_PACKED(datum);
  const std::size_t size = VARSIZE_ANY_EXHDR(flat);
  auto* copy = static_cast<std::byte*>(palloc(size));
  std::memcpy(copy, VARDATA_ANY(flat), size);
  return {copy, size};
}

[[noreturn]] void serialization_failure() {
  ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                  errmsg("could not serialize access due to concurrent update of an entity's state"),
                  errhint("The transaction might succeed if retried.")));
  pg_unreachable();
}

[[noreturn]] void changed_meanwhile(Relation table, TM_Result result) {
  ereport(ERROR, (errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
                  errmsg("state of an entity was changed while a batch was processed"),
                  errdetail("Table \"%s\", result %d.", RelationGetRelationName(table), static_cast<int>(result)),
                  errhint("An expression of the definition may have inserted into the source table.")));
  pg_unreachable();
}

}  // namespace

Oid state_type() {
  return GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("state"),
                         ObjectIdGetDatum(get_namespace_oid("feature", false)));
}

void StateStore::open(Oid state_table, Oid chunk_table, Oid image_type, const std::vector<KeyFunctions>* keys,
                      const EntityNames* names, NewRows new_rows, bool can_repeat) {
  keys_ = keys;
  names_ = names;
  new_rows_ = new_rows;
  can_repeat_ = can_repeat;
  context_ = CurrentMemoryContext;
  owner_ = CurrentResourceOwner;
  chunk_table_ = chunk_table;
  image_type_ = image_type;
  states_ = table_open(state_table, RowExclusiveLock);
  states_index_ = index_open(only_index(states_), RowExclusiveLock);
  is_alone_ = CheckRelationLockedByMe(states_, ShareRowExclusiveLock, true);
  const auto width = static_cast<int>(keys->size()) + first_key_attribute;
  auto* types = static_cast<Oid*>(palloc(sizeof(Oid) * static_cast<std::size_t>(width)));
  types[hash_attribute - 1] = INT8OID;
  types[slot_attribute - 1] = INT2OID;
  for (std::size_t i = 0; i < keys->size(); ++i) types[first_key_attribute - 1 + i] = (*keys)[i].type;
  types[width - 1] = image_type_;
  check_columns(states_, states_index_, types, width, slot_attribute);
  pfree(types);
  InitDirtySnapshot(dirty_);
  states_scan_ = compat::index_beginscan(states_, states_index_, &dirty_, 1);
  read_slot_ = table_slot_create(states_, nullptr);
  write_slot_ = MakeSingleTupleTableSlot(RelationGetDescr(states_), &TTSOpsVirtual);
}

void StateStore::open_chunks() {
  if (chunks_ != nullptr) return;
  MemoryContext previous = MemoryContextSwitchTo(context_);
  chunks_ = table_open(chunk_table_, RowExclusiveLock);
  chunks_index_ = index_open(only_index(chunks_), RowExclusiveLock);
  const Oid types[] = {INT8OID, INT2OID, INT4OID, image_type_};
  check_columns(chunks_, chunks_index_, types, events_attribute, number_attribute);
  // The state row is locked, so the chunks cannot change under us; our own changes count at once.
  chunks_scan_ = compat::index_beginscan(chunks_, chunks_index_, SnapshotSelf, 3);
  chunk_read_slot_ = table_slot_create(chunks_, nullptr);
  chunk_write_slot_ = MakeSingleTupleTableSlot(RelationGetDescr(chunks_), &TTSOpsVirtual);
  chunks_index_info_ = BuildIndexInfo(chunks_index_);
  MemoryContextSwitchTo(previous);
}

void StateStore::close() {
  use_snapshot(nullptr);
  index_endscan(states_scan_);
  ExecDropSingleTupleTableSlot(read_slot_);
  ExecDropSingleTupleTableSlot(write_slot_);
  for (int i = 0; i < most_waiting && waiting_slots_[i] != nullptr; ++i) {
    ExecDropSingleTupleTableSlot(waiting_slots_[i]);
  }
  index_close(states_index_, NoLock);
  table_close(states_, NoLock);
  if (chunks_ == nullptr) return;
  index_endscan(chunks_scan_);
  ExecDropSingleTupleTableSlot(chunk_read_slot_);
  ExecDropSingleTupleTableSlot(chunk_write_slot_);
  index_close(chunks_index_, NoLock);
  table_close(chunks_, NoLock);
}

// Index scans are made once a statement and used under contexts that are reset meanwhile, while an access method may
// allocate at any step: so each step is made in the statement's context.
bool StateStore::next(IndexScanDesc scan, TupleTableSlot* slot, bool* had_entries) const {
  MemoryContext previous = MemoryContextSwitchTo(context_);
  bool found = false;
  // As index_getnext_slot does, which does not tell of entries whose rows are not seen.
  while (!found && (scan->xs_heap_continue || index_getnext_tid(scan, ForwardScanDirection) != nullptr)) {
    if (had_entries != nullptr) *had_entries = true;
    found = index_fetch_heap(scan, slot);
  }
  MemoryContextSwitchTo(previous);
  return found;
}

void StateStore::start(IndexScanDesc scan, ScanKey keys, int count) const {
  MemoryContext previous = MemoryContextSwitchTo(context_);
  index_rescan(scan, keys, count, nullptr, 0);
  MemoryContextSwitchTo(previous);
}

// Leaves the entity's row in read_slot_, if the scan's snapshot sees one.
StateStore::Found StateStore::find(IndexScanDesc scan, std::uint64_t hash, const NullableDatum* keys) {
  start_states(scan, hash);
  Found result{};
  ItemPointerSetInvalid(&result.first);
  while (next(scan, read_slot_, &result.had_entries)) {
    result.found = has_keys(keys);
    if (result.found) break;
    if (!ItemPointerIsValid(&result.first)) result.first = read_slot_->tts_tid;
    const std::int16_t slot = slot_number();
    if (slot >= result.free_slot) result.free_slot = static_cast<std::int16_t>(slot + 1);
  }
  return result;
}

// The same, but if another entity is the first of the hash with that one's row locked: whatever is behind it, or is
// made there, is nobody else's then.
StateStore::Found StateStore::find_behind_first(std::uint64_t hash, const NullableDatum* keys) {
  ItemPointerData locked;
  ItemPointerSetInvalid(&locked);
  for (;;) {
    CHECK_FOR_INTERRUPTS();
    Found found = find(states_scan_, hash, keys);
    if (is_alone_ || !ItemPointerIsValid(&found.first) || ItemPointerEquals(&found.first, &locked)) return found;
    start_states(states_scan_, hash);
    if (!next(states_scan_, read_slot_)) continue;
    switch (is_own() ? Attempt::locked : wait_and_lock_found(keys)) {
      case Attempt::locked: locked = read_slot_->tts_tid; break;
      case Attempt::taken: found.taken = true; return found;
      case Attempt::changed: break;
    }
  }
}

// Whether this transaction has written the row in read_slot_.
bool StateStore::is_own() const {
  bool null;
  const Datum made_by = slot_getsysattr(read_slot_, MinTransactionIdAttributeNumber, &null);
  return TransactionIdIsCurrentTransactionId(DatumGetTransactionId(made_by));
}

// Whether the row in read_slot_ is the entity's.
bool StateStore::has_keys(const NullableDatum* keys) const {
  for (std::size_t i = 0; i < keys_->size(); ++i) {
    bool null;
    const Datum stored = slot_getattr(read_slot_, static_cast<AttrNumber>(first_key_attribute + i), &null);
    if (null != keys[i].isnull) return false;
    if (!null && !(*keys_)[i].equal(stored, keys[i].value)) return false;
  }
  return true;
}

// The keys of the row in read_slot_.
const NullableDatum* StateStore::copy_of_keys() const {
  auto* keys = static_cast<NullableDatum*>(palloc(sizeof(NullableDatum) * Max(keys_->size(), 1)));
  for (std::size_t i = 0; i < keys_->size(); ++i) {
    NullableDatum& key = keys[i];
    key.value = slot_getattr(read_slot_, static_cast<AttrNumber>(first_key_attribute + i), &key.isnull);
    if (!key.isnull) key.value = datumCopy(key.value, (*keys_)[i].by_value, (*keys_)[i].length);
  }
  return keys;
}

// Begins to look for the rows of a hash, in the order of their slots.
void StateStore::start_states(IndexScanDesc scan, std::uint64_t hash) const {
  ScanKeyData key;
  ScanKeyInit(&key, hash_attribute, BTEqualStrategyNumber, F_INT8EQ, static_cast<Datum>(hash));
  start(scan, &key, 1);
}

// Of the row in read_slot_.
std::int16_t StateStore::slot_number() const {
  bool null;
  return DatumGetInt16(slot_getattr(read_slot_, slot_attribute, &null));
}

// Whether a snapshot that is taken now sees a row of the entity, unless `keys` are null, or one that has the slot.
bool StateStore::is_committed(std::uint64_t hash, const NullableDatum* keys, std::int16_t slot) {
  Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
  IndexScanDesc scan = compat::index_beginscan(states_, states_index_, snapshot, 1);
  bool found = false;
  start_states(scan, hash);
  while (!found && next(scan, read_slot_)) found = slot_number() == slot || (keys != nullptr && has_keys(keys));
  index_endscan(scan);
  UnregisterSnapshot(snapshot);
  ExecClearTuple(read_slot_);
  return found;
}

// Waits for another transaction, with the entity in the context of errors: of a deadlock, or of a wait given up. The
// name is made beforehand, as nothing can be looked up once there is an error.
template <class Wait>
void StateStore::wait(const NullableDatum* keys, Wait&& wait) const {
  ErrorContextCallback context{};
  context.previous = error_context_stack;
  context.callback = [](void* name) { errcontext("lock of %s", static_cast<const char*>(name)); };
  context.arg = const_cast<char*>(names_->name(keys));
  error_context_stack = &context;
  wait();
  error_context_stack = context.previous;
}

// Waits for whoever is writing a row of the entity.
void StateStore::wait_for(TransactionId other, ItemPointerData tid, const NullableDatum* keys) const {
  wait(keys, [&] { XactLockTableWait(other, states_, &tid, XLTW_Update); });
}

// Locks the row in read_slot_. If it has changed meanwhile it must be looked for again.
StateStore::Attempt StateStore::lock_found(const NullableDatum* keys) {
  if (IsolationUsesXactSnapshot() && !is_own() &&
      !table_tuple_satisfies_snapshot(states_, read_slot_, GetTransactionSnapshot())) {
    serialization_failure();
  }
  ItemPointerData tid = read_slot_->tts_tid;
  TM_FailureData failure;
  TM_Result result;
  const auto lock = [&](LockWaitPolicy policy) {
    result = table_tuple_lock(states_, &tid, GetActiveSnapshot(), read_slot_, GetCurrentCommandId(false),
                              LockTupleNoKeyExclusive, policy, 0, &failure);
  };
  lock(LockWaitSkip);
  if (result == TM_WouldBlock && !waits_) return Attempt::taken;
  if (result == TM_WouldBlock) wait(keys, [&] { lock(LockWaitBlock); });
  switch (result) {
    case TM_Ok: return Attempt::locked;
    case TM_Updated:
    case TM_Deleted:
      if (IsolationUsesXactSnapshot()) serialization_failure();
      return Attempt::changed;
    default:
      ereport(ERROR,
              (errcode(ERRCODE_INTERNAL_ERROR), errmsg("unexpected result %d of locking a row of table \"%s\"",
                                                       static_cast<int>(result), RelationGetRelationName(states_))));
  }
  return Attempt::changed;
}

StateRow StateStore::row_in_slot(std::uint64_t hash, const NullableDatum* keys) {
  bool null;
  StateRow row{};
  row.hash = hash;
  row.keys = keys;
  row.tid = read_slot_->tts_tid;
  row.slot = slot_number();
  const Datum state = slot_getattr(read_slot_, static_cast<AttrNumber>(first_key_attribute + keys_->size()), &null);
  const Bytes image = image_copy(state);
  row.image = image.data;
  row.size = image.size;
  ExecClearTuple(read_slot_);
  return row;
}

std::optional<StateRow> StateStore::lock(std::uint64_t hash, const NullableDatum* keys, std::int16_t behind_pending,
                                         const std::byte* empty, std::size_t size) {
  for (bool reads = reads_first_;; reads = false) {
    CHECK_FOR_INTERRUPTS();
    const Found found = find_or_make(hash, keys, behind_pending, empty, size);
    if (found.taken) return std::nullopt;
    if (!found.found) {
      StateRow row{hash, keys, {}, found.free_slot, empty, size};
      if (found.deferred) {
        ItemPointerSetInvalid(&row.tid);
      } else {
        row.tid = write_slot_->tts_tid;
      }
      return row;
    }
    // Not behind the first row of a hash, as with that one locked nobody else comes there.
    const bool is_written = TransactionIdIsValid(dirty_.xmin) || TransactionIdIsValid(dirty_.xmax);
    if (reads && !is_written && !ItemPointerIsValid(&found.first)) {
      StateRow row = row_in_slot(hash, keys);
      row.may_change = true;
      return row;
    }
    switch (wait_and_lock_found(keys)) {
      case Attempt::locked: return row_in_slot(hash, keys);
      case Attempt::taken: return std::nullopt;
      case Attempt::changed: break;
    }
  }
}

// The version that was read is still where it was, whatever has become of it: the snapshot of the statement was taken
// before, and whoever has written it since has not committed before that, so that it cannot be cleared away.
bool StateStore::lock_read(StateRow& row) {
  if (!row.may_change) return true;
  ItemPointerData tid = row.tid;
  TM_FailureData failure;
  const TM_Result result = table_tuple_lock(states_, &tid, GetActiveSnapshot(), read_slot_, GetCurrentCommandId(false),
                                            LockTupleNoKeyExclusive, LockWaitSkip, 0, &failure);
  ExecClearTuple(read_slot_);
  row.may_change = result != TM_Ok;
  return !row.may_change;
}

bool StateStore::lock_first(std::uint64_t hash) {
  for (;;) {
    CHECK_FOR_INTERRUPTS();
    bool had_entries = false;
    start_states(states_scan_, hash);
    if (!next(states_scan_, read_slot_, &had_entries)) {
      if (had_entries && !is_alone_ && is_committed(hash, nullptr, 0)) continue;
      return true;
    }
    switch (wait_and_lock_found(copy_of_keys())) {
      case Attempt::locked: ExecClearTuple(read_slot_); return true;
      case Attempt::taken: return false;
      case Attempt::changed: break;
    }
  }
}

std::optional<StateRow> StateStore::lock_existing(std::uint64_t hash, const NullableDatum* keys) {
  for (;;) {
    CHECK_FOR_INTERRUPTS();
    const Found found = find_behind_first(hash, keys);
    if (found.taken) return std::nullopt;
    if (!found.found) return StateRow{hash, keys, {}, 0, nullptr, 0};
    switch (wait_and_lock_found(keys)) {
      case Attempt::locked: return row_in_slot(hash, keys);
      case Attempt::taken: return std::nullopt;
      case Attempt::changed: break;
    }
  }
}

// The same as lock_found, but first waits for whoever is writing the row.
StateStore::Attempt StateStore::wait_and_lock_found(const NullableDatum* keys) {
  const TransactionId other = TransactionIdIsValid(dirty_.xmin) ? dirty_.xmin : dirty_.xmax;
  if (!TransactionIdIsValid(other)) return lock_found(keys);
  ExecClearTuple(read_slot_);
  if (dirty_.speculativeToken != 0) {
    SpeculativeInsertionWait(other, dirty_.speculativeToken);
  } else if (!waits_) {
    return Attempt::taken;
  } else {
    wait_for(other, read_slot_->tts_tid, keys);
  }
  return Attempt::changed;
}

void StateStore::fill_slot(std::uint64_t hash, const NullableDatum* keys, std::int16_t slot, const std::byte* image,
                           std::size_t size) {
  ExecClearTuple(write_slot_);
  Datum* values = write_slot_->tts_values;
  bool* nulls = write_slot_->tts_isnull;
  values[hash_attribute - 1] = static_cast<Datum>(hash);
  nulls[hash_attribute - 1] = false;
  values[slot_attribute - 1] = Int16GetDatum(slot);
  nulls[slot_attribute - 1] = false;
  for (std::size_t i = 0; i < keys_->size(); ++i) {
    values[first_key_attribute - 1 + i] = keys[i].value;
    nulls[first_key_attribute - 1 + i] = keys[i].isnull;
  }
  const std::size_t last = static_cast<std::size_t>(first_key_attribute) - 1 + keys_->size();
  values[last] = image_datum(image, size);
  nulls[last] = false;
  ExecStoreVirtualTuple(write_slot_);
}

// An update leaves the key as it was, and its row is locked: nobody has a second one. To look for one would visit every
// version that this transaction has written, as none of them can go before it ends.
bool StateStore::insert_index_entry(ItemPointer tid, std::uint64_t hash, std::int16_t slot, IndexUniqueCheck check) {
  if (states_index_info_ == nullptr) {
    MemoryContext previous = MemoryContextSwitchTo(context_);
    states_index_info_ = BuildIndexInfo(states_index_);
    MemoryContextSwitchTo(previous);
  }
  Datum values[2] = {static_cast<Datum>(hash), Int16GetDatum(slot)};
  bool nulls[2] = {false, false};
  return index_insert(states_index_, values, nulls, tid, states_, check, false, states_index_info_);
}

void StateStore::insert(std::uint64_t hash, const NullableDatum* keys, std::int16_t slot, const std::byte* image,
                        std::size_t size) {
  fill_slot(hash, keys, slot, image, size);
  table_tuple_insert(states_, write_slot_, GetCurrentCommandId(true), 0, nullptr);
  insert_index_entry(&write_slot_->tts_tid, hash, slot, UNIQUE_CHECK_YES);
}

bool StateStore::write(StateRow& row, const std::byte* image, std::size_t size) {
  CHECK_FOR_INTERRUPTS();
  if (!row.is_made()) return let_wait(row, image, size);
  fill_slot(row.hash, row.keys, row.slot, image, size);
  ItemPointerData tid = row.tid;
  TM_FailureData failure;
  LockTupleMode mode;
  bool update_indexes = false;
  const TM_Result result =
      compat::table_tuple_update(states_, &tid, write_slot_, GetCurrentCommandId(true), InvalidSnapshot,
                                 !row.may_change, &failure, &mode, &update_indexes);
  // See lock_read. There is no waiting here: who will lock the row comes to it in the order of all.
  if (result != TM_Ok && row.may_change) return false;
  if (result != TM_Ok) changed_meanwhile(states_, result);
  if (update_indexes) insert_index_entry(&write_slot_->tts_tid, row.hash, row.slot, UNIQUE_CHECK_NO);
  row.tid = write_slot_->tts_tid;
  row.may_change = false;
  return true;
}

// Leaves the row of a node in chunk_read_slot_.
bool StateStore::find_node(IndexScanDesc scan, const StateRow& row, std::uint32_t number) const {
  CHECK_FOR_INTERRUPTS();
  ScanKeyData keys[3];
  ScanKeyInit(&keys[0], hash_attribute, BTEqualStrategyNumber, F_INT8EQ, static_cast<Datum>(row.hash));
  ScanKeyInit(&keys[1], slot_attribute, BTEqualStrategyNumber, F_INT2EQ, Int16GetDatum(row.slot));
  ScanKeyInit(&keys[2], number_attribute, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(number));
  start(scan, keys, 3);
  return next(scan, chunk_read_slot_);
}

StateStore::Bytes StateStore::node(const StateRow& row, std::uint32_t number) {
  open_chunks();
  return node(chunks_scan_, row, number);
}

StateStore::Bytes StateStore::node(IndexScanDesc scan, const StateRow& row, std::uint32_t number) const {
  if (!find_node(scan, row, number)) return {nullptr, 0};
  bool null;
  const Bytes image = image_copy(slot_getattr(chunk_read_slot_, events_attribute, &null));
  ExecClearTuple(chunk_read_slot_);
  return image;
}

void StateStore::fill_chunk_slot(const StateRow& row, std::uint32_t number, const std::byte* image, std::size_t size) {
  ExecClearTuple(chunk_write_slot_);
  const Datum values[4] = {static_cast<Datum>(row.hash), Int16GetDatum(row.slot),
                           Int32GetDatum(static_cast<std::int32_t>(number)), image_datum(image, size)};
  for (int i = 0; i < 4; ++i) {
    chunk_write_slot_->tts_values[i] = values[i];
    chunk_write_slot_->tts_isnull[i] = false;
  }
  ExecStoreVirtualTuple(chunk_write_slot_);
}

bool StateStore::insert_chunk_index_entry(IndexUniqueCheck check) {
  return index_insert(chunks_index_, chunk_write_slot_->tts_values, chunk_write_slot_->tts_isnull,
                      &chunk_write_slot_->tts_tid, chunks_, check, check == UNIQUE_CHECK_NO, chunks_index_info_);
}

bool StateStore::add_node(const StateRow& row, std::uint32_t number, const std::byte* image, std::size_t size) {
  CHECK_FOR_INTERRUPTS();
  open_chunks();
  fill_chunk_slot(row, number, image, size);
  table_tuple_insert(chunks_, chunk_write_slot_, GetCurrentCommandId(true), 0, nullptr);
  return insert_chunk_index_entry(row.is_made() ? UNIQUE_CHECK_YES : UNIQUE_CHECK_PARTIAL);
}

void StateStore::replace_node(const StateRow& row, std::uint32_t number, const std::byte* image, std::size_t size) {
  open_chunks();
  if (!find_node(chunks_scan_, row, number)) changed_meanwhile(chunks_, TM_Deleted);
  ItemPointerData tid = chunk_read_slot_->tts_tid;
  ExecClearTuple(chunk_read_slot_);
  fill_chunk_slot(row, number, image, size);
  TM_FailureData failure;
  LockTupleMode mode;
  bool update_indexes = false;
  const TM_Result result = compat::table_tuple_update(chunks_, &tid, chunk_write_slot_, GetCurrentCommandId(true),
                                                      InvalidSnapshot, true, &failure, &mode, &update_indexes);
  if (result != TM_Ok) changed_meanwhile(chunks_, result);
  if (update_indexes) insert_chunk_index_entry(UNIQUE_CHECK_NO);
}

void StateStore::remove_node(const StateRow& row, std::uint32_t number) {
  open_chunks();
  if (!find_node(chunks_scan_, row, number)) changed_meanwhile(chunks_, TM_Deleted);
  ItemPointerData tid = chunk_read_slot_->tts_tid;
  ExecClearTuple(chunk_read_slot_);
  simple_table_tuple_delete(chunks_, &tid, SnapshotSelf);
}

void StateStore::remove(const StateRow& row) {
  open_chunks();
  IndexScanDesc scan = compat::index_beginscan(chunks_, chunks_index_, SnapshotSelf, 2);
  ScanKeyData keys[2];
  ScanKeyInit(&keys[0], hash_attribute, BTEqualStrategyNumber, F_INT8EQ, static_cast<Datum>(row.hash));
  ScanKeyInit(&keys[1], slot_attribute, BTEqualStrategyNumber, F_INT2EQ, Int16GetDatum(row.slot));
  start(scan, keys, 2);
  while (next(scan, chunk_read_slot_)) {
    ItemPointerData node = chunk_read_slot_->tts_tid;
    ExecClearTuple(chunk_read_slot_);
    simple_table_tuple_delete(chunks_, &node, SnapshotSelf);
  }
  index_endscan(scan);
  ItemPointerData tid = row.tid;
  simple_table_tuple_delete(states_, &tid, SnapshotSelf);
}

}  // namespace feature
