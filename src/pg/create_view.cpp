// feature.create_view: makes the objects of view_objects.hpp and computes the rows that the source already has.

#include <algorithm>

#include "pg/as_user.hpp"
#include "pg/backfill.hpp"
#include "pg/boundary.hpp"
#include "pg/catalogue.hpp"
#include "pg/compat.hpp"
#include "pg/compile.hpp"
#include "pg/definition.hpp"
#include "pg/isolation.hpp"
#include "pg/levels.hpp"
#include "pg/program_cache.hpp"
#include "pg/view_objects.hpp"

extern "C" {
#include <access/htup_details.h>
#include <access/table.h>
#include <access/xact.h>
#include <catalog/index.h>
#include <catalog/namespace.h>
#include <catalog/pg_class.h>
#include <catalog/pg_collation.h>
#include <commands/tablecmds.h>
#include <commands/view.h>
#include <nodes/makefuncs.h>
#include <nodes/nodeFuncs.h>
#include <utils/builtins.h>
#include <utils/lsyscache.h>
#include <utils/rel.h>
#include <utils/rls.h>
#include <utils/syscache.h>
#include <utils/varlena.h>

PGDLLEXPORT Datum feature_create_view(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(feature_create_view);
}

namespace feature {
namespace {

std::string type_of(Oid type, std::int32_t typmod, Oid collation) {
  const char* name = call([&] {
    return format_type_extended(type, typmod, FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY);
  });
  std::string sql = name;
  if (!OidIsValid(collation)) return sql;
  return sql + " COLLATE " + call([&] {
           HeapTuple tuple = SearchSysCache1(COLLOID, ObjectIdGetDatum(collation));
           if (!HeapTupleIsValid(tuple)) elog(ERROR, "cache lookup failed for collation %u", collation);
           const auto* form = reinterpret_cast<Form_pg_collation>(GETSTRUCT(tuple));
           const char* qualified = quote_qualified_identifier(get_namespace_name(form->collnamespace),
                                                              pstrdup(NameStr(form->collname)));
           ReleaseSysCache(tuple);
           return qualified;
         });
}

std::string user_name(Oid user) {
  return call([&] { return GetUserNameFromId(user, false); });
}

class Creation {
 public:
  Creation(const std::string& name, const char* query) : requested_(name), text_(query) {}

  Oid run() {
    refuse_fixed_snapshot();
    settings_ = current_settings();
    query_ = analyse_definition(text_);
    levels_ = std::make_unique<Levels>(query_);
    view_.source = levels_->source();
    view_.owner = GetUserId();
    check_source_access();
    plan_ = compile(query_, text_);
    // No insert may fall between the rows that are computed now and those that the trigger will see.
    lock_source(view_.source);
    read_columns();
    choose_name();
    create_feature_table();
    create_state();
    record();
    create_trigger();
    backfill(*program_of(view_.id));
    create_indexes();
    return view_.relation;
  }

 private:
  struct Column {
    std::string name;
    std::string type;
    Expr* source;  // over the source row, or null
  };

  void check_source_access() const {
    call([&] {
      const AclResult allowed = pg_class_aclcheck(view_.source, GetUserId(), ACL_SELECT);
      if (allowed != ACLCHECK_OK) aclcheck_error(allowed, OBJECT_TABLE, get_rel_name(view_.source));
    });
    const bool filtered = call([&] { return check_enable_rls(view_.source, InvalidOid, true) == RLS_ENABLED; });
    if (filtered) {
      throw SqlError(ERRCODE_FEATURE_NOT_SUPPORTED, "source table has row-level security that applies to you")
          .detail("Features would be computed from rows that you may not see.")
          .hint("Create the feature view as a role that bypasses the policies.");
    }
  }

  void read_columns() {
    ListCell* cell;
    const std::size_t top = levels_->count() - 1;
    foreach (cell, levels_->targets(top)) {
      const auto* target = lfirst_node(TargetEntry, cell);
      if (target->resjunk) continue;
      auto* expression = reinterpret_cast<Node*>(target->expr);
      columns_.push_back({target->resname,
                          type_of(exprType(expression), exprTypmod(expression), exprCollation(expression)),
                          levels_->over_source(top, target->expr)});
    }
  }

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

  // The output column that passes a source column through, or null.
  [[nodiscard]] const Column* column_of_source(AttrNumber attribute) const {
    for (const Column& column : columns_) {
      if (column.source != nullptr && IsA(column.source, Var) &&
          reinterpret_cast<const Var*>(column.source)->varattno == attribute) {
        return &column;
      }
    }
    return nullptr;
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
      const Column* column = column_of_source(attribute);
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
      const auto found = std::find_if(columns_.begin(), columns_.end(), [&](const Column& column) {
        return column.source != nullptr && equal(column.source, key.expression);
      });
      if (!plan_->lists.front().from_source || found == columns_.end()) return {};
      columns += quoted(found->name) + ", ";
    }
    const Column* time = column_of_source(plan_->time.attribute);
    return time == nullptr ? std::string() : columns + quoted(time->name);
  }

  void create_feature_table() {
    const std::string table = quoted(schema_) + "." + quoted(view_.name);
    std::string sql = "CREATE TABLE " + table + " (";
    for (const Column& column : columns_) {
      sql += (&column == &columns_.front() ? "" : ", ") + quoted(column.name) + " " + column.type;
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

  void create_state() {
    const AsUser owner(state_schema_owner(), false);
    Spi spi;
    spi.execute("SELECT pg_catalog.nextval('feature_state.view_id')");
    const std::string id = spi.text(0, 1);
    view_.id = std::stoi(id);
    for (std::size_t i = 0; i < plan_->lists.size(); ++i) {
      const std::string suffix = "_" + id + "_" + std::to_string(i + 1);
      std::string keys;
      for (std::size_t k = 0; k < plan_->lists[i].keys.size(); ++k) {
        const Key& key = plan_->lists[i].keys[k];
        keys += "key_" + std::to_string(k + 1) + " " + type_of(key.type, -1, key.collation) + ", ";
      }
      // Half of each page is left for the next version of its rows, so that updates stay on their page; and a state of
      // any size that fits a page stays in its row.
      spi.execute("CREATE TABLE feature_state.states" + suffix + " (key_hash bigint, slot smallint, " + keys +
                  "state feature.state NOT NULL, PRIMARY KEY (key_hash, slot)) "
                  "WITH (fillfactor = 50, toast_tuple_target = 8160, autovacuum_vacuum_scale_factor = 0.05)");
      spi.execute("CREATE TABLE feature_state.chunks" + suffix +
                  " (key_hash bigint, slot smallint, number integer, events feature.state NOT NULL, "
                  "PRIMARY KEY (key_hash, slot, number))");
      for (const char* table : {"states", "chunks"}) {
        spi.execute("ALTER TABLE feature_state." + (table + suffix) + " OWNER TO " + quoted(user_name(view_.owner)));
      }
      const auto relid = [&](const std::string& name) {
        return call([&] { return get_relname_relid(name.c_str(), state_schema()); });
      };
      view_.lists.push_back({relid("states" + suffix), relid("chunks" + suffix)});
    }
    spi.close();
    create_definition("definition_" + id);
  }

  // What CREATE VIEW does, but from the analysed query: the text is never interpreted a second time, under other names.
  void create_definition(const std::string& name) {
    view_.definition = call([&] {
      auto* statement = makeNode(CreateStmt);
      statement->relation = makeRangeVar(pstrdup("feature_state"), pstrdup(name.c_str()), -1);
      statement->oncommit = ONCOMMIT_NOOP;
      ListCell* cell;
      foreach (cell, query_->targetList) {
        const auto* target = lfirst_node(TargetEntry, cell);
        if (target->resjunk) continue;
        auto* expression = reinterpret_cast<Node*>(target->expr);
        ColumnDef* column = makeColumnDef(target->resname, exprType(expression), exprTypmod(expression),
                                          exprCollation(expression));
        statement->tableElts = lappend(statement->tableElts, column);
      }
      const ObjectAddress address = DefineRelation(statement, RELKIND_VIEW, view_.owner, nullptr, nullptr);
      CommandCounterIncrement();
      StoreViewQuery(address.objectId, static_cast<Query*>(copyObjectImpl(query_)), false);
      CommandCounterIncrement();
      return address.objectId;
    });
  }

  void record() const {
    const AsUser owner(state_schema_owner(), false);
    Spi spi;
    // Views whose tables were dropped leave their rows behind; this is when they are swept up.
    spi.execute("DELETE FROM feature_state.view v WHERE NOT EXISTS "
                "(SELECT FROM pg_catalog.pg_class c WHERE c.oid = v.relation)");
    const std::string id = std::to_string(view_.id);
    const auto oid = [](Oid value) { return std::to_string(value) + "::pg_catalog.oid::pg_catalog.regclass"; };
    std::string settings;
    for (const Setting& setting : settings_) {
      settings += (settings.empty() ? "" : ", ") + literal(setting.name) + ", " + literal(setting.value) + "::text";
    }
    spi.execute("INSERT INTO feature_state.view (id, relation, relation_id, source, definition, query, settings) "
                "VALUES (" + id + ", " + oid(view_.relation) + ", " + std::to_string(view_.relation) + ", " + oid(view_.source) + ", " + oid(view_.definition) + ", " +
                literal(text_) + ", pg_catalog.jsonb_build_object(" + settings + "))");
    for (std::size_t i = 0; i < view_.lists.size(); ++i) {
      spi.execute("INSERT INTO feature_state.list (view, number, states, chunks) VALUES (" + id + ", " +
                  std::to_string(i + 1) + ", " + oid(view_.lists[i].states) + ", " + oid(view_.lists[i].chunks) + ")");
    }
    spi.close();
  }

  void create_trigger() const {
    Spi spi;
    spi.execute("CREATE TRIGGER " + trigger_name(view_) + " AFTER INSERT ON " + qualified_name(view_.source) +
                " REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION feature.maintain('" +
                std::to_string(view_.id) + "')");
    spi.close();
    record_dependencies(view_);
    call([] { CommandCounterIncrement(); });
  }

  std::string requested_;
  const char* text_;
  Query* query_ = nullptr;
  std::unique_ptr<Levels> levels_;
  std::unique_ptr<Plan> plan_;
  std::vector<Column> columns_;
  std::vector<Setting> settings_;
  ViewIdentity view_;
  std::string schema_;
  Oid schema_oid_ = InvalidOid;
};

}  // namespace
}  // namespace feature

Datum feature_create_view(PG_FUNCTION_ARGS) {
  return feature::guard([&] {
    const char* name = feature::call([&] { return text_to_cstring(PG_GETARG_TEXT_PP(0)); });
    const char* query = feature::call([&] { return text_to_cstring(PG_GETARG_TEXT_PP(1)); });
    return ObjectIdGetDatum(feature::Creation(name, query).run());
  });
}
