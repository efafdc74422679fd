// The rows of a source that a view with on_error => 'divert' could not process: table feature_state.error.
//
// A row is in it if and only if it has no event in any state of the view and no feature row.
//
// Whoever takes entries off the table locks them in the order of their numbers, and before it locks any state of the
// view; or does not wait for them.
#pragma once

#include <unordered_map>

#include "pg/row_image.hpp"

extern "C" {
#include <utils/resowner.h>
#include <utils/tuplestore.h>
}

namespace feature {

// Whether an error belongs to the row that was processed, by its SQLSTATE; others are of the session, the server or the
// code, and would be the next row's as well.
[[nodiscard]] bool is_data_error(int sqlstate);

// The meaning of an on_error argument. Throws SqlError unless it is 'abort' or 'divert'.
[[nodiscard]] bool diverts(const char* on_error);

// Puts rows into the table, once all are known. They wait in memory up to work_mem, and on disk beyond it, for as long
// as the transaction goes on that it was made in.
class Diversion {
 public:
  explicit Diversion(const Program& program) : program_(program), owner_(CurrentResourceOwner) {}

  void add(MinimalTuple row, const ErrorData& error, const char* feature);
  [[nodiscard]] std::int64_t count() const { return count_; }
  // Forgets what was added.
  void clear();
  void finish();

 private:
  void begin();

  const Program& program_;
  const ResourceOwner owner_;
  std::optional<RowImages> images_;
  std::vector<AttrNumber> attributes_;
  TupleDesc columns_ = nullptr;
  Tuplestorestate* rows_ = nullptr;
  std::int64_t count_ = 0;
};

// Which rows of the source are in the table, as the active snapshot sees it. Must be made within an SPI connection.
class DivertedKeys {
 public:
  // `source`: the type of the source's rows, which is borrowed.
  DivertedKeys(const ViewIdentity& view, TupleDesc source);

  [[nodiscard]] bool empty() const { return rows_.empty(); }
  // Whether a row is one of them; each is found only once.
  [[nodiscard]] bool take_out(MinimalTuple row);

 private:
  std::optional<RowImages> images_;
  std::unordered_map<std::string, std::int64_t> rows_;
};

// Of a DELETE from the table: that its entries are those which a condition tells, locked in the one order.
[[nodiscard]] std::string locked_entries(const std::string& condition);

[[nodiscard]] bool has_diverted(const ViewIdentity& view);
// Removes all rows of a view from the table; returns how many there were.
std::int64_t forget_diverted(const ViewIdentity& view);

}  // namespace feature
