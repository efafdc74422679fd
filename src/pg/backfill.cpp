// See backfill.hpp.

#include "pg/backfill.hpp"

#include "pg/as_user.hpp"
#include "pg/catalogue.hpp"
#include "pg/engine.hpp"
#include "pg/settings.hpp"

extern "C" {
#include <executor/executor.h>
#include <executor/spi.h>
}

namespace feature {
namespace {

// The rows of an SPI cursor, a few thousand at a time.
class CursorRows final : public RowSource {
 public:
  explicit CursorRows(const std::string& query) {
    portal_ = call([&] {
      SPIPlanPtr plan = SPI_prepare_cursor(query.c_str(), 0, nullptr, CURSOR_OPT_NO_SCROLL);
      if (plan == nullptr) elog(ERROR, "SPI_prepare_cursor failed: %s", SPI_result_code_string(SPI_result));
      return SPI_cursor_open(nullptr, plan, nullptr, nullptr, false);
    });
  }

  bool next(TupleTableSlot* slot) override {
    if (position_ == fetched_) {
      if (SPI_tuptable != nullptr) SPI_freetuptable(SPI_tuptable);
      SPI_cursor_fetch(portal_, true, rows_at_once);
      fetched_ = SPI_processed;
      rows_ = SPI_tuptable;
      position_ = 0;
      if (fetched_ == 0) return false;
    }
    ExecForceStoreHeapTuple(rows_->vals[position_++], slot, false);
    return true;
  }

 private:
  static constexpr long rows_at_once = 1000;

  Portal portal_;
  SPITupleTable* rows_ = nullptr;
  std::uint64_t fetched_ = 0;
  std::uint64_t position_ = 0;
};

}  // namespace

std::int64_t backfill(Program& program) {
  const ViewIdentity& view = program.identity();
  const AsUser owner(view.owner, true);
  const PinnedSettings settings(view.settings, program.plan().calls_procedures);
  const TimeColumn& time = program.plan().time;
  std::string order;
  if (time.attribute != InvalidAttrNumber) {
    order = quoted(NameStr(TupleDescAttr(program.source_row->tts_tupleDescriptor, time.attribute - 1)->attname)) + ", ";
  }
  Spi spi;
  CursorRows rows("SELECT * FROM ONLY " + qualified_name(view.source) + " ORDER BY " + order + "ctid");
  const std::int64_t processed = run(program, rows, {batch_rows(), false});
  spi.close();
  return processed;
}

}  // namespace feature
