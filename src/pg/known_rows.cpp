// See known_rows.hpp.

#include "pg/known_rows.hpp"

#include <algorithm>

#include "pg/catalogue.hpp"
#include "pg/frame_bounds.hpp"
#include "pg/state_images.hpp"

extern "C" {
#include <executor/spi.h>
}

namespace feature {
namespace {

// Whether rows look back over a time that is known, and no further.
bool looks_back_over_time(const Program& program, std::size_t list) {
  const ListPlan& plan = program.plan().lists[list].kernel;
  return program.lists[list].kept_for && plan.rows_needed == 0 && !plan.keeps_all && plan.partials.empty();
}

struct Span {
  EventTime first, last;
};

std::optional<Span> span_of_source(const Program& program) {
  const TimeColumn& time = program.plan().time;
  const std::string column =
      quoted(NameStr(TupleDescAttr(program.source_row->tts_tupleDescriptor, time.attribute - 1)->attname));
  Spi spi;
  spi.execute("SELECT pg_catalog.min(" + column + "), pg_catalog.max(" + column + ") FROM " +
              from_source(program.identity().source));
  const std::optional<Span> span = call([&]() -> std::optional<Span> {
    Datum bounds[2];
    for (int i = 0; i < 2; ++i) {
      bool null;
      bounds[i] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 1, &null);
      if (null || is_infinite_time(time.type, bounds[i])) return std::nullopt;
    }
    return Span{to_event_time(time.type, bounds[0]), to_event_time(time.type, bounds[1])};
  });
  spi.close();
  return span;
}

}  // namespace

std::int64_t known_rows(const ViewIdentity& view) {
  std::int64_t most = 0;
  const OwnedContext row(CurrentMemoryContext, "feature_ext image");
  call([] { PushActiveSnapshot(GetTransactionSnapshot()); });
  for (const ViewIdentity::Tables& tables : view.lists) {
    StateImages heads(tables.states);
    if (!heads.has_image()) {
      throw SqlError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "states of feature view \"" + view.name +
                                                                   "\" are not as they were made")
          .hint("Drop the feature view and create it again.");
    }
    std::int64_t events = 0;
    heads.each(row, [&](const std::byte* image, std::size_t size) { events += read_head(image, size).events; });
    heads.close();
    most = std::max(most, events);
  }
  call([] { PopActiveSnapshot(); });
  return most;
}

bool asks_for_lost_rows(const Program& program) {
  if (program.lists.empty()) return false;
  std::int64_t longest = 0;
  for (std::size_t list = 0; list < program.lists.size(); ++list) {
    if (!looks_back_over_time(program, list)) return true;
    longest = std::max(longest, *program.lists[list].kept_for);
  }
  const std::optional<Span> there = span_of_source(program);
  std::int64_t until;
  return !there || __builtin_add_overflow(there->first.time_since_epoch().count(), longest, &until) ||
         until > there->last.time_since_epoch().count();
}

std::string number_of_rows(std::int64_t rows) { return std::to_string(rows) + (rows == 1 ? " row" : " rows"); }

}  // namespace feature
