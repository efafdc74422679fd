// Rows of a source table that a query reads, through a cursor.
#pragma once

#include "pg/row_streams.hpp"

extern "C" {
#include <executor/spi.h>
}

namespace feature {

// A query's parameters.
struct Parameters {
  std::vector<Oid> types;
  std::vector<Datum> values;
};

// Places of rows as parameters: oid[] of their tables, and tid[].
[[nodiscard]] Parameters to_places(const std::vector<Oid>& relations, const std::vector<ItemPointerData>& places);

// Of such places: the condition on a row of a source that it is in none of them, whose
// parameters are added to the query's.
[[nodiscard]] std::string is_elsewhere(const Parameters& places, Parameters& parameters);

// Lives within an SPI connection. The query is "SELECT * FROM" a source, and reads with the active snapshot.
class SourceRows final : public RowSource {
 public:
  explicit SourceRows(const std::string& query, const Parameters& parameters = {});

  bool next(TupleTableSlot* slot) override;
  bool is_at_hand() const override { return position_ < fetched_; }
  // Rows that next() has given.
  [[nodiscard]] std::int64_t taken() const { return taken_ + static_cast<std::int64_t>(position_); }

  // Lets go of the table: a cursor stays open beyond the SPI connection.
  void close();

 private:
  void store_with_dropped_columns(HeapTuple row, TupleTableSlot* slot) const;

  Portal portal_;
  SPITupleTable* rows_ = nullptr;
  std::uint64_t fetched_ = 0;
  std::uint64_t position_ = 0;
  std::int64_t taken_ = 0;  // before those
};

}  // namespace feature
