// See backfill.hpp.

#include "pg/backfill.hpp"

#include "pg/as_user.hpp"
#include "pg/catalogue.hpp"
#include "pg/compat.hpp"
#include "pg/progress.hpp"
#include "pg/settings.hpp"

extern "C" {
#include <access/htup_details.h>
#include <executor/executor.h>
#include <executor/spi.h>
}

namespace feature {
namespace {

// The rows of an SPI cursor, a few thousand at a time.
class CursorRows final : public RowSource {
 public:
  CursorRows(const std::string& query, Progress& progress) : progress_(progress) {
    portal_ = call([&] {
      SPIPlanPtr plan = SPI_prepare_cursor(query.c_str(), 0, nullptr, CURSOR_OPT_NO_SCROLL);
      if (plan == nullptr) elog(ERROR, "SPI_prepare_cursor failed: %s", SPI_result_code_string(SPI_result));
      return SPI_cursor_open(nullptr, plan, nullptr, nullptr, false);
    });
  }

  bool next(TupleTableSlot* slot) override {
    if (position_ == fetched_) {
      taken_ += static_cast<std::int64_t>(position_);
      if (SPI_tuptable != nullptr) SPI_freetuptable(SPI_tuptable);
      SPI_cursor_fetch(portal_, true, rows_at_once);
      fetched_ = SPI_processed;
      rows_ = SPI_tuptable;
      position_ = 0;
      if (fetched_ == 0) return false;
    }
    if (position_ % 64 == 0) progress_.report(taken_ + static_cast<std::int64_t>(position_));
    HeapTuple row = rows_->vals[position_++];
    if (rows_->tupdesc->natts == slot->tts_tupleDescriptor->natts) {
      ExecForceStoreHeapTuple(row, slot, false);
    } else {
      store_with_dropped_columns(row, slot);
    }
    return true;
  }

  // Lets go of the table: a cursor stays open beyond the SPI connection.
  void close() {
    call([&] { SPI_cursor_close(portal_); });
  }

 private:
  // A query's rows lack the columns that were dropped from its table; the table's own rows have them as NULLs.
  void store_with_dropped_columns(HeapTuple row, TupleTableSlot* slot) const {
    const TupleDesc table = slot->tts_tupleDescriptor;
    const auto width = static_cast<std::size_t>(table->natts);
    auto* given = static_cast<Datum*>(palloc(sizeof(Datum) * width));
    auto* given_nulls = static_cast<bool*>(palloc(sizeof(bool) * width));
    heap_deform_tuple(row, rows_->tupdesc, given, given_nulls);
    auto* values = static_cast<Datum*>(palloc0(sizeof(Datum) * width));
    auto* nulls = static_cast<bool*>(palloc(sizeof(bool) * width));
    for (int to = 0, from = 0; to < table->natts; ++to) {
      nulls[to] = true;
      if (TupleDescAttr(table, to)->attisdropped) continue;
      values[to] = given[from];
      nulls[to] = given_nulls[from++];
    }
    ExecStoreMinimalTuple(compat::heap_form_minimal_tuple(table, values, nulls), slot, false);
  }

  static constexpr long rows_at_once = 1000;

  Portal portal_;
  SPITupleTable* rows_ = nullptr;
  std::uint64_t fetched_ = 0;
  std::uint64_t position_ = 0;
  std::int64_t taken_ = 0;  // before those
  Progress& progress_;
};

}  // namespace

std::int64_t backfill(Program& program, const Destination& destination) {
  const ViewIdentity& view = program.identity();
  const AsUser owner(view.owner, true);
  const TimeColumn& time = program.plan().time;
  std::string order;
  if (time.attribute != InvalidAttrNumber) {
    order = quoted(NameStr(TupleDescAttr(program.source_row->tts_tupleDescriptor, time.attribute - 1)->attname)) + ", ";
  }
  Progress progress(view.name.c_str(), estimated_rows(view.source));
  Spi spi;
  CursorRows rows("SELECT * FROM ONLY " + qualified_name(view.source) + " ORDER BY " + order + "ctid", progress);
  // Inside the scope of the cursor's own safe search path.
  std::optional<PinnedSettings> settings;
  if (program.plan().needs_settings) settings.emplace(view.settings);
  const std::int64_t written = run(program, rows, {batch_rows(), false, destination});
  settings.reset();
  rows.close();
  spi.close();
  return written;
}

}  // namespace feature
