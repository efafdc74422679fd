// feature.refresh: computes a feature view, and those that are fed by it, anew from what the source holds; all rows, or
// those from an event time on.
//
// States are always computed from the first event. From a time on, only the rows of later events are written.

#include "pg/refresh.hpp"

#include <algorithm>

#include "pg/as_user.hpp"
#include "pg/backfill.hpp"
#include "pg/boundary.hpp"
#include "pg/catalogue.hpp"
#include "pg/compile.hpp"
#include "pg/correction.hpp"
#include "pg/definition.hpp"
#include "pg/diverted_rows.hpp"
#include "pg/frame_bounds.hpp"
#include "pg/isolation.hpp"
#include "pg/program_cache.hpp"
#include "pg/time_argument.hpp"
#include "pg/view_objects.hpp"

extern "C" {
#include <access/xact.h>
#include <executor/spi.h>
#include <utils/lsyscache.h>

PGDLLEXPORT Datum feature_refresh(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(feature_refresh);
}

namespace feature {
namespace {

// An event time to refresh from, of the type of the view's event time.
struct Since {
  Oid type;
  Datum datum;
  [[nodiscard]] EventTime time() const { return to_event_time(type, datum); }
};

SqlError not_from_a_time_on(const ViewIdentity& view) {
  return SqlError(ERRCODE_FEATURE_NOT_SUPPORTED,
                  "feature view \"" + view.name + "\" cannot be refreshed from a time on");
}

constexpr const char* refresh_whole = "Call feature.refresh() without a time: it computes all rows anew.";

// Throws SqlError unless rows of the view, and of all that it feeds, can be told by event time.
void check_time_is_kept(const Program& program) {
  const ViewIdentity& view = program.identity();
  const std::vector<AttrNumber> attributes = time_attributes(program);
  if (attributes.empty()) {
    const char* time = call([&] { return get_attname(view.source, program.plan().time.attribute, false); });
    throw not_from_a_time_on(view)
        .detail("It has no column that keeps the event time \"" + std::string(time) + "\".")
        .hint(refresh_whole);
  }
  for (const std::int32_t id : views_on(view.relation)) {
    const std::shared_ptr<Program> fed = program_of(id);
    const AttrNumber time = fed->plan().time.attribute;
    if (time == InvalidAttrNumber) continue;  // has no windows: computed anew, its rows are the same
    if (std::find(attributes.begin(), attributes.end(), time) == attributes.end()) {
      throw not_from_a_time_on(view)
          .detail("Feature view \"" + fed->identity().name + "\" on it has another event time.")
          .hint(refresh_whole);
    }
    check_time_is_kept(*fed);
  }
}

void empty(const Program& program, const std::optional<Since>& since) {
  const ViewIdentity& view = program.identity();
  std::string column;
  if (since) {
    const AttrNumber attribute = time_attributes(program).front();
    column = quoted(call([&] { return get_attname(view.relation, attribute, false); }));
  }
  // Views on this one are refreshed afterwards, also those whose rows cannot be told from each other.
  const Trimming looking_away(views_on(view.relation));
  const AsUser owner(view.owner, true);
  Spi spi;
  // Readers see the old rows until commit.
  const std::string rows = "DELETE FROM ONLY " + qualified_name(view.relation);
  if (since) {
    const std::string late = rows + " WHERE " + column + " >= $1";
    call([&] {
      Oid type = since->type;
      Datum datum = since->datum;
      const int result = SPI_execute_with_args(late.c_str(), 1, &type, &datum, nullptr, false, 0);
      if (result < 0) elog(ERROR, "SPI_execute_with_args failed: %s", SPI_result_code_string(result));
    });
  } else {
    spi.execute(rows);
  }
  spi.close();
}

void empty_states(const ViewIdentity& view) {
  const AsUser owner(state_schema_owner(), false);
  Spi spi;
  for (const ViewIdentity::Tables& tables : view.lists) {
    spi.execute("TRUNCATE " + qualified_name(tables.states) + ", " + qualified_name(tables.chunks));
  }
  spi.close();
  (void)forget_diverted(view);
}

// Of a view whose states somebody else may write to. They are not just given to the extension's owner: what was
// attached to them would then run with the rights of that.
void replace_states(ViewIdentity& view) {
  std::unique_ptr<Plan> plan;
  {
    const AsUser owner(view.owner, true);
    const PinnedSettings settings(view.settings);
    plan = compile(stored_definition(view.definition), nullptr);
  }
  drop_states(view);
  create_states(view, *plan);
  record_states(view);
  call([] { CommandCounterIncrement(); });
}

std::int64_t refresh(ViewIdentity view, const std::optional<Since>& since) {
  check_catalogue(view);
  check_row_security(view);
  // Before its rows are deleted: whoever writes to it waits for them then, and we for whoever does.
  const std::vector<std::int32_t> fed_by_it = views_on(view.relation);
  if (!fed_by_it.empty()) lock_source(view.relation);
  if (!view.sealed) replace_states(view);
  // A restored database has the objects but not what ties them together.
  record_dependencies(view);
  give_to_owner(view);
  std::int64_t rows;
  {
    const std::shared_ptr<Program> program = program_of(view.id);
    Destination destination;
    std::optional<Since> here;
    if (since && program->plan().time.attribute != InvalidAttrNumber) {
      here = since;
      destination.since = since->time();
    }
    empty(*program, here);
    empty_states(view);
    call([] { CommandCounterIncrement(); });
    rows = backfill(*program, destination).written;
    if (view.restored) record_restored(view, program->table.attributes);
    record_here(view);
  }
  call([] { CommandCounterIncrement(); });
  for (const std::int32_t fed : fed_by_it) refresh(view_by_id(fed), since);
  return rows;
}

std::int64_t refresh_since(FunctionCallInfo fcinfo) {
  const ViewIdentity view = lock_view(PG_GETARG_OID(0));
  Since since{};
  {
    const std::shared_ptr<Program> program = program_of(view.id);
    since.type = program->plan().time.type;
    if (program->plan().time.attribute == InvalidAttrNumber) {
      throw not_from_a_time_on(view).detail("Its definition has no windows, and so no event time.").hint(refresh_whole);
    }
    check_time_is_kept(*program);
  }
  if (has_diverted(view)) {
    throw not_from_a_time_on(view).detail("It has diverted rows, whose feature rows are missing.").hint(refresh_whole);
  }
  since.datum = time_argument(fcinfo, "since", view, since.type, refresh_whole);
  return refresh(view, since);
}

}  // namespace

std::int64_t refresh(const ViewIdentity& view) { return refresh(view, std::nullopt); }

}  // namespace feature

Datum feature_refresh(PG_FUNCTION_ARGS) {
  return feature::guard([&] {
    feature::refuse_read_only("feature.refresh()");
    feature::refuse_fixed_snapshot();
    if (PG_NARGS() > 1) return Int64GetDatum(feature::refresh_since(fcinfo));
    return Int64GetDatum(feature::refresh(feature::lock_view(PG_GETARG_OID(0))));
  });
}
