// See correction.hpp.

#include "pg/correction.hpp"

#include <algorithm>

#include "pg/as_user.hpp"
#include "pg/boundary.hpp"
#include "pg/catalogue.hpp"
#include "pg/diverted_changes.hpp"
#include "pg/diverted_rows.hpp"
#include "pg/engine.hpp"
#include "pg/feature_rows.hpp"
#include "pg/inserted_places.hpp"
#include "pg/known_rows.hpp"
#include "pg/retraction.hpp"
#include "pg/row_intake.hpp"
#include "pg/source_rows.hpp"
#include "pg/stopwatch.hpp"
#include "pg/subtransaction.hpp"
#include "pg/view_objects.hpp"
#include "pg/writer_sink.hpp"

extern "C" {
#include <access/xact.h>
#include <executor/executor.h>
#include <utils/snapmgr.h>
}

namespace feature {
namespace {

// The old versions that the view has, and then the new ones.
class OldThenNew final : public RowSource {
 public:
  // `diverted`: by number, old versions that are to be left out. `to`: before which change it ends; those from there on
  // are in a run of their own, before which all entities are to be locked together. `alone`: nobody else can be at the
  // view's entities.
  OldThenNew(const RowChanges& changes, const std::vector<bool>& diverted, std::size_t to, bool alone)
      : changes_(changes),
        diverted_(diverted),
        to_(to),
        alone_(alone),
        old_(changes, true),
        new_(changes, false, 0, to) {}

  bool next(TupleTableSlot* slot) override {
    while (is_old_) {
      is_old_ = old_.next(slot);
      if (is_old_ && !diverted_[old_.number()]) return true;
    }
    return new_.next(slot);
  }
  [[nodiscard]] std::size_t number() const override { return is_old_ ? old_.number() : new_.number(); }
  [[nodiscard]] bool is_old() const override { return is_old_; }
  [[nodiscard]] bool begins_batch() const override { return !is_old_ && new_.begins_batch(); }
  [[nodiscard]] bool has_more() const override {
    return !alone_ && (to_ < changes_.changes().size() || old_.has_more() || new_.has_more());
  }
  [[nodiscard]] std::unique_ptr<RowSource> again() override {
    return std::make_unique<OldThenNew>(changes_, diverted_, changes_.changes().size(), alone_);
  }

 private:
  const RowChanges& changes_;
  const std::vector<bool>& diverted_;
  std::size_t to_;
  bool alone_;
  ChangedRows old_, new_;
  bool is_old_ = true;
};

// Rows of the source but those that were diverted.
class ProcessedRows final : public RowSource {
 public:
  // To be made as DivertedKeys are.
  ProcessedRows(const Program& program, SourceRows& rows)
      : program_(program), diverted_(program.identity(), program.source_row->tts_tupleDescriptor), rows_(rows) {}

  bool next(TupleTableSlot* slot) override {
    while (rows_.next(slot)) {
      bool copied;
      if (!is_diverted(ExecFetchSlotMinimalTuple(slot, &copied))) return true;
    }
    return false;
  }
  [[nodiscard]] bool is_at_hand() const override { return rows_.is_at_hand(); }

 private:
  [[nodiscard]] bool is_diverted(MinimalTuple row) {
    const InContext here(program_.expressions->ecxt_per_tuple_memory);
    return diverted_.take_out(row);
  }

  const Program& program_;
  DivertedKeys diverted_;
  SourceRows& rows_;
};

// Features of rows that are there stay as they are recorded: in the order in which states are made anew they may be
// other ones, or fail.
class Nowhere final : public RowSink {
 public:
  void add(std::size_t, const Datum*, const bool*) override {}
  [[nodiscard]] bool takes_rows() const override { return false; }
};

// What is done to the states of a view by one statement, which locks all their tables in the order in which sessions
// that write to them do.
void for_all_states(const ViewIdentity& view, const std::string& what, const std::string& how) {
  if (view.lists.empty()) return;
  std::string all;
  for (const ViewIdentity::Tables& tables : view.lists) {
    all += (all.empty() ? "" : ", ") + qualified_name(tables.states) + ", " + qualified_name(tables.chunks);
  }
  const AsUser owner(owner_of_states(view), true);
  Spi spi;
  spi.execute(what + " " + all + how);
  spi.close();
}

// Has the states for itself from then on, until the end of the transaction.
void lock_states(const ViewIdentity& view) { for_all_states(view, "LOCK TABLE", " IN ACCESS EXCLUSIVE MODE"); }
void empty_states(const ViewIdentity& view) { for_all_states(view, "TRUNCATE", ""); }

// How many of the old versions of a statement the states know of: those that WHERE leaves out, and those without a
// time, are in none.
std::int64_t known_old_rows(Program& program, const RowChanges& changes, const std::vector<bool>& diverted,
                            std::optional<EventTime> since) {
  std::int64_t known = 0;
  ChangedRows old_versions(changes, true);
  while (call([&] { return next_row(program, old_versions); }) != nullptr) {
    if (diverted[old_versions.number()]) continue;
    const InContext here(program.expressions->ecxt_per_tuple_memory);
    known +=
        call([&] { return prepare(program) && has_event_time(program) && (!since || event_time(program) >= *since); });
  }
  return known;
}

// Where the new versions are, with the rows of a transition table, and these alone.
struct NewPlaces {
  Parameters all, inserted;
};

NewPlaces new_places(const Program& program, const RowChanges& changes) {
  std::vector<Oid> relations;
  std::vector<ItemPointerData> places;
  for (const RowChange& change : changes.changes()) {
    if (!change.has_new || change.new_relation == InvalidOid) continue;
    relations.push_back(change.new_relation);
    places.push_back(change.new_tid);
  }
  const Parameters known = to_places(relations, places);
  const std::vector<ItemPointerData> inserted = places_of_inserted(program, changes, known);
  const std::vector<Oid> source(inserted.size(), program.identity().source);
  relations.insert(relations.end(), source.begin(), source.end());
  places.insert(places.end(), inserted.begin(), inserted.end());
  return {to_places(relations, places), to_places(source, inserted)};
}

// Computes all states anew from what the source holds without the new versions.
//
// The source is not locked. Whoever has processed rows has locked the states until its end, and is waited for here;
// the snapshot is taken afterwards, and sees its rows. Rows of a statement that has still to process them wait for the
// states, and are not seen.
//
// `changes`: what is to be processed then, and has made this necessary. Within another statement that changes the
// source some of its rows may have gone already, unknown which: the states are computed once more when it ends, and
// then it is seen whether the source has lost rows. `diverted` as in OldThenNew.
void rebuild_states(Program& program, const Parameters& new_places, RowChanges& changes,
                    const std::vector<bool>& diverted, std::int64_t batch_rows) {
  const ViewIdentity& view = program.identity();
  if (IsolationUsesXactSnapshot()) {
    throw SqlError(ERRCODE_ACTIVE_SQL_TRANSACTION, "states of feature view \"" + view.name +
                                                       "\" can only be computed anew at isolation level READ COMMITTED")
        .detail(
            "What the statement changes cannot be taken out of them alone, and rows committed after the "
            "transaction's snapshot would be missed.")
        .hint("Change rows of its source that the view has already at READ COMMITTED.");
  }
  if (has_unprocessed_inserts(view.id)) {
    // It would count them, and they would be counted again when they are processed.
    throw SqlError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                   "states of feature view \"" + view.name + "\" cannot be computed anew while an INSERT is running")
        .detail("Its source has rows already that have still to be processed.")
        .hint("Change rows of the source when the INSERT has ended, not from a trigger or function that it runs.");
  }
  RowChanges* outer = outermost_changes(view.id);
  if (outer != nullptr && Retraction::is_possible(program)) {
    // It would take out of them what is no longer there.
    throw SqlError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                   "states of feature view \"" + view.name +
                       "\" cannot be computed anew while another statement changes its source")
        .detail(
            "What is changed cannot be told from other rows of its time in the states, and the other statement's rows "
            "have still to be processed.")
        .hint(
            "Change rows of the source when the other statement has ended, not from a trigger or function that it "
            "runs.");
  }
  lock_states(view);
  call([] { CommandCounterIncrement(); });
  std::optional<KnownRows>& known = outer != nullptr ? outer->known() : changes.known();
  if (!known) known = known_rows(view, program.plan(), program.plan());
  known->gone += known_old_rows(program, changes, diverted, known->since);
  empty_states(view);
  call([] { CommandCounterIncrement(); });
  const char* time =
      NameStr(TupleDescAttr(program.source_row->tts_tupleDescriptor, program.plan().time.attribute - 1)->attname);
  Spi spi;
  call([] { PushActiveSnapshot(GetTransactionSnapshot()); });
  Parameters parameters;
  const std::string rest = is_elsewhere(new_places, parameters);
  SourceRows rows("SELECT * FROM " + from_source(view.source) + " WHERE " + rest + " ORDER BY " + quoted(time) + ", " +
                      physical_order(view.source),
                  parameters);
  ProcessedRows processed(program, rows);
  call([] { PopActiveSnapshot(); });
  Nowhere nowhere;
  {
    // Inside the scope of the cursor's own safe search path.
    std::optional<PinnedSettings> settings;
    if (program.plan().needs_settings) settings.emplace(view.settings);
    (void)compute(program, processed, nowhere, nullptr, {batch_rows});
  }
  rows.close();
  spi.close();
  call([] { CommandCounterIncrement(); });
  if (outer != nullptr) return;
  const std::int64_t lost = lost_rows(view, *known);
  if (lost <= 0) return;
  throw SqlError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                 "source of feature view \"" + view.name + "\" no longer has the rows that its states know of")
      .detail(
          "What the statement changes cannot be taken out of the states alone; computed anew from the source "
          "they would lack " +
          number_of_rows(lost) + ".")
      .hint("feature.refresh() gives up what is known of these; then the statement can be repeated.");
}

// Of a view that diverts, the rows that an INSERT has brought besides changes: only where a feature row is written with
// its row does one that cannot be written fail none of the others. All their entities are locked.
void process_inserted(Program& program, const RowChanges& changes, FeatureRows& features, std::int64_t batch_rows,
                      const Parameters* rebuilt_without, Oid inserter) {
  const FeatureTable& table = program.table;
  FeatureWriter writer;
  call([&] {
    CommandCounterIncrement();
    writer.open(table.relation, table.attributes.data(), static_cast<int>(table.attributes.size()), true);
    writer.attribute_errors(program.has_primary_key);
  });
  features.insert(writer);
  WriterSink sink(writer);
  Diversion diversion(program);
  ChangedRows rows(changes, false, changes.first_of_table());
  (void)compute(program, rows, sink, &diversion, {batch_rows, rebuilt_without, inserter, changes.changed_by()});
  const Stopwatch watch(program.identity().id, Stage::writing);
  diversion.finish();
  call([&] { writer.finish(); });
}

std::vector<std::int32_t>& trimmed() {
  static std::vector<std::int32_t> views;
  return views;
}

}  // namespace

Trimming::Trimming(const std::vector<std::int32_t>& views) : before_(trimmed().size()) {
  trimmed().insert(trimmed().end(), views.begin(), views.end());
}

Trimming::~Trimming() { trimmed().resize(before_); }

bool Trimming::is_of(std::int32_t view) {
  return std::find(trimmed().begin(), trimmed().end(), view) != trimmed().end();
}

void correct(Program& program, RowChanges& changes, std::int64_t batch_rows, Oid inserter) {
  std::vector<bool> diverted;
  std::size_t old_rows = changes.old_rows();
  if (old_rows > 0) {
    diverted = take_out_diverted(program, changes);
    old_rows -= static_cast<std::size_t>(std::count(diverted.begin(), diverted.end(), true));
  }
  if (old_rows == 0) {
    ChangedRows rows(changes, false);
    run(program, rows, {batch_rows, true, {}, inserter, changes.changed_by()});
    return;
  }
  const std::size_t together = program.identity().diverts ? changes.first_of_table() : changes.changes().size();
  FeatureRows features(program, together);
  Diversion diversion(program);
  const auto process = [&](const Parameters* rebuilt_without) {
    OldThenNew rows(changes, diverted, together, rebuilt_without != nullptr);
    return compute(program, rows, features, program.identity().diverts ? &diversion : nullptr,
                   {batch_rows, rebuilt_without, inserter, changes.changed_by()});
  };
  // What an attempt that does not come out has locked is let go: two that kept the states locked could never both have
  // them alone.
  const auto try_to_process = [&] {
    if (!Retraction::is_possible(program)) return false;
    if (Retraction::is_certain(program)) return process(nullptr);
    if (const Forgetting* forgetting = Forgetting::current()) {
      if (forgetting->computes_anew(program.identity().id)) return false;
      if (!process(nullptr)) forgetting->compute_anew(program.identity());
      return true;
    }
    Subtransaction attempt;
    const bool done = process(nullptr);
    done ? attempt.release() : attempt.roll_back();
    return done;
  };
  std::optional<NewPlaces> rebuilt_without;
  if (!try_to_process()) {
    features.clear();
    diversion.clear();
    rebuilt_without = new_places(program, changes);
    rebuild_states(program, rebuilt_without->all, changes, diverted, batch_rows);
    (void)process(&rebuilt_without->all);
  }
  {
    const Stopwatch watch(program.identity().id, Stage::writing);
    diversion.finish();
    if (together == changes.changes().size()) return features.apply();
    const UnprocessedInsert inserted(program.identity().id);
    features.change_for_insert();
  }
  process_inserted(program, changes, features, batch_rows, rebuilt_without ? &rebuilt_without->inserted : nullptr,
                   inserter);
}

void empty(const Program& program) {
  const ViewIdentity& view = program.identity();
  empty_states(view);
  forget_diverted(view);
  const std::string table = qualified_name(view.relation);
  Spi spi;
  // The statement that has emptied the source may have emptied the view too, and then has it in use.
  if (spi.execute("SELECT FROM ONLY " + table + " LIMIT 1") > 0) spi.execute("TRUNCATE ONLY " + table);
  spi.close();
}

}  // namespace feature
