// See inserted_places.hpp.
//
// The statement has inserted them in the current transaction, or subtransaction. Rows that this has inserted are told
// by their values; of those that are alike, it is the ones that stand last.

#include "pg/inserted_places.hpp"

#include "pg/catalogue.hpp"
#include "pg/compat.hpp"
#include "pg/pinned_settings.hpp"
#include "pg/shown_rows.hpp"

extern "C" {
#include <access/xact.h>
#include <executor/spi.h>
}

namespace feature {
namespace {

// The rows whose places are not known; null if there are none.
Tuplestorestate* without_places(const Program& program, const RowChanges& changes) {
  program.forget_row();
  ChangedRows rows(changes, false);
  return call([&] {
    Tuplestorestate* found = nullptr;
    while (rows.next(program.source_row)) {
      CHECK_FOR_INTERRUPTS();
      if (changes.changes()[rows.number()].new_relation != InvalidOid) continue;
      if (found == nullptr) found = new_tuplestore();
      tuplestore_puttupleslot(found, program.source_row);
    }
    return found;
  });
}

// What a row r is told by.
std::string values_of(const Program& program) {
  const TupleDesc source = program.source_row->tts_tupleDescriptor;
  std::string values;
  for (int i = 0; i < source->natts; ++i) {
    const Form_pg_attribute column = TupleDescAttr(source, i);
    if (column->attisdropped || compat::is_virtual(column)) continue;
    values += (values.empty() ? "r." : ", r.") + quoted(NameStr(column->attname));
  }
  return "ROW(" + values + ")::pg_catalog.text COLLATE pg_catalog.\"C\"";
}

}  // namespace

std::vector<ItemPointerData> places_of_inserted(const Program& program, const RowChanges& changes,
                                                const Parameters& known) {
  std::vector<ItemPointerData> places;
  Tuplestorestate* rows = without_places(program, changes);
  if (rows == nullptr) return places;
  const PinnedSettings exact(std::vector<Setting>{{"extra_float_digits", "3"}});
  const std::string values = values_of(program);
  Parameters parameters;
  const std::string rest = is_elsewhere(known, parameters);
  const std::string query =
      "SELECT s.place FROM (SELECT r.ctid AS place, " + values + " AS image, pg_catalog.row_number() " +
      "OVER (PARTITION BY " + values + " ORDER BY r.ctid DESC) AS n FROM " +
      from_source(program.identity().source) + " r WHERE r.xmin = '" +
      std::to_string(call([] { return GetCurrentTransactionId(); })) + "'::pg_catalog.xid AND " + rest +
      ") s JOIN (SELECT " + values + " AS image, pg_catalog.row_number() OVER (PARTITION BY " + values +
      ") AS n FROM inserted_rows r) i ON s.image = i.image AND s.n = i.n";
  Spi spi;
  call([&] {
    show_rows("inserted_rows", program.source_row->tts_tupleDescriptor, rows);
    const int result = SPI_execute_with_args(query.c_str(), static_cast<int>(parameters.types.size()),
                                             parameters.types.data(), parameters.values.data(), nullptr, false, 0);
    if (result < 0) elog(ERROR, "SPI_execute_with_args failed: %s", SPI_result_code_string(result));
  });
  for (std::uint64_t i = 0; i < SPI_processed; ++i) {
    bool null;
    places.push_back(*reinterpret_cast<ItemPointer>(
        DatumGetPointer(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &null))));
  }
  spi.close();
  call([&] { tuplestore_end(rows); });
  return places;
}

}  // namespace feature
