// What a definition gives as a plain query, over the rows of the source that the feature view has processed.
//
// A row that was diverted would fail the query, too, and is in no other row's frames. So it is kept from the query as
// row-level security keeps rows from one: before anything else is evaluated for it.
#pragma once

#include "pg/program.hpp"

extern "C" {
#include <utils/tuplestore.h>
}

namespace feature {

struct DefinitionRows {
  TupleDesc columns;
  Tuplestorestate* rows;
};

// Nothing if no row was diverted: then the definition itself is that query. Runs it as the current user, with the
// view's settings. Must be called within an SPI connection; sees what the active snapshot sees.
[[nodiscard]] std::optional<DefinitionRows> rows_without_diverted(const ViewIdentity& view);

}  // namespace feature
