// See batch.hpp.

#include "pg/batch.hpp"

#include <algorithm>
#include <cstring>

#include "pg/row_intake.hpp"

extern "C" {
#include <executor/executor.h>
}

namespace feature {

Batch::Batch(const Work& work, Arena& memory)
    : program_(work.program),
      place_(work.place),
      entities_(work.entities),
      sink_(work.sink),
      attempts_(work.place, work.diversion),
      retraction_(work.program, work.entities, work.history),
      recall_(work.program, work.entities, work.history),
      window_results_(work.program, work.place, work.entities),
      since_(work.since),
      states_have_old_(work.states_have_old),
      watch_(work.watch),
      memory_(memory),
      rows_(&memory_) {
  const std::size_t lists = program_.lists.size();
  positions_ = array<std::int64_t>(lists);
  values_ = array<Value*>(lists);
  finished_ = array<Datum>(program_.columns.size());
  finished_nulls_ = array<bool>(program_.columns.size());
}

bool Batch::read(RowSource& source, std::int64_t most) {
  bool sorted = true;
  attempts_.begin();
  for (std::int64_t taken = 0; taken < most; ++taken) {
    if (taken > 0 && source.begins_batch()) break;
    const MinimalTuple read = next(source);
    if (read == nullptr) break;
    any_ = true;
    Row row{};
    row.number = source.number();
    bool counts = false;
    // Rows before `since` keep their feature rows, so they cannot be diverted; and the time of this one is not known
    // yet. Nor can an old row, which the states have.
    const bool is_old = source.is_old();
    const bool done = attempts_.attempt(read, !since_ && !is_old, [&] {
      if (is_old) {
        if (call([&] { return take_old(&row); }) && states_have_old_) retraction_.note(row.time);
        return;
      }
      counts = call([&] { return take(&row); });
      if (!counts) return;
      row.tuple = copy_of(read);
      find_members(row);
    });
    if (done && counts) {
      sorted = sorted && (rows_.empty() || rows_.back().time <= row.time);
      rows_.push_back(row);
    }
    if (taken % 64 == 63 && (memory_.used() > most_bytes || entities_.full())) break;
  }
  attempts_.end();
  // Stable: among equal times the earlier position comes first.
  if (!sorted) {
    std::stable_sort(rows_.begin(), rows_.end(), [](const Row& a, const Row& b) { return a.time < b.time; });
  }
  return any_;
}

bool Batch::process() {
  load_entities();
  if (!with_context([&] { return retraction_.apply(); })) return false;
  attempts_.begin();
  for (const Row& row : rows_) {
    added_.clear();
    const bool may_divert = !since_ || row.time >= *since_;
    if (!attempts_.attempt(row.tuple, may_divert, [&] { process_row(row); })) undo();
    if (!sink_.is_due()) continue;
    watch_.enter(Stage::writing);
    place_.at_no_row();
    attempts_.outside([&] { call([&] { sink_.catch_up(); }); });
    watch_.enter(Stage::computing);
  }
  attempts_.end();
  return true;
}

void Batch::process_alone() {
  load_entities();
  for (const Row& row : rows_) attempts_.attempt(row.tuple, false, [&] { (void)compute(row); });
  place_.at_no_row();
  watch_.enter(Stage::storing);
  entities_.write();
  watch_.enter(Stage::writing);
  for (const Row& row : rows_) attempts_.attempt(row.tuple, false, [&] { finish(row); });
  place_.at_no_row();
  call([&] { sink_.catch_up(); });
  watch_.enter(Stage::storing);
  entities_.forget();
}

// ---- memory

template <class T>
T* Batch::array(std::size_t count) {
  auto* made = static_cast<T*>(memory_.allocate(sizeof(T) * std::max<std::size_t>(count, 1), alignof(T)));
  std::uninitialized_value_construct_n(made, count);
  return made;
}

Value* Batch::event_values(std::size_t list) {
  const std::size_t count = program_.plan().lists[list].arguments.size();
  if (count == 0) return nullptr;
  auto* made = static_cast<Value*>(entities_.memory(list).allocate(sizeof(Value) * count, alignof(Value)));
  std::uninitialized_value_construct_n(made, count);
  return made;
}

// ---- from the source

// The next row, which is in the program's source slot and belongs to it; null if there is none.
MinimalTuple Batch::next(RowSource& source) {
  MinimalTuple row = nullptr;
  place_.at_no_row();
  const auto read = [&] { row = call([&] { return next_row(program_, source); }); };
  if (source.is_at_hand()) {
    read();
  } else {
    attempts_.outside(read);
  }
  return row;
}

// Filters the row that was read, and evaluates its time and keys; false if the view does not have it. Backend code.
bool Batch::take(Row* row) {
  MemoryContext previous = MemoryContextSwitchTo(program_.expressions->ecxt_per_tuple_memory);
  const bool counts = prepare(program_);
  if (counts) row->time = event_time(program_);
  MemoryContextSwitchTo(previous);
  return counts;
}

MinimalTuple Batch::copy_of(MinimalTuple tuple) {
  auto* copy = static_cast<MinimalTuple>(memory_.allocate(tuple->t_len, MAXIMUM_ALIGNOF));
  std::memcpy(copy, tuple, tuple->t_len);
  return copy;
}

// The same for an old row, of which nothing else is needed.
bool Batch::take_old(Row* row) {
  MemoryContext previous = MemoryContextSwitchTo(program_.expressions->ecxt_per_tuple_memory);
  const bool counted = prepare(program_) && has_event_time(program_);
  if (counted) row->time = event_time(program_);
  MemoryContextSwitchTo(previous);
  if (counted) sink_.take_back(row->number);
  return counted;
}

void Batch::find_members(Row& row) {
  const InContext here(program_.expressions->ecxt_per_tuple_memory);
  row.members = array<Member*>(program_.lists.size());
  entities_.find_all(program_.prepared, row.members);
}

void Batch::load_entities() {
  watch_.enter(Stage::locking);
  entities_.expect_rows_from(rows_.empty() ? std::nullopt : std::optional(rows_.front().time));
  entities_.load_new();
  watch_.enter(Stage::computing);
}

// ---- through the levels

void Batch::process_row(const Row& row) {
  if (!compute(row)) return;
  if (since_ && row.time < *since_) return;
  finish(row);
}

// Adds the row's events to its entities and computes its features; false if nobody wants these.
bool Batch::compute(const Row& row) {
  for (std::size_t list = 0; list < program_.lists.size(); ++list) {
    if (row.members[list] != nullptr) recall_.before(*row.members[list], row.time);
  }
  call([&] {
    CHECK_FOR_INTERRUPTS();
    ResetExprContext(program_.expressions);
    ExecStoreMinimalTuple(row.tuple, program_.source_row, false);
  });
  for (const Program::Level& level : program_.levels) {
    evaluate(row, level);
    if (&level == &program_.levels.back() && !sink_.takes_rows()) return false;
    const WindowResults::Results results{program_.results->tts_values + level.first_result,
                                         program_.results->tts_isnull + level.first_result};
    for (const LevelList& used : *level.lists) {
      window_results_.compute(used, *row.members[used.list], row.time, positions_[used.list], results);
    }
    if (level.compute != nullptr) call([&] { project(level.compute, level.first_computed, level.features); });
  }
  return true;
}

void Batch::finish(const Row& row) {
  call([&] {
    collect();
    sink_.add(row.number, finished_, finished_nulls_);
  });
  ++written_;
}

// Backend code.
void Batch::project(ProjectionInfo* projection, std::size_t first, const std::vector<const char*>& features) {
  MemoryContext previous = MemoryContextSwitchTo(program_.expressions->ecxt_per_tuple_memory);
  place_.project(projection, first, features);
  MemoryContextSwitchTo(previous);
}

// The finished row, from where its columns are. Backend code.
void Batch::collect() {
  slot_getsomeattrs(program_.source_row, program_.source_columns);
  for (std::size_t i = 0; i < program_.columns.size(); ++i) {
    const Program::Column& column = program_.columns[i];
    finished_[i] = column.slot->tts_values[column.index];
    finished_nulls_[i] = column.slot->tts_isnull[column.index];
  }
}

// Evaluates the level's keys and arguments, puts the row's event into the lists that start here, and fills in the
// arguments of the others.
void Batch::evaluate(const Row& row, const Program::Level& level) {
  if (level.evaluate != nullptr) call([&] { project(level.evaluate, 0, level.evaluated_for); });
  for (const std::size_t list : level.starts) add_event(row, list, level);
  for (const Program::Evaluated& evaluated : level.arguments) {
    const Argument& argument = program_.plan().lists[evaluated.list].arguments[evaluated.argument];
    values_[evaluated.list][evaluated.argument] =
        entities_.keep(evaluated.list, level.evaluated->tts_values[evaluated.column],
                       level.evaluated->tts_isnull[evaluated.column], argument);
  }
}

void Batch::add_event(const Row& row, std::size_t list, const Program::Level& level) {
  Member*& member = row.members[list];
  if (member == nullptr) {
    const InContext here(program_.expressions->ecxt_per_tuple_memory);
    member = entities_.find(list, level.evaluated);
    if (member->entity == nullptr) attempts_.outside([&] { entities_.load(*member); });
  }
  values_[list] = event_values(list);
  // What is sealed now outlives the row.
  entities_.use_context(list, entities_.context(list));
  const InContext here(program_.expressions->ecxt_per_tuple_memory);
  const Event event{row.time, values_[list]};
  attempts_.whole([&] {
    if (member->shared != nullptr) {
      member->shared->add(event);
    } else {
      positions_[list] = member->entity->add(event);
    }
    if (attempts_.can_fail()) added_.push_back({member, positions_[list]});
  });
}

// Takes the events of a row that has failed out of the entities that they were added to.
void Batch::undo() {
  for (auto added = added_.rbegin(); added != added_.rend(); ++added) {
    const InContext here(entities_.context(added->member->list));
    if (added->member->shared != nullptr) {
      added->member->shared->undo_add();
    } else {
      added->member->entity->undo_add(added->position);
    }
  }
}

}  // namespace feature
