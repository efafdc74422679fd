// See view_entry.hpp. Columns are found by name: a catalogue of version 0.1 lacks some.

#include "pg/view_entry.hpp"

#include <algorithm>

#include "pg/boundary.hpp"
#include "pg/catalogue.hpp"

extern "C" {
#include <access/genam.h>
#include <access/htup_details.h>
#include <access/table.h>
#include <access/xlog.h>
#include <catalog/dependency.h>
#include <catalog/indexing.h>
#include <catalog/pg_class.h>
#include <catalog/pg_depend.h>
#include <catalog/pg_type.h>
#include <utils/array.h>
#include <utils/builtins.h>
#include <utils/fmgroids.h>
#include <utils/jsonb.h>
#include <utils/lsyscache.h>
#include <utils/snapmgr.h>
#include <utils/syscache.h>
#include <utils/timestamp.h>
}

namespace feature {
namespace {

// The rows of a table that belong to a view. Copies in the current memory context.
struct Entries {
  TupleDesc columns;
  HeapTuple* rows;
  int count;
};

// The table's first column is the view's number. Backend code.
Entries entries_of(Oid schema, const char* name, std::int32_t view) {
  Relation table = table_open(get_relname_relid(name, schema), AccessShareLock);
  ScanKeyData key;
  ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(view));
  Snapshot now = RegisterSnapshot(GetLatestSnapshot());
  SysScanDesc scan = systable_beginscan(table, InvalidOid, false, now, 1, &key);
  Entries found = {CreateTupleDescCopy(RelationGetDescr(table)), nullptr, 0};
  while (HeapTuple row = systable_getnext(scan)) {
    const auto more = sizeof(HeapTuple) * static_cast<std::size_t>(found.count + 1);
    found.rows = static_cast<HeapTuple*>(found.rows == nullptr ? palloc(more) : repalloc(found.rows, more));
    found.rows[found.count++] = heap_copytuple(row);
  }
  systable_endscan(scan);
  UnregisterSnapshot(now);
  table_close(table, NoLock);
  return found;
}

// Of the first row or another one; NULL if the table has no such column. Backend code.
NullableDatum value_of(const Entries& entries, const char* column, int row = 0) {
  for (int i = 0; i < entries.columns->natts; ++i) {
    const Form_pg_attribute attribute = TupleDescAttr(entries.columns, i);
    if (attribute->attisdropped || std::strcmp(NameStr(attribute->attname), column) != 0) continue;
    NullableDatum value;
    value.value = heap_getattr(entries.rows[row], i + 1, entries.columns, &value.isnull);
    return value;
  }
  return {0, true};
}

Oid relation_in(const Entries& entries, const char* column, int row = 0) {
  const NullableDatum value = call([&] { return value_of(entries, column, row); });
  return value.isnull ? InvalidOid : DatumGetObjectId(value.value);
}

std::vector<AttrNumber> numbers_in(const Entries& entries, const char* column) {
  struct { Datum* values; int count; } found = call([&]() -> decltype(found) {
    decltype(found) result{nullptr, 0};
    const NullableDatum value = value_of(entries, column);
    if (!value.isnull) {
      deconstruct_array(DatumGetArrayTypeP(value.value), INT2OID, sizeof(std::int16_t), true, TYPALIGN_SHORT,
                        &result.values, nullptr, &result.count);
    }
    return result;
  });
  std::vector<AttrNumber> numbers;
  for (int i = 0; i < found.count; ++i) numbers.push_back(DatumGetInt16(found.values[i]));
  return numbers;
}

// An object of strings.
std::vector<Setting> settings_in(const Entries& entries, const char* column) {
  std::vector<Setting> settings;
  JsonbIterator* iterator = call([&]() -> JsonbIterator* {
    const NullableDatum value = value_of(entries, column);
    return value.isnull ? nullptr : JsonbIteratorInit(&DatumGetJsonbP(value.value)->root);
  });
  if (iterator == nullptr) return settings;
  for (;;) {
    struct { JsonbIteratorToken token; const char* text; int length; } next = call([&]() -> decltype(next) {
      JsonbValue value;
      const JsonbIteratorToken token = JsonbIteratorNext(&iterator, &value, true);
      if (token != WJB_KEY && token != WJB_VALUE) return {token, nullptr, 0};
      if (value.type != jbvString) elog(ERROR, "a setting of a feature view is no string");
      return {token, value.val.string.val, value.val.string.len};
    });
    if (next.token == WJB_DONE) return settings;
    if (next.text == nullptr) continue;
    const std::string text(next.text, static_cast<std::size_t>(next.length));
    if (next.token == WJB_KEY) {
      settings.push_back({text, ""});
    } else {
      settings.back().value = text;
    }
  }
}

// Whether the object depends on the feature table as we record it. Backend code.
bool is_tied(Oid object, Oid relation) {
  Relation depend = table_open(DependRelationId, AccessShareLock);
  ScanKeyData keys[2];
  ScanKeyInit(&keys[0], Anum_pg_depend_classid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(RelationRelationId));
  ScanKeyInit(&keys[1], Anum_pg_depend_objid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(object));
  SysScanDesc scan = systable_beginscan(depend, DependDependerIndexId, true, nullptr, 2, keys);
  bool tied = false;
  while (HeapTuple row = systable_getnext(scan)) {
    const auto* entry = reinterpret_cast<Form_pg_depend>(GETSTRUCT(row));
    tied = tied || (entry->refclassid == RelationRelationId && entry->refobjid == relation &&
                    entry->deptype == DEPENDENCY_INTERNAL);
  }
  systable_endscan(scan);
  table_close(depend, AccessShareLock);
  return tied;
}

// Takes note of what is not as it should be. Backend code.
void look_at(ViewIdentity& view, Oid schema, Oid object, const char* name, char kind) {
  HeapTuple row = SearchSysCache1(RELOID, ObjectIdGetDatum(object));
  Oid owner = InvalidOid;
  bool is_named = false;
  if (HeapTupleIsValid(row)) {
    const auto* entry = reinterpret_cast<Form_pg_class>(GETSTRUCT(row));
    owner = entry->relowner;
    is_named =
        entry->relnamespace == schema && entry->relkind == kind && std::strcmp(NameStr(entry->relname), name) == 0;
    ReleaseSysCache(row);
  }
  view.owns_objects = view.owns_objects && is_named;
  view.tied = view.tied && is_tied(object, view.relation);
  view.sealed = view.sealed && (kind == RELKIND_VIEW || (is_named && superuser_arg(owner)));
}

// Whether the view's objects are the ones that its number says, depend on the feature table, and have states that only
// superusers can write to.
void look_at_objects(ViewIdentity& view, Oid schema) {
  view.owns_objects = view.tied = view.sealed = true;
  const std::string id = std::to_string(view.id);
  const auto look = [&](Oid object, const std::string& name, char kind) {
    call([&] { look_at(view, schema, object, name.c_str(), kind); });
  };
  look(view.definition, "definition_" + id, RELKIND_VIEW);
  for (std::size_t i = 0; i < view.lists.size(); ++i) {
    const std::string suffix = "_" + id + "_" + std::to_string(i + 1);
    look(view.lists[i].states, "states" + suffix, RELKIND_RELATION);
    look(view.lists[i].chunks, "chunks" + suffix, RELKIND_RELATION);
  }
}

std::vector<ViewIdentity::Tables> lists_of(Oid schema, std::int32_t view) {
  const Entries entries = call([&] { return entries_of(schema, "list", view); });
  std::vector<std::pair<std::int32_t, ViewIdentity::Tables>> numbered;
  for (int row = 0; row < entries.count; ++row) {
    struct { std::int32_t number; bool shared; } said = call([&]() -> decltype(said) {
      const NullableDatum shared = value_of(entries, "shared", row);
      return {DatumGetInt32(value_of(entries, "number", row).value), !shared.isnull && DatumGetBool(shared.value)};
    });
    numbered.push_back(
        {said.number, {relation_in(entries, "states", row), relation_in(entries, "chunks", row), said.shared}});
  }
  std::sort(numbered.begin(), numbered.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<ViewIdentity::Tables> lists;
  for (const auto& [number, tables] : numbered) lists.push_back(tables);
  return lists;
}

}  // namespace

ViewIdentity read_entry(std::int32_t id) {
  ViewIdentity view;
  const Oid schema = state_schema();
  const Entries entry = call([&] { return entries_of(schema, "view", id); });
  if (entry.count == 0) return view;
  view.relation = relation_in(entry, "relation");
  struct { const char* name; Oid owner; } table = call([&]() -> decltype(table) {
    HeapTuple row = SearchSysCache1(RELOID, ObjectIdGetDatum(view.relation));
    if (!HeapTupleIsValid(row)) return {nullptr, InvalidOid};
    const auto* found = reinterpret_cast<Form_pg_class>(GETSTRUCT(row));
    decltype(table) result{pstrdup(NameStr(found->relname)), found->relowner};
    ReleaseSysCache(row);
    return result;
  });
  if (table.name == nullptr) return view;
  view.id = id;
  view.name = table.name;
  view.owner = table.owner;
  view.source = relation_in(entry, "source");
  view.definition = relation_in(entry, "definition");
  view.restored = relation_in(entry, "relation_id") != view.relation;
  view.columns = numbers_in(entry, "columns");
  view.settings = settings_in(entry, "settings");
  struct { NullableDatum lateness, cluster; const char* on_error; } rest = call([&]() -> decltype(rest) {
    const NullableDatum on_error = value_of(entry, "on_error");
    return {value_of(entry, "lateness"), value_of(entry, "cluster"),
            on_error.isnull ? "" : TextDatumGetCString(on_error.value)};
  });
  if (!rest.lateness.isnull) view.lateness = *DatumGetIntervalP(rest.lateness.value);
  view.diverts = std::strcmp(rest.on_error, "divert") == 0;
  view.elsewhere = !rest.cluster.isnull &&
                   DatumGetInt64(rest.cluster.value) != static_cast<std::int64_t>(GetSystemIdentifier());
  view.lists = lists_of(schema, id);
  look_at_objects(view, schema);
  return view;
}

}  // namespace feature
