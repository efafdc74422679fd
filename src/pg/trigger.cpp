// The triggers on a source table. Inserted rows come as a transition table, to a trigger AFTER INSERT FOR EACH
// STATEMENT, so that COPY keeps its multi-row inserts; what else happens to rows comes row by row and is collected, see
// row_collector.hpp.

#include <algorithm>
#include <cstring>

#include "pg/as_user.hpp"
#include "pg/boundary.hpp"
#include "pg/changed_again.hpp"
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

bool is_number(const char* text) {
  if (*text == '-') ++text;
  return *text != '\0' && std::strspn(text, "0123456789") == std::strlen(text);
}

const TriggerData& trigger_data(FunctionCallInfo fcinfo) {
  const auto* data = reinterpret_cast<const TriggerData*>(fcinfo->context);
  if (!CALLED_AS_TRIGGER(fcinfo) || data->tg_trigger->tgnargs != 1 || !is_number(data->tg_trigger->tgargs[0]) ||
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
void check_source(const ViewIdentity& view, Oid table, const std::string& trigger) {
  if (table == view.source) return;
  const char* name = call([&] { return get_rel_name(table); });
  throw SqlError(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
                 "table \"" + std::string(name) + "\" is not the source of feature view \"" + view.name + "\"")
      .hint("Drop trigger \"" + trigger + "\", and others that the table has brought from where it was restored.");
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

bool is_of_view(const TriggerData& data, const Trigger& trigger) {
  return trigger.tgfoid == data.tg_trigger->tgfoid && trigger.tgnargs == 1 &&
         std::strcmp(trigger.tgargs[0], data.tg_trigger->tgargs[0]) == 0;
}

template <class Which>
bool has_trigger(const TriggerData& data, Which which) {
  const TriggerDesc* all = data.tg_relation->trigdesc;
  return std::any_of(all->triggers, all->triggers + all->numtriggers, [&](const Trigger& trigger) {
    return is_of_view(data, trigger) && is_enabled(trigger) && which(trigger);
  });
}

// Inserts that replication applies come to a row trigger, others as a transition table. ALTER TABLE .. ENABLE TRIGGER
// ALL, which is how some restores end, makes both fire in one role: then the rows are still taken once.
bool comes_otherwise(const TriggerData& data) {
  const bool by_row = TRIGGER_FIRED_FOR_ROW(data.tg_event);
  if (by_row == (SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA)) return false;
  return has_trigger(data, [&](const Trigger& trigger) {
    return by_row ? trigger.tgnewtable != nullptr
                  : TRIGGER_TYPE_MATCHES(trigger.tgtype, TRIGGER_TYPE_ROW, TRIGGER_TYPE_AFTER, TRIGGER_TYPE_INSERT);
  });
}

// Whether inserts into the table fire the view's trigger with a transition table.
bool has_insert_trigger(const TriggerData& data) {
  return has_trigger(data, [](const Trigger& trigger) { return trigger.tgnewtable != nullptr; });
}

// Whether the end of an UPDATE or DELETE of the table fires the view's trigger.
bool has_end_trigger(const TriggerData& data) {
  return has_trigger(data, [](const Trigger& trigger) {
    return TRIGGER_TYPE_MATCHES(trigger.tgtype, TRIGGER_TYPE_STATEMENT, TRIGGER_TYPE_AFTER, TRIGGER_TYPE_UPDATE);
  });
}

// Of an ordinary source. Without the trigger that would end it, it is not followed.
void rows_begin(const TriggerData& data, std::int32_t id) {
  if (has_insert_trigger(data)) insert_begins(id);
}

// Of an ordinary source, an UPDATE or DELETE. An INSERT would wait for its end.
void changes_begin(const TriggerData& data, std::int32_t id) {
  if (!has_end_trigger(data)) return;
  const Oid table = RelationGetRelid(data.tg_relation);
  const std::optional<Part> part = part_of(table);
  const bool ends_alone = !part || (part->insert_follows && !has_insert_trigger(data));
  open_collection(id, table, ends_alone ? std::nullopt : std::optional(part->parts));
}

void process_inserted(const TriggerData& data, std::int32_t id) {
  const std::shared_ptr<Program> program = program_for(data, id, Locked::all);
  if (program == nullptr) return;
  check_source(program->identity(), RelationGetRelid(data.tg_relation), data.tg_trigger->tgname);
  as_view(*program, [&](Oid inserter) {
    StoredRows rows(data.tg_newtable);
    run(*program, rows, {batch_rows(), true, {}, inserter});
  });
}

void process(const TriggerData& data, std::int32_t id, RowChanges& changes) {
  if (!changes.changes().empty()) {
    check_are_latest(id, changes);
    if (const std::shared_ptr<Program> program = program_for(data, id, Locked::feature_table); program != nullptr) {
      check_source(program->identity(), changes.source(), data.tg_trigger->tgname);
      as_view(*program, [&](Oid inserter) { correct(*program, changes, batch_rows(), inserter); });
    }
  }
  changes.release();
}

// Together with what the same statement has changed otherwise, if it has.
void rows_inserted(const TriggerData& data, std::int32_t id) {
  const bool by_row = comes_otherwise(data);
  if (!by_row && let_inserted_wait(id, data.tg_newtable)) return;
  const std::unique_ptr<RowChanges> changes = close_collection(id, true);
  check_inserted_are_latest(id, data.tg_relation);
  insert_ends(id);
  if (changes == nullptr || changes->changes().empty()) {
    if (!by_row) process_inserted(data, id);
    return;
  }
  if (!by_row) changes->add_inserted(data.tg_newtable, RelationGetDescr(data.tg_relation));
  process(data, id, *changes);
}

// Of all that was collected, if nothing else of it is to end.
void changes_end(const TriggerData& data, std::int32_t id) {
  const std::unique_ptr<RowChanges> changes = close_collection(id, false);
  if (changes == nullptr) return;
  if (changes->waiting() != nullptr) {
    check_inserted_are_latest(id, data.tg_relation);
    insert_ends(id);
    changes->add_inserted(changes->waiting(), RelationGetDescr(data.tg_relation));
  }
  process(data, id, *changes);
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
  if (!TRIGGER_FIRED_BY_INSERT(data.tg_event)) check_was_processed(data, id);
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
  check_source(program->identity(), RelationGetRelid(data.tg_relation), data.tg_trigger->tgname);
  as_view(*program, [&](Oid) { empty(*program); });
}

bool is_partitioned(const TriggerData& data) {
  return data.tg_relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE;
}

void maintain(const TriggerData& data) {
  const bool by_row = TRIGGER_FIRED_FOR_ROW(data.tg_event);
  const bool before = TRIGGER_FIRED_BEFORE(data.tg_event);
  const std::int32_t id = call([&] { return pg_strtoint32(data.tg_trigger->tgargs[0]); });
  // Of every insert: nothing else is done here than to remember it.
  if (before && TRIGGER_FIRED_BY_INSERT(data.tg_event) && !is_partitioned(data)) return rows_begin(data, id);
  // Rows of a partitioned source come one by one, from the partitions that take them. As a whole it may have rows that
  // another session of the same restore has brought.
  const bool is_seen_by_row = !by_row && !TRIGGER_FIRED_BY_TRUNCATE(data.tg_event) && is_partitioned(data);
  if (!is_seen_by_row && is_left_to_dump(id, RelationGetRelid(data.tg_relation))) return;
  if (by_row) return row_changed(data, id);
  if (before && is_partitioned(data)) return open_collection(id, RelationGetRelid(data.tg_relation));
  if (before) return changes_begin(data, id);
  if (TRIGGER_FIRED_BY_TRUNCATE(data.tg_event)) return source_emptied(data, id);
  if (data.tg_newtable != nullptr) return rows_inserted(data, id);
  changes_end(data, id);
}

}  // namespace
}  // namespace feature

Datum feature_maintain(PG_FUNCTION_ARGS) {
  return feature::guard([&] {
    feature::maintain(feature::trigger_data(fcinfo));
    // What lies behind the last row takes a while. A cancel that came meanwhile is the statement's own: behind its end
    // it would be that of a transaction which its client believes to be well.
    feature::check_interrupts();
    return PointerGetDatum(nullptr);
  });
}
