// See stored_oids.hpp.

#include "pg/stored_oids.hpp"

#include "pg/boundary.hpp"
#include "pg/catalogue_aggregate.hpp"
#include "pg/refusals.hpp"

extern "C" {
#include <access/transam.h>
#include <catalog/pg_type.h>
#include <utils/builtins.h>
#include <utils/lsyscache.h>
#include <utils/typcache.h>
}

namespace feature {

bool is_local(Oid oid) { return oid >= FirstGenbkiObjectId; }

namespace {

bool is_kept_type(Oid type, Move move) { return move == Move::upgrade || !is_local(type); }

bool attributes_hold_local_oids(Oid composite, Move move) {
  TupleDesc attributes = lookup_rowtype_tupdesc(composite, -1);
  bool found = false;
  for (int i = 0; i < attributes->natts && !found; ++i) {
    const Form_pg_attribute attribute = TupleDescAttr(attributes, i);
    found = !attribute->attisdropped && holds_local_oids(attribute->atttypid, move);
  }
  ReleaseTupleDesc(attributes);
  return found;
}

}  // namespace

bool holds_local_oids(Oid type, Move move) {
  switch (type) {
    case REGCLASSOID:
    case REGTYPEOID:
    case REGROLEOID:
    case ACLITEMOID: return move == Move::dump;
    case REGPROCOID:
    case REGPROCEDUREOID:
    case REGOPEROID:
    case REGOPERATOROID:
    case REGCOLLATIONOID:
    case REGNAMESPACEOID:
    case REGCONFIGOID:
    case REGDICTIONARYOID: return true;
    default: break;
  }
  switch (get_typtype(type)) {
    case TYPTYPE_BASE: {
      const Oid element = get_element_type(type);
      return OidIsValid(element) && (!is_kept_type(element, move) || holds_local_oids(element, move));
    }
    case TYPTYPE_DOMAIN: return holds_local_oids(getBaseType(type), move);
    case TYPTYPE_RANGE: return !is_kept_type(type, move) || holds_local_oids(get_range_subtype(type), move);
    case TYPTYPE_MULTIRANGE: return !is_kept_type(type, move) || holds_local_oids(get_multirange_range(type), move);
    case TYPTYPE_ENUM: return move == Move::dump;
    case TYPTYPE_COMPOSITE: return move == Move::dump || attributes_hold_local_oids(type, move);
    default: return true;
  }
}

std::string local_oids_in_states(const Plan& plan, Move move) {
  const auto holds = [&](Oid type) { return call([&] { return holds_local_oids(type, move); }); };
  const auto values = [](Oid type) {
    return "values of type " + std::string(call([&] { return format_type_be(type); }));
  };
  for (const PartitionList& list : plan.lists) {
    // Keys are stored as columns, but found by their hash.
    for (const Key& key : list.keys) {
      if (holds(key.type)) return values(key.type);
    }
    for (const Argument& argument : list.arguments) {
      if (holds(argument.type)) return values(argument.type);
    }
    for (const auto& aggregate : list.aggregates) {
      const auto* catalogue = dynamic_cast<const CatalogueAggregate*>(aggregate.get());
      if (catalogue != nullptr && is_saved(list.kernel, catalogue) && catalogue->saves_local_oids(move)) {
        return "states of aggregate " + function_name(catalogue->function());
      }
    }
  }
  return {};
}

}  // namespace feature
