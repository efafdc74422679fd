// feature.create_view: makes the objects of view_objects.hpp and computes the rows that the source already has.

#include <algorithm>

#include "pg/as_user.hpp"
#include "pg/backfill.hpp"
#include "pg/boundary.hpp"
#include "pg/catalogue.hpp"
#include "pg/columns.hpp"
#include "pg/compile.hpp"
#include "pg/definition.hpp"
#include "pg/diverted_rows.hpp"
#include "pg/isolation.hpp"
#include "pg/program_cache.hpp"
#include "pg/shared_lists.hpp"
#include "pg/view_objects.hpp"
#include "pg/view_triggers.hpp"

extern "C" {
#include <access/table.h>
#include <access/xact.h>
#include <catalog/namespace.h>
#include <catalog/pg_class.h>
#include <nodes/makefuncs.h>
#include <utils/builtins.h>
#include <utils/fmgrprotos.h>
#include <utils/lsyscache.h>
#include <utils/rel.h>
#include <utils/timestamp.h>
#include <utils/varlena.h>

PGDLLEXPORT Datum feature_create_view(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(feature_create_view);
}

namespace feature {
namespace {

class Creation {
 public:
  Creation(const std::string& name, const char* query, std::optional<Interval> lateness, bool diverts,
           std::vector<std::string> shared)
      : requested_(name), text_(query), shared_(std::move(shared)) {
    view_.lateness = lateness;
    view_.diverts = diverts;
  }

  Oid run() {
    refuse_fixed_snapshot();
    view_.settings = current_settings();
    query_ = analyse_definition(text_);
    const Levels levels(query_);
    columns_ = columns_of(levels);
    view_.source = levels.source();
    view_.owner = GetUserId();
    check_source_access(view_);
    {
      const AsUser owner(view_.owner, true);
      plan_ = compile(query_, text_);
      share_lists(*plan_, query_, text_, shared_);
    }
    // No insert may fall between the rows that are computed now and those that the trigger will see.
    lock_source(view_.source);
    choose_name();
    create_feature_table();
    view_.id = new_view_id();
    create_states(view_, *plan_);
    create_definition(view_, query_);
    record(view_, text_);
    create_triggers(view_);
    record_dependencies(view_);
    call([] { CommandCounterIncrement(); });
    backfill(*program_of(view_.id));
    create_indexes();
    return view_.relation;
  }

 private:
  void choose_name() {
    struct { Oid schema; const char* name; bool temporary; Oid taken; } chosen = call([&] {
      decltype(chosen) result{};
      text* name = cstring_to_text(requested_.c_str());
      RangeVar* parsed = makeRangeVarFromNameList(textToQualifiedNameList(name));
      result.schema = RangeVarGetCreationNamespace(parsed);
      result.name = parsed->relname;
      result.temporary = isTempOrTempToastNamespace(result.schema);
      result.taken = get_relname_relid(parsed->relname, result.schema);
      return result;
    });
    if (chosen.temporary) {
      throw SqlError(ERRCODE_INVALID_TABLE_DEFINITION, "feature view cannot be a temporary table")
          .hint("Name a schema, or set search_path to one.");
    }
    if (OidIsValid(chosen.taken)) {
      throw SqlError(ERRCODE_DUPLICATE_TABLE, "relation \"" + std::string(chosen.name) + "\" already exists")
          .detail("The feature view's rows are kept in a table of its own name.")
          .hint("Choose another name, or drop the relation first.");
    }
    view_.name = chosen.name;
    schema_ = call([&] { return get_namespace_name(chosen.schema); });
    schema_oid_ = chosen.schema;
  }

  // The output columns that the source's primary key is kept in, quoted, if all of it is.
  [[nodiscard]] std::string primary_key() const {
    std::vector<AttrNumber> attributes;
    std::vector<AttrNumber>* collected = &attributes;
    AttrNumber key[INDEX_MAX_KEYS];
    const int count = call([&] {
      Relation source = table_open(view_.source, NoLock);
      ::List* indexes = RelationGetIndexList(source);
      const Oid index = source->rd_pkindex;
      int columns = 0;
      if (OidIsValid(index)) {
        Relation opened = index_open(index, AccessShareLock);
        columns = IndexRelationGetNumberOfKeyAttributes(opened);
        for (int i = 0; i < columns; ++i) key[i] = opened->rd_index->indkey.values[i];
        if (!opened->rd_index->indimmediate) columns = 0;
        index_close(opened, AccessShareLock);
      }
      list_free(indexes);
      table_close(source, NoLock);
      return columns;
    });
    collected->assign(key, key + count);
    std::string columns;
    for (const AttrNumber attribute : attributes) {
      const DefinitionColumn* column = column_of_source(columns_, attribute);
      if (column == nullptr) return {};
      columns += (columns.empty() ? "" : ", ") + quoted(column->name);
    }
    return columns;
  }

  // The columns of the first partition list and the time, if the definition keeps them all.
  [[nodiscard]] std::string entity_and_time() const {
    if (plan_->lists.empty()) return {};
    std::string columns;
    for (const Key& key : plan_->lists.front().keys) {
      const auto found = std::find_if(columns_.begin(), columns_.end(), [&](const DefinitionColumn& column) {
        return column.source != nullptr && equal(column.source, key.expression);
      });
      if (!plan_->lists.front().from_source || found == columns_.end()) return {};
      columns += quoted(found->name) + ", ";
    }
    const DefinitionColumn* time = column_of_source(columns_, plan_->time.attribute);
    return time == nullptr ? std::string() : columns + quoted(time->name);
  }

  void create_feature_table() {
    const std::string table = quoted(schema_) + "." + quoted(view_.name);
    std::string sql = "CREATE TABLE " + table + " (";
    for (const DefinitionColumn& column : columns_) {
      sql += (view_.columns.empty() ? "" : ", ") + quoted(column.name) + " " + column.sql_type();
      view_.columns.push_back(static_cast<AttrNumber>(view_.columns.size() + 1));
    }
    Spi spi;
    spi.execute(sql + ")");
    spi.close();
    view_.relation = call([&] { return get_relname_relid(view_.name.c_str(), schema_oid_); });
  }

  // After the rows: building an index at once is cheaper than growing it.
  void create_indexes() const {
    const std::string table = quoted(schema_) + "." + quoted(view_.name);
    Spi spi;
    if (const std::string key = primary_key(); !key.empty()) {
      spi.execute("ALTER TABLE " + table + " ADD PRIMARY KEY (" + key + ")");
    }
    if (const std::string index = entity_and_time(); !index.empty()) {
      // A btree has no room for keys over 2.7 kB; a source that holds such keys already gets no index on them.
      spi.execute("DO " + literal("BEGIN CREATE INDEX ON " + table + " (" + index + "); "
                                  "EXCEPTION WHEN program_limit_exceeded THEN "
                                  "RAISE NOTICE USING MESSAGE = " +
                                  literal("feature view \"" + view_.name + "\" gets no index on (" + index + ")") +
                                  ", DETAIL = SQLERRM; END"));
    }
    spi.close();
  }

  std::string requested_;
  const char* text_;
  std::vector<std::string> shared_;
  Query* query_ = nullptr;
  std::unique_ptr<Plan> plan_;
  std::vector<DefinitionColumn> columns_;
  ViewIdentity view_;
  std::string schema_;
  Oid schema_oid_ = InvalidOid;
};

}  // namespace
}  // namespace feature

Datum feature_create_view(PG_FUNCTION_ARGS) {
  return feature::guard([&] {
    feature::refuse_read_only("feature.create_view()");
    for (const int argument : {0, 1}) {
      if (PG_ARGISNULL(argument)) {
        throw feature::SqlError(ERRCODE_NULL_VALUE_NOT_ALLOWED, argument == 0
                                                                    ? "name of a feature view must not be null"
                                                                    : "definition of a feature view must not be null");
      }
    }
    const char* name = feature::call([&] { return text_to_cstring(PG_GETARG_TEXT_PP(0)); });
    const char* query = feature::call([&] { return text_to_cstring(PG_GETARG_TEXT_PP(1)); });
    std::optional<Interval> lateness;
    if (!PG_ARGISNULL(2)) {
      lateness = *PG_GETARG_INTERVAL_P(2);
      const Interval zero{};
      const bool negative = feature::call([&] {
        return DatumGetBool(DirectFunctionCall2(interval_lt, IntervalPGetDatum(&*lateness), IntervalPGetDatum(&zero)));
      });
      if (negative) {
        throw feature::SqlError(ERRCODE_INVALID_PARAMETER_VALUE, "lateness must not be negative")
            .hint("Give zero to keep no event for late rows, or NULL to keep all.");
      }
    }
    // Version 0.1 of the function has no further arguments.
    constexpr int on_error_argument = 3;
    constexpr int shared_argument = 4;
    bool diverts = false;
    if (PG_NARGS() > on_error_argument) {
      if (PG_ARGISNULL(on_error_argument)) {
        throw feature::SqlError(ERRCODE_NULL_VALUE_NOT_ALLOWED, "on_error of a feature view must not be null");
      }
      diverts = feature::diverts(
          feature::call([&] { return text_to_cstring(PG_GETARG_TEXT_PP(on_error_argument)); }));
    }
    std::vector<std::string> shared;
    if (PG_NARGS() > shared_argument && !PG_ARGISNULL(shared_argument)) {
      shared = feature::texts_in(PG_GETARG_DATUM(shared_argument));
    }
    return ObjectIdGetDatum(feature::Creation(name, query, lateness, diverts, std::move(shared)).run());
  });
}
