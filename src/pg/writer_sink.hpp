// Finished rows of a run that go to a feature table as they come.
#pragma once

#include "pg/feature_writer.hpp"
#include "pg/row_streams.hpp"

namespace feature {

class WriterSink final : public RowSink {
 public:
  // Borrows the writer, which is open.
  explicit WriterSink(FeatureWriter& writer) : writer_(writer) {}
  void add(std::size_t, const Datum* values, const bool* nulls) override { writer_.add(values, nulls); }
  [[nodiscard]] bool is_due() const override { return writer_.is_due(); }
  void catch_up() override { writer_.catch_up(); }

 private:
  FeatureWriter& writer_;
};

}  // namespace feature
