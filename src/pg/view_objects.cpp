// See view_objects.hpp. feature.drop_view is here too.

#include "pg/view_objects.hpp"

#include "pg/as_user.hpp"
#include "pg/boundary.hpp"
#include "pg/catalogue.hpp"
#include "pg/columns.hpp"
#include "pg/isolation.hpp"
#include "pg/pinned_settings.hpp"
#include "pg/view_triggers.hpp"

extern "C" {
#include <access/xact.h>
#include <catalog/dependency.h>
#include <catalog/pg_class.h>
#include <catalog/pg_trigger.h>
#include <commands/tablecmds.h>
#include <commands/trigger.h>
#include <commands/view.h>
#include <nodes/makefuncs.h>
#include <nodes/nodeFuncs.h>
#include <storage/lmgr.h>
#include <utils/acl.h>
#include <utils/lsyscache.h>
#include <utils/rls.h>

PGDLLEXPORT Datum feature_drop_view(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(feature_drop_view);
}

namespace feature {
namespace {

bool has_row_security(Oid table, Oid role) { return check_enable_rls(table, role, true) == RLS_ENABLED; }

bool may_read(Oid table, Oid role) {
  return call([&] { return pg_class_aclcheck(table, role, ACL_SELECT) == ACLCHECK_OK; });
}

void depend(const ViewIdentity& view, Oid class_id, Oid object, DependencyType type) {
  if (!OidIsValid(object)) return;
  const ObjectAddress depender = {class_id, object, 0};
  const ObjectAddress table = {RelationRelationId, view.relation, 0};
  deleteDependencyRecordsForSpecific(class_id, object, type, RelationRelationId, view.relation);
  recordDependencyOn(&depender, &table, type);
}

// What depends on the feature table internally can only be dropped with it, so that it is set free first.
void drop_alone(const ViewIdentity& view, Oid relation) {
  const ObjectAddress object = {RelationRelationId, relation, 0};
  LockRelationOid(relation, AccessExclusiveLock);
  deleteDependencyRecordsForSpecific(RelationRelationId, relation, DEPENDENCY_INTERNAL, RelationRelationId,
                                     view.relation);
  CommandCounterIncrement();
  performDeletion(&object, DROP_RESTRICT, PERFORM_DELETION_INTERNAL);
  CommandCounterIncrement();
}

// Keeps everybody out of what a view follows and of the view itself.
//
// An insert into a partitioned source locks that before a partition; but an insert into a partition directly locks
// this, and looks at the source only at its end. It is waited for as create_view does, with a lock under which the
// source can be looked at. An ordinary source is locked at once: a lock that becomes a stronger one can deadlock with a
// transaction that has read the source and then inserts.
void lock_to_drop(const ViewIdentity& view) {
  call([&] {
    if (get_rel_relkind(view.source) == RELKIND_PARTITIONED_TABLE) {
      list_free(tables_of_source(view.source, ShareRowExclusiveLock));
    }
    list_free(tables_of_source(view.source, AccessExclusiveLock));
    LockRelationOid(view.relation, AccessExclusiveLock);
  });
}

void drop_view(Oid relation) {
  const ViewIdentity found = view_by_relation(relation);
  check_owner(found);
  check_catalogue(found);
  lock_to_drop(found);
  // Another session may have altered it before.
  const ViewIdentity view = view_by_relation(relation);
  check_owner(view);
  check_catalogue(view);
  record_dependencies(view);
  call([&] {
    CommandCounterIncrement();
    const ObjectAddress table = {RelationRelationId, view.relation, 0};
    performDeletion(&table, DROP_RESTRICT, 0);
    CommandCounterIncrement();
  });
  erase(view);
}

}  // namespace

ViewIdentity lock_view(Oid relation) {
  const ViewIdentity found = view_by_relation(relation);
  check_owner(found);
  check_catalogue(found);
  check_row_security(found);
  check_source_access(found);
  lock_source(found.source);
  // Another session may have changed it before.
  ViewIdentity view = view_by_relation(relation);
  check_owner(view);
  check_catalogue(view);
  check_row_security(view);
  return view;
}

void check_source_access(const ViewIdentity& view) {
  call([&] {
    const AclResult allowed = pg_class_aclcheck(view.source, view.owner, ACL_SELECT);
    if (allowed != ACLCHECK_OK) aclcheck_error(allowed, OBJECT_TABLE, get_rel_name(view.source));
  });
  const bool filtered = call([&] { return has_row_security(view.source, view.owner); });
  if (filtered) {
    throw SqlError(ERRCODE_FEATURE_NOT_SUPPORTED, "source table has row-level security that applies to you")
        .detail("Features would be computed from rows that you may not see.")
        .hint("Create the feature view as a role that bypasses the policies.");
  }
}

void check_row_security(const ViewIdentity& view) {
  const Oid filtered = call([&] {
    for (const Oid table : {view.source, view.relation}) {
      if (has_row_security(table, view.owner)) return table;
    }
    return InvalidOid;
  });
  if (filtered == InvalidOid) return;
  const bool is_source = filtered == view.source;
  const char* table = call([&] { return get_rel_name(filtered); });
  throw SqlError(ERRCODE_INSUFFICIENT_PRIVILEGE, "row-level security of table \"" + std::string(table) +
                                                     "\" applies to the owner of feature view \"" + view.name + "\"")
      .detail(is_source ? "Features would be computed from rows that the owner may not see."
                        : "Its policies cannot be applied to the rows that are written to the feature view.")
      .hint(is_source ? "Let the owner bypass the policies, or drop the feature view."
                      : "Use ALTER TABLE .. NO FORCE ROW LEVEL SECURITY: policies then apply to all but the owner.");
}

// What CREATE VIEW does, but from the analysed query: the text is never interpreted a second time, under other names.
void create_definition(ViewIdentity& view, Query* query) {
  const AsUser owner(state_schema_owner(), false);
  const std::string name = "definition_" + std::to_string(view.id);
  view.definition = call([&] {
    auto* statement = makeNode(CreateStmt);
    statement->relation = makeRangeVar(pstrdup("feature_state"), pstrdup(name.c_str()), -1);
    statement->oncommit = ONCOMMIT_NOOP;
    ListCell* cell;
    foreach (cell, query->targetList) {
      const auto* target = lfirst_node(TargetEntry, cell);
      if (target->resjunk) continue;
      auto* expression = reinterpret_cast<Node*>(target->expr);
      ColumnDef* column = makeColumnDef(target->resname, exprType(expression), exprTypmod(expression),
                                        exprCollation(expression));
      statement->tableElts = lappend(statement->tableElts, column);
    }
    const ObjectAddress address = DefineRelation(statement, RELKIND_VIEW, view.owner, nullptr, nullptr);
    CommandCounterIncrement();
    StoreViewQuery(address.objectId, static_cast<Query*>(copyObjectImpl(query)), false);
    CommandCounterIncrement();
    return address.objectId;
  });
}

void create_states(ViewIdentity& view, const Plan& plan) {
  const AsUser owner(state_schema_owner(), false);
  const std::string view_owner = call([&] { return GetUserNameFromId(view.owner, false); });
  // What the caller may have set, and could not use without the extension owner's rights.
  const PinnedSettings storage({{"default_tablespace", ""}, {"default_table_access_method", "heap"}});
  view.lists.clear();
  Spi spi;
  for (std::size_t i = 0; i < plan.lists.size(); ++i) {
    const std::string suffix = "_" + std::to_string(view.id) + "_" + std::to_string(i + 1);
    std::string keys;
    for (std::size_t k = 0; k < plan.lists[i].keys.size(); ++k) {
      const Key& key = plan.lists[i].keys[k];
      keys += "key_" + std::to_string(k + 1) + " " + sql_type(key.type, -1, key.collation) + ", ";
    }
    // Half of each page is left for the next version of its rows, so that updates stay on their page. Entities of
    // several columns are many and have few events each: a quarter is room for several of them. A state of any size
    // that fits a page stays in its row.
    const std::string fillfactor = plan.lists[i].keys.size() > 1 ? "75" : "50";
    spi.execute("CREATE TABLE feature_state.states" + suffix + " (key_hash bigint, slot smallint, " + keys +
                "state feature.state NOT NULL, PRIMARY KEY (key_hash, slot)) WITH (fillfactor = " + fillfactor +
                ", toast_tuple_target = 8160, autovacuum_vacuum_scale_factor = 0.05)");
    spi.execute("CREATE TABLE feature_state.chunks" + suffix +
                " (key_hash bigint, slot smallint, number integer, events feature.state NOT NULL, "
                "PRIMARY KEY (key_hash, slot, number))");
    for (const char* table : {"states", "chunks"}) {
      spi.execute("GRANT SELECT ON feature_state." + (table + suffix) + " TO " + quoted(view_owner));
    }
    const auto relid = [&](const std::string& name) {
      return call([&] { return get_relname_relid(name.c_str(), state_schema()); });
    };
    view.lists.push_back({relid("states" + suffix), relid("chunks" + suffix), plan.lists[i].shared});
  }
  spi.close();
}

void give_to_owner(const ViewIdentity& view) {
  struct {
    const char* former;
    const char* now;
  } names = call([&]() -> decltype(names) {
    const Oid former = owner_of(view.definition);
    return {former == view.owner ? nullptr : GetUserNameFromId(former, false), GetUserNameFromId(view.owner, false)};
  });
  const AsUser owner(state_schema_owner(), false);
  Spi spi;
  if (names.former != nullptr) {
    spi.execute("ALTER VIEW " + qualified_name(view.definition) + " OWNER TO " + quoted(names.now));
  }
  for (const ViewIdentity::Tables& tables : view.lists) {
    for (const Oid table : {tables.states, tables.chunks}) {
      if (names.former != nullptr) {
        spi.execute("REVOKE SELECT ON " + qualified_name(table) + " FROM " + quoted(names.former));
      }
      // REASSIGN OWNED gives the definition, but not this.
      if (may_read(table, view.owner)) continue;
      spi.execute("GRANT SELECT ON " + qualified_name(table) + " TO " + quoted(names.now));
    }
  }
  spi.close();
}

Oid owner_of_states(const ViewIdentity& view) { return view.sealed ? state_schema_owner() : view.owner; }

void drop_definition_and_states(const ViewIdentity& view) {
  call([&] {
    drop_alone(view, view.definition);
  });
  drop_states(view);
}

void drop_states(const ViewIdentity& view) {
  call([&] {
    for (const ViewIdentity::Tables& tables : view.lists) {
      drop_alone(view, tables.states);
      drop_alone(view, tables.chunks);
    }
  });
}

// Internal dependence keeps each of them from being dropped alone. Triggers may be: that is how their owner stops the
// view from following the source.
void record_dependencies(const ViewIdentity& view) {
  const std::vector<Oid> triggers = triggers_of(view);
  call([&] {
    for (const ViewIdentity::Tables& tables : view.lists) {
      depend(view, RelationRelationId, tables.states, DEPENDENCY_INTERNAL);
      depend(view, RelationRelationId, tables.chunks, DEPENDENCY_INTERNAL);
    }
    depend(view, RelationRelationId, view.definition, DEPENDENCY_INTERNAL);
    for (const Oid trigger : triggers) depend(view, TriggerRelationId, trigger, DEPENDENCY_AUTO);
  });
}

}  // namespace feature

Datum feature_drop_view(PG_FUNCTION_ARGS) {
  return feature::guard([&] {
    feature::refuse_read_only("feature.drop_view()");
    feature::drop_view(PG_GETARG_OID(0));
    return Datum{0};
  });
}
