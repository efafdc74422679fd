// Where the rows of a run come from, and where the finished ones go to: what callers of the engine bring with them.
#pragma once

#include "pg/postgres.hpp"

extern "C" {
#include <executor/tuptable.h>
}

namespace feature {

// Where rows come from. next() runs backend code, only inside call, and leaves a row in the slot or returns false.
class RowSource {
 public:
  virtual ~RowSource() = default;
  [[nodiscard]] virtual bool next(TupleTableSlot* slot) = 0;
  // Of the row that next() has given last: its number, for whom the finished row is made; and whether it is one that
  // the source no longer has, which is to be taken out of the states. All of those come first.
  [[nodiscard]] virtual std::size_t number() const { return 0; }
  [[nodiscard]] virtual bool is_old() const { return false; }
  // Whether rows are left, where several sessions can be at it at once; then again() gives all rows from the first on.
  [[nodiscard]] virtual bool has_more() const { return false; }
  [[nodiscard]] virtual std::unique_ptr<RowSource> again() { return nullptr; }
  // Whether the next row is not to be in one batch with those before it.
  [[nodiscard]] virtual bool begins_batch() const { return false; }
  // How many rows again() gives; none if it cannot be asked.
  [[nodiscard]] virtual std::int64_t count() const { return 0; }
  // Whether the next row can be had without running a query: then next() may be called in a subtransaction.
  [[nodiscard]] virtual bool is_at_hand() const { return true; }
};

// Where finished rows go to. Its functions run backend code, only inside call.
class RowSink {
 public:
  virtual ~RowSink() = default;
  virtual void add(std::size_t number, const Datum* values, const bool* nulls) = 0;
  // Whether rows are finished and added; else they are processed for what they leave in the states alone.
  [[nodiscard]] virtual bool takes_rows() const { return true; }
  // Work that has come together and is not about a single row.
  [[nodiscard]] virtual bool is_due() const { return false; }
  virtual void catch_up() {}
  // The row in the program's source slot is an old one that the view has.
  virtual void take_back(std::size_t) {}
};

}  // namespace feature
