// feature.refresh: computes a feature view, and those that are fed by it, anew from what the source holds.

#include "pg/as_user.hpp"
#include "pg/backfill.hpp"
#include "pg/boundary.hpp"
#include "pg/catalogue.hpp"
#include "pg/isolation.hpp"
#include "pg/program_cache.hpp"
#include "pg/view_objects.hpp"

extern "C" {
#include <access/xact.h>

PGDLLEXPORT Datum feature_refresh(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(feature_refresh);
}

namespace feature {
namespace {

void empty(const ViewIdentity& view) {
  const AsUser owner(view.owner, true);
  Spi spi;
  // Readers see the old rows until commit.
  spi.execute("DELETE FROM ONLY " + qualified_name(view.relation));
  for (const ViewIdentity::Tables& tables : view.lists) {
    spi.execute("TRUNCATE " + qualified_name(tables.states) + ", " + qualified_name(tables.chunks));
  }
  spi.close();
}

std::int64_t refresh(const ViewIdentity& view) {
  check_catalogue(view);
  lock_source(view.source);
  // A restored database has the objects but not what ties them together.
  record_dependencies(view);
  empty(view);
  call([] { CommandCounterIncrement(); });
  const std::int64_t rows = backfill(*program_of(view.id));
  call([] { CommandCounterIncrement(); });
  for (const std::int32_t fed : views_on(view.relation)) refresh(view_by_id(fed));
  return rows;
}

}  // namespace
}  // namespace feature

Datum feature_refresh(PG_FUNCTION_ARGS) {
  return feature::guard([&] {
    feature::refuse_fixed_snapshot();
    const feature::ViewIdentity view = feature::view_by_relation(PG_GETARG_OID(0));
    feature::check_owner(view);
    return Int64GetDatum(feature::refresh(view));
  });
}
