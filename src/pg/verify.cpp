// feature.verify: compares a feature view with its definition run as a plain query, over the rows that were not
// diverted.
//
// The query is made in SQL, by feature_state.comparison. It runs the definition, and whatever functions that has, so it
// is run as the view's owner, in a security-restricted operation: a superuser who looks after other people's views must
// not lend them their rights.

#include "pg/as_user.hpp"
#include "pg/boundary.hpp"
#include "pg/catalogue.hpp"
#include "pg/definition_rows.hpp"
#include "pg/shown_rows.hpp"
#include "pg/view_objects.hpp"

extern "C" {
#include <executor/spi.h>
#include <funcapi.h>
#include <utils/acl.h>
#include <utils/rls.h>

PGDLLEXPORT Datum feature_verify(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(feature_verify);
}

namespace feature {
namespace {

constexpr long rows_at_once = 1000;

// What the comparison tells is counts of rows, so that it is for those who may read all of them.
void check_may_verify(const ViewIdentity& view) {
  const bool may_read = call([&] {
    for (const Oid relation : {view.relation, view.definition}) {
      if (pg_class_aclcheck(relation, GetUserId(), ACL_SELECT) != ACLCHECK_OK) return false;
    }
    return check_enable_rls(view.relation, InvalidOid, true) != RLS_ENABLED;
  });
  const bool owner_may_read =
      call([&] { return pg_class_aclcheck(view.definition, view.owner, ACL_SELECT) == ACLCHECK_OK; });
  if (!owner_may_read) {
    throw SqlError(ERRCODE_INSUFFICIENT_PRIVILEGE,
                   "definition of feature view \"" + view.name + "\" belongs to its former owner")
        .hint("feature.refresh() gives it to the feature table's owner.");
  }
  if (may_read) return;
  throw SqlError(ERRCODE_INSUFFICIENT_PRIVILEGE, "permission denied for feature view " + qualified_name(view.relation))
      .detail("Reading all of it and its definition needs privileges on both.")
      .hint("Run feature.verify as the owner of the feature view.");
}

void verify(FunctionCallInfo fcinfo) {
  const ViewIdentity view = view_by_relation(PG_GETARG_OID(0));
  check_catalogue(view);
  check_row_security(view);
  check_may_verify(view);
  call([&] { InitMaterializedSRF(fcinfo, 0); });
  const auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
  const AsUser owner(view.owner, true);
  Spi spi;
  std::string definition_rows = qualified_name(view.definition);
  const std::optional<DefinitionRows> processed = rows_without_diverted(view);
  if (processed) {
    definition_rows = "definition_rows";
    call([&] { show_rows(definition_rows.c_str(), processed->columns, processed->rows); });
  }
  spi.execute("SELECT feature_state.comparison(" + std::to_string(view.relation) + "::pg_catalog.oid, " +
              std::to_string(view.definition) + "::pg_catalog.oid, " + literal(definition_rows) + ")");
  const std::string comparison = spi.text(0, 1);
  // It is analysed under the safe search path, and run under the one that the definition's functions have.
  Portal rows = call([&] {
    SPIPlanPtr plan = SPI_prepare_cursor(comparison.c_str(), 0, nullptr, CURSOR_OPT_NO_SCROLL);
    if (plan == nullptr) elog(ERROR, "SPI_prepare_cursor failed: %s", SPI_result_code_string(SPI_result));
    return SPI_cursor_open(nullptr, plan, nullptr, nullptr, true);
  });
  {
    const PinnedSettings settings(view.settings);
    call([&] {
      for (;;) {
        SPI_cursor_fetch(rows, true, rows_at_once);
        if (SPI_processed == 0) break;
        for (std::uint64_t i = 0; i < SPI_processed; ++i) {
          tuplestore_puttuple(result->setResult, SPI_tuptable->vals[i]);
        }
        SPI_freetuptable(SPI_tuptable);
      }
    });
  }
  call([&] {
    SPI_cursor_close(rows);
    if (processed) tuplestore_end(processed->rows);
  });
  spi.close();
}

}  // namespace
}  // namespace feature

Datum feature_verify(PG_FUNCTION_ARGS) {
  return feature::guard([&] {
    feature::verify(fcinfo);
    return Datum{0};
  });
}
