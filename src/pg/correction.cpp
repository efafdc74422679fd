// See correction.hpp.

#include "pg/correction.hpp"

#include <algorithm>

#include "pg/as_user.hpp"
#include "pg/boundary.hpp"
#include "pg/catalogue.hpp"
#include "pg/diverted_rows.hpp"
#include "pg/engine.hpp"
#include "pg/feature_rows.hpp"
#include "pg/isolation.hpp"
#include "pg/retraction.hpp"
#include "pg/source_rows.hpp"
#include "pg/view_objects.hpp"

extern "C" {
#include <access/xact.h>
#include <catalog/pg_type.h>
#include <storage/lmgr.h>
#include <utils/array.h>
#include <utils/snapmgr.h>
}

namespace feature {
namespace {

// The old versions, and then the new ones.
class OldThenNew final : public RowSource {
 public:
  explicit OldThenNew(RowChanges& changes) : old_(changes, true), new_(changes, false) {}

  bool next(TupleTableSlot* slot) override {
    if (is_old_) is_old_ = old_.next(slot);
    return is_old_ || new_.next(slot);
  }
  [[nodiscard]] std::size_t number() const override { return is_old_ ? old_.number() : new_.number(); }
  [[nodiscard]] bool is_old() const override { return is_old_; }

 private:
  ChangedRows old_, new_;
  bool is_old_ = true;
};

// Rows that are processed for what they leave in the states.
class Nowhere final : public RowSink {
 public:
  void add(std::size_t, const Datum*, const bool*) override {}
};

void empty_states(const ViewIdentity& view) {
  const AsUser owner(owner_of_states(view), true);
  Spi spi;
  for (const ViewIdentity::Tables& tables : view.lists) {
    spi.execute("TRUNCATE " + qualified_name(tables.states) + ", " + qualified_name(tables.chunks));
  }
  spi.close();
}

// Where the new versions are, as oid[] and tid[].
Parameters new_places(const RowChanges& changes) {
  std::vector<Datum> relations, places;
  for (const RowChange& change : changes.changes()) {
    if (!change.has_new) continue;
    relations.push_back(ObjectIdGetDatum(change.new_relation));
    places.push_back(PointerGetDatum(&change.new_tid));
  }
  const int count = static_cast<int>(places.size());
  struct { Datum relations, places; } arrays = call([&] {
    decltype(arrays) made{};
    made.relations = PointerGetDatum(
        construct_array(relations.data(), count, OIDOID, sizeof(Oid), true, TYPALIGN_INT));
    made.places = PointerGetDatum(
        construct_array(places.data(), count, TIDOID, sizeof(ItemPointerData), false, TYPALIGN_SHORT));
    return made;
  });
  return {{OIDARRAYOID, TIDARRAYOID}, {arrays.relations, arrays.places}};
}

// Computes all states anew from what the source holds without the new versions.
void rebuild_states(Program& program, const Parameters& new_places, std::int64_t batch_rows) {
  const ViewIdentity& view = program.identity();
  refuse_fixed_snapshot();
  // Rows that others insert meanwhile would be missed or counted twice.
  call([&] {
    list_free(tables_of_source(view.source, ShareRowExclusiveLock));
    CommandCounterIncrement();
  });
  empty_states(view);
  const char* time = NameStr(TupleDescAttr(program.source_row->tts_tupleDescriptor, program.plan().time.attribute - 1)->attname);
  Spi spi;
  call([] { PushActiveSnapshot(GetTransactionSnapshot()); });
  Parameters parameters;
  const std::string rest = is_elsewhere(new_places, parameters);
  SourceRows rows("SELECT * FROM " + from_source(view.source) + " WHERE " + rest + " ORDER BY " + quoted(time) + ", " +
                      physical_order(view.source),
                  parameters);
  call([] { PopActiveSnapshot(); });
  Nowhere nowhere;
  {
    // Inside the scope of the cursor's own safe search path.
    std::optional<PinnedSettings> settings;
    if (program.plan().needs_settings) settings.emplace(view.settings);
    (void)compute(program, rows, nowhere, batch_rows, nullptr, InvalidOid);
  }
  rows.close();
  spi.close();
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
  if (changes.old_rows() == 0) {
    ChangedRows rows(changes, false);
    run(program, rows, {batch_rows, true, {}, inserter});
    return;
  }
  FeatureRows features(program, changes.changes().size());
  const auto process = [&](const Parameters* rebuilt_without) {
    OldThenNew rows(changes);
    return compute(program, rows, features, batch_rows, rebuilt_without, inserter);
  };
  if (!Retraction::is_possible(program) || !process(nullptr)) {
    features.clear();
    const Parameters places = new_places(changes);
    rebuild_states(program, places, batch_rows);
    (void)process(&places);
  }
  features.apply();
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
