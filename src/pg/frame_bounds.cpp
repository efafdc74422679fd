// See frame_bounds.hpp.

#include "pg/frame_bounds.hpp"

#include <algorithm>

#include "pg/compat.hpp"

extern "C" {
#include <access/xact.h>
#include <catalog/pg_type.h>
#include <nodes/nodeFuncs.h>
#include <optimizer/optimizer.h>
#include <utils/date.h>
#include <utils/fmgrprotos.h>
#include <utils/lsyscache.h>
#include <utils/timestamp.h>
}

namespace feature {

bool is_time_type(Oid type) {
  switch (type) {
    case TIMESTAMPTZOID:
    case TIMESTAMPOID:
    case DATEOID:
    case INT8OID:
    case INT4OID:
    case INT2OID: return true;
    default: return false;
  }
}

bool is_descending(Oid ordering_operator) {
  return call([&] { return compat::is_greater_than(ordering_operator); });
}

EventTime to_event_time(Oid type, Datum time) {
  switch (type) {
    case DATEOID:
    case INT4OID: return EventTime(Duration(DatumGetInt32(time)));
    case INT2OID: return EventTime(Duration(DatumGetInt16(time)));
    default: return EventTime(Duration(DatumGetInt64(time)));
  }
}

Datum from_event_time(Oid type, EventTime time) {
  const std::int64_t ticks = time.time_since_epoch().count();
  switch (type) {
    case DATEOID:
    case INT4OID: return Int32GetDatum(static_cast<std::int32_t>(ticks));
    case INT2OID: return Int16GetDatum(static_cast<std::int16_t>(ticks));
    default: return Int64GetDatum(ticks);
  }
}

bool is_infinite_time(Oid type, Datum time) {
  switch (type) {
    case TIMESTAMPTZOID:
    case TIMESTAMPOID: return TIMESTAMP_NOT_FINITE(DatumGetInt64(time));
    case DATEOID: return DATE_NOT_FINITE(DatumGetDateADT(time));
    default: return false;
  }
}

std::string show_time(Oid type, EventTime time) {
  return call([&] {
    Oid output;
    bool varies;
    getTypeOutputInfo(type, &output, &varies);
    return OidOutputFunctionCall(output, from_event_time(type, time));
  });
}

bool resolve_by_subtraction(Oid type, EventTime time, const TimeOffset& offset, EventTime* bound) {
  if (offset.calendar) return false;
  std::int64_t ticks = time.time_since_epoch().count();
  // Before the first number there is nothing: a frame that starts there has all that was, one that ends there is empty.
  if (__builtin_sub_overflow(ticks, offset.ticks - offset.end, &ticks)) ticks = PG_INT64_MIN;
  *bound = EventTime(Duration(ticks));
  return (type != TIMESTAMPTZOID && type != TIMESTAMPOID) || ticks >= MIN_TIMESTAMP + offset.end;
}

EventTime resolve_bound(Oid type, EventTime time, const TimeOffset& offset) {
  EventTime simple;
  if (resolve_by_subtraction(type, time, offset, &simple)) return simple;
  std::int64_t ticks = time.time_since_epoch().count();
  auto* interval = const_cast<Interval*>(&offset.interval);
  switch (type) {
    case TIMESTAMPTZOID:
      ticks = DatumGetInt64(
          DirectFunctionCall2(timestamptz_mi_interval, Int64GetDatum(ticks), IntervalPGetDatum(interval)));
      return EventTime(Duration(ticks + offset.end));
    case TIMESTAMPOID:
      ticks = DatumGetInt64(
          DirectFunctionCall2(timestamp_mi_interval, Int64GetDatum(ticks), IntervalPGetDatum(interval)));
      return EventTime(Duration(ticks + offset.end));
    default: {
      // A date is compared as its midnight.
      const Timestamp midnight = DatumGetTimestamp(
          DirectFunctionCall1(date_timestamp, DateADTGetDatum(static_cast<DateADT>(ticks))));
      const std::int64_t bound = DatumGetInt64(
          DirectFunctionCall2(timestamp_mi_interval, TimestampGetDatum(midnight), IntervalPGetDatum(interval)));
      const std::int64_t rest = bound % USECS_PER_DAY;
      const std::int64_t day = bound / USECS_PER_DAY - (rest < 0);
      return EventTime(Duration(day + (offset.end || rest != 0)));
    }
  }
}

namespace {

std::int64_t saturated(__int128 ticks) {
  return static_cast<std::int64_t>(std::clamp<__int128>(ticks, 0, PG_INT64_MAX));
}

// At least as many microseconds as an interval takes on any calendar.
__int128 longest_span(const Interval& interval) {
  constexpr __int128 longest_day = 25 * USECS_PER_HOUR;
  return interval.time + interval.day * longest_day + interval.month * (31 * longest_day);
}

}  // namespace

std::int64_t ticks_needed(Oid type, const PartitionList& list, const Interval& lateness) {
  const bool is_timestamp = type == TIMESTAMPTZOID || type == TIMESTAMPOID;
  __int128 longest = 0;
  for (const TimeOffset& offset : list.offsets) {
    longest = std::max(longest, offset.calendar ? longest_span(offset.interval) + USECS_PER_DAY : offset.ticks);
  }
  if (is_timestamp) return saturated(longest + longest_span(lateness));
  if (type == DATEOID) return saturated((longest + longest_span(lateness)) / USECS_PER_DAY + 2);
  return saturated(2 * longest);
}

EventTime latest_now(Oid type) {
  const TimestampTz now = GetCurrentTransactionStartTimestamp();
  switch (type) {
    case TIMESTAMPTZOID: return EventTime(Duration(now));
    case TIMESTAMPOID: return EventTime(Duration(now + USECS_PER_DAY));
    case DATEOID: return EventTime(Duration(now / USECS_PER_DAY + 1));
    default: return EventTime::max();
  }
}

Bound FrameBounds::range_bound(PartitionList& list, const TimeOffset& offset) const {
  const auto found = std::find(list.offsets.begin(), list.offsets.end(), offset);
  const auto index = found - list.offsets.begin();
  if (found == list.offsets.end()) list.offsets.push_back(offset);
  return {Bound::Kind::range, index};
}

Bound FrameBounds::offset_bound(PartitionList& list, const WindowFunc* function, Node* given, bool rows,
                                bool end) const {
  Node* folded = call([&] { return eval_const_expressions(nullptr, static_cast<Node*>(copyObjectImpl(given))); });
  if (!IsA(folded, Const)) {
    refuse_.frame_offset(function, ERRCODE_FEATURE_NOT_SUPPORTED, "frame offset must be a constant");
  }
  const auto* constant = reinterpret_cast<Const*>(folded);
  if (constant->constisnull) {
    refuse_.frame_offset(function, ERRCODE_NULL_VALUE_NOT_ALLOWED, "frame offset must not be null");
  }
  const auto refuse_negative = [&] {
    refuse_.frame_offset(function, ERRCODE_INVALID_PRECEDING_OR_FOLLOWING_SIZE, "frame offset must not be negative");
  };
  if (rows) {
    const std::int64_t offset = DatumGetInt64(constant->constvalue);
    if (offset < 0) refuse_negative();
    list.kernel.rows_needed = std::max(list.kernel.rows_needed, offset);
    return {Bound::Kind::rows, offset};
  }
  TimeOffset made;
  switch (constant->consttype) {
    case INT8OID: made.ticks = DatumGetInt64(constant->constvalue); break;
    case INT4OID: made.ticks = DatumGetInt32(constant->constvalue); break;
    case INT2OID: made.ticks = DatumGetInt16(constant->constvalue); break;
    case INTERVALOID: {
      made.interval = *DatumGetIntervalP(constant->constvalue);
      // PostgreSQL judges the sign as a comparison with zero does: months of 30 days, days of 24 hours.
      const __int128 span = made.interval.time + static_cast<__int128>(made.interval.day) * USECS_PER_DAY +
                            static_cast<__int128>(made.interval.month) * DAYS_PER_MONTH * USECS_PER_DAY;
      if (span < 0) refuse_negative();
      if (end && (made.interval.time < 0 || made.interval.day < 0 || made.interval.month < 0)) {
        refuse_.frame(function, "an offset with negative parts at the end of a frame",
                      "It can lead to a time after the row's own, as months and days have different lengths.",
                      "Give an offset whose months, days and hours are all positive.");
      }
      made.calendar = made.interval.month != 0 || made.interval.day != 0 || time_type_ == DATEOID;
      if (!made.calendar) made.ticks = made.interval.time;
      break;
    }
    default:
      refuse_.frame_offset(function, ERRCODE_FEATURE_NOT_SUPPORTED, "frame offset has an unsupported type");
  }
  if (made.ticks < 0 && !made.calendar) refuse_negative();
  // No event after the row's own is there for it yet.
  if (end && made.ticks == 0 && !made.calendar) return {Bound::Kind::current_row, 0};
  made.end = end;
  return range_bound(list, made);
}

std::size_t FrameBounds::add(PartitionList& list, const WindowFunc* function, const WindowClause* window) const {
  const int options = window->frameOptions;
  if ((options & FRAMEOPTION_GROUPS) != 0) {
    refuse_.frame(function, "GROUPS frame mode", "It counts groups of equal times, which are not kept.",
                  "Use RANGE or ROWS.");
  }
  constexpr int ahead = FRAMEOPTION_START_UNBOUNDED_FOLLOWING | FRAMEOPTION_END_UNBOUNDED_FOLLOWING |
                        FRAMEOPTION_START_OFFSET_FOLLOWING | FRAMEOPTION_END_OFFSET_FOLLOWING;
  if ((options & ahead) != 0) {
    refuse_.frame(function, "FOLLOWING in a frame", "It would need events that have not happened yet.",
                  "Let the frame end at CURRENT ROW or at an offset PRECEDING.");
  }
  const bool rows = (options & FRAMEOPTION_ROWS) != 0;
  Frame frame;
  if ((options & FRAMEOPTION_START_CURRENT_ROW) != 0) {
    // In RANGE mode the frame starts with the first event of the row's time.
    frame.start = rows ? Bound{Bound::Kind::current_row, 0} : range_bound(list, {});
  } else if ((options & FRAMEOPTION_START_OFFSET_PRECEDING) != 0) {
    frame.start = offset_bound(list, function, window->startOffset, rows, false);
  }
  if ((options & FRAMEOPTION_END_OFFSET_PRECEDING) != 0) {
    frame.end = offset_bound(list, function, window->endOffset, rows, true);
  } else {
    frame.end = {Bound::Kind::current_row, 0};
  }
  if ((options & FRAMEOPTION_EXCLUDE_CURRENT_ROW) != 0) frame.exclude = Exclude::current_row;
  if ((options & FRAMEOPTION_EXCLUDE_GROUP) != 0) frame.exclude = Exclude::group;
  if ((options & FRAMEOPTION_EXCLUDE_TIES) != 0) frame.exclude = Exclude::ties;
  const auto same = [](const Bound& a, const Bound& b) { return a.kind == b.kind && a.offset == b.offset; };
  for (std::size_t i = 0; i < list.frames.size(); ++i) {
    const Frame& known = list.frames[i];
    if (same(known.start, frame.start) && same(known.end, frame.end) && known.exclude == frame.exclude) return i;
  }
  list.frames.push_back(frame);
  return list.frames.size() - 1;
}

}  // namespace feature
