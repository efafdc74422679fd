// See time_argument.hpp.

#include "pg/time_argument.hpp"

#include "pg/boundary.hpp"
#include "pg/frame_bounds.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <executor/executor.h>
#include <nodes/makefuncs.h>
#include <parser/parse_coerce.h>
#include <utils/builtins.h>
#include <utils/lsyscache.h>
}

namespace feature {
namespace {

// What to give instead of a value that does not become one of the type.
std::string instead_of(Oid given, Oid type) {
  if (given == INTERVALOID) {
    switch (type) {
      case TIMESTAMPTZOID: return "Give a time, as in now() - interval '30 days'.";
      case TIMESTAMPOID: return "Give a time, as in localtimestamp - interval '30 days'.";
      case DATEOID: return "Give a day, as in current_date - 30.";
      default: break;
    }
  }
  const std::string wanted = call([&] { return format_type_be(type); });
  const bool possible = call([&] { return can_coerce_type(1, &given, &type, COERCION_EXPLICIT); });
  return (possible ? "Cast it to " : "Give a value of type ") + wanted + ".";
}

bool is_integer(Oid type) { return type == INT2OID || type == INT4OID || type == INT8OID; }

}  // namespace

Datum time_argument(FunctionCallInfo fcinfo, const char* name, const ViewIdentity& view, Oid type,
                    const char* hint_if_infinite) {
  const Oid given = call([&] { return getBaseType(get_fn_expr_argtype(fcinfo->flinfo, 1)); });
  struct { bool possible; Datum value; } cast = call([&]() -> decltype(cast) {
    const Datum value = PG_GETARG_DATUM(1);
    if (given == UNKNOWNOID || TypeCategory(given) == TYPCATEGORY_STRING) {
      Oid output, input, parameter;
      bool varies;
      getTypeOutputInfo(given, &output, &varies);
      getTypeInputInfo(type, &input, &parameter);
      char* text = OidOutputFunctionCall(output, value);
      ErrorContextCallback context{};
      context.previous = error_context_stack;
      context.callback = [](void* argument) { errcontext("argument \"%s\"", static_cast<const char*>(argument)); };
      context.arg = const_cast<char*>(name);
      error_context_stack = &context;
      const Datum time = OidInputFunctionCall(input, text, parameter, -1);
      error_context_stack = context.previous;
      return {true, time};
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
    const char* given_name = call([&] { return format_type_be(given); });
    throw SqlError(ERRCODE_DATATYPE_MISMATCH, std::string(name) + " is of type " + given_name +
                                                  " but the event time of feature view \"" + view.name +
                                                  "\" is of type " + wanted)
        .hint(instead_of(given, type));
  }
  if (is_infinite_time(type, cast.value)) {
    throw SqlError(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE, std::string(name) + " must be finite")
        .hint(hint_if_infinite);
  }
  return cast.value;
}

std::vector<AttrNumber> time_attributes(const Program& program) {
  const std::vector<Expr*>& stateless = program.plan().stateless;
  std::vector<AttrNumber> attributes;
  for (std::size_t i = 0; i < stateless.size(); ++i) {
    const Expr* source = stateless[i];
    if (source == nullptr || !IsA(source, Var) ||
        reinterpret_cast<const Var*>(source)->varattno != program.plan().time.attribute) {
      continue;
    }
    const AttrNumber attribute = program.table.attributes[i];
    const bool kept = call([&] { return OidIsValid(get_atttype(program.table.relation, attribute)); });
    if (kept) attributes.push_back(attribute);
  }
  return attributes;
}

}  // namespace feature
