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
bool is_empty(Spi& spi, const std::string& table) { return spi.query("SELECT FROM " + table + " LIMIT 1") == 0; }

// Of a view that was created here: whether its states come from a dump. They have events, then, of which either the
// source or the feature table knows nothing yet.
bool has_restored_states(const ViewIdentity& view, Oid table) {
  if (view.lists.empty()) return false;
  const AsUser owner(state_schema_owner(), false);
  Spi spi;
  const bool restored =
      !is_empty(spi, qualified_name(view.lists.front().states)) &&
      (is_empty(spi, "ONLY " + qualified_name(view.relation)) || is_empty(spi, qualified_name(table)));
  spi.close();
  return restored;
}

void warn(const ViewIdentity& view) {
  call([&] {
    ereport(WARNING, (errcode(ERRCODE_WARNING),
                      errmsg("feature view \"%s\" does not follow rows of a dump that are restored", view.name.c_str()),
                      errdetail("Its states and rows come from a dump as well."),
                      errhint("If these rows are not from the same dump, call feature.refresh().")));
  });
}

// `before`: whether rows that have come before were left to the dump.
bool decide(const ViewIdentity& view, Oid table, bool before) {
  if (view.id == 0) return true;
  if (!view.restored) {
    if (!has_restored_states(view, table)) return false;
    throw SqlError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                   "feature view \"" + view.name + "\" has states from a dump, but was not restored from it")
        .hint("Call feature.refresh(), and then restore the data of the source alone.");
  }
  if (before) return true;
  {
    const AsUser owner(state_schema_owner(), false);
    Spi spi;
    const bool whole = is_empty(spi, qualified_name(table));
    spi.close();
    if (whole) {
      warn(view);
      return true;
    }
  }
  throw SqlError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                 "feature view \"" + view.name + "\" cannot follow rows of a dump")
      .detail("It was restored from a dump itself, so that its states and rows may have these rows already.")
      .hint(
          "Call feature.refresh() first to have them processed; disable the triggers of the source if they are not to "
          "be.");
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
