// Rows that are in a tuplestore, such as those of a transition table.
#pragma once

#include "pg/boundary.hpp"
#include "pg/row_streams.hpp"

extern "C" {
#include <executor/executor.h>
#include <utils/tuplestore.h>
}

namespace feature {

// Through a read pointer of its own: several views may read the rows one after the other.
class StoredRows final : public RowSource {
 public:
  explicit StoredRows(Tuplestorestate* rows) : rows_(rows) {
    call([&] {
      pointer_ = tuplestore_alloc_read_pointer(rows_, EXEC_FLAG_REWIND);
      tuplestore_select_read_pointer(rows_, pointer_);
      tuplestore_rescan(rows_);
    });
  }

  bool next(TupleTableSlot* slot) override {
    tuplestore_select_read_pointer(rows_, pointer_);
    const bool found = tuplestore_gettupleslot(rows_, true, false, slot);
    taken_ += found;
    return found;
  }
  bool has_more() const override { return taken_ < tuplestore_tuple_count(rows_); }
  std::unique_ptr<RowSource> again() override { return std::make_unique<StoredRows>(rows_); }
  std::int64_t count() const override { return tuplestore_tuple_count(rows_); }

 private:
  Tuplestorestate* rows_;
  int pointer_ = 0;
  std::int64_t taken_ = 0;
};

}  // namespace feature
