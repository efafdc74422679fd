// Runs a program over rows: the way of a row from the source to the feature table.
//
// Rows are taken in batches. A batch is put in (event time, position) order, the states of its entities are locked in
// one global order and loaded, each row goes through all levels before the next one, and then states and feature rows
// are written. So a row sees what was processed before it, in its own batch as in earlier ones.
#pragma once

#include "pg/program.hpp"

namespace feature {

struct Parameters;

// Where rows come from. next() runs backend code, only inside call, and leaves a row in the slot or returns false.
class RowSource {
 public:
  virtual ~RowSource() = default;
  [[nodiscard]] virtual bool next(TupleTableSlot* slot) = 0;
  // Of the row that next() has given last: its number, for whom the finished row is made; and whether it is one that the
  // source no longer has, which is to be taken out of the states. All of those come first.
  [[nodiscard]] virtual std::size_t number() const { return 0; }
  [[nodiscard]] virtual bool is_old() const { return false; }
  // Whether rows are left, where several sessions can be at it at once; then again() gives all rows from the first on.
  [[nodiscard]] virtual bool has_more() const { return false; }
  [[nodiscard]] virtual std::unique_ptr<RowSource> again() { return nullptr; }
  // Whether the next row can be had without running a query: then next() may be called in a subtransaction.
  [[nodiscard]] virtual bool is_at_hand() const { return true; }
};

// Where finished rows go to. Its functions run backend code, only inside call.
class RowSink {
 public:
  virtual ~RowSink() = default;
  virtual void add(std::size_t number, const Datum* values, const bool* nulls) = 0;
  // Work that has come together and is not about a single row.
  [[nodiscard]] virtual bool is_due() const { return false; }
  virtual void catch_up() {}
  // The row in the program's source slot is an old one that the view has.
  virtual void take_back(std::size_t) {}
};

// Takes the row in the program's source slot: false if the filter leaves it out, else its time and keys are in `prepared`.
// Evaluates in the current memory context, the row's. Backend code.
[[nodiscard]] bool prepare(Program& program);

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
};

struct Processed {
  std::int64_t written = 0;
  std::int64_t diverted = 0;  // to the table of errors, if the view does so; else a row that fails fails all
};

// Processes all rows of `source` and writes the finished ones. Runs expressions as the current user. O(rows) plus what their frames hold; memory is
// bounded by a batch and its entities.
Processed run(Program& program, RowSource& source, const RunOptions& options);

// The same with another place for finished rows, where a row that fails fails all. Old rows are taken out of the states;
// false if the event of one cannot be told from others: then the states are half done, and must be made anew, from the
// source without the new rows. `rebuilt_without`: they have been, without the rows in these places; null if not.
// `inserter`: see RunOptions.
[[nodiscard]] bool compute(Program& program, RowSource& source, RowSink& sink, std::int64_t batch_rows,
                           const Parameters* rebuilt_without, Oid inserter);

}  // namespace feature
