// feature.forget: removes all of one entity: its source rows, by an ordinary DELETE that corrects its other entities
// and removes feature rows and entries of diverted rows, and then its state.
//
// The DELETE locks entities in the one order, as any statement does. What does not come in an order, source rows and
// what is left of the entity behind the DELETE, is not waited for while anything is locked: if somebody else has it, all
// is undone, its holder is waited for, and all is done once more. In the end nobody else is let at the tables.

#include <algorithm>

#include "pg/as_user.hpp"
#include "pg/boundary.hpp"
#include "pg/catalogue.hpp"
#include "pg/columns.hpp"
#include "pg/definition.hpp"
#include "pg/describe.hpp"
#include "pg/entity_rows.hpp"
#include "pg/isolation.hpp"
#include "pg/program_cache.hpp"
#include "pg/retraction.hpp"
#include "pg/row_locks.hpp"
#include "pg/source_rows.hpp"
#include "pg/subtransaction.hpp"
#include "pg/view_objects.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <executor/spi.h>
#include <nodes/pg_list.h>
#include <utils/builtins.h>
#include <utils/fmgrprotos.h>
#include <utils/json.h>
#include <utils/jsonb.h>
#include <utils/lsyscache.h>
#include <utils/snapmgr.h>

PGDLLEXPORT Datum feature_forget(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(feature_forget);
}

namespace feature {
namespace {

// The fields of a JSON object: names, and values as text or NULL.
struct Field {
  std::string name, json_type;
  std::optional<std::string> value;
};

std::vector<Field> fields_of(Jsonb* object) {
  if (!JB_ROOT_IS_OBJECT(object)) {
    throw SqlError(ERRCODE_INVALID_PARAMETER_VALUE, "entity must be a JSON object")
        .hint("Give the columns of a PARTITION BY list with their values, as in {\"card\": \"anna\"}.");
  }
  Spi spi;
  const std::uint64_t count = call([&] {
    Oid type = JSONBOID;
    Datum value = JsonbPGetDatum(object);
    SPI_execute_with_args("SELECT key, pg_catalog.jsonb_typeof(value), value OPERATOR(pg_catalog.#>>) '{}' "
                          "FROM pg_catalog.jsonb_each($1)",
                          1, &type, &value, nullptr, true, 0);
    return SPI_processed;
  });
  std::vector<Field> fields;
  for (std::uint64_t i = 0; i < count; ++i) {
    fields.push_back({spi.text(i, 1), spi.text(i, 2), std::nullopt});
    if (fields.back().json_type != "null") fields.back().value = spi.text(i, 3);
  }
  spi.close();
  return fields;
}

class Oblivion {
 public:
  Oblivion(const ViewIdentity& view, Program& program, std::vector<Field> fields)
      : view_(view), program_(program), fields_(std::move(fields)) {}

  std::int64_t run() {
    {
      // The keys' types may be domains, with conditions.
      const AsUser owner(view_.owner, true);
      find_lists();
    }
    std::int64_t rows = 0;
    for (int attempt = 1;;) {
      const std::size_t computed_anew = anew_.size();
      try {
        alone_ = alone_ || attempt >= most_attempts;
        if (try_to_run(&rows)) return rows;
        ++attempt;
        if (taken_) wait_for_row(taken_->relation, taken_->row);
      } catch (const PgError&) {
        if (anew_.size() == computed_anew) throw;
      }
    }
  }

 private:
  // Whoever comes for the entity all the time is held up in the end.
  static constexpr int most_attempts = 4;

  // False, and nothing done, if others have something, which is `taken_` then, or have brought a row meanwhile; or if it
  // has to be alone.
  [[nodiscard]] bool try_to_run(std::int64_t* rows) {
    taken_.reset();
    Subtransaction attempt;
    if (alone_) lock_tables();
    bool done = remove_source_rows(rows) && lock_states() && remove_rest();
    // One that has come is looked for at the end: what has been removed, rows that came later still are not in it.
    if (done && has_source_rows()) {
      if (alone_) throw_not_removed();
      done = false;
    }
    done ? attempt.release() : attempt.roll_back();
    return done;
  }

  // Nobody else can have brought any.
  [[noreturn]] void throw_not_removed() const {
    throw SqlError(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION,
                   "rows of the entity remain in the source of feature view \"" + view_.name + "\"")
        .detail("A trigger of the source has kept them, or has inserted others.")
        .hint("Disable the trigger meanwhile.");
  }

  // Nobody else writes to them or locks their rows from then on. Whoever works on the view's entities has locked the
  // source first.
  void lock_tables() const {
    call([&] {
      for (const Oid table : {view_.source, view_.relation}) list_free(tables_of_source(table, ExclusiveLock));
    });
  }

  [[nodiscard]] bool remove_source_rows(std::int64_t* rows) {
    const Forgetting forgetting(view_.id, entities_, anew_);
    const RowPlaces places =
        keys_may_fail() ? places_of_entity(program_, entities_.front()) : places_in(view_.source, texts_);
    return remove(view_.source, view_.owner, places, rows);
  }

  // Rows that the source has lost before, or that are not followed, and the states.
  [[nodiscard]] bool remove_rest() {
    std::int64_t rows;
    if (const RowPlaces entries = diverted_of_entity(program_, entities_.front());
        entries.size() > 0 && !remove(table_of_errors(), state_schema_owner(), entries, &rows)) {
      return false;
    }
    if (const std::vector<std::string> kept = feature_columns(); !kept.empty()) {
      const RowPlaces left = places_in(view_.relation, kept);
      // Views on the view would lock entities a second time, and so out of order.
      if (left.size() > 0 && !alone_ && !views_on(view_.relation).empty()) {
        alone_ = !has_source_rows();
        return false;
      }
      if (!remove(view_.relation, view_.owner, left, &rows)) return false;
    }
    remove_states();
    return true;
  }

  // The lists whose keys are the fields: more than one only if they name the same keys in another order. The columns
  // and values by which rows are found are those of the first.
  void find_lists() {
    Query* definition = stored_definition(view_.definition);
    const std::vector<PartitionList>& lists = program_.plan().lists;
    std::string known, first;
    for (std::size_t list = 0; list < lists.size(); ++list) {
      if (!lists[list].from_source || lists[list].keys.empty()) continue;
      std::string names, fields;
      std::vector<std::string> texts;
      ForgottenEntity entity{list, {}};
      const std::vector<KeyText> keys = keys_of(definition, lists[list], view_.source);
      for (std::size_t k = 0; k < keys.size(); ++k) {
        names += (names.empty() ? "" : ", ") + keys[k].name;
        fields += (fields.empty() ? "" : ", ") + json_string(keys[k].name) + ": ..";
        const auto field = std::find_if(fields_.begin(), fields_.end(),
                                        [&](const Field& candidate) { return candidate.name == keys[k].name; });
        if (field == fields_.end()) continue;
        texts.push_back(keys[k].sql);
        entity.keys.push_back(parse(lists[list].keys[k], *field));
      }
      known += (known.empty() ? "(" : ", (") + names + ")";
      if (first.empty()) first = fields;
      if (texts.size() != keys.size() || keys.size() != fields_.size()) continue;
      if (entities_.empty()) texts_ = texts;
      entities_.push_back(std::move(entity));
    }
    if (!entities_.empty()) return;
    throw SqlError(ERRCODE_INVALID_PARAMETER_VALUE,
                   "feature view \"" + view_.name + "\" has no PARTITION BY list of these names")
        .hint(known.empty()
                  ? "It has none whose keys are known from the source."
                  : "Its lists are " + known + ". Name all keys of one as they are written there: {" + first + "}.");
  }

  [[nodiscard]] static std::string json_string(const std::string& text) {
    return call([&] {
      StringInfoData json;
      initStringInfo(&json);
      escape_json(&json, text.c_str());
      return json.data;
    });
  }

  // Text would take it, and no entity be found. Types that consist of several values have their say themselves.
  static void check_is_one_value(const Key& key, const Field& field) {
    if (field.json_type != "array" && field.json_type != "object") return;
    const char* type = call([&]() -> const char* {
      const Oid base = getBaseType(key.type);
      const bool has_parts = base == JSONBOID || OidIsValid(get_element_type(base)) || type_is_rowtype(base);
      return has_parts ? nullptr : format_type_be(key.type);
    });
    if (type == nullptr) return;
    throw SqlError(ERRCODE_INVALID_PARAMETER_VALUE,
                   "key \"" + field.name + "\" of the entity is a JSON " + field.json_type)
        .detail("The key's type is " + std::string(type) + ".")
        .hint("Give one value, as a JSON string, number or boolean, or null. Each call deletes one entity.");
  }

  // Errors name the field.
  [[nodiscard]] static NullableDatum parse(const Key& key, const Field& field) {
    NullableDatum parsed{};
    parsed.isnull = !field.value;
    if (parsed.isnull) return parsed;
    check_is_one_value(key, field);
    parsed.value = call([&] {
      ErrorContextCallback context{};
      context.previous = error_context_stack;
      context.callback = [](void* name) { errcontext("key \"%s\" of the entity", static_cast<const char*>(name)); };
      context.arg = const_cast<char*>(field.name.c_str());
      error_context_stack = &context;
      Oid input, parameter;
      getTypeInputInfo(key.type, &input, &parameter);
      const Datum value = OidInputFunctionCall(input, const_cast<char*>(field.value->c_str()), parameter, -1);
      error_context_stack = context.previous;
      return value;
    });
    return parsed;
  }

  // That columns have the entity's keys, as parameters.
  [[nodiscard]] std::string condition(const ForgottenEntity& entity, const std::vector<std::string>& columns,
                                      Parameters& parameters) const {
    const std::vector<Key>& keys = program_.plan().lists[entity.list].keys;
    std::string sql;
    for (std::size_t k = 0; k < columns.size(); ++k) {
      sql += (sql.empty() ? "(" : " AND (") + columns[k] + ")";
      if (entity.keys[k].isnull) {
        sql += " IS NULL";
        continue;
      }
      parameters.types.push_back(keys[k].type);
      parameters.values.push_back(entity.keys[k].value);
      sql += equality_operator(keys[k].type) + "$" + std::to_string(parameters.types.size());
    }
    return sql;
  }

  static std::uint64_t execute(const std::string& sql, const Parameters& parameters) {
    return call([&] {
      const int result = SPI_execute_with_args(sql.c_str(), static_cast<int>(parameters.types.size()),
                                               const_cast<Oid*>(parameters.types.data()),
                                               const_cast<Datum*>(parameters.values.data()), nullptr, false, 0);
      if (result < 0) elog(ERROR, "SPI_execute_with_args failed: %s", SPI_result_code_string(result));
      return SPI_processed;
    });
  }

  // A statement that looks at all rows would fail on one that was diverted because its keys do.
  [[nodiscard]] bool keys_may_fail() const { return !keys_are_columns() && has_diverted(view_); }

  bool has_source_rows() {
    if (keys_may_fail()) return places_of_entity(program_, entities_.front()).size() > 0;
    Parameters parameters;
    const std::string sql = "SELECT FROM " + from_source(view_.source) + " WHERE " +
                            condition(entities_.front(), texts_, parameters) + " LIMIT 1";
    const AsUser owner(view_.owner, true);
    Spi spi;
    const bool any = execute(sql, parameters) > 0;
    spi.close();
    return any;
  }

  [[nodiscard]] bool keys_are_columns() const {
    const std::vector<Key>& keys = program_.plan().lists[entities_.front().list].keys;
    return std::all_of(keys.begin(), keys.end(), [](const Key& key) { return IsA(key.expression, Var); });
  }

  [[nodiscard]] RowPlaces places_in(Oid table, const std::vector<std::string>& columns) const {
    Parameters parameters;
    RowPlaces places;
    const std::string rows = from_source(table) + " WHERE " + condition(entities_.front(), columns, parameters);
    const AsUser owner(view_.owner, true);
    add_places(rows, parameters, places);
    return places;
  }

  static void add_places(const std::string& rows, const Parameters& parameters, RowPlaces& places) {
    Spi spi;
    const std::uint64_t count = execute("SELECT tableoid, ctid FROM " + rows, parameters);
    call([&] {
      for (std::uint64_t i = 0; i < count; ++i) {
        const auto field = [&](int column) {
          bool null;
          return SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, column, &null);
        };
        places.relations.push_back(DatumGetObjectId(field(1)));
        places.rows.push_back(*reinterpret_cast<ItemPointer>(DatumGetPointer(field(2))));
      }
    });
    spi.close();
  }

  // Only if nobody else has any of them.
  [[nodiscard]] bool lock(const RowPlaces& places) {
    const std::optional<std::size_t> taken = lock_rows(places);
    if (taken) taken_ = {places.relations[*taken], places.rows[*taken]};
    return !taken;
  }

  // Of those rows of a table that are at places, which are its parameters.
  [[nodiscard]] static std::string deletion(const std::string& table) {
    return "DELETE FROM " + table +
           " s USING ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) n (relation, place) "
           "WHERE s.tableoid = n.relation AND s.ctid = n.place";
  }

  [[nodiscard]] bool remove(Oid table, Oid user, const RowPlaces& places, std::int64_t* rows) {
    if (!lock(places)) return false;
    const AsUser owner(user, true);
    Spi spi;
    *rows = static_cast<std::int64_t>(execute(deletion(from_source(table)), to_places(places.relations, places.rows)));
    spi.close();
    return true;
  }

  // The columns of the feature table that keep the keys; none unless it keeps all.
  [[nodiscard]] std::vector<std::string> feature_columns() const {
    const std::vector<Expr*>& stateless = program_.plan().stateless;
    std::vector<std::string> columns;
    for (const Key& key : program_.plan().lists[entities_.front().list].keys) {
      for (std::size_t i = 0; i < stateless.size(); ++i) {
        const AttrNumber attribute = program_.table.attributes[i];
        const char* name = call([&]() -> const char* {
          if (stateless[i] == nullptr || attribute <= 0 || !equal(stateless[i], key.expression)) return nullptr;
          if (!OidIsValid(get_atttype(view_.relation, attribute))) return nullptr;
          return quote_identifier(get_attname(view_.relation, attribute, false));
        });
        if (name == nullptr) continue;
        columns.push_back(name);
        break;
      }
    }
    return columns.size() == entities_.front().keys.size() ? columns : std::vector<std::string>();
  }

  [[nodiscard]] std::string rows_of_hash(const ForgottenEntity& entity) const {
    const auto hash = static_cast<std::int64_t>(
        call([&] { return hash_of(program_.lists[entity.list].keys, entity.keys.data()); }));
    return qualified_name(view_.lists[entity.list].states) + " WHERE key_hash = " + literal(std::to_string(hash)) +
           "::pg_catalog.int8";
  }

  [[nodiscard]] std::string state_rows(const ForgottenEntity& entity, Parameters& parameters) const {
    std::vector<std::string> columns;
    for (std::size_t k = 0; k < entity.keys.size(); ++k) columns.push_back("key_" + std::to_string(k + 1));
    return rows_of_hash(entity) + " AND " + condition(entity, columns, parameters);
  }

  // Whoever comes later waits. The deletion has locked them in the one order, if it was of a row that they have.
  [[nodiscard]] bool lock_states() {
    states_ = RowPlaces();
    const AsUser owner(owner_of_states(view_), true);
    for (const ForgottenEntity& entity : entities_) {
      Parameters parameters;
      const std::string rows = state_rows(entity, parameters);
      add_places(rows, parameters, states_);
    }
    if (!lock(states_)) return false;
    if (alone_ || !have_twins()) return true;
    alone_ = true;  // whoever is making rows of the hash relies on these, see new_states.cpp
    return false;
  }

  // Whether other entities have states of the same hash. They are looked for now, whatever the isolation level.
  [[nodiscard]] bool have_twins() const {
    std::uint64_t rows = 0;
    Spi spi;
    for (const ForgottenEntity& entity : entities_) {
      const std::string sql = "SELECT FROM " + rows_of_hash(entity);
      rows += call([&] {
        PushActiveSnapshot(GetLatestSnapshot());
        SPI_execute(sql.c_str(), true, 0);
        PopActiveSnapshot();
        return SPI_processed;
      });
    }
    spi.close();
    return rows > states_.size();
  }

  // Those that are locked. One that has come meanwhile is somebody else's, and the row that it came with is still there.
  void remove_states() const {
    const Parameters places = to_places(states_.relations, states_.rows);
    const AsUser owner(owner_of_states(view_), true);
    Spi spi;
    for (const ForgottenEntity& entity : entities_) {
      const ViewIdentity::Tables& tables = view_.lists[entity.list];
      execute("WITH gone AS (" + deletion(qualified_name(tables.states)) + " RETURNING key_hash, slot) DELETE FROM " +
                  qualified_name(tables.chunks) +
                  " c USING gone WHERE c.key_hash = gone.key_hash AND c.slot = gone.slot",
              places);
    }
    spi.close();
  }

  struct Taken {
    Oid relation;
    ItemPointerData row;
  };

  const ViewIdentity& view_;
  Program& program_;
  std::vector<Field> fields_;
  std::vector<ForgottenEntity> entities_;
  std::vector<std::string> texts_;  // of the first one's keys, over the source
  bool alone_ = false;              // nobody else may be at the tables
  std::optional<Taken> taken_;      // what an attempt has not got
  RowPlaces states_;                // that it has locked
  std::vector<std::int32_t> anew_;  // views that an attempt could not correct otherwise
};

std::int64_t forget(FunctionCallInfo fcinfo) {
  refuse_read_only("feature.forget()");
  const ViewIdentity view = view_by_relation(PG_GETARG_OID(0));
  check_owner(view);
  check_catalogue(view);
  check_row_security(view);
  const std::shared_ptr<Program> program = program_of(view.id);
  std::vector<Field> fields = fields_of(call([&] { return PG_GETARG_JSONB_P(1); }));
  const PinnedSettings settings(view.settings);
  return Oblivion(view, *program, std::move(fields)).run();
}

}  // namespace
}  // namespace feature

Datum feature_forget(PG_FUNCTION_ARGS) {
  return feature::guard([&] { return Int64GetDatum(feature::forget(fcinfo)); });
}
