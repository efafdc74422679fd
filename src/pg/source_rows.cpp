// See source_rows.hpp.

#include "pg/source_rows.hpp"

#include "pg/boundary.hpp"
#include "pg/compat.hpp"

extern "C" {
#include <access/htup_details.h>
#include <catalog/pg_type.h>
#include <executor/executor.h>
#include <utils/array.h>
}

namespace feature {
namespace {

constexpr long rows_at_once = 1000;

}  // namespace

Parameters to_places(const std::vector<Oid>& relations, const std::vector<ItemPointerData>& places) {
  std::vector<Datum> tables, rows;
  for (const Oid relation : relations) tables.push_back(ObjectIdGetDatum(relation));
  for (const ItemPointerData& place : places) rows.push_back(PointerGetDatum(&place));
  const int count = static_cast<int>(rows.size());
  struct { Datum tables, rows; } arrays = call([&] {
    decltype(arrays) made{};
    made.tables =
        PointerGetDatum(construct_array(tables.data(), count, OIDOID, sizeof(Oid), true, TYPALIGN_INT));
    made.rows = PointerGetDatum(
        construct_array(rows.data(), count, TIDOID, sizeof(ItemPointerData), false, TYPALIGN_SHORT));
    return made;
  });
  return {{OIDARRAYOID, TIDARRAYOID}, {arrays.tables, arrays.rows}};
}

std::string is_elsewhere(const Parameters& places, Parameters& parameters) {
  const std::size_t first = parameters.types.size() + 1;
  parameters.types.insert(parameters.types.end(), places.types.begin(), places.types.end());
  parameters.values.insert(parameters.values.end(), places.values.begin(), places.values.end());
  return "NOT EXISTS (SELECT FROM ROWS FROM (pg_catalog.unnest($" + std::to_string(first) + "), pg_catalog.unnest($" +
         std::to_string(first + 1) + ")) n (relation, place) WHERE n.relation = tableoid AND n.place = ctid)";
}

SourceRows::SourceRows(const std::string& query, const Parameters& parameters) {
  portal_ = call([&] {
    auto* types = const_cast<Oid*>(parameters.types.data());
    SPIPlanPtr plan = SPI_prepare_cursor(query.c_str(), static_cast<int>(parameters.types.size()), types,
                                         CURSOR_OPT_NO_SCROLL);
    if (plan == nullptr) elog(ERROR, "SPI_prepare_cursor failed: %s", SPI_result_code_string(SPI_result));
    return SPI_cursor_open(nullptr, plan, const_cast<Datum*>(parameters.values.data()), nullptr, true);
  });
}

bool SourceRows::next(TupleTableSlot* slot) {
  if (position_ == fetched_) {
    taken_ += static_cast<std::int64_t>(position_);
    if (SPI_tuptable != nullptr) SPI_freetuptable(SPI_tuptable);
    SPI_cursor_fetch(portal_, true, rows_at_once);
    fetched_ = SPI_processed;
    rows_ = SPI_tuptable;
    position_ = 0;
    if (fetched_ == 0) return false;
  }
  HeapTuple row = rows_->vals[position_++];
  if (rows_->tupdesc->natts == slot->tts_tupleDescriptor->natts) {
    ExecForceStoreHeapTuple(row, slot, false);
  } else {
    store_with_dropped_columns(row, slot);
  }
  return true;
}

void SourceRows::close() {
  call([&] { SPI_cursor_close(portal_); });
}

// A query's rows lack the columns that were dropped from its table; the table's own rows have them as NULLs.
void SourceRows::store_with_dropped_columns(HeapTuple row, TupleTableSlot* slot) const {
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

}  // namespace feature
