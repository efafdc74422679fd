// See restoring.hpp.

#include "pg/restoring.hpp"

#include <unordered_map>

#include "pg/as_user.hpp"
#include "pg/catalogue.hpp"
#include "pg/compat.hpp"
#include "pg/program_cache.hpp"

extern "C" {
#include <catalog/namespace.h>
#include <utils/guc.h>
}

namespace feature {
namespace {

// pg_dump sets both at the head of a dump, pg_restore in each of its sessions, and hardly anybody else does. Those who
// do not own the table could not disable its triggers, and must not get around them by setting these.
bool restores(Oid table) {
  return !check_function_bodies && *namespace_search_path == '\0' &&
         call([&] { return compat::class_ownercheck(table, GetUserId()); });
}

// Under the snapshot of the statement, which does not see what it puts in itself.
bool is_empty(const std::string& table) {
  Spi spi;
  const bool empty = spi.query("SELECT FROM " + table + " LIMIT 1") == 0;
  spi.close();
  return empty;
}

// The same as its owner, for a feature table could be anything.
bool is_empty_view(const ViewIdentity& view) {
  const AsUser owner(view.owner, true);
  return is_empty("ONLY " + qualified_name(view.relation));
}

// Of a view that has been checked to be recorded with tables of its own.
bool has_no_states(const ViewIdentity& view) {
  const AsUser owner(state_schema_owner(), false);
  return is_empty(qualified_name(view.lists.front().states));
}

// Of a view that was created here: whether its states come from a dump. They have events, then, of which either the
// source or the feature table knows nothing yet.
bool has_restored_states(const ViewIdentity& view, Oid table) {
  check_catalogue(view);
  if (view.lists.empty() || has_no_states(view)) return false;
  return is_empty_view(view) || is_empty(qualified_name(table));
}

void warn(const ViewIdentity& view) {
  call([&] {
    ereport(WARNING, (errcode(ERRCODE_WARNING),
                      errmsg("feature view \"%s\" does not follow rows of a dump that are restored", view.name.c_str()),
                      errdetail("Its states and rows come from a dump as well."),
                      errhint("If these rows are not from the same dump, call feature.refresh().")));
  });
}

// The current user owns the table. `before`: whether rows that have come before were left to the dump.
bool decide(const ViewIdentity& view, Oid table, bool before) {
  if (view.id == 0) return true;
  if (!view.restored) {
    if (!has_restored_states(view, table)) return false;
    throw SqlError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                   "feature view \"" + view.name + "\" has states from a dump, but was not restored from it")
        .hint("Call feature.refresh(), and then restore the data of the source alone.");
  }
  if (before) return true;
  if (!is_empty(qualified_name(table))) {
    throw SqlError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                   "feature view \"" + view.name + "\" cannot follow rows of a dump")
        .detail("It was restored from a dump itself, so that its states and rows may have these rows already.")
        .hint("Call feature.refresh() first if they are to be processed; else disable the triggers of the source.");
  }
  warn(view);
  return true;
}

struct Decision {
  std::uint64_t changes;  // of relations, by then: a refresh makes one
  bool left;
};

}  // namespace

bool is_left_to_dump(std::int32_t id, Oid table) {
  if (!restores(table)) return false;
  static std::unordered_map<std::int32_t, Decision> decisions;
  const auto found = decisions.find(id);
  const bool before = found != decisions.end() && found->second.left;
  if (found != decisions.end() && found->second.changes == relation_changes()) return before;
  const bool left = decide(view_by_id(id), table, before);
  decisions[id] = {relation_changes(), left};
  return left;
}

}  // namespace feature
