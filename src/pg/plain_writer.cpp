// See plain_writer.hpp.

#include "pg/plain_writer.hpp"

#include "pg/boundary.hpp"
#include "pg/catalogue.hpp"
#include "pg/memory.hpp"

extern "C" {
#include <access/table.h>
#include <executor/spi.h>
#include <miscadmin.h>
#include <utils/rel.h>
}

namespace feature {

PlainWriter::PlainWriter(const FeatureTable& table) {
  Relation relation = call([&] { return table_open(table.relation, RowExclusiveLock); });
  const TupleDesc all = RelationGetDescr(relation);
  std::string names;
  for (std::size_t i = 0; i < table.attributes.size(); ++i) {
    if (table.attributes[i] <= 0) continue;
    const Form_pg_attribute attribute = TupleDescAttr(all, table.attributes[i] - 1);
    if (attribute->attisdropped) continue;
    columns_.push_back(i);
    names += (names.empty() ? "" : ", ") + quoted(NameStr(attribute->attname));
  }
  if (!names.empty()) names = " (" + names + ")";
  insert_ = "INSERT INTO " + qualified_name(table.relation) + names + " SELECT * FROM finished_rows";
  call([&] {
    description_ = CreateTemplateTupleDesc(static_cast<int>(columns_.size()));
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      TupleDescCopyEntry(description_, static_cast<AttrNumber>(i + 1), all, table.attributes[columns_[i]]);
    }
    rows_ = tuplestore_begin_heap(false, false, work_mem);
    table_close(relation, NoLock);
  });
  values_.resize(columns_.size());
  nulls_ = std::make_unique<bool[]>(columns_.size());
}

void PlainWriter::add(std::size_t, const Datum* values, const bool* nulls) {
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    values_[i] = values[columns_[i]];
    nulls_[i] = nulls[columns_[i]];
  }
  tuplestore_putvalues(rows_, description_, values_.data(), nulls_.get());
}

void PlainWriter::finish() {
  const InContext here(CurrentMemoryContext);
  call([&] {
    char name[] = "finished_rows";
    EphemeralNamedRelationData finished{};
    finished.md.name = name;
    finished.md.tupdesc = description_;
    finished.md.enrtype = ENR_NAMED_TUPLESTORE;
    finished.md.enrtuples = static_cast<double>(tuplestore_tuple_count(rows_));
    finished.reldata = rows_;
    SPI_connect();
    int result = SPI_register_relation(&finished);
    if (result == SPI_OK_REL_REGISTER) result = SPI_execute(insert_.c_str(), false, 0);
    if (result < 0) elog(ERROR, "could not insert finished rows: %s", SPI_result_code_string(result));
    SPI_finish();
    tuplestore_end(rows_);
  });
}

}  // namespace feature
