// The trigger on a source table: AFTER INSERT FOR EACH STATEMENT, with the inserted rows as a transition table.

#include "pg/as_user.hpp"
#include "pg/boundary.hpp"
#include "pg/engine.hpp"
#include "pg/program_cache.hpp"
#include "pg/settings.hpp"

extern "C" {
#include <commands/trigger.h>
#include <executor/executor.h>
#include <utils/builtins.h>
#include <utils/rel.h>
#include <utils/tuplestore.h>

PGDLLEXPORT Datum feature_maintain(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(feature_maintain);
}

namespace feature {
namespace {

// The transition table through a read pointer of its own: several views may read it one after the other.
class InsertedRows final : public RowSource {
 public:
  explicit InsertedRows(Tuplestorestate* rows) : rows_(rows) {
    call([&] {
      pointer_ = tuplestore_alloc_read_pointer(rows_, EXEC_FLAG_REWIND);
      tuplestore_select_read_pointer(rows_, pointer_);
      tuplestore_rescan(rows_);
    });
  }

  bool next(TupleTableSlot* slot) override {
    tuplestore_select_read_pointer(rows_, pointer_);
    return tuplestore_gettupleslot(rows_, true, false, slot);
  }

 private:
  Tuplestorestate* rows_;
  int pointer_ = 0;
};

const TriggerData& trigger_data(FunctionCallInfo fcinfo) {
  const auto* data = reinterpret_cast<const TriggerData*>(fcinfo->context);
  if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(data->tg_event) || TRIGGER_FIRED_FOR_ROW(data->tg_event) ||
      !TRIGGER_FIRED_BY_INSERT(data->tg_event) || data->tg_newtable == nullptr || data->tg_trigger->tgnargs != 1) {
    throw SqlError(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
                   "feature.maintain can only be called by the trigger of a feature view")
        .hint("feature.create_view() creates the trigger.");
  }
  return *data;
}

Datum maintain(FunctionCallInfo fcinfo) {
  const TriggerData& data = trigger_data(fcinfo);
  const std::int32_t id = call([&] { return pg_strtoint32(data.tg_trigger->tgargs[0]); });
  const std::shared_ptr<Program> program = program_of(id);
  if (program == nullptr) {
    // The feature table was dropped in a restored database, where the trigger does not go with it. Nothing is lost by
    // letting the insert pass: there is nothing to keep up to date.
    call([&] {
      ereport(WARNING, (errcode(ERRCODE_UNDEFINED_OBJECT),
                        errmsg("trigger \"%s\" belongs to a feature view that does not exist",
                               data.tg_trigger->tgname),
                        errhint("Drop the trigger.")));
    });
    return PointerGetDatum(nullptr);
  }
  const ViewIdentity& view = program->identity();
  if (view.source != RelationGetRelid(data.tg_relation)) {
    throw SqlError(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
                   "table \"" + std::string(RelationGetRelationName(data.tg_relation)) +
                       "\" is not the source of feature view \"" + view.name + "\"");
  }
  if (!program->lost.empty()) {
    throw SqlError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                   "feature view \"" + view.name + "\" must be refreshed before its source can take rows")
        .detail("Its states were restored from a dump, which does not keep the OIDs in " + program->lost + ".")
        .hint("Call feature.refresh().");
  }
  const AsUser owner(view.owner, true);
  std::optional<PinnedSettings> settings;
  if (program->plan().needs_settings) settings.emplace(view.settings);
  InsertedRows rows(data.tg_newtable);
  run(*program, rows, {batch_rows(), true});
  return PointerGetDatum(nullptr);
}

}  // namespace
}  // namespace feature

Datum feature_maintain(PG_FUNCTION_ARGS) {
  return feature::guard([&] { return feature::maintain(fcinfo); });
}
