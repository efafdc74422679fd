// See engine.hpp.

#include "pg/engine.hpp"

#include <algorithm>
#include <unordered_map>

#include "kernel/entity.hpp"
#include "pg/catalogue_aggregate.hpp"
#include "pg/compat.hpp"
#include "pg/datum.hpp"
#include "pg/feature_writer.hpp"
#include "pg/finish.hpp"
#include "pg/frame_bounds.hpp"

extern "C" {
#include <access/xact.h>
#include <common/hashfn.h>
#include <executor/executor.h>
#include <utils/datum.h>
}

namespace feature {
namespace {

// An entity of the batch, its state row locked.
struct Member {
  std::size_t list;
  std::uint64_t hash;
  const NullableDatum* keys;
  Member* next_of_hash;
  StateRow row{};
  Entity* entity = nullptr;
};

struct Row {
  MinimalTuple tuple;
  EventTime time;
  Member** members;  // by list; null where the list's keys are not known yet
};

// One batch. Everything in it lives in one memory context that is reset between batches, so nothing is freed singly.
class Batch {
 public:
  Batch(Program& program, std::vector<StateStore>& stores, FeatureWriter& writer, MemoryContext context)
      : program_(program),
        stores_(stores),
        writer_(writer),
        context_(context),
        upstream_(context),
        memory_(&upstream_),
        rows_(&memory_),
        members_(&memory_),
        by_hash_(&memory_) {
    const std::size_t lists = program_.lists.size();
    positions_ = array<std::int64_t>(lists);
    values_ = array<Value*>(lists);
    bounds_ = array<EventTime>(most_offsets());
  }

  // Takes rows from the source until it has `most`; false if there were none.
  bool read(RowSource& source, std::int64_t most) {
    bool sorted = true;
    for (std::int64_t taken = 0; taken < most; ++taken) {
      Row row{};
      const Taken result = call([&] { return take(source, &row); });
      if (result == Taken::end) break;
      any_ = true;
      if (result == Taken::filtered) continue;
      find_members(row);
      sorted = sorted && (rows_.empty() || rows_.back().time <= row.time);
      rows_.push_back(row);
    }
    // Stable: among equal times the earlier position comes first.
    if (!sorted) {
      std::stable_sort(rows_.begin(), rows_.end(), [](const Row& a, const Row& b) { return a.time < b.time; });
    }
    return any_;
  }

  void process() {
    lock_members();
    for (const Row& row : rows_) process_row(row);
    store_members();
  }

  [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(rows_.size()); }

 private:
  enum class Taken { end, filtered, row };

  template <class T>
  [[nodiscard]] T* array(std::size_t count) {
    auto* made = static_cast<T*>(memory_.allocate(sizeof(T) * std::max<std::size_t>(count, 1), alignof(T)));
    std::uninitialized_value_construct_n(made, count);
    return made;
  }

  [[nodiscard]] std::size_t most_offsets() const {
    std::size_t most = 0;
    for (const PartitionList& list : program_.plan().lists) most = std::max(most, list.offsets.size());
    return most;
  }

  // Reads one row, filters it, and evaluates its time and keys into program.prepared. Backend code.
  Taken take(RowSource& source, Row* row) {
    CHECK_FOR_INTERRUPTS();
    ResetExprContext(program_.expressions);
    if (!source.next(program_.source_row)) return Taken::end;
    MemoryContext previous = MemoryContextSwitchTo(program_.expressions->ecxt_per_tuple_memory);
    program_.expressions->ecxt_scantuple = program_.source_row;
    if (program_.filter != nullptr && !ExecQual(program_.filter, program_.expressions)) {
      MemoryContextSwitchTo(previous);
      return Taken::filtered;
    }
    TupleTableSlot* prepared = ExecProject(program_.prepare);
    if (program_.plan().time.attribute != InvalidAttrNumber) row->time = event_time(prepared);
    MemoryContextSwitchTo(context_);
    row->tuple = ExecCopySlotMinimalTuple(program_.source_row);
    MemoryContextSwitchTo(previous);
    return Taken::row;
  }

  [[nodiscard]] EventTime event_time(TupleTableSlot* prepared) const {
    const TimeColumn& time = program_.plan().time;
    const char* column = NameStr(TupleDescAttr(program_.source_row->tts_tupleDescriptor, time.attribute - 1)->attname);
    if (prepared->tts_isnull[0]) {
      ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                      errmsg("event time \"%s\" of feature view \"%s\" must not be null", column,
                             program_.identity().name.c_str()),
                      errhint("Declare the column NOT NULL, or leave such rows out with WHERE in the definition.")));
    }
    if (is_infinite_time(time.type, prepared->tts_values[0])) {
      ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
                      errmsg("event time \"%s\" of feature view \"%s\" must be finite", column,
                             program_.identity().name.c_str()),
                      errhint("Leave such rows out with WHERE in the definition.")));
    }
    return to_event_time(time.type, prepared->tts_values[0]);
  }

  void find_members(Row& row) {
    row.members = array<Member*>(program_.lists.size());
    for (std::size_t list = 0; list < program_.lists.size(); ++list) {
      if (program_.plan().lists[list].from_source) row.members[list] = find_member(list, program_.prepared);
    }
  }

  // The batch's member for the keys that stand in a slot, made if they are new to the batch.
  Member* find_member(std::size_t list, const TupleTableSlot* slot) {
    const Program::Entities& known = program_.lists[list];
    NullableDatum keys[INDEX_MAX_KEYS * 4];
    std::vector<NullableDatum> many;
    NullableDatum* given = keys;
    if (known.keys.size() > std::size(keys)) {
      many.resize(known.keys.size());
      given = many.data();
    }
    Member* found = nullptr;
    const std::uint64_t hash = call([&] {
      MemoryContext previous = MemoryContextSwitchTo(program_.expressions->ecxt_per_tuple_memory);
      std::uint64_t mixed = 0;
      for (std::size_t i = 0; i < known.keys.size(); ++i) {
        const std::size_t column = known.key_columns[i];
        given[i] = {slot->tts_values[column], slot->tts_isnull[column]};
        const KeyFunctions& functions = known.keys[i];
        const std::uint64_t one =
            given[i].isnull ? 0
                            : DatumGetUInt64(FunctionCall2Coll(const_cast<FmgrInfo*>(&functions.hash),
                                                               functions.collation, given[i].value, 0));
        mixed = hash_combine64(mixed, one);
      }
      const auto chain = by_hash_.find(slot_of(list, mixed));
      for (Member* member = chain == by_hash_.end() ? nullptr : chain->second; member != nullptr && found == nullptr;
           member = member->next_of_hash) {
        if (member->list == list && member->hash == mixed && same_keys(known, member->keys, given)) found = member;
      }
      MemoryContextSwitchTo(previous);
      return mixed;
    });
    return found != nullptr ? found : add_member(list, hash, given);
  }

  [[nodiscard]] static std::uint64_t slot_of(std::size_t list, std::uint64_t hash) {
    return hash ^ (list * 0x9e3779b97f4a7c15u);
  }

  [[nodiscard]] static bool same_keys(const Program::Entities& list, const NullableDatum* a, const NullableDatum* b) {
    for (std::size_t i = 0; i < list.keys.size(); ++i) {
      if (a[i].isnull != b[i].isnull) return false;
      const KeyFunctions& functions = list.keys[i];
      if (!a[i].isnull && !DatumGetBool(FunctionCall2Coll(const_cast<FmgrInfo*>(&functions.equal),
                                                          functions.collation, a[i].value, b[i].value))) {
        return false;
      }
    }
    return true;
  }

  Member* add_member(std::size_t list, std::uint64_t hash, const NullableDatum* keys) {
    const Program::Entities& known = program_.lists[list];
    auto* copies = array<NullableDatum>(known.keys.size());
    call([&] {
      MemoryContext previous = MemoryContextSwitchTo(context_);
      for (std::size_t i = 0; i < known.keys.size(); ++i) {
        copies[i] = keys[i];
        if (!keys[i].isnull) copies[i].value = datumCopy(keys[i].value, known.keys[i].by_value, known.keys[i].length);
      }
      MemoryContextSwitchTo(previous);
    });
    auto* member = new (memory_.allocate(sizeof(Member), alignof(Member))) Member{list, hash, copies, nullptr};
    Member*& chain = by_hash_[slot_of(list, hash)];
    member->next_of_hash = chain;
    chain = member;
    members_.push_back(member);
    return member;
  }

  // Locks states in one order for all sessions, so that statements cannot wait for each other in a circle.
  void lock_members() {
    std::sort(members_.begin(), members_.end(), [](const Member* a, const Member* b) {
      return a->list != b->list ? a->list < b->list : a->hash < b->hash;
    });
    for (Member* member : members_) load(*member);
  }

  void load(Member& member) {
    const Program::Entities& known = program_.lists[member.list];
    member.row = call([&] {
      MemoryContext previous = MemoryContextSwitchTo(context_);
      const StateRow row = stores_[member.list].lock(member.hash, member.keys, known.empty.data(), known.empty.size());
      MemoryContextSwitchTo(previous);
      return row;
    });
    const ListPlan& plan = program_.plan().lists[member.list].kernel;
    member.entity = new (memory_.allocate(sizeof(Entity), alignof(Entity))) Entity(plan, memory_);
    use_context(member.list, context_);
    member.entity->open(member.row.image, member.row.size);
  }

  // Where the list's catalogue aggregates make their transition states.
  void use_context(std::size_t list, MemoryContext context) const {
    for (const auto& aggregate : program_.plan().lists[list].aggregates) {
      if (const auto* catalogue = dynamic_cast<const CatalogueAggregate*>(aggregate.get())) {
        catalogue->use_context(context);
      }
    }
  }

  // Loads an entity's chunks through the store of its list.
  class Chunks final : public ChunkSource {
   public:
    Chunks(StateStore& store, const StateRow& row, MemoryContext context)
        : store_(store), row_(row), context_(context) {}
    Image load(std::uint32_t number) override {
      const StateStore::Bytes bytes = call([&] {
        MemoryContext previous = MemoryContextSwitchTo(context_);
        const StateStore::Bytes found = store_.chunk(row_, number);
        MemoryContextSwitchTo(previous);
        return found;
      });
      if (bytes.data == nullptr) throw CorruptState("a chunk of an entity's state is missing");
      return {bytes.data, bytes.size};
    }

   private:
    StateStore& store_;
    const StateRow& row_;
    MemoryContext context_;
  };

  void process_row(const Row& row) {
    call([&] {
      CHECK_FOR_INTERRUPTS();
      ResetExprContext(program_.expressions);
      ExecStoreMinimalTuple(row.tuple, program_.source_row, false);
    });
    TupleTableSlot* input = program_.source_row;
    for (std::size_t index = 0; index < program_.levels.size(); ++index) {
      Program::Level& level = program_.levels[index];
      const feature::Level& planned = program_.plan().levels[index];
      evaluate(row, index, input);
      for (const LevelList& used : planned.lists) compute(row, level, used);
      call([&] { project(level, planned, input); });
      input = level.row;
    }
    call([&] { writer_.add(input->tts_values, input->tts_isnull, input->tts_tupleDescriptor->natts); });
  }

  // Evaluates the level's keys and arguments, puts the row's event into the lists that start here, and fills in the
  // arguments of the others.
  void evaluate(const Row& row, std::size_t index, TupleTableSlot* input) {
    Program::Level& level = program_.levels[index];
    if (level.evaluate != nullptr) {
      call([&] {
        MemoryContext previous = MemoryContextSwitchTo(program_.expressions->ecxt_per_tuple_memory);
        program_.expressions->ecxt_scantuple = input;
        ExecProject(level.evaluate);
        MemoryContextSwitchTo(previous);
      });
    }
    for (const std::size_t list : level.starts) {
      Member*& member = row.members[list];
      if (member == nullptr) {
        member = find_member(list, level.evaluated);
        if (member->entity == nullptr) load(*member);
      }
      values_[list] = array<Value>(program_.plan().lists[list].arguments.size());
      Chunks chunks(stores_[list], member->row, context_);
      positions_[list] = member->entity->add({row.time, values_[list]}, chunks);
    }
    if (level.arguments.empty()) return;
    call([&] {
      for (const Program::Evaluated& evaluated : level.arguments) {
        const Argument& argument = program_.plan().lists[evaluated.list].arguments[evaluated.argument];
        values_[evaluated.list][evaluated.argument] =
            to_value(level.evaluated->tts_values[evaluated.column], level.evaluated->tts_isnull[evaluated.column],
                     argument.length, argument.by_value, context_);
      }
    });
  }

  void compute(const Row& row, Program::Level& level, const LevelList& used) {
    const PartitionList& list = program_.plan().lists[used.list];
    Member& member = *row.members[used.list];
    Entity& entity = *member.entity;
    Chunks chunks(stores_[used.list], member.row, context_);
    const std::int64_t position = positions_[used.list];
    resolve_bounds(list, row.time);

    const InContext here(program_.expressions->ecxt_per_tuple_memory);
    for (const WindowFunction& function : used.functions) {
      Datum& value = level.results->tts_values[function.result];
      bool& null = level.results->tts_isnull[function.result];
      null = false;
      switch (function.kind) {
        case WindowFunction::Kind::row_number: value = Int64GetDatum(position + 1); break;
        case WindowFunction::Kind::has_lag: value = BoolGetDatum(position >= function.offset); break;
        case WindowFunction::Kind::lag:
          set_value(function, entity.at(position - function.offset, chunks), &value, &null);
          break;
        case WindowFunction::Kind::count_rows: {
          const Positions frame = entity.locate(list.frames[function.frame], position, bounds_, chunks);
          value = Int64GetDatum(frame.last - frame.first);
          break;
        }
        case WindowFunction::Kind::first_value:
        case WindowFunction::Kind::last_value: {
          const Positions frame = entity.locate(list.frames[function.frame], position, bounds_, chunks);
          const bool first = function.kind == WindowFunction::Kind::first_value;
          const std::int64_t at = frame.first == frame.last ? -1 : first ? frame.first : frame.last - 1;
          set_value(function, entity.at(at, chunks), &value, &null);
          break;
        }
        case WindowFunction::Kind::aggregate: aggregate(list, entity, function, position, chunks, &value, &null); break;
      }
    }
  }

  void aggregate(const PartitionList& list, Entity& entity, const WindowFunction& function, std::int64_t position,
                 ChunkSource& chunks, Datum* value, bool* null) {
    const Frame& bounds = list.frames[function.frame];
    const Positions frame = entity.locate(bounds, position, bounds_, chunks);
    Accumulator accumulator;
    const auto* catalogue =
        function.finish == Finish::catalogue ? static_cast<const CatalogueAggregate*>(function.aggregate) : nullptr;
    if (bounds.unbounded()) {
      // Its states are kept from row to row.
      if (catalogue != nullptr) catalogue->use_context(context_);
      accumulator = entity.running_aggregate(list.kernel.partials[function.partial], function.running, frame.last);
    } else {
      if (catalogue != nullptr) catalogue->use_context(CurrentMemoryContext);
      accumulator = entity.aggregate(*function.aggregate, frame);
    }
    call([&] { *value = finish(function, accumulator, null); });
  }

  void set_value(const WindowFunction& function, const Event* event, Datum* value, bool* null) const {
    *null = true;
    if (event == nullptr) return;
    if (function.column == WindowFunction::time_column) {
      *value = from_event_time(program_.plan().time.type, event->time);
      *null = false;
      return;
    }
    *value = event->values[function.column].word;
    *null = event->values[function.column].null;
  }

  void resolve_bounds(const PartitionList& list, EventTime time) {
    bool calendar = false;
    for (std::size_t i = 0; i < list.offsets.size(); ++i) {
      calendar = calendar || list.offsets[i].calendar;
      if (!calendar) bounds_[i] = resolve_bound(program_.plan().time.type, time, list.offsets[i]);
    }
    if (!calendar) return;
    call([&] {
      for (std::size_t i = 0; i < list.offsets.size(); ++i) {
        bounds_[i] = resolve_bound(program_.plan().time.type, time, list.offsets[i]);
      }
    });
  }

  void project(Program::Level& level, const feature::Level& planned, TupleTableSlot* input) {
    MemoryContext previous = MemoryContextSwitchTo(program_.expressions->ecxt_per_tuple_memory);
    ExprContext* expressions = program_.expressions;
    if (!planned.results.empty()) {
      TupleTableSlot* results = level.results;
      results->tts_flags &= static_cast<std::uint16_t>(~TTS_FLAG_EMPTY);
      results->tts_nvalid = results->tts_tupleDescriptor->natts;
      expressions->ecxt_innertuple = results;
    }
    expressions->ecxt_scantuple = input;
    ExecProject(level.output);
    MemoryContextSwitchTo(previous);
  }

  // Writes an entity's segments through the store of its list.
  class Segments final : public SegmentSink {
   public:
    Segments(StateStore& store, const StateRow& row) : store_(store), row_(row) {}
    void remove_chunks_from(std::uint32_t number) override {
      call([&] { store_.remove_chunks_from(row_, number); });
    }
    void add_chunk(std::uint32_t number, const std::vector<std::byte>& image) override {
      call([&] { store_.add_chunk(row_, number, image.data(), image.size()); });
    }
    void set_head(const std::vector<std::byte>& image) override {
      call([&] { store_.write(row_, image.data(), image.size()); });
    }

   private:
    StateStore& store_;
    const StateRow& row_;
  };

  void store_members() {
    call([&] { CommandCounterIncrement(); });
    const InContext here(program_.expressions->ecxt_per_tuple_memory);
    for (std::size_t list = 0; list < program_.lists.size(); ++list) {
      SegmentWriter writer(program_.plan().lists[list].kernel.layout);
      use_context(list, context_);
      for (Member* member : members_) {
        if (member->list != list) continue;
        Segments segments(stores_[list], member->row);
        member->entity->store(writer, segments);
        call([&] { ResetExprContext(program_.expressions); });
      }
    }
  }

  Program& program_;
  std::vector<StateStore>& stores_;
  FeatureWriter& writer_;
  MemoryContext context_;
  ContextResource upstream_;
  std::pmr::monotonic_buffer_resource memory_;
  std::pmr::vector<Row> rows_;
  std::pmr::vector<Member*> members_;
  std::pmr::unordered_map<std::uint64_t, Member*> by_hash_;
  std::int64_t* positions_;  // of the current row's event, by list
  Value** values_;           // of the current row's event, by list
  EventTime* bounds_;
  bool any_ = false;
};

// The views that this session is computing. States are locked and half written then, so a statement that a trigger or
// function of the user's runs meanwhile must not compute the same view again.
class Computing {
 public:
  explicit Computing(const ViewIdentity& view) : view_(view.id) {
    if (std::find(views().begin(), views().end(), view_) != views().end()) {
      throw SqlError(ERRCODE_OBJECT_IN_USE, "feature view \"" + view.name + "\" is being computed by this statement")
          .detail("A trigger or function has inserted into its source meanwhile.")
          .hint("Insert from an AFTER trigger instead.");
    }
    views().push_back(view_);
  }
  Computing(const Computing&) = delete;
  Computing& operator=(const Computing&) = delete;
  ~Computing() { views().erase(std::find(views().begin(), views().end(), view_)); }

 private:
  static std::vector<std::int32_t>& views() {
    static std::vector<std::int32_t> computing;
    return computing;
  }

  std::int32_t view_;
};

// Adds to every error under it which feature view was being computed.
class ViewInContext {
 public:
  explicit ViewInContext(const char* name) {
    callback_.previous = error_context_stack;
    callback_.callback = [](void* view) {
      errcontext("computation of feature view \"%s\"", static_cast<const char*>(view));
    };
    callback_.arg = const_cast<char*>(name);
    error_context_stack = &callback_;
  }
  ViewInContext(const ViewInContext&) = delete;
  ViewInContext& operator=(const ViewInContext&) = delete;
  ~ViewInContext() { error_context_stack = callback_.previous; }

 private:
  ErrorContextCallback callback_{};
};

std::int64_t run_batches(Program& program, RowSource& source, std::int64_t batch_rows, std::vector<StateStore>& stores,
                         FeatureWriter& writer) {
  const OwnedContext context(CurrentMemoryContext, "feature_ext batch");
  std::int64_t processed = 0;
  for (;;) {
    {
      Batch batch(program, stores, writer, context.get());
      if (!batch.read(source, batch_rows)) return processed;
      batch.process();
      processed += batch.size();
    }
    call([&] {
      CommandCounterIncrement();
      MemoryContextReset(context.get());
    });
  }
}

}  // namespace

std::int64_t run(Program& program, RowSource& source, const RunOptions& options) {
  const ViewIdentity& view = program.identity();
  const ViewInContext context_of_errors(view.name.c_str());
  std::vector<StateStore> stores(program.lists.size());
  FeatureWriter writer;
  call([&] {
    // What the statement itself has done counts as done before what is done here.
    CommandCounterIncrement();
    for (std::size_t list = 0; list < stores.size(); ++list) {
      stores[list].open(view.lists[list].states, view.lists[list].chunks, &program.lists[list].keys);
    }
    writer.open(view.relation, options.fire_triggers);
  });
  std::int64_t processed = 0;
  {
    const Computing computing(view);
    processed = run_batches(program, source, options.batch_rows, stores, writer);
  }
  call([&] {
    for (StateStore& store : stores) store.close();
    writer.finish();  // runs AFTER triggers of the feature table, which may insert into the source again
  });
  return processed;
}

}  // namespace feature
