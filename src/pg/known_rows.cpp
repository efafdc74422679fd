// See known_rows.hpp.

#include "pg/known_rows.hpp"

#include <algorithm>

#include "kernel/segment.hpp"
#include "pg/frame_bounds.hpp"
#include "pg/program.hpp"
#include "pg/state_images.hpp"

namespace feature {
namespace {

bool is_bounded(const PartitionList& list, const WindowFunction& function) {
  switch (function.kind) {
    case WindowFunction::Kind::row_number:
    case WindowFunction::Kind::rank:
    case WindowFunction::Kind::lag:
    case WindowFunction::Kind::has_lag: return false;
    case WindowFunction::Kind::count_rows:
    case WindowFunction::Kind::aggregate:
    case WindowFunction::Kind::nth_value:
    case WindowFunction::Kind::last_value: {
      const Frame& frame = list.frames[function.frame];
      return frame.start.kind == Bound::Kind::range && frame.bounded_by_times();
    }
  }
  return false;
}

// Over how many ticks rows look back; nothing if they may ask for any row.
std::optional<std::int64_t> reach(const ViewIdentity& view, const Plan& plan) {
  std::int64_t longest = 0;
  for (const Level& level : plan.levels) {
    for (const LevelList& used : level.lists) {
      const PartitionList& list = plan.lists[used.list];
      if (!view.lateness || !list.knows_events()) return std::nullopt;
      for (const WindowFunction& function : used.functions) {
        if (!is_bounded(list, function)) return std::nullopt;
      }
      longest = std::max(longest, ticks_needed(plan.time.type, list, *view.lateness));
    }
  }
  return longest;
}

// Calls `read` with each image of a view's table.
template <class Read>
void for_each_image(const ViewIdentity& view, Oid table, Read&& read) {
  const OwnedContext row(CurrentMemoryContext, "feature_ext image");
  StateImages images(table);
  if (!images.has_image()) {
    throw SqlError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                   "states of feature view \"" + view.name + "\" are not as they were made")
        .hint("Drop the feature view and create it again.");
  }
  images.each(row, read);
  images.close();
}

// Of a head, or of a node: those that are no leaves have no events.
std::int64_t count_since(const std::byte* image, std::size_t size, bool is_head, EventTime since) {
  std::pmr::monotonic_buffer_resource memory;
  const Layout layout = layout_of(image, size);
  SegmentReader reader(layout, image, size, memory);
  if (!is_head && reader.prefix().level > 0) return 0;
  std::int64_t rows = 0;
  for (Event event; reader.next(event);) rows += event.time >= since;
  return rows;
}

std::int64_t count(const ViewIdentity& view, const ViewIdentity::Tables& tables, std::optional<EventTime> since) {
  std::int64_t rows = 0;
  for_each_image(view, tables.states, [&](const std::byte* image, std::size_t size) {
    rows += since ? count_since(image, size, true, *since) : read_head(image, size).events;
  });
  if (!since) return rows;
  for_each_image(view, tables.chunks,
                 [&](const std::byte* image, std::size_t size) { rows += count_since(image, size, false, *since); });
  return rows;
}

// Of the list that keeps most of them: each row is an event in each list.
std::int64_t count(const ViewIdentity& view, std::optional<EventTime> since) {
  std::int64_t most = 0;
  for (const ViewIdentity::Tables& tables : view.lists) most = std::max(most, count(view, tables, since));
  return most;
}

EventTime newest(const ViewIdentity& view) {
  EventTime newest = EventTime::min();
  for_each_image(view, view.lists.front().states, [&](const std::byte* image, std::size_t size) {
    const Head head = read_head(image, size);
    if (head.events > 0) newest = std::max(newest, head.newest);
  });
  return newest;
}

// Sees what was committed before.
template <class Read>
auto with_snapshot(Read&& read) {
  call([] { PushActiveSnapshot(GetTransactionSnapshot()); });
  const auto result = read();
  call([] { PopActiveSnapshot(); });
  return result;
}

}  // namespace

KnownRows known_rows(const ViewIdentity& view, const Plan& made_by, const Plan& asked_by) {
  if (view.lists.empty()) return {};
  const std::optional<std::int64_t> kept = reach(view, made_by);
  const std::optional<std::int64_t> asked = reach(view, asked_by);
  return with_snapshot([&] {
    KnownRows known;
    if (asked && (!kept || *asked <= *kept)) {
      const EventTime until = std::min(newest(view), latest_now(asked_by.time.type));
      std::int64_t since;
      const bool overflows = __builtin_sub_overflow(until.time_since_epoch().count(), *asked, &since);
      known.since = overflows ? EventTime::min() : EventTime(Duration(since));
    }
    known.rows = count(view, known.since);
    return known;
  });
}

std::int64_t lost_rows(const ViewIdentity& view, const KnownRows& known) {
  return known.rows - known.gone - with_snapshot([&] { return count(view, known.since); });
}

std::string number_of_rows(std::int64_t rows) { return std::to_string(rows) + (rows == 1 ? " row" : " rows"); }

}  // namespace feature
