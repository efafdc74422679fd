// feature.alter_view: gives a live feature view another definition over the same source.
//
// Columns are matched by name. One that both definitions compute in the same way stays as it was recorded; one that
// is new, or computed in another way, is filled for all rows; one that is gone is dropped. States are computed anew
// from the source, since other features need other events; the rows that this gives are staged beside the feature
// table and then joined to its rows by the primary key. Unless they match one to one it is refused: the source no
// longer tells what the states have to know. Rows that were diverted and now succeed get feature rows, and rows that
// are diverted now lose theirs.

#include <algorithm>

#include "pg/as_user.hpp"
#include "pg/backfill.hpp"
#include "pg/boundary.hpp"
#include "pg/catalogue.hpp"
#include "pg/columns.hpp"
#include "pg/compile.hpp"
#include "pg/computation.hpp"
#include "pg/definition.hpp"
#include "pg/diverted_rows.hpp"
#include "pg/isolation.hpp"
#include "pg/known_rows.hpp"
#include "pg/program_cache.hpp"
#include "pg/refresh.hpp"
#include "pg/settings.hpp"
#include "pg/shared_lists.hpp"
#include "pg/view_objects.hpp"
#include "pg/view_triggers.hpp"

extern "C" {
#include <access/genam.h>
#include <access/htup_details.h>
#include <access/stratnum.h>
#include <access/table.h>
#include <access/xact.h>
#include <catalog/pg_operator.h>
#include <storage/lmgr.h>
#include <utils/builtins.h>
#include <utils/lsyscache.h>
#include <utils/rel.h>
#include <utils/syscache.h>
#include <utils/timestamp.h>

PGDLLEXPORT Datum feature_alter_view(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(feature_alter_view);
}

namespace feature {
namespace {

// A column of the feature table that the old definition has.
struct OldColumn {
  std::string name;        // in the feature table
  std::string definition;  // in the definition
  AttrNumber attribute;
  Expr* expression;
  bool stays = false;
};

struct NewColumn {
  DefinitionColumn column;
  AttrNumber attribute = InvalidAttrNumber;  // of the feature table; invalid until it is added
  bool filled = true;                        // or kept as it was recorded

  [[nodiscard]] bool added() const { return attribute == InvalidAttrNumber; }
};

// A column of the primary key: which of the new columns, and how its values are compared.
struct KeyColumn {
  std::size_t column;
  std::string equals;
};

class Alteration {
 public:
  Alteration(ViewIdentity view, const char* text) : old_(std::move(view)), new_(old_), text_(text) {}

  Oid run() {
    begin_ = GetCurrentTimestamp();
    // Nobody may change its rows meanwhile; reading goes on.
    call([&] { LockRelationOid(old_.relation, ShareRowExclusiveLock); });
    record_dependencies(old_);
    call([] { CommandCounterIncrement(); });
    analyse();
    match_columns();
    find_key();
    describe_change();
    rehearse();
    replace_definition_and_states();
    compute();
    change_table();
    drop_staging();
    record(new_, text_);
    record_here(old_);
    replace_update_trigger(new_);
    record_dependencies(new_);
    call([] { CommandCounterIncrement(); });
    refresh_fed();
    return new_.relation;
  }

 private:
  // Literals are read with the view's settings, as those of the old definition were, but names are the caller's.
  void analyse() {
    std::vector<Setting> settings = old_.settings;
    settings.erase(std::remove_if(settings.begin(), settings.end(),
                                  [](const Setting& setting) { return setting.name == "search_path"; }),
                   settings.end());
    const PinnedSettings pinned(settings);
    query_ = analyse_definition(text_);
    levels_.emplace(query_);
    old_levels_.emplace(stored_definition(old_.definition));
    if (levels_->source() != old_.source) {
      throw SqlError(ERRCODE_FEATURE_NOT_SUPPORTED, "source of a feature view cannot be changed")
          .detail("Feature view \"" + old_.name + "\" follows the inserts into " + qualified_name(old_.source) + ".")
          .hint("Create another feature view.");
    }
    if (!call([&] { return equal(levels_->filter(), old_levels_->filter()); })) {
      throw SqlError(ERRCODE_FEATURE_NOT_SUPPORTED, "WHERE of a feature view cannot be changed")
          .detail("It decides which rows there are, and all features depend on it.")
          .hint("Create another feature view.");
    }
    check_source_access(old_);
    // What is constant in it is evaluated now, and not with the rights of a superuser who alters it.
    const AsUser owner(old_.owner, true);
    plan_ = compile(query_, text_);
    keep_lists_shared(*plan_, query_, text_, old_);
  }

  [[nodiscard]] std::vector<OldColumn> old_columns() const {
    const std::vector<DefinitionColumn> columns = columns_of(*old_levels_);
    const std::vector<AttrNumber> attributes = attributes_of(old_, old_levels_->targets(old_levels_->count() - 1));
    std::vector<OldColumn> found;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      // One that was dropped ended that feature.
      if (!call([&] { return OidIsValid(get_atttype(old_.relation, attributes[i])); })) continue;
      const char* name = call([&] { return get_attname(old_.relation, attributes[i], false); });
      found.push_back({name, columns[i].name, attributes[i], columns[i].expression});
    }
    return found;
  }

  void match_columns() {
    old_columns_ = old_columns();
    for (DefinitionColumn& column : columns_of(*levels_)) columns_.push_back({std::move(column)});
    for (NewColumn& column : columns_) {
      const auto old = std::find_if(old_columns_.begin(), old_columns_.end(),
                                    [&](const OldColumn& candidate) { return candidate.name == column.column.name; });
      if (old == old_columns_.end()) continue;
      check_type(column.column, *old);
      old->stays = true;
      column.attribute = old->attribute;
      column.filled = !call([&] {
        return equal(computation_of(*levels_, column.column.expression), computation_of(*old_levels_, old->expression));
      });
    }
    for (const NewColumn& column : columns_) {
      if (column.added()) check_not_renamed(column.column.name);
    }
  }

  void check_type(const DefinitionColumn& column, const OldColumn& old) const {
    struct { Oid type; std::int32_t typmod; Oid collation; } has{};
    call([&] { get_atttypetypmodcoll(old_.relation, old.attribute, &has.type, &has.typmod, &has.collation); });
    if (has.type == column.type && has.typmod == column.typmod && has.collation == column.collation) return;
    const bool differ = has.type != column.type || has.typmod != column.typmod;
    const auto name = [&](Oid type, std::int32_t typmod, Oid collation) -> std::string {
      if (!differ) return sql_type(type, typmod, collation);
      return call([&] { return format_type_with_typemod(type, typmod); });
    };
    throw SqlError(ERRCODE_DATATYPE_MISMATCH, "type of column \"" + column.name + "\" cannot be changed from " +
                                                  name(has.type, has.typmod, has.collation) + " to " +
                                                  name(column.type, column.typmod, column.collation))
        .hint("Give the feature another name, or leave it out first and add it again then.");
  }

  // Whoever starts from the old query must not lose a column that has another name by now.
  void check_not_renamed(const std::string& name) const {
    for (const OldColumn& old : old_columns_) {
      if (old.stays || old.definition != name) continue;
      throw SqlError(ERRCODE_UNDEFINED_COLUMN,
                     "column \"" + name + "\" of feature view \"" + old_.name + "\" was renamed to \"" + old.name +
                         "\"")
          .hint("Name it \"" + old.name + "\" in the query.");
    }
  }

  // Rows are told by the primary key, if its columns are kept and do not depend on what was processed before the row.
  void find_key() {
    struct {
      int count;
      AttrNumber attributes[INDEX_MAX_KEYS];
      const char* equals[INDEX_MAX_KEYS];
    } key{};
    call([&] {
      Relation table = table_open(old_.relation, NoLock);
      list_free(RelationGetIndexList(table));
      if (OidIsValid(table->rd_pkindex)) {
        Relation index = index_open(table->rd_pkindex, AccessShareLock);
        if (index->rd_index->indimmediate) {
          key.count = IndexRelationGetNumberOfKeyAttributes(index);
          for (int i = 0; i < key.count; ++i) {
            key.attributes[i] = index->rd_index->indkey.values[i];
            key.equals[i] = operator_of(index, i);
          }
        }
        index_close(index, AccessShareLock);
      }
      table_close(table, NoLock);
    });
    for (int i = 0; i < key.count; ++i) {
      const auto column = std::find_if(columns_.begin(), columns_.end(), [&](const NewColumn& candidate) {
        return candidate.attribute == key.attributes[i] && !candidate.filled && candidate.column.source != nullptr;
      });
      if (column == columns_.end()) {
        const char* name = call([&] { return get_attname(old_.relation, key.attributes[i], false); });
        if (is_empty()) return;
        throw SqlError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                       "rows of feature view \"" + old_.name + "\" cannot be told by their primary key")
            .detail("Column \"" + std::string(name) +
                    "\" of the key must be in both definitions, the same, and without windows.")
            .hint("Keep the column in the query as it is, or make another primary key.");
      }
      key_.push_back({static_cast<std::size_t>(column - columns_.begin()), key.equals[i]});
    }
    if (!key_.empty() || is_empty()) return;
    throw SqlError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "feature view \"" + old_.name + "\" has no primary key")
        .detail("Its rows must be told from each other, so that each gets its own new features.")
        .hint("ALTER TABLE .. ADD PRIMARY KEY on columns that pass a key of the source through.");
  }

  // The equality of a column of a btree index, as SQL.
  static const char* operator_of(Relation index, int column) {
    const Oid equals = get_opfamily_member(index->rd_opfamily[column], index->rd_opcintype[column],
                                           index->rd_opcintype[column], BTEqualStrategyNumber);
    HeapTuple tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(equals));
    if (!HeapTupleIsValid(tuple)) elog(ERROR, "cache lookup failed for operator %u", equals);
    const auto* form = reinterpret_cast<Form_pg_operator>(GETSTRUCT(tuple));
    const char* sql = psprintf("OPERATOR(%s.%s)", quote_identifier(get_namespace_name(form->oprnamespace)),
                               NameStr(form->oprname));
    ReleaseSysCache(tuple);
    return sql;
  }

  [[nodiscard]] bool is_empty() const {
    const AsUser owner(old_.owner, true);
    Spi spi;
    const bool empty = spi.execute("SELECT FROM ONLY " + qualified_name(old_.relation) + " LIMIT 1") == 0;
    spi.close();
    return empty;
  }

  void describe_change() {
    std::string anew;
    for (const NewColumn& column : columns_) {
      if (column.added()) {
        changes_ += (changes_.empty() ? "" : ", ") + ("ADD COLUMN " + quoted(column.column.name) + " ") +
                    column.column.sql_type();
      } else if (column.filled) {
        anew += (anew.empty() ? "" : ", ") + quoted(column.column.name);
      }
    }
    for (const OldColumn& old : old_columns_) {
      if (!old.stays) changes_ += (changes_.empty() ? "" : ", ") + ("DROP COLUMN " + quoted(old.name));
    }
    if (!changes_.empty()) changes_ = "ALTER TABLE " + qualified_name(old_.relation) + " " + changes_;
    if (anew.empty()) return;
    call([&] {
      ereport(NOTICE, (errmsg("feature view \"%s\": columns that are computed anew for all rows: %s", old_.name.c_str(),
                              anew.c_str())));
    });
  }

  // Whether PostgreSQL lets the table be changed is to be known before the long computation, but readers must not be
  // locked out for so long: it is changed, and that undone.
  void rehearse() const {
    if (changes_.empty()) return;
    const AsUser owner(old_.owner, true);
    Spi spi;
    spi.execute("DO " + literal("BEGIN " + changes_ + "; RAISE SQLSTATE 'FE001'; "
                                "EXCEPTION WHEN SQLSTATE 'FE001' THEN NULL; END"));
    spi.close();
  }

  void replace_definition_and_states() {
    known_ = known_rows(old_, program_of(old_.id)->plan(), *plan_);
    drop_definition_and_states(old_);
    create_states(new_, *plan_);
    create_definition(new_, query_);
    new_.restored = false;
    new_.elsewhere = false;
    new_.columns.clear();
    for (const NewColumn& column : columns_) new_.columns.push_back(column.attribute);
  }

  // Computes the states, and the key and the features to be filled of all rows into a table beside.
  void compute() {
    staging_ = "feature_state.altered_" + std::to_string(old_.id);
    diverted_before_ = forget_diverted(old_);
    std::string columns;
    FeatureTable staging;
    AttrNumber last = 0;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const bool staged = diverted_before_ > 0 || columns_[i].filled ||
                          std::any_of(key_.begin(), key_.end(), [&](const KeyColumn& key) { return key.column == i; });
      staging.attributes.push_back(staged ? ++last : InvalidAttrNumber);
      if (!staged) continue;
      columns += (columns.empty() ? "" : ", ") + staged_name(i) + " " + columns_[i].column.sql_type();
    }
    {
      const std::string view_owner = call([&] { return GetUserNameFromId(old_.owner, false); });
      const AsUser owner(state_schema_owner(), false);
      Spi spi;
      spi.execute("CREATE TABLE " + staging_ + " (" + columns + ")");
      spi.execute("ALTER TABLE " + staging_ + " OWNER TO " + quoted(view_owner));
      spi.execute("SELECT " + literal(staging_) + "::pg_catalog.regclass::pg_catalog.oid");
      staging.relation = spi.oid(0, 1);
      spi.close();
    }
    const Processed done = backfill(*compile_view(new_), {std::nullopt, &staging});
    rows_ = done.written;
    diverted_ = done.diverted;
    call([] { CommandCounterIncrement(); });
    find_lost_rows();
  }

  // Rows that are diverted are not in the states.
  void find_lost_rows() {
    const std::int64_t lost =
        known_.since ? lost_rows(new_, known_) - diverted_ : known_.rows + diverted_before_ - rows_ - diverted_;
    if (!new_.lists.empty()) lost_ = std::max<std::int64_t>(lost, 0);
  }

  [[nodiscard]] static std::string staged_name(std::size_t column) { return "c" + std::to_string(column + 1); }

  // Columns are added and dropped, and filled, in one go: from here on readers wait.
  void change_table() {
    const AsUser owner(old_.owner, true);
    const std::string table = qualified_name(old_.relation);
    Spi spi;
    spi.execute("SELECT pg_catalog.count(*) FROM ONLY " + table);
    const std::int64_t recorded = std::stoll(spi.text(0, 1));
    if (recorded + diverted_before_ != rows_ + diverted_) {
      refuse_source("The source gives " + std::to_string(rows_ + diverted_) + " rows, and the feature view has " +
                    std::to_string(recorded + diverted_before_) + ".");
    }
    if (lost_ > 0) refuse_source("The view's states know of " + number_of_rows(lost_) + " more than the source has.");
    tell_writing();
    if (!changes_.empty()) spi.execute(changes_);
    std::string filled;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      NewColumn& column = columns_[i];
      if (column.added()) {
        column.attribute = call([&] { return get_attnum(old_.relation, column.column.name.c_str()); });
      }
      new_.columns[i] = column.attribute;
      if (column.filled) {
        filled += (filled.empty() ? "" : ", ") + quoted(column.column.name) + " = s." + staged_name(i);
      }
    }
    std::string matched;
    for (const KeyColumn& key : key_) {
      matched += (matched.empty() ? "" : " AND ") + ("f." + quoted(columns_[key.column].column.name) + " ") +
                 key.equals + " s." + staged_name(key.column);
    }
    const auto has_no_match = [&](const std::string& rows) {
      return key_.empty() ? std::string() : " WHERE NOT EXISTS (SELECT FROM " + rows + " WHERE " + matched + ")";
    };
    std::int64_t removed = 0, added = 0;
    if (diverted_ > 0 && recorded > 0) {
      removed =
          static_cast<std::int64_t>(spi.execute("DELETE FROM ONLY " + table + " f" + has_no_match(staging_ + " s")));
    }
    if (diverted_before_ > 0) {
      std::string to, from;
      for (std::size_t i = 0; i < columns_.size(); ++i) {
        to += (to.empty() ? "" : ", ") + quoted(columns_[i].column.name);
        from += (from.empty() ? "" : ", ") + ("s." + staged_name(i));
      }
      added = static_cast<std::int64_t>(
          spi.execute("INSERT INTO " + table + " (" + to + ") SELECT " + from + " FROM " + staging_ + " s" +
                      has_no_match("ONLY " + table + " f")));
    }
    if (removed > diverted_ || added > diverted_before_) {
      refuse_source("Rows that have not been diverted lack a source row or a feature row of the same key.");
    }
    if (rows_ > added) {
      std::int64_t found;
      if (filled.empty()) {
        spi.execute("SELECT pg_catalog.count(*) FROM ONLY " + table + " f JOIN " + staging_ + " s ON " + matched);
        found = std::stoll(spi.text(0, 1));
      } else {
        found = static_cast<std::int64_t>(spi.execute("UPDATE ONLY " + table + " f SET " + filled + " FROM " +
                                                      staging_ + " s WHERE " + matched));
      }
      if (found != rows_) {
        refuse_source(std::to_string(rows_ - found) + " of " + std::to_string(rows_) +
                      " feature rows have no source row of the same key.");
      }
    }
    spi.close();
  }

  [[noreturn]] void refuse_source(const std::string& detail) const {
    throw SqlError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                   "source of feature view \"" + old_.name + "\" no longer has the rows that its features were made of")
        .detail(detail)
        .hint("feature.refresh() computes all rows anew from what the source holds; then the view can be altered.");
  }

  void tell_writing() const {
    call([&] {
      if (progress_interval() == 0 || GetCurrentTimestamp() - begin_ < progress_interval() * USECS_PER_SEC) return;
      ereport(NOTICE, (errmsg("feature view \"%s\": writing %lld rows", old_.name.c_str(),
                              static_cast<long long>(rows_))));
    });
  }

  void drop_staging() const {
    const AsUser owner(state_schema_owner(), false);
    Spi spi;
    spi.execute("DROP TABLE " + staging_);
    spi.close();
  }

  // Views on this one that read what was computed anew follow, as they follow a refresh.
  void refresh_fed() const {
    std::string changed;
    for (const NewColumn& column : columns_) {
      if (column.filled) changed += (changed.empty() ? "" : ", ") + std::to_string(column.attribute);
    }
    if (changed.empty()) return;
    for (const std::int32_t id : views_on(new_.relation)) {
      const ViewIdentity fed = view_by_id(id);
      Spi spi;
      const bool reads = spi.execute(
          "SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid "
          "WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND r.ev_class = " +
          std::to_string(fed.definition) + " AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass "
          "AND d.refobjid = " + std::to_string(new_.relation) + " AND d.refobjsubid IN (" + changed + ")") > 0;
      spi.close();
      if (!reads) continue;
      lock_source(new_.relation);
      (void)refresh(fed);
    }
  }

  ViewIdentity old_;
  ViewIdentity new_;
  const char* text_;
  Query* query_ = nullptr;
  std::optional<Levels> levels_;
  std::optional<Levels> old_levels_;
  std::unique_ptr<Plan> plan_;
  std::vector<OldColumn> old_columns_;
  std::vector<NewColumn> columns_;
  std::vector<KeyColumn> key_;
  std::string changes_;  // of the feature table's columns
  std::string staging_;
  KnownRows known_;        // in the old states
  std::int64_t lost_ = 0;  // of them, those that the source lacks
  std::int64_t rows_ = 0;
  std::int64_t diverted_before_ = 0;
  std::int64_t diverted_ = 0;
  TimestampTz begin_ = 0;
};

}  // namespace
}  // namespace feature

Datum feature_alter_view(PG_FUNCTION_ARGS) {
  return feature::guard([&] {
    feature::refuse_read_only("feature.alter_view()");
    feature::refuse_fixed_snapshot();
    const char* query = feature::call([&] { return text_to_cstring(PG_GETARG_TEXT_PP(1)); });
    return ObjectIdGetDatum(feature::Alteration(feature::lock_view(PG_GETARG_OID(0)), query).run());
  });
}
