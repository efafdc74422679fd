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
    range,        // offset: which of the row's resolved bound times
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
};

// Half-open interval of positions. `self`: the row's own event belongs to the frame as well, behind a gap where its peers
// were left out.
struct Positions {
  std::int64_t first = 0;
  std::int64_t last = 0;
  bool self = false;

  [[nodiscard]] std::int64_t count() const { return last - first + self; }
};

// An aggregate over all events before some position, kept in the prefix of every segment.
struct Partial {
  const Aggregate* aggregate;
  std::size_t column;  // its first prefix column
};

// How one partition list's entities are kept.
struct ListPlan {
  Layout layout;
  std::vector<Partial> partials;
  std::int64_t rows_needed = 0;     // how many earlier events a row of the list may look at by number
  std::size_t running = 0;          // number of frames with a running aggregate, see Entity::running_aggregate
};

}  // namespace feature
