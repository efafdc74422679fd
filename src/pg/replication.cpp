// feature.follow_replication: whether a view follows what logical replication does to its source.
//
// The worker that applies changes runs in session_replication_role "replica", in which only triggers fire that are
// enabled for it, and it fires row triggers alone: no trigger for INSERT FOR EACH STATEMENT sees the rows. It is off
// unless asked for, since whoever replicates or restores the feature table itself must not have it computed as well.

#include "pg/boundary.hpp"
#include "pg/catalogue.hpp"
#include "pg/isolation.hpp"
#include "pg/view_objects.hpp"
#include "pg/view_triggers.hpp"

extern "C" {
#include <access/xact.h>

PGDLLEXPORT Datum feature_follow_replication(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(feature_follow_replication);
}

namespace feature {
namespace {

void follow_replication(const ViewIdentity& view, bool follow) {
  const std::string source = qualified_name(view.source);
  const auto name = [&](const char* kind) { return trigger_name(view, kind); };
  const auto exists = [&](const char* kind) { return OidIsValid(find_trigger(view, kind)); };
  Spi spi;
  const auto enable = [&](const char* how, std::initializer_list<const char*> kinds) {
    for (const char* kind : kinds) {
      if (exists(kind)) spi.execute("ALTER TABLE " + source + " ENABLE " + how + "TRIGGER " + name(kind));
    }
  };
  if (exists("_replica")) spi.execute("DROP TRIGGER " + name("_replica") + " ON " + source);
  // An ordinary source's inserts come as a transition table otherwise; a partitioned one's come row by row anyway.
  if (follow && exists("")) {
    spi.execute("CREATE TRIGGER " + name("_replica") + " AFTER INSERT ON " + source +
                " FOR EACH ROW EXECUTE FUNCTION feature.maintain('" + std::to_string(view.id) + "')");
    enable("REPLICA ", {"_replica"});
  }
  enable("", {"", "_begin"});
  enable(follow ? "ALWAYS " : "", {"_insert", "_update", "_delete", "_end"});
  spi.close();
  record_dependencies(view);
  call([] { CommandCounterIncrement(); });
  // The rows that views on it follow are written in the same role.
  for (const std::int32_t fed : views_on(view.relation)) {
    lock_source(view.relation);
    follow_replication(view_by_id(fed), follow);
  }
}

}  // namespace
}  // namespace feature

Datum feature_follow_replication(PG_FUNCTION_ARGS) {
  return feature::guard([&] {
    feature::refuse_read_only("feature.follow_replication()");
    feature::follow_replication(feature::lock_view(PG_GETARG_OID(0)), PG_GETARG_BOOL(1));
    return Datum{0};
  });
}
