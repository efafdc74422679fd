// feature.refresh: computes a feature view, and those that are fed by it, anew from what the source holds; all rows, or
// those from an event time on.
//
// States are always computed from the first event. From a time on, only the rows of later events are written.

#include "pg/refresh.hpp"

#include <algorithm>

#include "pg/as_user.hpp"
#include "pg/backfill.hpp"
#include "pg/boundary.hpp"
#include "pg/catalogue.hpp"
#include "pg/compile.hpp"
#include "pg/columns.hpp"
#include "pg/definition.hpp"
#include "pg/diverted_rows.hpp"
#include "pg/frame_bounds.hpp"
#include "pg/isolation.hpp"
#include "pg/program_cache.hpp"
#include "pg/view_objects.hpp"

extern "C" {
#include <access/xact.h>
#include <catalog/pg_type.h>
#include <executor/executor.h>
#include <executor/spi.h>
#include <nodes/makefuncs.h>
#include <parser/parse_coerce.h>
#include <utils/builtins.h>
#include <utils/lsyscache.h>

PGDLLEXPORT Datum feature_refresh(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(feature_refresh);
}

namespace feature {
namespace {

// An event time to refresh from, of the type of the view's event time.
struct Since {
  Oid type;
  Datum datum;
  [[nodiscard]] EventTime time() const { return to_event_time(type, datum); }
};

SqlError not_from_a_time_on(const ViewIdentity& view) {
  return SqlError(ERRCODE_FEATURE_NOT_SUPPORTED,
                  "feature view \"" + view.name + "\" cannot be refreshed from a time on");
}

constexpr const char* refresh_whole = "Call feature.refresh() without a time: it computes all rows anew.";

// The columns of the feature table that hold the event time: attributes, the first of them being enough to find rows
// by.
std::vector<AttrNumber> time_attributes(const Program& program) {
  const std::vector<DefinitionColumn> columns =
      columns_of(Levels(stored_definition(program.identity().definition)));
  std::vector<AttrNumber> attributes;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const AttrNumber attribute = program.table.attributes[i];
    const bool kept = call([&] { return OidIsValid(get_atttype(program.table.relation, attribute)); });
    if (kept && columns[i].passes(program.plan().time.attribute)) attributes.push_back(attribute);
  }
  return attributes;
}

// Throws SqlError unless rows of the view, and of all that it feeds, can be told by event time.
void check_time_is_kept(const Program& program) {
  const ViewIdentity& view = program.identity();
  const std::vector<AttrNumber> attributes = time_attributes(program);
  if (attributes.empty()) {
    const char* time = call([&] { return get_attname(view.source, program.plan().time.attribute, false); });
    throw not_from_a_time_on(view)
        .detail("It has no column that keeps the event time \"" + std::string(time) + "\".")
        .hint(refresh_whole);
  }
  for (const std::int32_t id : views_on(view.relation)) {
    const std::shared_ptr<Program> fed = program_of(id);
    const AttrNumber time = fed->plan().time.attribute;
    if (time == InvalidAttrNumber) continue;  // has no windows: computed anew, its rows are the same
    if (std::find(attributes.begin(), attributes.end(), time) == attributes.end()) {
      throw not_from_a_time_on(view)
          .detail("Feature view \"" + fed->identity().name + "\" on it has another event time.")
          .hint(refresh_whole);
    }
    check_time_is_kept(*fed);
  }
}

void empty(const Program& program, const std::optional<Since>& since) {
  const ViewIdentity& view = program.identity();
  std::string column;
  if (since) {
    const AttrNumber attribute = time_attributes(program).front();
    column = quoted(call([&] { return get_attname(view.relation, attribute, false); }));
  }
  const AsUser owner(view.owner, true);
  Spi spi;
  // Readers see the old rows until commit.
  const std::string rows = "DELETE FROM ONLY " + qualified_name(view.relation);
  if (since) {
    const std::string late = rows + " WHERE " + column + " >= $1";
    call([&] {
      Oid type = since->type;
      Datum datum = since->datum;
      const int result = SPI_execute_with_args(late.c_str(), 1, &type, &datum, nullptr, false, 0);
      if (result < 0) elog(ERROR, "SPI_execute_with_args failed: %s", SPI_result_code_string(result));
    });
  } else {
    spi.execute(rows);
  }
  spi.close();
}

void empty_states(const ViewIdentity& view) {
  const AsUser owner(state_schema_owner(), false);
  Spi spi;
  for (const ViewIdentity::Tables& tables : view.lists) {
    spi.execute("TRUNCATE " + qualified_name(tables.states) + ", " + qualified_name(tables.chunks));
  }
  spi.close();
  (void)forget_diverted(view);
}

// Of a view whose states somebody else may write to. They are not just given to the extension's owner: what was attached
// to them would then run with the rights of that.
void replace_states(ViewIdentity& view) {
  std::unique_ptr<Plan> plan;
  {
    const AsUser owner(view.owner, true);
    const PinnedSettings settings(view.settings);
    plan = compile(stored_definition(view.definition), nullptr);
  }
  drop_states(view);
  create_states(view, *plan);
  record_states(view);
  call([] { CommandCounterIncrement(); });
}

std::int64_t refresh(ViewIdentity view, const std::optional<Since>& since) {
  check_catalogue(view);
  check_row_security(view);
  if (!view.sealed) replace_states(view);
  // A restored database has the objects but not what ties them together.
  record_dependencies(view);
  std::int64_t rows;
  {
    const std::shared_ptr<Program> program = program_of(view.id);
    Destination destination;
    std::optional<Since> here;
    if (since && program->plan().time.attribute != InvalidAttrNumber) {
      here = since;
      destination.since = since->time();
    }
    empty(*program, here);
    empty_states(view);
    call([] { CommandCounterIncrement(); });
    rows = backfill(*program, destination).written;
    if (view.restored) record_restored(view, program->table.attributes);
  }
  call([] { CommandCounterIncrement(); });
  for (const std::int32_t fed : views_on(view.relation)) {
    lock_source(view.relation);
    refresh(view_by_id(fed), since);
  }
  return rows;
}

bool is_integer(Oid type) { return type == INT2OID || type == INT4OID || type == INT8OID; }

// The second argument as a value of the view's event time type: a text is read as one, anything else is cast if that
// loses nothing.
Datum time_argument(FunctionCallInfo fcinfo, const ViewIdentity& view, Oid type) {
  const Oid given = call([&] { return getBaseType(get_fn_expr_argtype(fcinfo->flinfo, 1)); });
  struct { bool possible; Datum value; } cast = call([&]() -> decltype(cast) {
    const Datum value = PG_GETARG_DATUM(1);
    if (given == UNKNOWNOID || TypeCategory(given) == TYPCATEGORY_STRING) {
      Oid output, input, parameter;
      bool varies;
      getTypeOutputInfo(given, &output, &varies);
      getTypeInputInfo(type, &input, &parameter);
      char* text = OidOutputFunctionCall(output, value);
      return {true, OidInputFunctionCall(input, text, parameter, -1)};
    }
    std::int16_t length;
    bool by_value;
    get_typlenbyval(given, &length, &by_value);
    Const* constant = makeConst(given, -1, get_typcollation(given), length, value, false, by_value);
    const CoercionContext context = is_integer(given) && is_integer(type) ? COERCION_ASSIGNMENT : COERCION_IMPLICIT;
    Node* cast_to = coerce_to_target_type(nullptr, reinterpret_cast<Node*>(constant), given, type, -1, context,
                                          COERCE_IMPLICIT_CAST, -1);
    if (cast_to == nullptr) return {false, 0};
    EState* executor = CreateExecutorState();
    ExprState* expression = ExecPrepareExpr(reinterpret_cast<Expr*>(cast_to), executor);
    bool null;
    const Datum result = ExecEvalExprSwitchContext(expression, GetPerTupleExprContext(executor), &null);
    FreeExecutorState(executor);
    return {true, result};
  });
  const char* wanted = call([&] { return format_type_be(type); });
  if (!cast.possible) {
    const char* name = call([&] { return format_type_be(given); });
    throw SqlError(ERRCODE_DATATYPE_MISMATCH, "since is of type " + std::string(name) +
                                                  " but the event time of feature view \"" + view.name +
                                                  "\" is of type " + wanted)
        .hint("Cast it to " + std::string(wanted) + ".");
  }
  if (is_infinite_time(type, cast.value)) {
    throw SqlError(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE, "since must be finite").hint(refresh_whole);
  }
  return cast.value;
}

std::int64_t refresh_since(FunctionCallInfo fcinfo) {
  const ViewIdentity view = lock_view(PG_GETARG_OID(0));
  Since since{};
  {
    const std::shared_ptr<Program> program = program_of(view.id);
    since.type = program->plan().time.type;
    if (program->plan().time.attribute == InvalidAttrNumber) {
      throw not_from_a_time_on(view).detail("Its definition has no windows, and so no event time.").hint(refresh_whole);
    }
    check_time_is_kept(*program);
  }
  if (has_diverted(view)) {
    throw not_from_a_time_on(view).detail("It has diverted rows, whose feature rows are missing.").hint(refresh_whole);
  }
  since.datum = time_argument(fcinfo, view, since.type);
  return refresh(view, since);
}

}  // namespace

std::int64_t refresh(const ViewIdentity& view) { return refresh(view, std::nullopt); }

}  // namespace feature

Datum feature_refresh(PG_FUNCTION_ARGS) {
  return feature::guard([&] {
    feature::refuse_fixed_snapshot();
    if (PG_NARGS() > 1) return Int64GetDatum(feature::refresh_since(fcinfo));
    return Int64GetDatum(feature::refresh(feature::lock_view(PG_GETARG_OID(0))));
  });
}
