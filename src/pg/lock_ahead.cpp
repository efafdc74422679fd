// See lock_ahead.hpp.

#include "pg/lock_ahead.hpp"

#include "pg/attempts.hpp"
#include "pg/compat.hpp"
#include "pg/entity_cache.hpp"
#include "pg/entity_taken.hpp"
#include "pg/row_intake.hpp"

extern "C" {
#include <access/tupdesc.h>
#include <access/xact.h>
#include <catalog/pg_operator_d.h>
#include <catalog/pg_type_d.h>
#include <executor/executor.h>
#include <utils/tuplesort.h>
}

namespace feature {
namespace {

// What rows tell of the entities of one list, to be locked in the order of their hashes. Members run backend code.
class Ahead {
 public:
  explicit Ahead(const Program::Entities& list) : list_(list), keys_(list.keys.size()), recent_(most_recent, 0) {}
  Ahead(const Ahead&) = delete;
  Ahead& operator=(const Ahead&) = delete;
  virtual ~Ahead() = default;

  // Evaluates what tells the entity of the keys that are in a slot's columns. They stay there.
  void look_at(const TupleTableSlot* slot) {
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      const std::size_t column = list_.key_columns[i];
      keys_[i] = {slot->tts_values[column], slot->tts_isnull[column]};
    }
    hash_ = hash_of(list_.keys, keys_.data());
  }

  // Takes the entity that was looked at.
  void take() {
    // Rows of one entity often stand close together. What looks empty here is taken once more, at worst.
    std::uint64_t& recent = recent_[hash_ % most_recent];
    if (recent == hash_ && hash_ != 0) return;
    recent = hash_;
    put();
  }

  // Locks all that were taken, with `memory` for what each needs; false if one is taken. Ends what is here.
  [[nodiscard]] virtual bool lock(StateStore& store, ExprContext* memory) = 0;

 protected:
  virtual void put() = 0;

  const Program::Entities& list_;
  std::vector<NullableDatum> keys_;
  std::uint64_t hash_ = 0;

 private:
  static constexpr std::size_t most_recent = 65536;

  std::vector<std::uint64_t> recent_;  // hashes taken, by their remainder
};

// Where rows of new entities are made when they are written: those that are there are found by their hash.
class SortedHashes final : public Ahead {
 public:
  explicit SortedHashes(const Program::Entities& list) : Ahead(list) {
    call([&] { sort_ = tuplesort_begin_datum(INT8OID, Int8LessOperator, InvalidOid, false, work_mem, nullptr, 0); });
  }

  bool lock(StateStore& store, ExprContext* memory) override {
    tuplesort_performsort(sort_);
    bool taken = false;
    Datum last = 0;
    Datum hash;
    for (bool any = false; !taken && compat::tuplesort_getdatum(sort_, &hash); any = true, last = hash) {
      if (any && hash == last) continue;
      ResetExprContext(memory);
      MemoryContext previous = MemoryContextSwitchTo(memory->ecxt_per_tuple_memory);
      taken = !store.lock_first(hash);
      MemoryContextSwitchTo(previous);
    }
    tuplesort_end(sort_);
    return !taken;
  }

 protected:
  void put() override { tuplesort_putdatum(sort_, static_cast<Datum>(hash_), false); }

 private:
  Tuplesortstate* sort_ = nullptr;
};

// Where they are made when they are locked, or have slots of which one is chosen: with their keys.
class SortedKeys final : public Ahead {
 public:
  SortedKeys(const PartitionList& planned, const Program::Entities& list) : Ahead(list) {
    call([&] {
      TupleDesc columns = CreateTemplateTupleDesc(static_cast<int>(1 + keys_.size()));
      TupleDescInitEntry(columns, 1, nullptr, INT8OID, -1, 0);
      for (std::size_t i = 0; i < keys_.size(); ++i) {
        TupleDescInitEntry(columns, static_cast<AttrNumber>(2 + i), nullptr, planned.keys[i].type, -1, 0);
      }
      in_ = MakeSingleTupleTableSlot(columns, &TTSOpsVirtual);
      out_ = MakeSingleTupleTableSlot(columns, &TTSOpsMinimalTuple);
      AttrNumber by[] = {1};
      Oid order[] = {Int8LessOperator};
      Oid collations[] = {InvalidOid};
      bool nulls_first[] = {false};
      sort_ = tuplesort_begin_heap(columns, 1, by, order, collations, nulls_first, work_mem, nullptr, 0);
    });
  }

  bool lock(StateStore& store, ExprContext* memory) override {
    tuplesort_performsort(sort_);
    bool any = false;
    bool taken = false;
    std::uint64_t last = 0;
    while (!taken && tuplesort_gettupleslot(sort_, true, false, out_, nullptr)) {
      ResetExprContext(memory);
      slot_getallattrs(out_);
      const auto hash = static_cast<std::uint64_t>(out_->tts_values[0]);
      if (any && hash == last) continue;  // who has one entity of a hash has them all to itself
      any = true;
      last = hash;
      for (std::size_t i = 0; i < keys_.size(); ++i) keys_[i] = {out_->tts_values[1 + i], out_->tts_isnull[1 + i]};
      MemoryContext previous = MemoryContextSwitchTo(memory->ecxt_per_tuple_memory);
      if (list_.shared) {
        (void)store.lock_slot(hash, keys_.data(), list_.empty.data(), list_.empty.size());
      } else {
        taken = !store.lock(hash, keys_.data(), 0, list_.empty.data(), list_.empty.size());
      }
      MemoryContextSwitchTo(previous);
    }
    tuplesort_end(sort_);
    ExecDropSingleTupleTableSlot(in_);
    ExecDropSingleTupleTableSlot(out_);
    return !taken;
  }

 protected:
  void put() override {
    ExecClearTuple(in_);
    in_->tts_values[0] = static_cast<Datum>(hash_);
    in_->tts_isnull[0] = false;
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      in_->tts_values[1 + i] = keys_[i].value;
      in_->tts_isnull[1 + i] = keys_[i].isnull;
    }
    ExecStoreVirtualTuple(in_);
    tuplesort_puttupleslot(sort_, in_);
  }

 private:
  Tuplesortstate* sort_ = nullptr;
  TupleTableSlot* in_ = nullptr;
  TupleTableSlot* out_ = nullptr;
};

}  // namespace

void lock_ahead(Program& program, Place& place, Diversion* diversion, RowSource& rows,
                std::vector<StateStore>& stores) {
  const std::vector<PartitionList>& planned = program.plan().lists;
  std::vector<std::unique_ptr<Ahead>> ahead(planned.size());
  const bool shared_wait = IsolationUsesXactSnapshot();
  for (std::size_t list = 0; list < planned.size(); ++list) {
    const Program::Entities& known = program.lists[list];
    if (!planned[list].from_source || (known.shared && !shared_wait)) continue;
    if (!known.shared && stores[list].makes_rows_when_written()) {
      ahead[list] = std::make_unique<SortedHashes>(known);
    } else {
      ahead[list] = std::make_unique<SortedKeys>(planned[list], known);
    }
  }
  // What the sorts write to disk outlives the rows.
  const ResourceOwner owner = CurrentResourceOwner;
  Attempts attempts(place, diversion);
  attempts.begin();
  for (;;) {
    place.at_no_row();
    const MinimalTuple row = call([&] { return next_row(program, rows); });
    if (row == nullptr) break;
    bool counts = false;
    const bool done = attempts.look_at(row, [&] {
      call([&] {
        MemoryContext previous = MemoryContextSwitchTo(program.expressions->ecxt_per_tuple_memory);
        counts = prepare(program) && has_event_time(program);
        for (const std::unique_ptr<Ahead>& of_list : ahead) {
          if (counts && of_list != nullptr) of_list->look_at(program.prepared);
        }
        MemoryContextSwitchTo(previous);
      });
    });
    if (!done || !counts) continue;
    const InOwner here(owner);
    call([&] {
      for (const std::unique_ptr<Ahead>& of_list : ahead) {
        if (of_list != nullptr) of_list->take();
      }
    });
  }
  attempts.end();
  for (std::size_t list = 0; list < planned.size(); ++list) {
    if (ahead[list] == nullptr) continue;
    if (!call([&] { return ahead[list]->lock(stores[list], program.expressions); })) throw EntityTaken();
    if (program.lists[list].shared) {
      stores[list].stop_waiting_for_slots();
    } else {
      stores[list].stop_waiting();
    }
  }
  // Rows that were made for new entities are found from here on.
  call([] { CommandCounterIncrement(); });
}

}  // namespace feature
