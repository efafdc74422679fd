// feature.set_on_error and feature.replay: what becomes of rows that cannot be processed, and processing them again.

#include "pg/as_user.hpp"
#include "pg/boundary.hpp"
#include "pg/catalogue.hpp"
#include "pg/diverted_rows.hpp"
#include "pg/engine.hpp"
#include "pg/isolation.hpp"
#include "pg/place.hpp"
#include "pg/program_cache.hpp"
#include "pg/settings.hpp"
#include "pg/stored_rows.hpp"
#include "pg/view_objects.hpp"

extern "C" {
#include <access/xact.h>
#include <executor/spi.h>
#include <miscadmin.h>
#include <storage/lmgr.h>
#include <utils/builtins.h>

PGDLLEXPORT Datum feature_set_on_error(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(feature_set_on_error);
PGDLLEXPORT Datum feature_replay(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(feature_replay);
}

namespace feature {
namespace {

constexpr long rows_at_once = 1000;

// The diverted rows of a view in the order of event time, taken out of the table of errors. Lives within an SPI
// connection.
class RowsToReplay {
 public:
  explicit RowsToReplay(const Program& program)
      : images_(program.identity(), program.source_row->tts_tupleDescriptor),
        row_(CurrentMemoryContext, "feature_ext replayed row") {
    const TimeColumn& time = program.plan().time;
    std::string order;
    if (time.attribute != InvalidAttrNumber) {
      const char* column = NameStr(TupleDescAttr(program.source_row->tts_tupleDescriptor, time.attribute - 1)->attname);
      order = "(\"row\" ->> " + literal(column) + ")::" + call([&] { return format_type_be(time.type); }) + ", ";
    }
    // Whoever replays at the same time waits for these rows, and then finds them gone.
    const std::string query = "WITH taken AS (DELETE FROM feature_state.error WHERE " +
                              locked_entries("view = " + std::to_string(program.identity().id)) +
                              " RETURNING id, \"row\") SELECT \"row\" FROM taken ORDER BY " + order + "id";
    // All are taken out with the first that are fetched.
    const AsUser owner(state_schema_owner(), false);
    call([&] {
      SPIPlanPtr plan = SPI_prepare_cursor(query.c_str(), 0, nullptr, CURSOR_OPT_NO_SCROLL);
      if (plan == nullptr) elog(ERROR, "SPI_prepare_cursor failed: %s", SPI_result_code_string(SPI_result));
      portal_ = SPI_cursor_open(nullptr, plan, nullptr, nullptr, false);
      fetch();
    });
  }

  // All of them, so that they can be gone through more than once.
  [[nodiscard]] Tuplestorestate* store(Program& program) {
    const Place place(program);
    return call([&] {
      Tuplestorestate* rows = tuplestore_begin_heap(true, false, work_mem);
      while (next(program.source_row)) tuplestore_puttupleslot(rows, program.source_row);
      ExecClearTuple(program.source_row);
      return rows;
    });
  }

  void close() {
    call([&] { SPI_cursor_close(portal_); });
  }

 private:
  bool next(TupleTableSlot* slot) {
    CHECK_FOR_INTERRUPTS();
    if (position_ == fetched_) fetch();
    if (fetched_ == 0) return false;
    ExecClearTuple(slot);
    MemoryContextReset(row_.get());
    MemoryContext previous = MemoryContextSwitchTo(row_.get());
    bool null;
    const Datum image = SPI_getbinval(rows_->vals[position_++], rows_->tupdesc, 1, &null);
    images_.restore(DatumGetJsonbP(image), slot);
    MemoryContextSwitchTo(previous);
    return true;
  }

  void fetch() {
    if (rows_ != nullptr) SPI_freetuptable(rows_);
    SPI_cursor_fetch(portal_, true, rows_at_once);
    fetched_ = SPI_processed;
    rows_ = SPI_tuptable;
    position_ = 0;
  }

  RowImages images_;
  OwnedContext row_;
  Portal portal_ = nullptr;
  SPITupleTable* rows_ = nullptr;
  std::uint64_t fetched_ = 0;
  std::uint64_t position_ = 0;
};

std::int64_t replay(Oid relation) {
  refuse_read_only("feature.replay()");
  const ViewIdentity found = view_by_relation(relation);
  check_owner(found);
  // As an insert does: nobody computes the view anew meanwhile.
  call([&] { LockRelationOid(found.source, RowExclusiveLock); });
  // The entries are locked before the states, as by corrections.
  const std::shared_ptr<Program> program = locked_program_of(found.id, Locked::feature_table);
  if (program == nullptr) (void)view_by_relation(relation);  // says so
  check_owner(program->identity());
  program->check_states();
  check_row_security(program->identity());
  std::int64_t replayed;
  Spi spi;
  {
    RowsToReplay taken_out(*program);
    {
      const AsUser owner(program->identity().owner, true);
      std::optional<PinnedSettings> settings;
      if (program->plan().needs_settings) settings.emplace(program->identity().settings);
      Tuplestorestate* stored = taken_out.store(*program);
      StoredRows rows(stored);
      const Processed done = run(*program, rows, {batch_rows(), true});
      replayed = rows.count() - done.diverted;
      call([&] { tuplestore_end(stored); });
    }
    taken_out.close();
  }
  spi.close();
  return replayed;
}

}  // namespace
}  // namespace feature

Datum feature_set_on_error(PG_FUNCTION_ARGS) {
  return feature::guard([&] {
    feature::refuse_read_only("feature.set_on_error()");
    const feature::ViewIdentity view = feature::view_by_relation(PG_GETARG_OID(0));
    feature::check_owner(view);
    const char* on_error = feature::call([&] { return text_to_cstring(PG_GETARG_TEXT_PP(1)); });
    feature::record_on_error(view, feature::diverts(on_error));
    return Datum{0};
  });
}

Datum feature_replay(PG_FUNCTION_ARGS) {
  return feature::guard([&] { return Int64GetDatum(feature::replay(PG_GETARG_OID(0))); });
}
