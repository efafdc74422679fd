// The triggers on a source table. Inserted rows come as a transition table, to a trigger AFTER INSERT FOR EACH
// STATEMENT, so that COPY keeps its multi-row inserts; what else happens to rows comes row by row and is collected, see
// row_collector.hpp.

#include <algorithm>
#include <cstring>

#include "pg/as_user.hpp"
#include "pg/boundary.hpp"
#include "pg/correction.hpp"
#include "pg/engine.hpp"
#include "pg/program_cache.hpp"
#include "pg/query_end.hpp"
#include "pg/restoring.hpp"
#include "pg/settings.hpp"
#include "pg/stored_rows.hpp"
#include "pg/view_objects.hpp"

extern "C" {
#include <catalog/pg_trigger.h>
#include <commands/trigger.h>
#include <executor/executor.h>
#include <utils/builtins.h>
#include <utils/lsyscache.h>
#include <utils/rel.h>
#include <utils/tuplestore.h>

PGDLLEXPORT Datum feature_maintain(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(feature_maintain);
}

namespace feature {
namespace {

const TriggerData& trigger_data(FunctionCallInfo fcinfo) {
  const auto* data = reinterpret_cast<const TriggerData*>(fcinfo->context);
  if (!CALLED_AS_TRIGGER(fcinfo) || data->tg_trigger->tgnargs != 1 ||
      (TRIGGER_FIRED_FOR_ROW(data->tg_event) && !TRIGGER_FIRED_AFTER(data->tg_event))) {
    throw SqlError(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
                   "feature.maintain can only be called by the trigger of a feature view")
        .hint("feature.create_view() creates the trigger.");
  }
  return *data;
}

// The program of the trigger's view, if it can take rows; null if there is no such view.
std::shared_ptr<Program> program_for(const TriggerData& data, std::int32_t id, Locked locked) {
  std::shared_ptr<Program> program = locked_program_of(id, locked);
  if (program == nullptr) {
    // The feature table was dropped in a restored database, where the trigger does not go with it; or only the schema
    // was restored, or only the source. Nothing is lost by letting the statement pass: there is nothing to keep up to
    // date.
    call([&] {
      ereport(WARNING,
              (errcode(ERRCODE_UNDEFINED_OBJECT),
               errmsg("trigger \"%s\" belongs to a feature view that does not exist", data.tg_trigger->tgname),
               errhint("Drop the trigger; or, if only the schema of a dump was restored, restore the data of schema "
                       "feature_state as well.")));
    });
    return nullptr;
  }
  const ViewIdentity& view = program->identity();
  program->check_states();
  check_row_security(view);
  return program;
}

// Rows of another table would be taken for the source's.
void check_source(const ViewIdentity& view, Oid table) {
  if (table == view.source) return;
  const char* name = call([&] { return get_rel_name(table); });
  throw SqlError(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
                 "table \"" + std::string(name) + "\" is not the source of feature view \"" + view.name + "\"")
      .hint("Drop the trigger.");
}

// Runs `body` with the rights and settings under which the view's expressions are evaluated. It is given the user that
// it is not run as.
template <class Body>
void as_view(const Program& program, Body&& body) {
  const Oid inserter = GetUserId();
  const AsUser owner(program.identity().owner, true);
  std::optional<PinnedSettings> settings;
  if (program.plan().needs_settings) settings.emplace(program.identity().settings);
  body(inserter);
}

bool is_enabled(const Trigger& trigger) {
  const char other = SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA ? TRIGGER_FIRES_ON_ORIGIN
                                                                                : TRIGGER_FIRES_ON_REPLICA;
  return trigger.tgenabled != TRIGGER_DISABLED && trigger.tgenabled != other;
}

// Inserts that replication applies come to a row trigger, others as a transition table. ALTER TABLE .. ENABLE TRIGGER
// ALL, which is how some restores end, makes both fire in one role: then the rows are still taken once.
bool comes_otherwise(const TriggerData& data) {
  const bool by_row = TRIGGER_FIRED_FOR_ROW(data.tg_event);
  if (by_row == (SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA)) return false;
  const TriggerDesc* all = data.tg_relation->trigdesc;
  return std::any_of(all->triggers, all->triggers + all->numtriggers, [&](const Trigger& trigger) {
    return trigger.tgfoid == data.tg_trigger->tgfoid && trigger.tgnargs == 1 && is_enabled(trigger) &&
           std::strcmp(trigger.tgargs[0], data.tg_trigger->tgargs[0]) == 0 &&
           (by_row ? trigger.tgnewtable != nullptr
                   : TRIGGER_TYPE_MATCHES(trigger.tgtype, TRIGGER_TYPE_ROW, TRIGGER_TYPE_AFTER, TRIGGER_TYPE_INSERT));
  });
}

void process_inserted(const TriggerData& data, std::int32_t id) {
  if (comes_otherwise(data)) return;
  const std::shared_ptr<Program> program = program_for(data, id, Locked::all);
  if (program == nullptr) return;
  check_source(program->identity(), RelationGetRelid(data.tg_relation));
  as_view(*program, [&](Oid inserter) {
    StoredRows rows(data.tg_newtable);
    run(*program, rows, {batch_rows(), true, {}, inserter});
  });
}

void process(const TriggerData& data, std::int32_t id, RowChanges& changes) {
  if (!changes.changes().empty()) {
    if (const std::shared_ptr<Program> program = program_for(data, id, Locked::feature_table); program != nullptr) {
      check_source(program->identity(), changes.source());
      as_view(*program, [&](Oid inserter) { correct(*program, changes, batch_rows(), inserter); });
    }
  }
  changes.release();
}

void add_row(const TriggerData& data, RowChanges& changes) {
  if (TRIGGER_FIRED_BY_INSERT(data.tg_event)) {
    changes.add_inserted(data.tg_relation, data.tg_trigslot);
  } else if (TRIGGER_FIRED_BY_UPDATE(data.tg_event)) {
    changes.add_updated(data.tg_relation, data.tg_trigslot, data.tg_newslot);
  } else {
    changes.add_deleted(data.tg_relation, data.tg_trigslot);
  }
}

void row_changed(const TriggerData& data, std::int32_t id) {
  // PostgreSQL itself fires the triggers of any number of rows without a look.
  check_interrupts();
  if (TRIGGER_FIRED_BY_DELETE(data.tg_event) && Trimming::is_of(id)) return;
  if (TRIGGER_FIRED_BY_INSERT(data.tg_event) && comes_otherwise(data)) return;
  RowChanges* statement = collection_of(id);
  if (statement == nullptr) {
    const std::shared_ptr<Program> program = program_for(data, id, Locked::feature_table);
    if (program == nullptr) return;
    const Oid source = program->identity().source;
    if (!collect_until_query_ends(data, id, source)) {
      RowChanges alone(source);
      add_row(data, alone);
      process(data, id, alone);
      return;
    }
    statement = collection_of(id);
  }
  add_row(data, *statement);
}

void source_emptied(const TriggerData& data, std::int32_t id) {
  const std::shared_ptr<Program> program = program_for(data, id, Locked::feature_table);
  if (program == nullptr) return;
  check_source(program->identity(), RelationGetRelid(data.tg_relation));
  as_view(*program, [&](Oid) { empty(*program); });
}

// A statement on a partitioned source, but for TRUNCATE: its rows come one by one, from the partitions that take them.
bool is_seen_by_row(const TriggerData& data) {
  return !TRIGGER_FIRED_FOR_ROW(data.tg_event) && !TRIGGER_FIRED_BY_TRUNCATE(data.tg_event) &&
         data.tg_relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE;
}

void maintain(const TriggerData& data) {
  const std::int32_t id = call([&] { return pg_strtoint32(data.tg_trigger->tgargs[0]); });
  // As a whole the source may have rows that another session of the same restore has brought.
  if (!is_seen_by_row(data) && is_left_to_dump(id, RelationGetRelid(data.tg_relation))) return;
  if (TRIGGER_FIRED_FOR_ROW(data.tg_event)) return row_changed(data, id);
  if (TRIGGER_FIRED_BEFORE(data.tg_event)) return open_collection(id, RelationGetRelid(data.tg_relation));
  if (TRIGGER_FIRED_BY_TRUNCATE(data.tg_event)) return source_emptied(data, id);
  if (data.tg_newtable != nullptr) return process_inserted(data, id);
  const std::unique_ptr<RowChanges> changes = close_collection(id);
  if (changes != nullptr) process(data, id, *changes);
}

}  // namespace
}  // namespace feature

Datum feature_maintain(PG_FUNCTION_ARGS) {
  return feature::guard([&] {
    feature::maintain(feature::trigger_data(fcinfo));
    return PointerGetDatum(nullptr);
  });
}
