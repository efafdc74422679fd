// Frame clauses, and event time types: which there are, and how a RANGE bound is resolved for a row.
#pragma once

#include "pg/plan.hpp"
#include "pg/refusals.hpp"

namespace feature {

// timestamptz, timestamp, date, int8, int4, int2.
[[nodiscard]] bool is_time_type(Oid type);
[[nodiscard]] bool is_descending(Oid ordering_operator);

// Ticks of the event clock and back. Infinite times have no place on it: see is_infinite_time.
[[nodiscard]] EventTime to_event_time(Oid type, Datum time);
[[nodiscard]] Datum from_event_time(Oid type, EventTime time);
[[nodiscard]] bool is_infinite_time(Oid type, Datum time);
// As messages show it.
[[nodiscard]] std::string show_time(Oid type, EventTime time);

// PostgreSQL's in_range as a bound: the first time in a frame that starts `offset` before `time`, or the first behind
// one that ends there. Backend code: an error if it is before the first timestamp, as in_range makes one of it.
[[nodiscard]] EventTime resolve_bound(Oid type, EventTime time, const TimeOffset& offset);

// The same without the backend; false if it is needed: for offsets of the calendar, and for that error.
[[nodiscard]] bool resolve_by_subtraction(Oid type, EventTime time, const TimeOffset& offset, EventTime* bound);

// For how many ticks behind the newest event a list's events are needed: as long as its longest frame, and for rows
// that are late by `lateness` at most. Never too few: months count as 31 days, days as 25 hours, and a day is added for
// the jumps of calendars. Integer times have no hours: there events are kept for twice the longest frame.
[[nodiscard]] std::int64_t ticks_needed(Oid type, const PartitionList& list, const Interval& lateness);
// The transaction's start as an event time; of types without a time zone, the latest that it can be anywhere. Integer
// times have no now: the end of time.
[[nodiscard]] EventTime latest_now(Oid type);

// Turns the frame clauses of one definition into frames of its lists.
class FrameBounds {
 public:
  FrameBounds(const Refusals& refuse, Oid time_type) : refuse_(refuse), time_type_(time_type) {}

  // Finds or adds the frame of a window function in its list. Throws SqlError for frames that look ahead.
  [[nodiscard]] std::size_t add(PartitionList& list, const WindowFunc* function, const WindowClause* window) const;

 private:
  [[nodiscard]] Bound offset_bound(PartitionList& list, const WindowFunc* function, Node* offset, bool rows,
                                   bool end) const;
  [[nodiscard]] Bound range_bound(PartitionList& list, const TimeOffset& offset) const;

  const Refusals& refuse_;
  Oid time_type_;
};

}  // namespace feature
