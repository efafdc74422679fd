// The rows of a source that a view with on_error => 'divert' could not process: table feature_state.error.
//
// A row is in it if and only if it has no event in any state of the view and no feature row.
#pragma once

#include <unordered_map>

#include "pg/feature_writer.hpp"
#include "pg/row_image.hpp"

namespace feature {

// Whether an error belongs to the row that was processed, by its SQLSTATE; others are of the session, the server or the
// code, and would be the next row's as well.
[[nodiscard]] bool is_data_error(int sqlstate);

// The meaning of an on_error argument. Throws SqlError unless it is 'abort' or 'divert'.
[[nodiscard]] bool diverts(const char* on_error);

// Where rows go to lists that several sessions write at once, what a row has done there cannot be undone alone.
[[noreturn]] void refuse_to_divert();

// Puts rows into the table.
class Diversion {
 public:
  explicit Diversion(const Program& program) : program_(program) {}

  void add(MinimalTuple row, const ErrorData& error, const char* feature);
  [[nodiscard]] std::int64_t count() const { return count_; }
  void finish();

 private:
  const Program& program_;
  std::optional<RowImages> images_;
  std::optional<FeatureWriter> writer_;
  std::int64_t count_ = 0;
};

// Which rows of the source are in the table, as the active snapshot sees it. Must be made within an SPI connection.
class DivertedKeys {
 public:
  explicit DivertedKeys(const Program& program);

  // Whether a row is one of them; each is found only once.
  [[nodiscard]] bool take_out(MinimalTuple row);

 private:
  std::optional<RowImages> images_;
  std::unordered_map<std::string, std::int64_t> rows_;
};

[[nodiscard]] bool has_diverted(const ViewIdentity& view);
// Removes all rows of a view from the table; returns how many there were.
std::int64_t forget_diverted(const ViewIdentity& view);

}  // namespace feature
