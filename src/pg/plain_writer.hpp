// Puts finished rows into a feature table by an INSERT statement, as anybody would. What FeatureWriter does at once is
// compared with this: see feature_ext.plain_writes.
#pragma once

#include "pg/program.hpp"
#include "pg/row_streams.hpp"

extern "C" {
#include <utils/tuplestore.h>
}

namespace feature {

// Rows wait in memory up to work_mem, and on disk beyond it. O(1) a row.
class PlainWriter final : public RowSink {
 public:
  explicit PlainWriter(const FeatureTable& table);

  void add(std::size_t number, const Datum* values, const bool* nulls) override;
  // Inserts them all, once. After an error the end of the transaction gives back what is here.
  void finish();

 private:
  std::string insert_;
  std::vector<std::size_t> columns_;  // of the definition: those that the table still has
  std::vector<Datum> values_;
  std::unique_ptr<bool[]> nulls_;
  TupleDesc description_ = nullptr;
  Tuplestorestate* rows_ = nullptr;
};

}  // namespace feature
