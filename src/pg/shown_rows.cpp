// See shown_rows.hpp.

#include "pg/shown_rows.hpp"

extern "C" {
#include <executor/spi.h>
#include <utils/queryenvironment.h>
}

namespace feature {

void show_rows(const char* name, TupleDesc columns, Tuplestorestate* rows) {
  auto* relation = static_cast<EphemeralNamedRelation>(palloc0(sizeof(EphemeralNamedRelationData)));
  relation->md.name = pstrdup(name);
  relation->md.tupdesc = columns;
  relation->md.enrtype = ENR_NAMED_TUPLESTORE;
  relation->md.enrtuples = static_cast<double>(tuplestore_tuple_count(rows));
  relation->reldata = rows;
  if (SPI_register_relation(relation) != SPI_OK_REL_REGISTER) elog(ERROR, "SPI_register_relation failed");
}

}  // namespace feature
