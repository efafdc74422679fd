// See backfill.hpp.

#include "pg/backfill.hpp"

#include "pg/as_user.hpp"
#include "pg/catalogue.hpp"
#include "pg/progress.hpp"
#include "pg/settings.hpp"
#include "pg/source_rows.hpp"

extern "C" {
#include <utils/snapmgr.h>
}

namespace feature {
namespace {

// The rows of the source in event-time order, with notices of how far they have got.
class ReportedRows final : public RowSource {
 public:
  ReportedRows(SourceRows& rows, Progress& progress) : rows_(rows), progress_(progress) {}

  bool next(TupleTableSlot* slot) override {
    if (rows_.taken() % 64 == 0) progress_.report(rows_.taken());
    return rows_.next(slot);
  }
  bool is_at_hand() const override { return rows_.is_at_hand(); }

 private:
  SourceRows& rows_;
  Progress& progress_;
};

}  // namespace

Processed backfill(Program& program, const Destination& destination) {
  const ViewIdentity& view = program.identity();
  const AsUser owner(view.owner, true);
  const TimeColumn& time = program.plan().time;
  std::string order;
  if (time.attribute != InvalidAttrNumber) {
    order = quoted(NameStr(TupleDescAttr(program.source_row->tts_tupleDescriptor, time.attribute - 1)->attname)) + ", ";
  }
  Progress progress(view.name.c_str(), estimated_rows(view.source));
  Spi spi;
  call([] { PushActiveSnapshot(GetTransactionSnapshot()); });
  SourceRows rows("SELECT * FROM " + from_source(view.source) + " ORDER BY " + order + physical_order(view.source));
  call([] { PopActiveSnapshot(); });
  ReportedRows reported(rows, progress);
  // Inside the scope of the cursor's own safe search path.
  std::optional<PinnedSettings> settings;
  if (program.plan().needs_settings) settings.emplace(view.settings);
  const Processed done = run(program, reported, {batch_rows(), false, destination});
  settings.reset();
  rows.close();
  spi.close();
  return done;
}

}  // namespace feature
