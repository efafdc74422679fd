// A tuplestore as a table that SQL reads, as a trigger reads its transition tables.
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include <access/tupdesc.h>
#include <utils/tuplestore.h>
}

namespace feature {

// Empty; memory up to work_mem, and files beyond it.
[[nodiscard]] inline Tuplestorestate* new_tuplestore() { return tuplestore_begin_heap(true, false, work_mem); }

// For the statements of the current SPI connection, under this name. Backend code; what is given is borrowed by it.
void show_rows(const char* name, TupleDesc columns, Tuplestorestate* rows);

}  // namespace feature
