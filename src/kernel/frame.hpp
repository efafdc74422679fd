// Window frames, and the functions that read them.
//
// An entity's events are numbered from zero over its whole history, in event-time order, equal times in arrival order.
// A row's own event is at position p, and what lies behind p does not exist for it: a frame never reaches beyond its
// own row. So CURRENT ROW as an upper bound is p itself, also in RANGE mode: peers that arrived earlier are before p.
#pragma once

#include <cstdint>
#include <vector>

#include "kernel/aggregate.hpp"
#include "kernel/segment.hpp"

namespace feature {

struct Bound {
  enum class Kind {
    unbounded,    // as a start only
    current_row,
    rows,         // offset: rows before the current row
    range,        // offset: which of the row's resolved bound times; the first in the frame, or the first behind it
  };
  Kind kind = Kind::unbounded;
  std::int64_t offset = 0;
};

// What a frame leaves out of itself. Peers are the events of the row's own time that arrived before it.
enum class Exclude { nothing, current_row, group, ties };

// ROWS and RANGE frames alike: the kind of its bounds tells.
struct Frame {
  Bound start;
  Bound end;
  Exclude exclude = Exclude::nothing;

  [[nodiscard]] bool unbounded() const { return start.kind == Bound::Kind::unbounded; }
  // Whether it is found without counting rows, so that it holds the same events in whatever order those of one time
  // are.
  [[nodiscard]] bool bounded_by_times() const {
    return (unbounded() || start.kind == Bound::Kind::range) && end.kind != Bound::Kind::rows;
  }
};

// Half-open interval of positions. `self`: the row's own event belongs to the frame as well, behind a gap where its
// peers were left out.
struct Positions {
  std::int64_t first = 0;
  std::int64_t last = 0;
  bool self = false;

  [[nodiscard]] std::int64_t count() const { return last - first + self; }
};

// An aggregate that frames are asked for. `summary`: its first column in the records of inner nodes, where it is kept
// for every run of sealed events; not_summarised if it cannot be combined, or no frame is long enough to gain by it.
struct Measure {
  static constexpr std::size_t not_summarised = ~std::size_t{0};

  const Aggregate* aggregate;
  std::size_t summary = not_summarised;
};

// A measure over all events before some position, kept in the head's prefix.
struct Partial {
  std::size_t measure;
  std::size_t column;  // its first prefix column
};

// The columns of an inner node's records before those of the measures.
inline constexpr std::size_t count_column = 0;   // int64: number of events below the child, at least 1
inline constexpr std::size_t number_column = 1;  // int32: the child's number
inline constexpr std::size_t first_summary_column = 2;  // from here on, those of the measures

// How one partition list's entities are kept.
struct ListPlan {
  Layout layout;      // of heads and leaves: their records are events
  Layout summaries = {{}, {Storage::int64, Storage::int32}};  // of inner nodes: their records are children
  std::vector<Measure> measures;
  std::vector<Partial> partials;
  std::int64_t rows_needed = 0;     // how many earlier events a row of the list may look at by number
  std::size_t running = 0;          // number of frames with a running aggregate, see Entity::running_aggregate
  std::size_t sliding = 0;          // and of those with a sliding one, see Entity::sliding_aggregate
  bool keeps_all = false;           // some function looks at events by number, counted from the first
};

}  // namespace feature
