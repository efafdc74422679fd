// See native_aggregates.hpp.

#include "pg/native_aggregates.hpp"

#include "pg/boundary.hpp"

extern "C" {
#include <access/transam.h>
#include <catalog/dependency.h>
#include <catalog/pg_proc.h>
#include <catalog/pg_type.h>
#include <commands/extension.h>
#include <nodes/nodeFuncs.h>
#include <optimizer/optimizer.h>
#include <utils/fmgroids.h>
#include <utils/lsyscache.h>
}

namespace feature {
namespace {

struct OfPostgres {
  Oid function;
  Fold fold;
  Finish finish;
};

constexpr OfPostgres of_postgres[] = {
    {F_COUNT_ANY, Fold::count, Finish::count},
    {F_SUM_INT2, Fold::sum, Finish::integer_sum},
    {F_SUM_INT4, Fold::sum, Finish::integer_sum},
    {F_SUM_INT8, Fold::sum, Finish::numeric_sum},
    {F_SUM_FLOAT4, Fold::sum, Finish::float4_sum},
    {F_SUM_FLOAT8, Fold::sum, Finish::float8_sum},
    {F_AVG_INT2, Fold::sum, Finish::numeric_average},
    {F_AVG_INT4, Fold::sum, Finish::numeric_average},
    {F_AVG_INT8, Fold::sum, Finish::numeric_average},
    {F_AVG_FLOAT4, Fold::moments, Finish::average},
    {F_AVG_FLOAT8, Fold::moments, Finish::average},
    {F_VAR_POP_FLOAT4, Fold::moments, Finish::var_pop},
    {F_VAR_POP_FLOAT8, Fold::moments, Finish::var_pop},
    {F_VAR_SAMP_FLOAT4, Fold::moments, Finish::var_samp},
    {F_VAR_SAMP_FLOAT8, Fold::moments, Finish::var_samp},
    {F_VARIANCE_FLOAT4, Fold::moments, Finish::var_samp},
    {F_VARIANCE_FLOAT8, Fold::moments, Finish::var_samp},
    {F_STDDEV_POP_FLOAT4, Fold::moments, Finish::stddev_pop},
    {F_STDDEV_POP_FLOAT8, Fold::moments, Finish::stddev_pop},
    {F_STDDEV_SAMP_FLOAT4, Fold::moments, Finish::stddev_samp},
    {F_STDDEV_SAMP_FLOAT8, Fold::moments, Finish::stddev_samp},
    {F_STDDEV_FLOAT4, Fold::moments, Finish::stddev_samp},
    {F_STDDEV_FLOAT8, Fold::moments, Finish::stddev_samp},
    {F_MIN_INT2, Fold::min, Finish::value},
    {F_MIN_INT4, Fold::min, Finish::value},
    {F_MIN_INT8, Fold::min, Finish::value},
    {F_MIN_FLOAT4, Fold::min, Finish::value},
    {F_MIN_FLOAT8, Fold::min, Finish::value},
    {F_MIN_DATE, Fold::min, Finish::value},
    {F_MIN_TIME, Fold::min, Finish::value},
    {F_MIN_TIMESTAMP, Fold::min, Finish::value},
    {F_MIN_TIMESTAMPTZ, Fold::min, Finish::value},
    {F_MAX_INT2, Fold::max, Finish::value},
    {F_MAX_INT4, Fold::max, Finish::value},
    {F_MAX_INT8, Fold::max, Finish::value},
    {F_MAX_FLOAT4, Fold::max, Finish::value},
    {F_MAX_FLOAT8, Fold::max, Finish::value},
    {F_MAX_DATE, Fold::max, Finish::value},
    {F_MAX_TIME, Fold::max, Finish::value},
    {F_MAX_TIMESTAMP, Fold::max, Finish::value},
    {F_MAX_TIMESTAMPTZ, Fold::max, Finish::value},
    {F_BOOL_AND, Fold::min, Finish::value},
    {F_BOOL_OR, Fold::max, Finish::value},
    {F_EVERY, Fold::min, Finish::value},
    {F_BIT_AND_INT2, Fold::bit_and, Finish::value},
    {F_BIT_AND_INT4, Fold::bit_and, Finish::value},
    {F_BIT_AND_INT8, Fold::bit_and, Finish::value},
    {F_BIT_OR_INT2, Fold::bit_or, Finish::value},
    {F_BIT_OR_INT4, Fold::bit_or, Finish::value},
    {F_BIT_OR_INT8, Fold::bit_or, Finish::value},
    {F_BIT_XOR_INT2, Fold::bit_xor, Finish::value},
    {F_BIT_XOR_INT4, Fold::bit_xor, Finish::value},
    {F_BIT_XOR_INT8, Fold::bit_xor, Finish::value},
};

// Whether values of a type are equal exactly if the bits or bytes are that the kernel keeps of them; of floats it knows
// better. A numeric is not: 1.0 equals 1.00.
bool is_compared_by_bytes(Oid type, Oid collation) {
  switch (call([&] { return getBaseType(type); })) {
    case BOOLOID:
    case CHAROID:
    case INT2OID:
    case INT4OID:
    case INT8OID:
    case OIDOID:
    case FLOAT4OID:
    case FLOAT8OID:
    case DATEOID:
    case TIMEOID:
    case TIMESTAMPOID:
    case TIMESTAMPTZOID:
    case BYTEAOID:
    case UUIDOID: return true;
    case TEXTOID:
    case VARCHAROID: return OidIsValid(collation) && call([&] { return get_collation_isdeterministic(collation); });
    default: return call([&] { return type_is_enum(type); });
  }
}

// The fraction that all rows ask for, if it is one; anything else is left to the aggregate's own function, which says
// what is wrong with it.
std::optional<double> constant_fraction(const WindowFunc* function) {
  auto* given = static_cast<Node*>(lsecond(function->args));
  Node* folded = call([&] { return eval_const_expressions(nullptr, static_cast<Node*>(copyObjectImpl(given))); });
  if (!IsA(folded, Const) || reinterpret_cast<Const*>(folded)->constisnull) return std::nullopt;
  const double fraction = DatumGetFloat8(reinterpret_cast<Const*>(folded)->constvalue);
  if (!(fraction >= 0 && fraction <= 1)) return std::nullopt;
  return fraction;
}

// Those of this extension.
std::optional<NativeAggregate> of_ours(const WindowFunc* function) {
  const bool ours = function->winfnoid >= FirstNormalObjectId && call([&] {
                      const Oid extension = getExtensionOfObject(ProcedureRelationId, function->winfnoid);
                      return OidIsValid(extension) && extension == get_extension_oid("feature_ext", true);
                    });
  if (!ours) return std::nullopt;
  const std::string name = call([&] { return get_func_name(function->winfnoid); });
  if (name == "count_distinct") {
    const Oid type = call([&] { return exprType(static_cast<Node*>(linitial(function->args))); });
    if (!is_compared_by_bytes(type, function->inputcollid)) return std::nullopt;
    return NativeAggregate{Fold::distinct, Finish::count};
  }
  if (name == "median") return NativeAggregate{Fold::quantile, Finish::quantile, 0.5};
  if (name == "percentile") {
    if (const std::optional<double> fraction = constant_fraction(function)) {
      return NativeAggregate{Fold::quantile, Finish::quantile, *fraction};
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<NativeAggregate> native_aggregate(const WindowFunc* function, bool bounded) {
  for (const OfPostgres& known : of_postgres) {
    if (known.function == function->winfnoid) return NativeAggregate{known.fold, known.finish};
  }
  // What ours gather cannot be kept from row to row.
  return bounded ? of_ours(function) : std::nullopt;
}

}  // namespace feature
