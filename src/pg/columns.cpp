// See columns.hpp.

#include "pg/columns.hpp"

#include <algorithm>
#include <numeric>

extern "C" {
#include <access/htup_details.h>
#include <catalog/pg_collation.h>
#include <catalog/pg_operator.h>
#include <nodes/nodeFuncs.h>
#include <utils/builtins.h>
#include <utils/lsyscache.h>
#include <utils/syscache.h>
#include <utils/typcache.h>
}

namespace feature {

std::string sql_type(Oid type, std::int32_t typmod, Oid collation) {
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

std::string equality_operator(Oid type) {
  return call([&]() -> std::string {
    const Oid equal = lookup_type_cache(type, TYPECACHE_EQ_OPR)->eq_opr;
    if (!OidIsValid(equal)) return {};
    HeapTuple tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(equal));
    if (!HeapTupleIsValid(tuple)) return {};
    const auto* form = reinterpret_cast<Form_pg_operator>(GETSTRUCT(tuple));
    std::string name = std::string(" OPERATOR(") + quote_identifier(get_namespace_name(form->oprnamespace)) + "." +
                       NameStr(form->oprname) + ") ";
    ReleaseSysCache(tuple);
    return name;
  });
}

std::string DefinitionColumn::sql_type() const { return feature::sql_type(type, typmod, collation); }

bool DefinitionColumn::passes(AttrNumber attribute) const {
  return source != nullptr && IsA(source, Var) && reinterpret_cast<const Var*>(source)->varattno == attribute;
}

std::vector<DefinitionColumn> columns_of(const Levels& levels) {
  std::vector<DefinitionColumn> columns;
  ListCell* cell;
  const std::size_t top = levels.count() - 1;
  foreach (cell, levels.targets(top)) {
    const auto* target = lfirst_node(TargetEntry, cell);
    if (target->resjunk) continue;
    auto* expression = reinterpret_cast<Node*>(target->expr);
    columns.push_back({target->resname, exprType(expression), exprTypmod(expression), exprCollation(expression),
                       target->expr, levels.over_source(top, target->expr)});
  }
  return columns;
}

const DefinitionColumn* column_of_source(const std::vector<DefinitionColumn>& columns, AttrNumber attribute) {
  const auto found = std::find_if(columns.begin(), columns.end(),
                                  [&](const DefinitionColumn& column) { return column.passes(attribute); });
  return found == columns.end() ? nullptr : &*found;
}

std::vector<AttrNumber> attributes_of(const ViewIdentity& view, ::List* output) {
  std::vector<AttrNumber> found;
  ListCell* cell;
  foreach (cell, output) {
    const auto* target = lfirst_node(TargetEntry, cell);
    if (!target->resjunk) found.push_back(call([&] { return get_attnum(view.relation, target->resname); }));
  }
  if (found.size() != view.columns.size()) {
    throw SqlError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "stored definition of a feature view was changed")
        .hint("Drop the feature view and create it again.");
  }
  if (!view.restored) return view.columns;
  std::vector<std::size_t> in_order(found.size());
  std::iota(in_order.begin(), in_order.end(), 0);
  std::sort(in_order.begin(), in_order.end(),
            [&](std::size_t a, std::size_t b) { return view.columns[a] < view.columns[b]; });
  AttrNumber last = InvalidAttrNumber;
  for (const std::size_t column : in_order) {
    if (found[column] <= last) found[column] = InvalidAttrNumber;
    last = std::max(last, found[column]);
  }
  return found;
}

}  // namespace feature
