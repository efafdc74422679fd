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
}

namespace feature {

bool is_local(Oid oid) { return oid >= FirstGenbkiObjectId; }

bool holds_local_oids(Oid type) {
  switch (type) {
    case REGPROCOID:
    case REGPROCEDUREOID:
    case REGOPEROID:
    case REGOPERATOROID:
    case REGCLASSOID:
    case REGCOLLATIONOID:
    case REGTYPEOID:
    case REGROLEOID:
    case REGNAMESPACEOID:
    case REGCONFIGOID:
    case REGDICTIONARYOID:
    case ACLITEMOID: return true;
    default: break;
  }
  switch (get_typtype(type)) {
    case TYPTYPE_BASE: {
      const Oid element = get_element_type(type);
      return OidIsValid(element) && (is_local(element) || holds_local_oids(element));
    }
    case TYPTYPE_DOMAIN: return holds_local_oids(getBaseType(type));
    case TYPTYPE_RANGE:
    case TYPTYPE_MULTIRANGE: return is_local(type);
    default: return true;  // enums, composites
  }
}

std::string local_oids_in_states(const Plan& plan) {
  const auto holds = [](Oid type) { return call([&] { return holds_local_oids(type); }); };
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
      if (catalogue != nullptr && is_saved(list.kernel, catalogue) && catalogue->saves_local_oids()) {
        return "states of aggregate " + function_name(catalogue->function());
      }
    }
  }
  return {};
}

}  // namespace feature
