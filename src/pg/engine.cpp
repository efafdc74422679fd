// See engine.hpp.

#include "pg/engine.hpp"

#include <algorithm>

#include "pg/batch.hpp"
#include "pg/entity_names.hpp"
#include "pg/entity_taken.hpp"
#include "pg/lock_ahead.hpp"
#include "pg/plain_writer.hpp"
#include "pg/settings.hpp"
#include "pg/stopwatch.hpp"
#include "pg/subtransaction.hpp"
#include "pg/view_lock.hpp"
#include "pg/writer_sink.hpp"

extern "C" {
#include <access/xact.h>
#include <utils/snapmgr.h>
}

namespace feature {
namespace {

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
std::optional<std::int64_t> run_batches(const Work& work, std::vector<StateStore>& stores, RowSource& source,
                                        std::int64_t batch_rows) {
  const WarmContext warm;
  Arena memory(warm);
  std::int64_t written = 0;
  for (bool first = true;; first = false) {
    {
      Batch batch(work, memory);
      work.watch.enter(Stage::reading);
      if (!batch.read(source, batch_rows)) break;
      if (first && source.has_more()) {
        work.watch.enter(Stage::locking);
        lock_ahead(work.program, work.place, work.diversion, *source.again(), stores);
      }
      if (!batch.process()) return std::nullopt;
      written += batch.written();
    }
    work.watch.enter(Stage::storing);
    work.entities.make_room();
    memory.rewind();
  }
  work.watch.enter(Stage::storing);
  work.entities.write();
  work.entities.forget();
  work.watch.count(written);
  return written;
}

// The same with what attempts before this one have met, and telling of what this one has if it ends as they have.
std::optional<std::int64_t> run_batches(const Work& work, std::vector<StateStore>& stores, RowSource& source,
                                        std::int64_t batch_rows, MetEntities& met) {
  work.entities.expect(met);
  try {
    return run_batches(work, stores, source, batch_rows);
  } catch (const EntityTaken&) {
  }
  work.entities.tell(met);
  throw EntityTaken();
}

// The same for a statement's only row.
std::int64_t run_alone(const Work& work, RowSource& source) {
  const WarmContext warm;
  Arena memory(warm);
  Batch batch(work, memory);
  work.watch.enter(Stage::reading);
  if (batch.read(source, 1)) batch.process_alone();
  work.watch.count(batch.written());
  return batch.written();
}

// Nothing, and nothing written, if somebody else has been at an entity that was read without a lock.
std::optional<std::int64_t> try_to_run_alone(const Work& work, RowSource& source) {
  try {
    return run_alone(work, source);
  } catch (const EntityTaken&) {
    work.place.at_no_row();
    return std::nullopt;
  }
}

// How a run gets its entities.
struct Locking {
  NewRows new_rows = NewRows::when_locked;
  // Whether EntityTaken may end it: it can be undone and repeated.
  bool can_repeat = false;
  // What attempts before it have met, and it will have if it is ended, too. Null if rows tell of all their entities.
  MetEntities* met = nullptr;
  // Whether it is of one row, which is attempted without a lock of the entity that comes last. If somebody else has
  // been there meanwhile, nothing was written, and the row is taken once more with the entity locked.
  bool reads_first = false;
};

// The whole way of the rows to the sink, between the opening of the state tables and their closing.
std::optional<std::int64_t> compute(Program& program, Place& place, RowSource& source, RowSink& sink,
                                    Diversion* diversion, const ComputeOptions& options, std::optional<EventTime> since,
                                    const Locking& locking) {
  const ViewIdentity& view = program.identity();
  Stopwatch watch(view.id, Stage::reading);
  program.forget_row();
  std::vector<StateStore> stores(program.lists.size());
  std::vector<ListNames> names;
  for (std::size_t list = 0; list < stores.size(); ++list) names.emplace_back(program, list, options.inserter);
  // The command that has changed the rows, if one has. If it is the one whose triggers fire, its snapshot is still the
  // active one, while the current command may be a later one already, as another view on the source has been computed.
  const CommandId command = options.changed_by ? *options.changed_by : call([] { return GetActiveSnapshot()->curcid; });
  call([&] {
    // What the statement itself has done counts as done before what is done here.
    CommandCounterIncrement();
    for (std::size_t list = 0; list < stores.size(); ++list) {
      stores[list].open(view.lists[list].states, view.lists[list].chunks, program.image_type, &program.lists[list].keys,
                        &names[list], locking.new_rows, locking.can_repeat);
    }
  });
  if (has_turns(program)) take_turn(program);
  std::optional<std::int64_t> written;
  {
    const Computing computing(view);
    const auto with_entities = [&](auto&& body) {
      EntityCache entities(program, stores);
      History history(program, entities, command, options.rebuilt_without);
      return body(
          Work{program, place, entities, history, sink, diversion, since, options.rebuilt_without == nullptr, watch});
    };
    written = with_context([&] {
      if (locking.reads_first) {
        StateStore& last = stores[program.lock_order.back()];
        last.read_first(true);
        const auto done = with_entities([&](const Work& work) { return try_to_run_alone(work, source); });
        if (done) return done;
        last.read_first(false);
        program.forget_row();
        // Rows that were made for new entities are found from here on.
        call([] { CommandCounterIncrement(); });
        return with_entities([&](const Work& work) { return std::optional(run_alone(work, *source.again())); });
      }
      return with_entities([&](const Work& work) {
        if (locking.met == nullptr) return run_batches(work, stores, source, options.batch_rows);
        return run_batches(work, stores, source, options.batch_rows, *locking.met);
      });
    });
  }
  call([&] {
    for (StateStore& store : stores) store.close();
  });
  return written;
}

Processed process(Program& program, Place& place, RowSource& source, RowSink& sink, const RunOptions& options,
                  const Locking& locking) {
  Processed done;
  Diversion diversion(program);
  done.written =
      compute(program, place, source, sink, program.identity().diverts ? &diversion : nullptr,
              {options.batch_rows, nullptr, options.inserter, options.changed_by}, options.destination.since, locking)
          .value_or(0);
  done.diverted = diversion.count();
  const Stopwatch watch(program.identity().id, Stage::writing);
  diversion.finish();
  return done;
}

Processed run(Program& program, RowSource& source, const RunOptions& options, const Locking& locking) {
  Place place(program);
  const FeatureTable& table = options.destination.table != nullptr ? *options.destination.table : program.table;
  call([] { CommandCounterIncrement(); });
  // A row that is to be diverted has to fail alone, and what triggers do is not a rebuild's.
  if (plain_writes() && options.fire_triggers && !program.identity().diverts) {
    PlainWriter writer(table);
    const Processed done = process(program, place, source, writer, options, locking);
    const Stopwatch watch(program.identity().id, Stage::writing);
    writer.finish();
    return done;
  }
  FeatureWriter writer;
  call([&] {
    writer.open(table.relation, table.attributes.data(), static_cast<int>(table.attributes.size()),
                options.fire_triggers);
    if (program.identity().diverts) writer.attribute_errors(program.has_primary_key);
  });
  WriterSink sink(writer);
  const Processed done = process(program, place, source, sink, options, locking);
  const Stopwatch watch(program.identity().id, Stage::writing);
  call([&] { writer.finish(); });  // runs AFTER triggers of the feature table, which may insert into the source again
  return done;
}

// Nothing, and nothing done, if somebody else has an entity.
std::optional<Processed> try_to_run(Program& program, RowSource& source, const RunOptions& options, NewRows new_rows,
                                    MetEntities* met) {
  try {
    Subtransaction attempt;
    const Processed done = run(program, *source.again(), options, {new_rows, true, met});
    attempt.release();
    return done;
  } catch (const EntityTaken&) {
    return std::nullopt;
  }
}

// With fewer rows a subtransaction costs more than it spares to make no rows for new entities beforehand.
constexpr std::int64_t enough_rows = 16;

// Where rows do not tell of all their entities: each attempt locks what the one before it has met, and few need a
// third.
constexpr int most_attempts = 4;

Processed run_row_by_row(Program& program, RowSource& source, const RunOptions& options) {
  MetEntities met;
  NewRows new_rows = source.count() < enough_rows ? NewRows::when_locked : NewRows::when_written;
  for (int attempt = 0; attempt < most_attempts; ++attempt, new_rows = NewRows::when_locked) {
    if (const std::optional<Processed> done = try_to_run(program, source, options, new_rows, &met)) return *done;
  }
  // Not while the transaction has entities from a statement before this one.
  if (!has_taken_turn(program)) take_turn_alone(program);
  return run(program, source, options, Locking());
}

// Not where a snapshot of the whole transaction would have to see what is read, or one for the slots of shared lists be
// taken again; nor for rows that are to be diverted, which have to fail before states are written.
bool may_read_first(const Program& program, const RunOptions& options) {
  return !program.lists.empty() && !program.has_shared_list() && !has_turns(program) && !program.identity().diverts &&
         !options.destination.since && !IsolationUsesXactSnapshot() && !plain_writes();
}

}  // namespace

Processed run(Program& program, RowSource& source, const RunOptions& options) {
  if (source.count() == 1 && may_read_first(program, options)) {
    return run(program, source, options, {NewRows::when_locked, false, nullptr, true});
  }
  if (source.count() > 1 && has_turns(program)) return run_row_by_row(program, source, options);
  if (!program.lists.empty() && source.count() >= enough_rows && !plain_writes()) {
    const std::optional<Processed> done = try_to_run(program, source, options, NewRows::when_written, nullptr);
    if (done) return *done;
  }
  return run(program, source, options, Locking());
}

bool compute(Program& program, RowSource& source, RowSink& sink, Diversion* diversion, const ComputeOptions& options) {
  Place place(program);
  return compute(program, place, source, sink, diversion, options, std::nullopt, Locking()).has_value();
}

}  // namespace feature
