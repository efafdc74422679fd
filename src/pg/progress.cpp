// See progress.hpp.

#include "pg/progress.hpp"

#include "pg/boundary.hpp"
#include "pg/catalogue.hpp"
#include "pg/settings.hpp"

extern "C" {
#include <access/table.h>
#include <optimizer/plancat.h>
#include <utils/rel.h>
}

namespace feature {

double estimated_rows(Oid source) {
  struct { bool known; double rows; } estimate = call([&] {
    decltype(estimate) result{};
    result.known = true;
    ListCell* cell;
    foreach (cell, tables_of_source(source, AccessShareLock)) {
      Relation opened = table_open(lfirst_oid(cell), NoLock);
      if (opened->rd_rel->relkind != RELKIND_PARTITIONED_TABLE) {
        BlockNumber pages;
        double rows, visible;
        estimate_rel_size(opened, nullptr, &pages, &rows, &visible);
        result.rows += rows;
        result.known = result.known && opened->rd_rel->reltuples >= 0;
      }
      table_close(opened, NoLock);
    }
    return result;
  });
  if (estimate.known) return estimate.rows;
  Spi spi;
  spi.execute("SELECT pg_catalog.count(*) FROM " + from_source(source));
  const double rows = std::stod(spi.text(0, 1));
  spi.close();
  return rows;
}

void Progress::report(std::int64_t done) {
  if (progress_interval() == 0) return;
  const TimestampTz now = GetCurrentTimestamp();
  if (now - last_ < progress_interval() * USECS_PER_SEC) return;
  last_ = now;
  const double rate = static_cast<double>(done) * USECS_PER_SEC / static_cast<double>(now - begin_);
  const double left = rows_ - static_cast<double>(done);
  if (left > 0 && rate > 0) {
    ereport(NOTICE, (errmsg("feature view \"%s\": %lld of about %.0f rows computed, %.0f rows/s, about %.0f s left",
                            view_, static_cast<long long>(done), rows_, rate, left / rate)));
  } else {
    ereport(NOTICE, (errmsg("feature view \"%s\": %lld rows computed, %.0f rows/s", view_,
                            static_cast<long long>(done), rate)));
  }
}

}  // namespace feature
