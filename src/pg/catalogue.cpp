// See catalogue.hpp.

#include "pg/catalogue.hpp"

#include "pg/as_user.hpp"
#include "pg/compat.hpp"
#include "pg/view_entry.hpp"

extern "C" {
#include <access/htup_details.h>
#include <catalog/namespace.h>
#include <catalog/pg_class.h>
#include <catalog/pg_inherits.h>
#include <catalog/pg_namespace.h>
#include <executor/spi.h>
#include <storage/lmgr.h>
#include <utils/builtins.h>
#include <utils/inval.h>
#include <utils/lsyscache.h>
#include <utils/snapmgr.h>
#include <utils/syscache.h>
}

namespace feature {

Oid state_schema() {
  return call([] { return get_namespace_oid("feature_state", false); });
}

Oid table_of_errors() {
  const Oid schema = state_schema();
  return call([&] { return get_relname_relid("error", schema); });
}

Oid state_schema_owner() {
  const Oid schema = state_schema();
  return call([&] {
    HeapTuple tuple = SearchSysCache1(NAMESPACEOID, ObjectIdGetDatum(schema));
    if (!HeapTupleIsValid(tuple)) elog(ERROR, "cache lookup failed for schema %u", schema);
    const Oid owner = reinterpret_cast<Form_pg_namespace>(GETSTRUCT(tuple))->nspowner;
    ReleaseSysCache(tuple);
    return owner;
  });
}

Spi::Spi() : path_(std::in_place) {
  call([] {
    if (SPI_connect() != SPI_OK_CONNECT) elog(ERROR, "SPI_connect failed");
  });
}

// After an error the transaction's end closes SPI; only a scope that ends well closes it here.
Spi::~Spi() {
  if (open_ && std::uncaught_exceptions() == 0) SPI_finish();
}

void Spi::close() {
  open_ = false;
  call([] { SPI_finish(); });
  path_.reset();
}

std::uint64_t Spi::execute(const std::string& sql) { return execute(sql, false); }

std::uint64_t Spi::query(const std::string& sql) { return execute(sql, true); }

std::uint64_t Spi::execute(const std::string& sql, bool read_only) {
  return call([&] {
    const int result = SPI_execute(sql.c_str(), read_only, 0);
    if (result < 0) elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(result));
    return SPI_processed;
  });
}

std::string Spi::text(std::uint64_t row, int column) const {
  const char* value =
      call([&] { return SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column); });
  return value == nullptr ? std::string() : std::string(value);
}

Oid Spi::oid(std::uint64_t row, int column) const {
  return call([&] {
    bool null;
    const Datum value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &null);
    return null ? InvalidOid : DatumGetObjectId(value);
  });
}

std::string quoted(const std::string& identifier) {
  return call([&] { return quote_identifier(identifier.c_str()); });
}

std::string literal(const std::string& text) {
  return call([&] { return quote_literal_cstr(text.c_str()); });
}

std::string qualified_name(Oid relation) {
  const char* name = call([&] {
    return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)), get_rel_name(relation));
  });
  return name;
}

namespace {

bool is_partitioned(Oid table) { return get_rel_relkind(table) == RELKIND_PARTITIONED_TABLE; }

}  // namespace

::List* tables_of_source(Oid source, LOCKMODE mode) {
  LockRelationOid(source, mode);
  return is_partitioned(source) ? find_all_inheritors(source, mode, nullptr) : list_make1_oid(source);
}

std::string from_source(Oid source) {
  const bool whole = call([&] { return is_partitioned(source); });
  return (whole ? "" : "ONLY ") + qualified_name(source);
}

std::string physical_order(Oid source) {
  return call([&] { return is_partitioned(source); }) ? "tableoid, ctid" : "ctid";
}

namespace {

// What is recorded besides the view's own row. Foreign keys would do it, but stand in the way of pg_restore, which
// loads the catalogue's tables in any order.
void erase_parts(Spi& spi, const std::string& id) {
  spi.execute("DELETE FROM feature_state.list WHERE view = " + id);
  if (OidIsValid(table_of_errors())) spi.execute("DELETE FROM feature_state.error WHERE view = " + id);
}

// Views whose tables were dropped leave their rows behind.
void sweep(Spi& spi) {
  const std::uint64_t count = spi.execute(
      "DELETE FROM feature_state.view v WHERE NOT EXISTS "
      "(SELECT FROM pg_catalog.pg_class c WHERE c.oid = v.relation) RETURNING v.id");
  std::vector<std::string> gone;
  for (std::uint64_t i = 0; i < count; ++i) gone.push_back(spi.text(i, 1));
  for (const std::string& id : gone) erase_parts(spi, id);
}

// 0 if there is none. Where several rows say that they are of one table, the one that was recorded with the view comes
// first. As it is now, like the entry itself.
std::int32_t id_by_relation(Oid relation) {
  const AsUser owner(state_schema_owner(), false);
  Spi spi;
  call([] { PushActiveSnapshot(GetLatestSnapshot()); });
  const bool found = spi.query(
      "SELECT v.id FROM feature_state.view v WHERE v.relation = " + std::to_string(relation) + " ORDER BY EXISTS "
      "(SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class o ON o.oid = d.objid WHERE d.classid = 1259 "
      "AND d.objid = v.definition AND d.refclassid = 1259 AND d.refobjid = v.relation AND d.deptype = 'i' "
      "AND o.relname = 'definition_' || v.id::pg_catalog.text) DESC, v.id") > 0;
  const std::int32_t id = found ? std::stoi(spi.text(0, 1)) : 0;
  call([] { PopActiveSnapshot(); });
  spi.close();
  return id;
}

std::string array_of(const std::vector<AttrNumber>& columns) {
  std::string elements;
  for (const AttrNumber column : columns) elements += (elements.empty() ? "" : ", ") + std::to_string(column);
  return "ARRAY[" + elements + "]::smallint[]";
}

}  // namespace

ViewIdentity view_by_id(std::int32_t id) { return read_entry(id); }

ViewIdentity view_by_relation(Oid relation) {
  ViewIdentity view;
  if (const std::int32_t id = id_by_relation(relation); id != 0) view = read_entry(id);
  if (view.id == 0) {
    const char* name = call([&] { return get_rel_name(relation); });
    throw SqlError(ERRCODE_WRONG_OBJECT_TYPE,
                   name == nullptr ? "relation does not exist" : "\"" + std::string(name) + "\" is not a feature view")
        .hint("SELECT relation FROM feature.views lists the feature views.");
  }
  return view;
}

std::int32_t new_view_id() {
  const AsUser owner(state_schema_owner(), false);
  Spi spi;
  spi.execute("SELECT pg_catalog.nextval('feature_state.view_id')");
  const std::int32_t id = std::stoi(spi.text(0, 1));
  spi.close();
  return id;
}

void record(const ViewIdentity& view, const std::string& query) {
  const AsUser owner(state_schema_owner(), false);
  Spi spi;
  const std::string id = std::to_string(view.id);
  sweep(spi);
  spi.execute("DELETE FROM feature_state.list WHERE view = " + id);
  const auto oid = [](Oid value) { return std::to_string(value) + "::pg_catalog.oid::pg_catalog.regclass"; };
  std::string settings;
  for (const Setting& setting : view.settings) {
    settings += (settings.empty() ? "" : ", ") + literal(setting.name) + ", " + literal(setting.value) + "::text";
  }
  std::string lateness = "NULL";
  if (view.lateness) {
    lateness = literal(call([&] {
      return DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(&*view.lateness)));
    }));
  }
  spi.execute(
      "INSERT INTO feature_state.view "
      "(id, relation, relation_id, source, definition, columns, query, settings, lateness) "
      "VALUES (" + id + ", " + oid(view.relation) + ", " + std::to_string(view.relation) + ", " + oid(view.source) +
      ", " + oid(view.definition) + ", " + array_of(view.columns) + ", " + literal(query) +
      ", pg_catalog.jsonb_build_object(" + settings + "), " + lateness +
      ") "
      // In its place, so that what refers to the view stays.
      "ON CONFLICT (id) DO UPDATE "
      "SET (relation, relation_id, source, definition, columns, query, settings, lateness) = "
      "(excluded.relation, excluded.relation_id, excluded.source, excluded.definition, excluded.columns, "
      "excluded.query, excluded.settings, excluded.lateness)");
  if (view.diverts) spi.execute("UPDATE feature_state.view SET on_error = 'divert' WHERE id = " + id);
  for (std::size_t i = 0; i < view.lists.size(); ++i) {
    const ViewIdentity::Tables& list = view.lists[i];
    spi.execute(std::string("INSERT INTO feature_state.list (view, number, states, chunks") +
                (list.shared ? ", shared" : "") + ") VALUES (" + id + ", " + std::to_string(i + 1) + ", " +
                oid(list.states) + ", " + oid(list.chunks) + (list.shared ? ", true" : "") + ")");
  }
  spi.close();
}

void erase(const ViewIdentity& view) {
  const AsUser owner(state_schema_owner(), false);
  Spi spi;
  const std::string id = std::to_string(view.id);
  spi.execute("DELETE FROM feature_state.view WHERE id = " + id);
  erase_parts(spi, id);
  spi.close();
}

void record_restored(const ViewIdentity& view, const std::vector<AttrNumber>& columns) {
  const AsUser owner(state_schema_owner(), false);
  Spi spi;
  spi.execute("UPDATE feature_state.view SET relation_id = relation, columns = " + array_of(columns) +
              " WHERE id = " + std::to_string(view.id));
  spi.close();
  // Programs were compiled from what was written down before.
  call([&] { CacheInvalidateRelcacheByRelid(view.relation); });
}

void record_states(const ViewIdentity& view) {
  const AsUser owner(state_schema_owner(), false);
  Spi spi;
  for (std::size_t i = 0; i < view.lists.size(); ++i) {
    spi.execute("UPDATE feature_state.list SET states = " + std::to_string(view.lists[i].states) +
                "::pg_catalog.oid::pg_catalog.regclass, chunks = " + std::to_string(view.lists[i].chunks) +
                "::pg_catalog.oid::pg_catalog.regclass WHERE view = " + std::to_string(view.id) + " AND number = " +
                std::to_string(i + 1));
  }
  spi.close();
  call([&] { CacheInvalidateRelcacheByRelid(view.relation); });
}

void record_here(const ViewIdentity& view) {
  if (!view.elsewhere) return;
  const AsUser owner(state_schema_owner(), false);
  Spi spi;
  spi.execute("UPDATE feature_state.view SET cluster = DEFAULT WHERE id = " + std::to_string(view.id));
  spi.close();
  call([&] { CacheInvalidateRelcacheByRelid(view.relation); });
}

void record_on_error(const ViewIdentity& view, bool diverts) {
  const AsUser owner(state_schema_owner(), false);
  Spi spi;
  spi.execute("UPDATE feature_state.view SET on_error = '" + std::string(diverts ? "divert" : "abort") +
              "' WHERE id = " + std::to_string(view.id));
  spi.close();
  call([&] { CacheInvalidateRelcacheByRelid(view.relation); });
}

std::vector<std::int32_t> views_on(Oid source) {
  const AsUser owner(state_schema_owner(), false);
  Spi spi;
  const std::uint64_t count =
      spi.execute("SELECT v.id FROM feature_state.view v JOIN pg_catalog.pg_class c ON c.oid = v.relation "
                  "WHERE v.source = " + std::to_string(source) + " ORDER BY v.id");
  std::vector<std::int32_t> ids;
  for (std::uint64_t i = 0; i < count; ++i) ids.push_back(std::stoi(spi.text(i, 1)));
  spi.close();
  return ids;
}

Oid owner_of(Oid relation) {
  HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
  if (!HeapTupleIsValid(tuple)) return InvalidOid;
  const Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;
  ReleaseSysCache(tuple);
  return owner;
}

void check_catalogue(const ViewIdentity& view) {
  if (!view.owns_objects) {
    throw SqlError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                   "feature view \"" + view.name + "\" is recorded with objects that are not its own")
        .hint("Use DROP TABLE, and create it again.");
  }
  if (view.tied) return;
  const bool sound = call([&] {
    // Not whether it may act as their owner: a superuser may act as anybody.
    const auto owned = [&](Oid relation) { return owner_of(relation) == view.owner; };
    bool all = owned(view.definition);
    if (view.sealed) return all;
    for (const ViewIdentity::Tables& tables : view.lists) all = all && owned(tables.states) && owned(tables.chunks);
    return all;
  });
  if (sound) return;
  throw SqlError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                 "definition and states of feature view \"" + view.name + "\" do not belong to its owner")
      .hint("Give all of them the owner of the feature table.");
}

void check_owner(const ViewIdentity& view) {
  const bool owns = call([&] { return compat::class_ownercheck(view.relation, GetUserId()); });
  if (!owns) {
    throw SqlError(ERRCODE_INSUFFICIENT_PRIVILEGE, "must be owner of feature view " + view.name);
  }
}

}  // namespace feature
