// See entity_rows.hpp.

#include "pg/entity_rows.hpp"

#include "pg/as_user.hpp"
#include "pg/catalogue.hpp"
#include "pg/subtransaction.hpp"

extern "C" {
#include <executor/executor.h>
}

namespace feature {
namespace {

constexpr long rows_at_once = 1000;

// Evaluates the keys of rows, while it lives as the view's owner and with the view's settings.
class KeyTest {
 public:
  KeyTest(Program& program, const ForgottenEntity& entity)
      : program_(program),
        entity_(entity),
        keys_(program.plan().lists[entity.list].keys.size()),
        values_(keys_.size()),
        owner_(program.identity().owner, true) {
    if (program.plan().needs_settings) settings_.emplace(program.identity().settings);
    attempts_.emplace();
    call([&] {
      for (std::size_t k = 0; k < keys_.size(); ++k) {
        keys_[k] = ExecInitExpr(program.plan().lists[entity.list].keys[k].expression, nullptr);
      }
    });
  }

  // `put`: backend code that puts the row into the slot; where that fails, there is no such row any more.
  template <class Put>
  [[nodiscard]] bool matches(Put&& put) {
    try {
      const bool same = call([&] {
        CHECK_FOR_INTERRUPTS();
        ResetExprContext(program_.expressions);
        MemoryContext previous = MemoryContextSwitchTo(program_.expressions->ecxt_per_tuple_memory);
        put(program_.source_row);
        const bool found = has_keys();
        MemoryContextSwitchTo(previous);
        return found;
      });
      attempts_->keep_what_was_written();
      return same;
    } catch (const PgError& error) {
      if (!is_data_error(error.data().sqlerrcode)) throw;
      attempts_->roll_back();
      attempts_->begin();
      return false;
    }
  }

  // What is not a row's own, and would not outlive one that fails.
  template <class Body>
  void outside(Body&& body) {
    attempts_->outside(body);
  }

  void end() { attempts_->release(); }

 private:
  bool has_keys() {
    program_.expressions->ecxt_scantuple = program_.source_row;
    for (std::size_t k = 0; k < keys_.size(); ++k) {
      values_[k].value = ExecEvalExpr(keys_[k], program_.expressions, &values_[k].isnull);
    }
    return same_keys(program_.lists[entity_.list].keys, entity_.keys.data(), values_.data());
  }

  Program& program_;
  const ForgottenEntity& entity_;
  std::vector<ExprState*> keys_;
  std::vector<NullableDatum> values_;
  AsUser owner_;
  std::optional<PinnedSettings> settings_;
  std::optional<Subtransaction> attempts_;
};

}  // namespace

RowPlaces places_of_entity(Program& program, const ForgottenEntity& entity) {
  RowPlaces places;
  const AsUser owner(program.identity().owner, true);
  Spi spi;
  const std::string query = "SELECT tableoid, ctid, s FROM " + from_source(program.identity().source) + " s";
  Portal portal = call([&] {
    SPIPlanPtr plan = SPI_prepare_cursor(query.c_str(), 0, nullptr, CURSOR_OPT_NO_SCROLL);
    if (plan == nullptr) elog(ERROR, "SPI_prepare_cursor failed: %s", SPI_result_code_string(SPI_result));
    return SPI_cursor_open(nullptr, plan, nullptr, nullptr, false);
  });
  KeyTest test(program, entity);
  for (;;) {
    SPITupleTable* rows = nullptr;
    test.outside([&] {
      rows = call([&] {
        SPI_cursor_fetch(portal, true, rows_at_once);
        return SPI_processed == 0 ? nullptr : SPI_tuptable;
      });
    });
    if (rows == nullptr) break;
    for (std::uint64_t i = 0; i < rows->numvals; ++i) {
      const auto field = [&](int column) {
        bool null;
        return SPI_getbinval(rows->vals[i], rows->tupdesc, column, &null);
      };
      const bool found = test.matches([&](TupleTableSlot* slot) {
        const HeapTupleHeader row = DatumGetHeapTupleHeader(field(3));
        HeapTupleData tuple{};
        tuple.t_len = HeapTupleHeaderGetDatumLength(row);
        tuple.t_data = row;
        ExecForceStoreHeapTuple(&tuple, slot, false);
      });
      if (!found) continue;
      places.relations.push_back(DatumGetObjectId(field(1)));
      places.rows.push_back(*reinterpret_cast<ItemPointer>(DatumGetPointer(field(2))));
    }
    test.outside([&] { call([&] { SPI_freetuptable(rows); }); });
  }
  test.end();
  call([&] { SPI_cursor_close(portal); });
  spi.close();
  return places;
}

RowPlaces diverted_of_entity(Program& program, const ForgottenEntity& entity) {
  const ViewIdentity& view = program.identity();
  RowPlaces places;
  if (!OidIsValid(table_of_errors())) return places;
  const RowImages images(view, program.source_row->tts_tupleDescriptor);
  const AsUser owner(state_schema_owner(), false);
  Spi spi;
  const std::uint64_t count =
      spi.execute("SELECT tableoid, ctid, \"row\" FROM feature_state.error WHERE view = " + std::to_string(view.id));
  SPITupleTable* entries = SPI_tuptable;
  {
    KeyTest test(program, entity);
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto field = [&](int column) {
        bool null;
        return SPI_getbinval(entries->vals[i], entries->tupdesc, column, &null);
      };
      if (!test.matches([&](TupleTableSlot* slot) { images.restore(DatumGetJsonbP(field(3)), slot); })) continue;
      places.relations.push_back(DatumGetObjectId(field(1)));
      places.rows.push_back(*reinterpret_cast<ItemPointer>(DatumGetPointer(field(2))));
    }
    test.end();
  }
  spi.close();
  return places;
}

}  // namespace feature
