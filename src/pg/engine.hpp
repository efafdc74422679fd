// Runs a program over rows: the way of a row from the source to the feature table.
//
// Rows are taken in batches. A batch is put in (event time, position) order, the states of its entities are locked in
// one global order and loaded, each row goes through all levels before the next one, and then states and feature rows
// are written. So a row sees what was processed before it, in its own batch as in earlier ones.
#pragma once

#include "pg/program.hpp"
#include "pg/row_streams.hpp"

namespace feature {

class Diversion;
struct Parameters;

// Which finished rows are written, and where to.
struct Destination {
  std::optional<EventTime> since = std::nullopt;  // earlier rows are processed, but not written
  const FeatureTable* table = nullptr;            // or null for the view's own
};

struct RunOptions {
  std::int64_t batch_rows;
  bool fire_triggers;  // on the feature table
  Destination destination = {};
  Oid inserter = InvalidOid;  // who has inserted the rows, and may be told of them what they may read
  // The command that has begun to change the rows, see RowChanges; nothing if it is the one whose triggers fire.
  std::optional<CommandId> changed_by = std::nullopt;
};

struct Processed {
  std::int64_t written = 0;
  std::int64_t diverted = 0;  // to the table of errors, if the view does so; else a row that fails fails all
};

// Processes all rows of `source` and writes the finished ones. Runs expressions as the current user. O(rows) plus what
// their frames hold; memory is bounded by a batch and its entities.
Processed run(Program& program, RowSource& source, const RunOptions& options);

struct ComputeOptions {
  std::int64_t batch_rows;
  // States have been made anew, without the rows in these places; null if not.
  const Parameters* rebuilt_without = nullptr;
  Oid inserter = InvalidOid;  // these two as in RunOptions
  std::optional<CommandId> changed_by = std::nullopt;
};

// The same with another place for finished rows, and one for those that fail: null if they fail all. Old rows are taken
// out of the states, and fail all if they fail; false if the event of one cannot be told from others: then the states
// are half done, and must be made anew, from the source without the new rows.
[[nodiscard]] bool compute(Program& program, RowSource& source, RowSink& sink, Diversion* diversion,
                           const ComputeOptions& options);

}  // namespace feature
