// See diverted_rows.hpp.

#include "pg/diverted_rows.hpp"

#include <algorithm>
#include <cstring>

#include "pg/as_user.hpp"
#include "pg/catalogue.hpp"
#include "pg/feature_writer.hpp"
#include "pg/subtransaction.hpp"

extern "C" {
#include <access/xact.h>
#include <catalog/pg_type.h>
#include <executor/spi.h>
#include <miscadmin.h>
#include <utils/builtins.h>
#include <utils/lsyscache.h>
#include <utils/timestamp.h>
}

namespace feature {
namespace {

// Classes of SQLSTATEs that say nothing about a row: connection, transaction, authorisation, cursors, names and
// privileges, resources, object state, operators, system, configuration, foreign data, internal errors.
constexpr const char* not_of_a_row[] = {"08", "0B", "0F", "0L", "0P", "0Z", "24", "25", "26",
                                        "27", "28", "2B", "2D", "34", "3B", "3D", "3F", "40",
                                        "42", "53", "55", "57", "58", "72", "F0", "HV", "XX"};

}  // namespace

bool is_data_error(int sqlstate) {
  if (sqlstate == ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE) return true;  // while a row is processed: it is too late
  const char* code = unpack_sql_state(sqlstate);
  return std::none_of(std::begin(not_of_a_row), std::end(not_of_a_row),
                      [&](const char* prefix) { return std::strncmp(code, prefix, 2) == 0; });
}

bool diverts(const char* on_error) {
  if (std::strcmp(on_error, "divert") == 0) return true;
  if (std::strcmp(on_error, "abort") == 0) return false;
  throw SqlError(ERRCODE_INVALID_PARAMETER_VALUE, "unrecognized value \"" + std::string(on_error) + "\" of on_error")
      .hint("It is \"abort\" or \"divert\".");
}

void Diversion::begin() {
  constexpr const char* columns[] = {"view",    "time",    "sqlstate", "message", "detail",
                                     "hint",    "context", "feature",  "row",     "row_hash"};
  images_.emplace(program_.identity(), program_.source_row->tts_tupleDescriptor);
  const Oid table = table_of_errors();
  attributes_.resize(std::size(columns));
  const InOwner here(owner_);
  call([&] {
    columns_ = CreateTemplateTupleDesc(static_cast<int>(std::size(columns)));
    for (std::size_t i = 0; i < std::size(columns); ++i) {
      attributes_[i] = get_attnum(table, columns[i]);
      TupleDescInitEntry(columns_, static_cast<AttrNumber>(i + 1), columns[i], get_atttype(table, attributes_[i]), -1,
                         0);
    }
    rows_ = tuplestore_begin_heap(true, false, work_mem);
  });
}

void Diversion::add(MinimalTuple row, const ErrorData& error, const char* feature) {
  if (rows_ == nullptr) begin();
  const OwnedContext memory(CurrentMemoryContext, "feature_ext diverted row");
  const InContext here(memory.get());
  const Datum image = images_->of(row);
  const std::int64_t hash = RowImages::hash_of(images_->key_of(row));
  call([&] {
    const auto text = [](const char* value) { return value == nullptr ? Datum{0} : CStringGetTextDatum(value); };
    const char* message = error.message == nullptr ? "" : error.message;
    Datum values[] = {Int32GetDatum(program_.identity().id),
                      TimestampTzGetDatum(GetCurrentStatementStartTimestamp()),
                      text(unpack_sql_state(error.sqlerrcode)),
                      text(message),
                      text(error.detail),
                      text(error.hint),
                      text(error.context),
                      text(feature),
                      image,
                      Int64GetDatum(hash)};
    bool nulls[std::size(values)] = {};
    for (std::size_t i = 0; i < attributes_.size(); ++i) {
      nulls[i] = values[i] == 0 && TupleDescAttr(columns_, i)->atttypid == TEXTOID;
    }
    tuplestore_putvalues(rows_, columns_, values, nulls);
  });
  ++count_;
}

void Diversion::clear() {
  if (rows_ != nullptr) call([&] { tuplestore_clear(rows_); });
  count_ = 0;
}

void Diversion::finish() {
  if (rows_ == nullptr) return;
  call([&] {
    FeatureWriter writer;
    writer.open(table_of_errors(), attributes_.data(), static_cast<int>(attributes_.size()), false);
    TupleTableSlot* row = MakeSingleTupleTableSlot(columns_, &TTSOpsMinimalTuple);
    while (tuplestore_gettupleslot(rows_, true, false, row)) {
      CHECK_FOR_INTERRUPTS();
      slot_getallattrs(row);
      writer.add(row->tts_values, row->tts_isnull);
      writer.catch_up();
    }
    ExecDropSingleTupleTableSlot(row);
    writer.finish();
    tuplestore_end(rows_);
  });
  rows_ = nullptr;
}

DivertedKeys::DivertedKeys(const ViewIdentity& view, TupleDesc source) {
  if (!OidIsValid(table_of_errors())) return;
  const AsUser owner(state_schema_owner(), false);
  struct { std::uint64_t count; SPITupleTable* table; } found = call([&] {
    const char* query = psprintf("SELECT \"row\" FROM feature_state.error WHERE view = %d", view.id);
    const int result = SPI_execute(query, true, 0);
    if (result < 0) elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(result));
    return decltype(found){SPI_processed, SPI_tuptable};
  });
  if (found.count > 0) images_.emplace(view, source);
  for (std::uint64_t i = 0; i < found.count; ++i) {
    Jsonb* image = call([&] {
      CHECK_FOR_INTERRUPTS();
      bool null;
      return DatumGetJsonbP(SPI_getbinval(found.table->vals[i], found.table->tupdesc, 1, &null));
    });
    ++rows_[images_->key_of(image)];
  }
  call([&] { SPI_freetuptable(found.table); });
}

bool DivertedKeys::take_out(MinimalTuple row) {
  if (rows_.empty()) return false;
  const auto found = rows_.find(images_->key_of(row));
  if (found == rows_.end()) return false;
  if (--found->second == 0) rows_.erase(found);
  return true;
}

std::string locked_entries(const std::string& condition) {
  return "id IN (SELECT id FROM feature_state.error WHERE " + condition + " ORDER BY id FOR UPDATE)";
}

bool has_diverted(const ViewIdentity& view) {
  if (!OidIsValid(table_of_errors())) return false;
  const AsUser owner(state_schema_owner(), false);
  Spi spi;
  const bool any =
      spi.execute("SELECT FROM feature_state.error WHERE view = " + std::to_string(view.id) + " LIMIT 1") > 0;
  spi.close();
  return any;
}

std::int64_t forget_diverted(const ViewIdentity& view) {
  if (!OidIsValid(table_of_errors())) return 0;
  const AsUser owner(state_schema_owner(), false);
  Spi spi;
  const std::uint64_t count =
      spi.execute("DELETE FROM feature_state.error WHERE view = " + std::to_string(view.id));
  spi.close();
  return static_cast<std::int64_t>(count);
}

}  // namespace feature
