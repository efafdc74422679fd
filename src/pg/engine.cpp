// See engine.hpp.

#include "pg/engine.hpp"

#include <algorithm>

#include "pg/catalogue_aggregate.hpp"
#include "pg/compat.hpp"
#include "pg/datum.hpp"
#include "pg/diverted_rows.hpp"
#include "pg/entity_cache.hpp"
#include "pg/entity_names.hpp"
#include "pg/feature_writer.hpp"
#include "pg/finish.hpp"
#include "pg/frame_bounds.hpp"
#include "pg/history.hpp"
#include "pg/lock_ahead.hpp"
#include "pg/place.hpp"
#include "pg/retraction.hpp"
#include "pg/subtransaction.hpp"

extern "C" {
#include <access/xact.h>
#include <executor/executor.h>
#include <utils/snapmgr.h>
}

namespace feature {
namespace {

// Runs code of ours under a place. An error of PostgreSQL's has got its context when it was raised; one of our own gets it
// here, while the row that it is about is still there.
template <class Body>
auto with_context(Body&& body) -> decltype(body()) {
  try {
    return body();
  } catch (const PgError&) {
    throw;
  } catch (...) {
    ErrorData* error = boundary::current_exception_to_error();
    if (error == nullptr) throw;
    call([&] { ThrowErrorData(error); });
    pg_unreachable();
  }
}

struct Row {
  MinimalTuple tuple;
  EventTime time;
  Member** members;  // by list; null where the list's keys are not known yet
  std::size_t number;
};

// What a run works with.
struct Work {
  Program& program;
  Place& place;
  EntityCache& entities;
  History& history;
  RowSink& sink;
  std::vector<StateStore>& stores;
  Diversion* diversion;  // null where an error aborts
  std::optional<EventTime> since;
  bool states_have_old = true;
};

// One batch. Its rows live in one memory context that is reset between batches, so nothing is freed singly.
//
// Where rows can be diverted, their expressions are evaluated in a subtransaction. What stays when a row fails, and what other
// rows rely on, is done outside of it: locking and loading entities, writing feature rows that wait. What a row that fails has
// done in memory is undone: its event is taken out of the entities again.
class Batch {
 public:
  Batch(const Work& work, MemoryContext context)
      : program_(work.program),
        place_(work.place),
        entities_(work.entities),
        history_(work.history),
        retraction_(work.program, work.entities, work.history),
        sink_(work.sink),
        diversion_(work.diversion),
        since_(work.since),
        states_have_old_(work.states_have_old),
        context_(context),
        upstream_(context),
        memory_(&upstream_),
        rows_(&memory_) {
    const std::size_t lists = program_.lists.size();
    positions_ = array<std::int64_t>(lists);
    values_ = array<Value*>(lists);
    bounds_ = array<EventTime>(most_offsets());
  }

  // Takes rows from the source until it has `most`, or most_bytes of them, or as many as there is room for their entities;
  // false if there were none.
  bool read(RowSource& source, std::int64_t most) {
    bool sorted = true;
    begin_attempts();
    for (std::int64_t taken = 0; taken < most; ++taken) {
      if (!next(source)) break;
      any_ = true;
      Row row{};
      row.number = source.number();
      bool counts = false;
      may_divert_ = !since_;  // its time is not known
      const bool done = attempt(read_, [&] {
        if (source.is_old()) {
          if (call([&] { return take_old(&row); }) && states_have_old_) retraction_.note(row.time);
          return;
        }
        counts = call([&] { return take(&row); });
        if (counts) find_members(row);
      });
      if (done && counts) {
        sorted = sorted && (rows_.empty() || rows_.back().time <= row.time);
        rows_.push_back(row);
      }
      if (taken % 64 == 63 && (MemoryContextMemAllocated(context_, false) > most_bytes || entities_.full())) break;
    }
    end_attempts();
    // Stable: among equal times the earlier position comes first.
    if (!sorted) {
      std::stable_sort(rows_.begin(), rows_.end(), [](const Row& a, const Row& b) { return a.time < b.time; });
    }
    return any_;
  }

  // False if an old row's event cannot be told from others.
  [[nodiscard]] bool process() {
    entities_.load_new();
    if (!with_context([&] { return retraction_.apply(); })) return false;
    begin_attempts();
    for (const Row& row : rows_) {
      added_.clear();
      may_divert_ = !since_ || row.time >= *since_;
      const bool done = attempt(row.tuple, [&] { process_row(row); });
      if (!done) undo();
      if (!sink_.is_due()) continue;
      place_.at_no_row();
      outside([&] { call([&] { sink_.catch_up(); }); });
    }
    end_attempts();
    return true;
  }

  [[nodiscard]] std::int64_t written() const { return written_; }

 private:
  static constexpr std::size_t most_bytes = std::size_t{64} << 20;

  // ---- attempts

  void begin_attempts() {
    if (diversion_ != nullptr) attempts_.emplace();
  }
  void end_attempts() {
    place_.at_no_row();
    if (!attempts_) return;
    attempts_->release();
    attempts_.reset();
  }

  // What is not the attempt's own: it stays if the row fails.
  template <class Body>
  void outside(Body&& body) {
    if (attempts_) {
      attempts_->outside(body);
    } else {
      body();
    }
  }

  // Does what is to be done for a row. If that fails for a reason of the row's, it is diverted; false then.
  template <class Body>
  bool attempt(MinimalTuple tuple, Body&& body) {
    place_.at_row(tuple);
    if (!attempts_) {
      with_context(body);
      return true;
    }
    ErrorData* error = error_of(body);
    if (error == nullptr) {
      attempts_->keep_what_was_written();
      return true;
    }
    const char* feature = place_.feature();
    place_.at_no_row();
    attempts_->roll_back();
    diversion_->add(tuple, *error, feature);
    FreeErrorData(error);
    attempts_->begin();
    return false;
  }

  // The error that `body` ends with, if the row can be diverted for it; null if it succeeds.
  template <class Body>
  ErrorData* error_of(Body&& body) {
    try {
      with_context(body);
      return nullptr;
    } catch (PgError& error) {
      if (is_changing_ || !may_divert_ || !is_data_error(error.data().sqlerrcode)) throw;
      return error.release();
    }
  }

  // Takes the events of a row that has failed out of the entities that they were added to.
  void undo() {
    const InContext here(entities_.context());
    for (auto added = added_.rbegin(); added != added_.rend(); ++added) added->entity->undo_add(added->position);
  }

  // ---- rows

  template <class T>
  [[nodiscard]] T* array(std::size_t count) {
    auto* made = static_cast<T*>(memory_.allocate(sizeof(T) * std::max<std::size_t>(count, 1), alignof(T)));
    std::uninitialized_value_construct_n(made, count);
    return made;
  }

  [[nodiscard]] Value* event_values(std::size_t count) {
    if (count == 0) return nullptr;
    auto* made = static_cast<Value*>(entities_.memory().allocate(sizeof(Value) * count, alignof(Value)));
    std::uninitialized_value_construct_n(made, count);
    return made;
  }

  [[nodiscard]] std::size_t most_offsets() const {
    std::size_t most = 0;
    for (const PartitionList& list : program_.plan().lists) most = std::max(most, list.offsets.size());
    return most;
  }

  // Reads one row into program.source_row.
  [[nodiscard]] bool next(RowSource& source) {
    bool found = false;
    place_.at_no_row();
    const auto read = [&] {
      found = call([&] {
        CHECK_FOR_INTERRUPTS();
        ResetExprContext(program_.expressions);
        if (!source.next(program_.source_row)) return false;
        bool copied;
        read_ = ExecFetchSlotMinimalTuple(program_.source_row, &copied);
        return true;
      });
    };
    if (source.is_at_hand()) {
      read();
    } else {
      outside(read);
    }
    return found;
  }

  // Filters the row that was read, and evaluates its time and keys into program.prepared. Backend code.
  bool take(Row* row) {
    MemoryContext previous = MemoryContextSwitchTo(program_.expressions->ecxt_per_tuple_memory);
    if (!prepare(program_)) {
      MemoryContextSwitchTo(previous);
      return false;
    }
    if (program_.plan().time.attribute != InvalidAttrNumber) row->time = event_time(program_.prepared);
    MemoryContextSwitchTo(context_);
    row->tuple = ExecCopySlotMinimalTuple(program_.source_row);
    MemoryContextSwitchTo(previous);
    return true;
  }

  // The same for an old row, of which nothing else is needed; false if the view does not have it.
  bool take_old(Row* row) {
    MemoryContext previous = MemoryContextSwitchTo(program_.expressions->ecxt_per_tuple_memory);
    const bool has_row = prepare(program_) && has_event_time(program_.prepared);
    if (has_row && program_.plan().time.attribute != InvalidAttrNumber) row->time = event_time(program_.prepared);
    MemoryContextSwitchTo(previous);
    if (has_row) sink_.take_back(row->number);
    return has_row;
  }

  // A row without a time was never taken.
  [[nodiscard]] bool has_event_time(const TupleTableSlot* prepared) const {
    const TimeColumn& time = program_.plan().time;
    return time.attribute == InvalidAttrNumber ||
           (!prepared->tts_isnull[0] && !is_infinite_time(time.type, prepared->tts_values[0]));
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
    const InContext here(program_.expressions->ecxt_per_tuple_memory);
    row.members = array<Member*>(program_.lists.size());
    for (std::size_t list = 0; list < program_.lists.size(); ++list) {
      if (program_.plan().lists[list].from_source) row.members[list] = entities_.find(list, program_.prepared);
    }
  }

  void process_row(const Row& row) {
    for (std::size_t list = 0; list < program_.lists.size(); ++list) {
      Member* member = row.members[list];
      if (member == nullptr) continue;
      if (member->shared != nullptr) {
        recall_if_needed(*member, *member->shared, row.time);
      } else {
        recall_if_needed(*member, *member->entity, row.time);
      }
    }
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
    if (since_ && row.time < *since_) return;
    call([&] { sink_.add(row.number, input->tts_values, input->tts_isnull); });
    ++written_;
  }

  // Evaluates the level's keys and arguments, puts the row's event into the lists that start here, and fills in the
  // arguments of the others.
  void evaluate(const Row& row, std::size_t index, TupleTableSlot* input) {
    Program::Level& level = program_.levels[index];
    if (level.evaluate != nullptr) {
      call([&] {
        MemoryContext previous = MemoryContextSwitchTo(program_.expressions->ecxt_per_tuple_memory);
        program_.expressions->ecxt_scantuple = input;
        place_.project(level.evaluate, level.evaluated_for);
        MemoryContextSwitchTo(previous);
      });
    }
    for (const std::size_t list : level.starts) {
      Member*& member = row.members[list];
      if (member == nullptr) {
        const InContext here(program_.expressions->ecxt_per_tuple_memory);
        member = entities_.find(list, level.evaluated);
        if (member->entity == nullptr) outside([&] { entities_.load(*member); });
      }
      values_[list] = event_values(program_.plan().lists[list].arguments.size());
      // What is sealed now outlives the row.
      entities_.use_context(list, entities_.context());
      const InContext here(program_.expressions->ecxt_per_tuple_memory);
      const Event event{row.time, values_[list]};
      is_changing_ = true;
      if (member->shared != nullptr) {
        member->shared->add(event);  // which cannot be undone: views with shared lists do not divert
      } else {
        positions_[list] = member->entity->add(event);
        if (attempts_) added_.push_back({member->entity, positions_[list]});
      }
      is_changing_ = false;
    }
    for (const Program::Evaluated& evaluated : level.arguments) {
      const Argument& argument = program_.plan().lists[evaluated.list].arguments[evaluated.argument];
      values_[evaluated.list][evaluated.argument] =
          entities_.keep(level.evaluated->tts_values[evaluated.column], level.evaluated->tts_isnull[evaluated.column],
                         argument);
    }
  }

  // Before a row is put in its place: brings back events that its frames need and that have left the state. Also a row that
  // is not late may need them: the events that were later, for which others have left, may have been taken out. `entity` is
  // the member's, or the shared one that it is a slot of.
  template <class AnyEntity>
  void recall_if_needed(const Member& member, AnyEntity& entity, EventTime time) {
    if (!program_.lists[member.list].kept_for && !entity.is_late(time)) return;
    const PartitionList& list = program_.plan().lists[member.list];
    resolve_bounds(list, time);
    if (!entity.is_needed(time, earliest_bound(list))) return;
    const EventTime until = entity.left_until();
    const std::vector<Event> events = history_.read(member, until);
    entities_.use_context(member.list, entities_.context());
    const InContext here(program_.expressions->ecxt_per_tuple_memory);
    try {
      entity.recall(events);  // changes nothing if it fails
    } catch (const EventsLeft&) {
      throw_too_late(time, until, entity.left_count());
    }
  }

  [[noreturn]] void throw_too_late(EventTime time, EventTime until, std::int64_t left) const {
    const TimeColumn& column = program_.plan().time;
    const auto shown = [&](EventTime shown_time) { return show_time(column.type, shown_time); };
    throw SqlError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                   "row of " + shown(time) + " is too late for feature view \"" + program_.identity().name + "\"")
        .detail("State keeps events after " + shown(until) + ", and the source no longer has the " +
                std::to_string(left) + " that came before as they were.")
        .hint("Create the feature view with a longer lateness, or keep rows in the source as they are for as long as late rows come.");
  }

  void compute(const Row& row, Program::Level& level, const LevelList& used) {
    const PartitionList& list = program_.plan().lists[used.list];
    Member& member = *row.members[used.list];
    resolve_bounds(list, row.time);
    if (member.shared != nullptr) {
      compute_shared(list, *member.shared, level, used);
      return;
    }
    Entity& entity = *member.entity;
    const std::int64_t position = positions_[used.list];

    const InContext here(program_.expressions->ecxt_per_tuple_memory);
    located_.assign(list.frames.size(), std::nullopt);
    folded_ = nullptr;
    const auto frame_of = [&](const WindowFunction& function) -> const Positions& {
      std::optional<Positions>& known = located_[function.frame];
      if (!known) known = entity.locate(list.frames[function.frame], position, bounds_);
      return *known;
    };
    for (const WindowFunction& function : used.functions) {
      Datum& value = level.results->tts_values[function.result];
      bool& null = level.results->tts_isnull[function.result];
      null = false;
      switch (function.kind) {
        case WindowFunction::Kind::row_number: value = Int64GetDatum(position + 1); break;
        case WindowFunction::Kind::rank: value = Int64GetDatum(entity.first_peer(position) + 1); break;
        case WindowFunction::Kind::has_lag: value = BoolGetDatum(position >= function.offset); break;
        case WindowFunction::Kind::lag:
          set_value(function, entity.at(position - function.offset), &value, &null);
          break;
        case WindowFunction::Kind::count_rows: value = Int64GetDatum(frame_of(function).count()); break;
        case WindowFunction::Kind::nth_value: {
          const Positions& frame = frame_of(function);
          const std::int64_t nth = function.offset <= frame.last - frame.first ? frame.first + function.offset - 1
                                   : function.offset == frame.count()          ? position
                                                                               : -1;
          set_value(function, entity.at(nth), &value, &null);
          break;
        }
        case WindowFunction::Kind::last_value: {
          const Positions& frame = frame_of(function);
          const std::int64_t last = frame.self ? position : frame.count() == 0 ? -1 : frame.last - 1;
          set_value(function, entity.at(last), &value, &null);
          break;
        }
        case WindowFunction::Kind::aggregate:
          aggregate(list, entity, function, frame_of(function), position, &value, &null);
          break;
      }
    }
  }

  // The same over several slots: of a list whose functions are such that can be computed so, see shared_lists.hpp.
  void compute_shared(const PartitionList& list, SharedEntity& entity, Program::Level& level, const LevelList& used) {
    const InContext here(program_.expressions->ecxt_per_tuple_memory);
    entities_.use_context(used.list, CurrentMemoryContext);
    parts_.assign(list.frames.size(), std::nullopt);
    folded_ = nullptr;
    const auto parts_of = [&](const WindowFunction& function) -> const SharedEntity::Parts& {
      std::optional<SharedEntity::Parts>& known = parts_[function.frame];
      if (!known) known = entity.locate(list.frames[function.frame], bounds_);
      return *known;
    };
    for (const WindowFunction& function : used.functions) {
      Datum& value = level.results->tts_values[function.result];
      bool& null = level.results->tts_isnull[function.result];
      null = false;
      switch (function.kind) {
        case WindowFunction::Kind::row_number: value = Int64GetDatum(entity.count_until()); break;
        case WindowFunction::Kind::rank: value = Int64GetDatum(entity.count_before() + 1); break;
        case WindowFunction::Kind::count_rows: value = Int64GetDatum(SharedEntity::count(parts_of(function))); break;
        case WindowFunction::Kind::aggregate:
          place_.at_feature(function.feature);
          if (!is_folded(function)) {
            accumulator_ = entity.aggregate(function.measure, function.partial, parts_of(function));
            folded_ = &function;
          }
          call([&] { value = finish(function, accumulator_, &null); });
          place_.at_feature(nullptr);
          break;
        case WindowFunction::Kind::has_lag:
        case WindowFunction::Kind::lag:
        case WindowFunction::Kind::nth_value:
        case WindowFunction::Kind::last_value: throw std::logic_error("a shared list cannot have this function");
      }
    }
  }

  // Whether the accumulator is that of this function, too.
  [[nodiscard]] bool is_folded(const WindowFunction& function) const {
    return folded_ != nullptr && folded_->measure == function.measure && folded_->frame == function.frame;
  }

  void aggregate(const PartitionList& list, Entity& entity, const WindowFunction& function, const Positions& frame,
                 std::int64_t position, Datum* value, bool* null) {
    place_.at_feature(function.feature);
    if (!is_folded(function)) {
      accumulator_ = accumulate(list, entity, function, frame, position);
      folded_ = &function;
    }
    call([&] {
      CHECK_FOR_INTERRUPTS();
      *value = finish(function, accumulator_, null);
    });
    place_.at_feature(nullptr);
  }

  Accumulator accumulate(const PartitionList& list, Entity& entity, const WindowFunction& function,
                         const Positions& frame, std::int64_t position) {
    Accumulator accumulator;
    const auto* catalogue =
        function.finish == Finish::catalogue ? static_cast<const CatalogueAggregate*>(function.aggregate) : nullptr;
    if (list.frames[function.frame].unbounded()) {
      // Its states are kept from row to row.
      if (catalogue != nullptr) catalogue->use_context(entities_.context());
      accumulator = entity.running_aggregate(function.partial, function.running, frame.last);
    } else {
      if (catalogue != nullptr) catalogue->use_context(CurrentMemoryContext);
      accumulator = entity.aggregate(function.measure, frame);
    }
    if (frame.self) entity.fold(function.measure, position, position + 1, accumulator);
    return accumulator;
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

  [[nodiscard]] EventTime earliest_bound(const PartitionList& list) const {
    EventTime earliest = EventTime::max();
    for (std::size_t i = 0; i < list.offsets.size(); ++i) earliest = std::min(earliest, bounds_[i]);
    return earliest;
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
    place_.project(level.output, level.features);
    MemoryContextSwitchTo(previous);
  }

  Program& program_;
  Place& place_;
  EntityCache& entities_;
  History& history_;
  Retraction retraction_;
  RowSink& sink_;
  Diversion* diversion_;
  std::optional<Subtransaction> attempts_;
  std::optional<EventTime> since_;
  bool states_have_old_;
  MemoryContext context_;
  ContextResource upstream_;
  std::pmr::monotonic_buffer_resource memory_;
  std::pmr::vector<Row> rows_;
  std::int64_t* positions_;  // of the current row's event, by list
  Value** values_;           // of the current row's event, by list
  EventTime* bounds_;
  std::vector<std::optional<Positions>> located_;  // frames of the current row and list
  std::vector<std::optional<SharedEntity::Parts>> parts_;  // the same where it has several slots
  // The function of the current row and list that was folded last, and its accumulator: the next may be read from it too.
  const WindowFunction* folded_ = nullptr;
  Accumulator accumulator_;
  struct Added {
    Entity* entity;
    std::int64_t position;
  };
  std::vector<Added> added_;   // of the current row's events, if it can be diverted
  bool may_divert_ = true;     // the current row: not one whose feature row stays as it is
  bool is_changing_ = false;   // an entity, which cannot be relied on if that fails
  MinimalTuple read_ = nullptr;  // the row in program.source_row, which owns it
  bool any_ = false;
  std::int64_t written_ = 0;
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

// How many rows were written; nothing if an old row's event cannot be told from others.
std::optional<std::int64_t> run_batches(const Work& work, RowSource& source, std::int64_t batch_rows) {
  const OwnedContext context(CurrentMemoryContext, "feature_ext batch");
  std::int64_t written = 0;
  for (bool first = true;; first = false) {
    {
      Batch batch(work, context.get());
      if (!batch.read(source, batch_rows)) break;
      // Rows that may fail are not looked at ahead.
      if (first && work.diversion == nullptr && source.has_more()) {
        lock_ahead(work.program, work.place, *source.again(), work.stores);
      }
      if (!batch.process()) return std::nullopt;
      written += batch.written();
    }
    if (work.entities.full()) work.entities.store(false);
    call([&] { MemoryContextReset(context.get()); });
  }
  work.entities.store(true);
  return written;
}

}  // namespace

bool prepare(Program& program) {
  program.expressions->ecxt_scantuple = program.source_row;
  if (program.filter != nullptr && !ExecQual(program.filter, program.expressions)) return false;
  ExecProject(program.prepare);
  return true;
}

namespace {

class WriterSink final : public RowSink {
 public:
  explicit WriterSink(FeatureWriter& writer) : writer_(writer) {}
  void add(std::size_t, const Datum* values, const bool* nulls) override { writer_.add(values, nulls); }
  [[nodiscard]] bool is_due() const override { return writer_.is_due(); }
  void catch_up() override { writer_.catch_up(); }

 private:
  FeatureWriter& writer_;
};

struct ComputeOptions {
  std::int64_t batch_rows;
  std::optional<EventTime> since;
  const Parameters* rebuilt_without;
  Oid inserter;
};

// The whole way of the rows to the sink, between the opening of the state tables and their closing.
std::optional<std::int64_t> compute(Program& program, Place& place, RowSource& source, RowSink& sink,
                                    Diversion* diversion, const ComputeOptions& options) {
  const ViewIdentity& view = program.identity();
  std::vector<StateStore> stores(program.lists.size());
  std::vector<ListNames> names;
  for (std::size_t list = 0; list < stores.size(); ++list) names.emplace_back(program, list, options.inserter);
  // The command that has changed the rows, if one has: its snapshot is still the active one, while the current command
  // may be a later one already, as another view on the source has been computed.
  const CommandId command = call([] { return GetActiveSnapshot()->curcid; });
  call([&] {
    // What the statement itself has done counts as done before what is done here.
    CommandCounterIncrement();
    for (std::size_t list = 0; list < stores.size(); ++list) {
      stores[list].open(view.lists[list].states, view.lists[list].chunks, &program.lists[list].keys, &names[list]);
    }
  });
  std::optional<std::int64_t> written;
  {
    const Computing computing(view);
    written = with_context([&] {
      EntityCache entities(program, stores);
      History history(program, entities, command, options.rebuilt_without);
      return run_batches({program, place, entities, history, sink, stores, diversion, options.since,
                          options.rebuilt_without == nullptr},
                         source, options.batch_rows);
    });
  }
  call([&] {
    for (StateStore& store : stores) store.close();
  });
  return written;
}

}  // namespace

Processed run(Program& program, RowSource& source, const RunOptions& options) {
  const ViewIdentity& view = program.identity();
  Place place(program);
  FeatureWriter writer;
  const FeatureTable& table = options.destination.table != nullptr ? *options.destination.table : program.table;
  call([&] {
    CommandCounterIncrement();
    writer.open(table.relation, table.attributes.data(), static_cast<int>(table.attributes.size()),
                options.fire_triggers);
    if (view.diverts) writer.attribute_errors(program.has_primary_key);
  });
  Processed done;
  Diversion diversion(program);
  WriterSink sink(writer);
  done.written = compute(program, place, source, sink, view.diverts ? &diversion : nullptr,
                         {options.batch_rows, options.destination.since, nullptr, options.inserter})
                     .value_or(0);
  done.diverted = diversion.count();
  diversion.finish();
  call([&] { writer.finish(); });  // runs AFTER triggers of the feature table, which may insert into the source again
  return done;
}

bool compute(Program& program, RowSource& source, RowSink& sink, std::int64_t batch_rows,
             const Parameters* rebuilt_without, Oid inserter) {
  Place place(program);
  return compute(program, place, source, sink, nullptr, {batch_rows, std::nullopt, rebuilt_without, inserter})
      .has_value();
}

}  // namespace feature
