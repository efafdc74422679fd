// See view_triggers.hpp.

#include "pg/view_triggers.hpp"

#include "pg/boundary.hpp"
#include "pg/catalogue.hpp"
#include "pg/view_objects.hpp"

extern "C" {
#include <commands/trigger.h>

PGDLLEXPORT Datum feature_create_correction_triggers(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(feature_create_correction_triggers);
}

namespace feature {
namespace {

std::string name_of(const ViewIdentity& view, const char* suffix) {
  return "feature_" + std::to_string(view.id) + suffix;
}

bool exists(const ViewIdentity& view, const char* suffix) {
  const std::string name = name_of(view, suffix);
  return call([&] { return OidIsValid(get_trigger_oid(view.source, name.c_str(), true)); });
}

// In place of one that is there. Locks no reader out, as dropping it would.
void create(Spi& spi, const ViewIdentity& view, const char* suffix, const std::string& events, const std::string& how) {
  spi.execute("CREATE OR REPLACE TRIGGER " + name_of(view, suffix) + " " + events + " ON " + qualified_name(view.source) + " " + how +
              " EXECUTE FUNCTION feature.maintain('" + std::to_string(view.id) + "')");
}

// The columns of the source that the definition reads, as PostgreSQL has noted them.
std::vector<std::string> columns_read(Spi& spi, const ViewIdentity& view) {
  const std::uint64_t count = spi.execute(
      "SELECT DISTINCT a.attnum, pg_catalog.quote_ident(a.attname) FROM pg_catalog.pg_rewrite r "
      "JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid "
      "JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid "
      "WHERE r.ev_class = " + std::to_string(view.definition) +
      " AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = " + std::to_string(view.source) +
      " AND d.refobjsubid > 0 ORDER BY a.attnum");
  std::vector<std::string> columns;
  for (std::uint64_t i = 0; i < count; ++i) columns.push_back(spi.text(i, 2));
  return columns;
}

// Values are compared as they lie, since what is equal, as 1.0 and 1.00, can give other features. By a function: an operator
// between two rows would be taken column by column when a dump is restored.
void create_update_trigger(Spi& spi, const ViewIdentity& view) {
  std::string old_row, new_row;
  for (const std::string& column : columns_read(spi, view)) {
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
  for (const char* suffix : {"", "_begin", "_update", "_delete", "_end"}) {
    const std::string name = name_of(view, suffix);
    const Oid trigger = call([&] { return get_trigger_oid(view.source, name.c_str(), true); });
    if (OidIsValid(trigger)) found.push_back(trigger);
  }
  return found;
}

void create_triggers(const ViewIdentity& view) {
  Spi spi;
  create(spi, view, "", "AFTER INSERT", "REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT");
  spi.close();
  create_correction_triggers(view);
}

void create_correction_triggers(const ViewIdentity& view) {
  Spi spi;
  create(spi, view, "_begin", "BEFORE UPDATE OR DELETE", "FOR EACH STATEMENT");
  create_update_trigger(spi, view);
  create(spi, view, "_delete", "AFTER DELETE", "FOR EACH ROW");
  create(spi, view, "_end", "AFTER UPDATE OR DELETE OR TRUNCATE", "FOR EACH STATEMENT");
  spi.close();
}

void replace_update_trigger(const ViewIdentity& view) {
  if (!exists(view, "_update")) return;
  Spi spi;
  create_update_trigger(spi, view);
  spi.close();
}

}  // namespace feature

// For views of version 0.1, when the extension is updated.
Datum feature_create_correction_triggers(PG_FUNCTION_ARGS) {
  return feature::guard([&] {
    const feature::ViewIdentity view = feature::view_by_relation(PG_GETARG_OID(0));
    feature::create_correction_triggers(view);
    feature::record_dependencies(view);
    return Datum{0};
  });
}
