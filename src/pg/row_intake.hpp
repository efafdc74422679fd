// The first steps of a source row: it is read, filtered by the definition's WHERE, and what it tells by itself is
// evaluated: its event time, and the keys of the lists that need nothing else.
//
// The row is the one in the program's source slot. All of this runs backend code: only inside call.
#pragma once

#include "pg/program.hpp"
#include "pg/row_streams.hpp"

namespace feature {

// Reads the next row into the program's source slot, to which it belongs; null if there is none. What was evaluated for
// the row before is freed.
[[nodiscard]] MinimalTuple next_row(Program& program, RowSource& source);

// False if the filter leaves the row out, else its time and keys are in the program's `prepared`. Evaluates in the
// current memory context, the row's.
[[nodiscard]] bool prepare(Program& program);

// Of a prepared row; nothing if the definition has no window, and so no event time. An ERROR if it has no finite time.
[[nodiscard]] EventTime event_time(const Program& program);
// Whether event_time() would succeed: a row without a time was never taken.
[[nodiscard]] bool has_event_time(const Program& program);

}  // namespace feature
