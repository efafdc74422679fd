// Where entities are kept: one state row an entity, and the nodes of the tree of its older events.
//
//   state table   key_hash bigint, slot smallint, key columns .., state feature.state     unique (key_hash, slot)
//   chunk table   key_hash bigint, slot smallint, number integer, events feature.state unique (key_hash, slot, number)
//
// An entity is found by the hash of its key; rows of one hash are told apart by their key columns and numbered by slot.
// In a shared list an entity may have several rows, each with chunks of its own, see slots.cpp.
//
// Locking: whoever works on an entity first locks its state row (no key update) and keeps the lock to the end of the
// transaction; the chunks belong to whoever has the state row. At READ COMMITTED a second transaction waits and then
// sees the first one's result; at the stricter levels it gets a serialization failure if the row has changed since its
// snapshot. Of two transactions that both meet an entity for the first time one makes its row, see new_states.cpp.
// Where several entities have one hash, whoever comes to another than the first locks the first one's row before. A row
// may also be read without a lock, if its update is what tells that nobody else has been there: see read_first.
//
// Rows are read and written past the executor, so open() makes sure that the tables still have the columns and the
// index that they were made with: whom they belong to may have altered them.
//
// Everything here runs backend code: only inside call. Nothing is released by destructors, because after an error the
// transaction releases it; close() does on success.
#pragma once

#include "pg/key_functions.hpp"
#include "pg/plan.hpp"
#include "pg/postgres.hpp"

extern "C" {
#include <access/genam.h>
#include <access/relscan.h>
#include <executor/tuptable.h>
#include <nodes/execnodes.h>
#include <utils/rel.h>
#include <utils/resowner.h>
#include <utils/snapshot.h>
}

namespace feature {

// What an entity is called in messages to whoever inserts.
class EntityNames {
 public:
  virtual ~EntityNames() = default;
  // In the current memory context. Backend code.
  [[nodiscard]] virtual const char* name(const NullableDatum* keys) const = 0;
};

// When entities that are new get their rows.
enum class NewRows {
  when_locked,  // others wait for this transaction from then on
  // Each row is written once, and nobody waits. But somebody else may be faster: then what depends on the row has to be
  // undone, in a subtransaction.
  when_written,
};

// A state row that this transaction has locked, or will lock or make.
struct StateRow {
  std::uint64_t hash;
  const NullableDatum* keys;
  ItemPointerData tid;  // invalid as long as there is none
  std::int16_t slot;
  const std::byte* image;  // in the context that was current when it was locked
  std::size_t size;
  bool may_change = false;  // it was only read, see StateStore::read_first

  [[nodiscard]] bool is_made() const { return ItemPointerIsValid(&tid); }
  // The slot behind its own if it is still to be made, else 0.
  [[nodiscard]] std::int16_t behind_if_pending() const { return is_made() ? 0 : static_cast<std::int16_t>(slot + 1); }
};

// The OID of type feature.state.
[[nodiscard]] Oid state_type();

class StateStore {
 public:
  struct Bytes {
    const std::byte* data;
    std::size_t size;
  };

  // `image_type` is what state_type() gives. `names` lives as long as the store is open. `can_repeat`: what is done
  // with the store can be undone, and done once more; else no row is ever taken. Where nobody else can write to the
  // table rows are made when they are written anyway, and none is taken either.
  void open(Oid state_table, Oid chunk_table, Oid image_type, const std::vector<KeyFunctions>* keys,
            const EntityNames* names, NewRows new_rows, bool can_repeat);
  void close();
  // Whom what is open belongs to. Must be current whenever the store is used.
  [[nodiscard]] ResourceOwner owner() const { return owner_; }

  // Finds and locks the state row of an entity; if there is none, makes one that holds `empty`, or tells of the one
  // that is to be made. `behind_pending`: the first slot behind those of rows that are still to be made and have this
  // hash and another key; 0 if there are none. Nothing if the row is taken.
  [[nodiscard]] std::optional<StateRow> lock(std::uint64_t hash, const NullableDatum* keys, std::int16_t behind_pending,
                                             const std::byte* empty, std::size_t size);
  // From here on, or no longer, `lock` reads rows that nobody is writing without locking them. Whoever writes such a
  // row is told if somebody else has been there since; what nobody has written since is as good as locked from the
  // start.
  void read_first(bool whether) { reads_first_ = whether; }
  // Locks a row that was only read. False if somebody else has been there since.
  [[nodiscard]] bool lock_read(StateRow& row);
  // Locks the first row of a hash, if it has any: whoever has that has all entities of the hash to itself. False if it
  // is taken.
  [[nodiscard]] bool lock_first(std::uint64_t hash);
  // Whether `lock` makes no rows, but for what has been removed not long ago.
  [[nodiscard]] bool makes_rows_when_written() const { return is_alone_ || new_rows_ == NewRows::when_written; }
  // The same as lock, but makes none: what it returns is not made then.
  [[nodiscard]] std::optional<StateRow> lock_existing(std::uint64_t hash, const NullableDatum* keys);
  // If all can be repeated: from here on entities that others have are taken. Whoever has locked those that it needs in
  // the order in which all do, and meets another one, must not wait.
  void stop_waiting() { waits_ = !can_repeat_; }
  // Of a shared list, from when all slots of the statement's entities have been locked: `lock_slot` passes by those that
  // others are adding since, who may be waiting for this transaction.
  void stop_waiting_for_slots() { waits_for_slots_ = false; }
  // Of a shared list. Finds and locks a slot of an entity that nobody else has, making one that holds `empty` if there
  // is none; at isolation levels of one snapshot all of them, waiting. If it is the first one, one of the others may be
  // locked as well, so that it can be merged into this: one that has not been changed for a while. Its image is null if
  // there is none.
  struct Slots {
    StateRow own;
    StateRow merged;
  };
  [[nodiscard]] Slots lock_slot(std::uint64_t hash, const NullableDatum* keys, const std::byte* empty,
                                std::size_t size);
  // The slots of an entity that a snapshot sees; `next_slot` gives one after the other, false at the end.
  void find_slots(std::uint64_t hash, Snapshot snapshot);
  [[nodiscard]] bool next_slot(std::uint64_t hash, const NullableDatum* keys, StateRow* row);
  // The image of a node of a slot that the snapshot sees.
  [[nodiscard]] Bytes node(const StateRow& row, std::uint32_t number, Snapshot snapshot);
  // Before the snapshot that was given last is no longer valid.
  void end_snapshot() { use_snapshot(nullptr); }
  // Removes a locked row and its chunks.
  void remove(const StateRow& row);

  // Writes a new image; the row must have been locked in an earlier command or this one, and not written in this one.
  // Of a row that was made before, the place moves. False if one that was not is known to be taken; others may wait. Or
  // if one that was only read is not as it was; then nothing is written.
  [[nodiscard]] bool write(StateRow& row, const std::byte* image, std::size_t size);
  // Inserts the rows that wait. False if one is taken.
  [[nodiscard]] bool insert_waiting();

  // The image of a node in the current memory context; null if there is none.
  [[nodiscard]] Bytes node(const StateRow& row, std::uint32_t number);
  // False if the row is taken.
  [[nodiscard]] bool add_node(const StateRow& row, std::uint32_t number, const std::byte* image, std::size_t size);
  void replace_node(const StateRow& row, std::uint32_t number, const std::byte* image, std::size_t size);
  void remove_node(const StateRow& row, std::uint32_t number);

 private:
  // Columns of both tables.
  static constexpr AttrNumber hash_attribute = 1;
  static constexpr AttrNumber slot_attribute = 2;

  struct Found {
    bool found;
    bool had_entries;  // there are index entries of this hash, of dead rows at least
    bool deferred;     // was not found, and is made when it is written
    bool taken;        // cannot be had without waiting
    std::int16_t free_slot;
    ItemPointerData first;  // of the hash, if that is another entity's row; else invalid
  };
  enum class Attempt { locked, taken, changed };
  struct Search;
  void look_for_free_slot(std::uint64_t hash, const NullableDatum* keys, Search* search);
  [[nodiscard]] bool lock_all_slots(std::uint64_t hash, const NullableDatum* keys, Search* search);
  [[nodiscard]] Attempt try_lock_found();
  [[nodiscard]] bool is_quiet() const;
  [[nodiscard]] bool has_keys(const NullableDatum* keys) const;
  void use_snapshot(Snapshot snapshot);

  void start(IndexScanDesc scan, ScanKey keys, int count) const;
  void start_states(IndexScanDesc scan, std::uint64_t hash) const;
  [[nodiscard]] const NullableDatum* copy_of_keys() const;
  [[nodiscard]] std::int16_t slot_number() const;
  [[nodiscard]] bool find_node(IndexScanDesc scan, const StateRow& row, std::uint32_t number) const;
  [[nodiscard]] Bytes node(IndexScanDesc scan, const StateRow& row, std::uint32_t number) const;
  void fill_chunk_slot(const StateRow& row, std::uint32_t number, const std::byte* image, std::size_t size);
  bool insert_chunk_index_entry(IndexUniqueCheck check);
  // `had_entries`, unless null, is set if the index has named any row, seen or not.
  [[nodiscard]] bool next(IndexScanDesc scan, TupleTableSlot* slot, bool* had_entries = nullptr) const;
  [[nodiscard]] Found find(IndexScanDesc scan, std::uint64_t hash, const NullableDatum* keys);
  [[nodiscard]] Found find_or_make(std::uint64_t hash, const NullableDatum* keys, std::int16_t behind_pending,
                                   const std::byte* empty, std::size_t size);
  [[nodiscard]] Found find_behind_first(std::uint64_t hash, const NullableDatum* keys);
  [[nodiscard]] bool is_own() const;
  [[nodiscard]] bool insert_unless_taken(std::uint64_t hash, const NullableDatum* keys, std::int16_t slot,
                                         const std::byte* image, std::size_t size);
  [[nodiscard]] bool let_wait(const StateRow& row, const std::byte* image, std::size_t size);
  [[nodiscard]] bool is_committed(std::uint64_t hash, const NullableDatum* keys, std::int16_t slot);
  template <class Wait>
  void wait(const NullableDatum* keys, Wait&& wait) const;
  void wait_for(TransactionId other, ItemPointerData tid, const NullableDatum* keys) const;
  [[nodiscard]] Attempt lock_found(const NullableDatum* keys);
  [[nodiscard]] Attempt wait_and_lock_found(const NullableDatum* keys);
  void insert(std::uint64_t hash, const NullableDatum* keys, std::int16_t slot, const std::byte* image,
              std::size_t size);
  void fill_slot(std::uint64_t hash, const NullableDatum* keys, std::int16_t slot, const std::byte* image,
                 std::size_t size);
  bool insert_index_entry(ItemPointer tid, std::uint64_t hash, std::int16_t slot, IndexUniqueCheck check);
  [[nodiscard]] StateRow row_in_slot(std::uint64_t hash, const NullableDatum* keys);
  void open_chunks();

  const std::vector<KeyFunctions>* keys_ = nullptr;
  const EntityNames* names_ = nullptr;
  MemoryContext context_ = nullptr;  // the statement's: what is opened lives there
  ResourceOwner owner_ = nullptr;
  Oid chunk_table_ = InvalidOid;
  Oid image_type_ = InvalidOid;
  Relation states_ = nullptr;
  Relation states_index_ = nullptr;
  IndexInfo* states_index_info_ = nullptr;
  IndexScanDesc states_scan_ = nullptr;
  SnapshotData dirty_{};
  NewRows new_rows_ = NewRows::when_locked;
  bool can_repeat_ = false;
  bool is_alone_ = false;  // nobody else can write to the state table
  bool waits_ = true;
  bool reads_first_ = false;
  bool waits_for_slots_ = true;
  TupleTableSlot* read_slot_ = nullptr;
  TupleTableSlot* write_slot_ = nullptr;

  // Rows of new entities, which are inserted many at a time.
  static constexpr int most_waiting = 256;
  static constexpr Size most_waiting_bytes = 64 * 1024;
  TupleTableSlot* waiting_slots_[most_waiting] = {};
  int waiting_ = 0;
  Size waiting_bytes_ = 0;
  MemoryContext waiting_context_ = nullptr;

  Relation chunks_ = nullptr;
  Relation chunks_index_ = nullptr;
  IndexInfo* chunks_index_info_ = nullptr;
  IndexScanDesc chunks_scan_ = nullptr;
  TupleTableSlot* chunk_read_slot_ = nullptr;
  TupleTableSlot* chunk_write_slot_ = nullptr;

  // Of a shared list: slots of others, and their nodes, by a snapshot.
  Snapshot snapshot_ = nullptr;
  IndexScanDesc slots_scan_ = nullptr;
  IndexScanDesc slot_chunks_scan_ = nullptr;
};

}  // namespace feature
