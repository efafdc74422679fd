// See view_objects.hpp. feature.drop_view is here too.

#include "pg/view_objects.hpp"

#include "pg/as_user.hpp"
#include "pg/boundary.hpp"
#include "pg/catalogue.hpp"

extern "C" {
#include <access/xact.h>
#include <catalog/dependency.h>
#include <catalog/pg_class.h>
#include <catalog/pg_trigger.h>
#include <commands/trigger.h>
#include <storage/lmgr.h>
#include <utils/lsyscache.h>

PGDLLEXPORT Datum feature_drop_view(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(feature_drop_view);
}

namespace feature {
namespace {

Oid trigger_of(const ViewIdentity& view) {
  return get_trigger_oid(view.source, trigger_name(view).c_str(), true);
}

void depend(const ViewIdentity& view, Oid class_id, Oid object, DependencyType type) {
  if (!OidIsValid(object)) return;
  const ObjectAddress depender = {class_id, object, 0};
  const ObjectAddress table = {RelationRelationId, view.relation, 0};
  deleteDependencyRecordsForSpecific(class_id, object, type, RelationRelationId, view.relation);
  recordDependencyOn(&depender, &table, type);
}

void drop_view(Oid relation) {
  const ViewIdentity view = view_by_relation(relation);
  check_owner(view);
  check_catalogue(view);
  call([&] {
    LockRelationOid(view.source, AccessExclusiveLock);
    LockRelationOid(view.relation, AccessExclusiveLock);
    record_dependencies(view);
    CommandCounterIncrement();
    const ObjectAddress table = {RelationRelationId, view.relation, 0};
    performDeletion(&table, DROP_RESTRICT, 0);
    CommandCounterIncrement();
  });
  const AsUser owner(state_schema_owner(), false);
  Spi spi;
  spi.execute("DELETE FROM feature_state.view WHERE id = " + std::to_string(view.id));
  spi.close();
}

}  // namespace

std::string trigger_name(const ViewIdentity& view) { return "feature_" + std::to_string(view.id); }

// Internal dependence keeps each of them from being dropped alone. The trigger may be: that is how its owner stops the
// view from following the source.
void record_dependencies(const ViewIdentity& view) {
  call([&] {
    for (const ViewIdentity::Tables& tables : view.lists) {
      depend(view, RelationRelationId, tables.states, DEPENDENCY_INTERNAL);
      depend(view, RelationRelationId, tables.chunks, DEPENDENCY_INTERNAL);
    }
    depend(view, RelationRelationId, view.definition, DEPENDENCY_INTERNAL);
    depend(view, TriggerRelationId, trigger_of(view), DEPENDENCY_AUTO);
  });
}

}  // namespace feature

Datum feature_drop_view(PG_FUNCTION_ARGS) {
  return feature::guard([&] {
    feature::drop_view(PG_GETARG_OID(0));
    return Datum{0};
  });
}
