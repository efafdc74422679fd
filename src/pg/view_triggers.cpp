// See view_triggers.hpp.

#include "pg/view_triggers.hpp"

#include "pg/boundary.hpp"
#include "pg/catalogue.hpp"
#include "pg/definition.hpp"
#include "pg/view_objects.hpp"

extern "C" {
#include <catalog/pg_class.h>
#include <commands/trigger.h>
#include <utils/lsyscache.h>

PGDLLEXPORT Datum feature_create_correction_triggers(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(feature_create_correction_triggers);
}

namespace feature {

std::string trigger_name(const ViewIdentity& view, const char* kind) {
  return std::string("feature") + kind + "_" + std::to_string(view.id);
}

Oid find_trigger(const ViewIdentity& view, const char* kind) {
  const std::string name = trigger_name(view, kind);
  return call([&] { return get_trigger_oid(view.source, name.c_str(), true); });
}

namespace {

// In place of one that is there. Locks no reader out, as dropping it would.
void create(Spi& spi, const ViewIdentity& view, const char* kind, const std::string& events, const std::string& how) {
  spi.execute("CREATE OR REPLACE TRIGGER " + trigger_name(view, kind) + " " + events + " ON " +
              qualified_name(view.source) + " " + how + " EXECUTE FUNCTION feature.maintain('" +
              std::to_string(view.id) + "')");
}

// Values are compared as they lie, since what is equal, as 1.0 and 1.00, can give other features. By a function: an
// operator between two rows would be taken column by column when a dump is restored.
void create_update_trigger(Spi& spi, const ViewIdentity& view) {
  std::string old_row, new_row;
  for (const AttrNumber attribute : columns_read(stored_definition(view.definition))) {
    const std::string column = quoted(call([&] { return get_attname(view.source, attribute, false); }));
    old_row += (old_row.empty() ? "OLD." : ", OLD.") + column;
    new_row += (new_row.empty() ? "NEW." : ", NEW.") + column;
  }
  if (old_row.empty()) return;  // all its rows are alike
  create(spi, view, "_update", "AFTER UPDATE",
         "FOR EACH ROW WHEN (pg_catalog.record_image_ne(ROW(" + old_row + "), ROW(" + new_row + ")))");
}

}  // namespace

std::vector<Oid> triggers_of(const ViewIdentity& view) {
  std::vector<Oid> found;
  for (const char* kind : {"", "_begin", "_insert", "_update", "_delete", "_end", "_replica"}) {
    if (const Oid trigger = find_trigger(view, kind); OidIsValid(trigger)) found.push_back(trigger);
  }
  return found;
}

void create_triggers(const ViewIdentity& view) {
  const bool partitioned = call([&] { return get_rel_relkind(view.source) == RELKIND_PARTITIONED_TABLE; });
  Spi spi;
  if (partitioned) {
    create(spi, view, "_begin", "BEFORE INSERT OR UPDATE OR DELETE", "FOR EACH STATEMENT");
    create(spi, view, "_insert", "AFTER INSERT", "FOR EACH ROW");
    create_update_trigger(spi, view);
    create(spi, view, "_delete", "AFTER DELETE", "FOR EACH ROW");
    create(spi, view, "_end", "AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE", "FOR EACH STATEMENT");
  } else {
    create(spi, view, "", "AFTER INSERT", "REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT");
  }
  spi.close();
  if (!partitioned) create_correction_triggers(view);
}

void create_correction_triggers(const ViewIdentity& view) {
  Spi spi;
  create(spi, view, "_begin", "BEFORE INSERT OR UPDATE OR DELETE", "FOR EACH STATEMENT");
  create_update_trigger(spi, view);
  create(spi, view, "_delete", "AFTER DELETE", "FOR EACH ROW");
  create(spi, view, "_end", "AFTER UPDATE OR DELETE OR TRUNCATE", "FOR EACH STATEMENT");
  spi.close();
}

void replace_update_trigger(const ViewIdentity& view) {
  const Oid trigger = find_trigger(view, "_update");
  if (!OidIsValid(trigger)) return;
  Spi spi;
  // As feature.follow_replication has left it.
  const bool always =
      spi.execute("SELECT FROM pg_catalog.pg_trigger WHERE tgenabled = 'A' AND oid = " + std::to_string(trigger)) > 0;
  create_update_trigger(spi, view);
  if (always && OidIsValid(find_trigger(view, "_update"))) {
    spi.execute("ALTER TABLE " + qualified_name(view.source) + " ENABLE ALWAYS TRIGGER " +
                trigger_name(view, "_update"));
  }
  spi.close();
}

}  // namespace feature

// For views of version 0.1, when the extension is updated.
Datum feature_create_correction_triggers(PG_FUNCTION_ARGS) {
  return feature::guard([&] {
    const feature::ViewIdentity view = feature::view_by_relation(PG_GETARG_OID(0));
    // Of a partitioned source, which only the new library takes, they are there and are others.
    if (OidIsValid(feature::find_trigger(view, "_insert"))) return Datum{0};
    // A row that was added to the catalogue must not get triggers on somebody else's table.
    if (!OidIsValid(feature::find_trigger(view, ""))) return Datum{0};
    feature::check_catalogue(view);
    feature::create_correction_triggers(view);
    feature::record_dependencies(view);
    return Datum{0};
  });
}
