// feature.expire: removes old rows without changing what is known of them.
//
// Rows of a table go while the views that follow it look away, so that states and features stay. That is right only if
// these views no longer have the rows either: so views are expired from the last to the first, and the source with the
// last view that still has its rows.

#include <algorithm>

#include "pg/as_user.hpp"
#include "pg/boundary.hpp"
#include "pg/catalogue.hpp"
#include "pg/correction.hpp"
#include "pg/diverted_rows.hpp"
#include "pg/isolation.hpp"
#include "pg/program_cache.hpp"
#include "pg/time_argument.hpp"
#include "pg/view_objects.hpp"

extern "C" {
#include <executor/spi.h>
#include <storage/lmgr.h>
#include <utils/builtins.h>
#include <utils/lsyscache.h>

PGDLLEXPORT Datum feature_expire(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(feature_expire);
}

namespace feature {
namespace {

class Expiry {
 public:
  Expiry(const ViewIdentity& view, Oid type, Datum time) : view_(view), type_(type), time_(time) {}

  std::int64_t run(const Program& program, bool source) {
    const std::vector<AttrNumber> kept = time_attributes(program);
    if (kept.empty()) throw no_time(program, "cannot be expired");
    check_followers(view_.relation, kept);
    if (source) {
      // First, and its rows as well: whoever writes to the source comes to the feature table from there.
      call([&] { LockRelationOid(view_.source, RowExclusiveLock); });
      check_followers(view_.source, {program.plan().time.attribute});
    }
    if (source) remove(view_.source, program.plan().time.attribute);
    return remove(view_.relation, kept.front());
  }

 private:
  static SqlError no_time(const Program& program, const char* what) {
    const ViewIdentity& view = program.identity();
    const char* time = call([&] { return get_attname(view.source, program.plan().time.attribute, false); });
    return SqlError(ERRCODE_FEATURE_NOT_SUPPORTED, "feature view \"" + view.name + "\" " + what)
        .detail("It has no column that keeps the event time \"" + std::string(time) + "\".");
  }

  // Throws SqlError unless the views that follow a table have none of its rows that are to go.
  void check_followers(Oid table, const std::vector<AttrNumber>& times) const {
    for (const std::int32_t id : views_on(table)) {
      if (id == view_.id) continue;
      const std::shared_ptr<Program> follower = program_of(id);
      const ViewIdentity& other = follower->identity();
      const bool same_time =
          std::find(times.begin(), times.end(), follower->plan().time.attribute) != times.end();
      const std::vector<AttrNumber> kept = same_time ? time_attributes(*follower) : std::vector<AttrNumber>();
      if (!kept.empty() && !has_rows(*follower, kept.front())) continue;
      const char* name = call([&] { return get_rel_name(table); });
      SqlError error(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                     "rows of \"" + std::string(name) + "\" cannot be expired before those of feature view \"" +
                         other.name + "\"");
      if (kept.empty()) {
        throw std::move(error)
            .detail("It follows the table and does not keep the same event time, so that its old rows cannot be told.")
            .hint("Drop it, or create it with that column.");
      }
      throw std::move(error)
          .detail("It follows the table and has rows of that time.")
          .hint("Call feature.expire() for it first.");
    }
  }

  [[nodiscard]] bool has_rows(const Program& program, AttrNumber time) const {
    const AsUser owner(program.identity().owner, true);
    return execute("SELECT FROM ", program.identity().relation, time, " LIMIT 1") > 0;
  }

  std::int64_t remove(Oid table, AttrNumber time) const {
    const std::vector<std::int32_t> followers = views_on(table);
    std::int64_t rows;
    {
      const Trimming looking_away(followers);
      const AsUser owner(view_.owner, true);
      rows = static_cast<std::int64_t>(execute("DELETE FROM ", table, time, ""));
    }
    // Behind the rows, as where a statement changes them.
    for (const std::int32_t follower : followers) forget_diverted_before(follower, table, time);
    return rows;
  }

  // Rows that a follower has diverted go with the others, and so their entries do.
  void forget_diverted_before(std::int32_t follower, Oid table, AttrNumber time) const {
    if (!OidIsValid(table_of_errors())) return;
    struct { const char* column; const char* type; } names = call([&]() -> decltype(names) {
      return {get_attname(table, time, false), format_type_be(type_)};
    });
    const AsUser owner(state_schema_owner(), false);
    execute("DELETE FROM feature_state.error WHERE " +
            locked_entries("view = " + std::to_string(follower) + " AND (\"row\" ->> " + literal(names.column) + ")::" +
                           names.type + " < $1"));
  }

  std::uint64_t execute(const char* what, Oid table, AttrNumber time, const char* rest) const {
    const char* column = call([&] { return get_attname(table, time, false); });
    return execute(what + from_source(table) + " WHERE " + quoted(column) + " < $1" + rest);
  }

  // $1 is the time.
  std::uint64_t execute(const std::string& sql) const {
    Spi spi;
    const std::uint64_t rows = call([&] {
      Oid type = type_;
      Datum value = time_;
      const int result = SPI_execute_with_args(sql.c_str(), 1, &type, &value, nullptr, false, 0);
      if (result < 0) elog(ERROR, "SPI_execute_with_args failed: %s", SPI_result_code_string(result));
      return SPI_processed;
    });
    spi.close();
    return rows;
  }

  const ViewIdentity& view_;
  Oid type_;
  Datum time_;
};

std::int64_t expire(FunctionCallInfo fcinfo) {
  refuse_read_only("feature.expire()");
  const ViewIdentity view = view_by_relation(PG_GETARG_OID(0));
  check_owner(view);
  check_catalogue(view);
  check_row_security(view);
  const std::shared_ptr<Program> program = program_of(view.id);
  const TimeColumn time = program->plan().time;
  if (time.attribute == InvalidAttrNumber) {
    throw SqlError(ERRCODE_FEATURE_NOT_SUPPORTED, "feature view \"" + view.name + "\" cannot be expired")
        .detail("Its definition has no windows, and so no event time.");
  }
  const Datum older_than =
      time_argument(fcinfo, "older_than", view, time.type, "Give a finite time: the rows before it are removed.");
  return Expiry(view, time.type, older_than).run(*program, PG_GETARG_BOOL(2));
}

}  // namespace
}  // namespace feature

Datum feature_expire(PG_FUNCTION_ARGS) {
  return feature::guard([&] { return Int64GetDatum(feature::expire(fcinfo)); });
}
