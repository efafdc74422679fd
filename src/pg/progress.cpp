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

double estimated_rows(Oid table) {
  struct { bool known; double rows; } estimate = call([&] {
    decltype(estimate) result{};
    Relation opened = table_open(table, AccessShareLock);
    BlockNumber pages;
    double visible;
    estimate_rel_size(opened, nullptr, &pages, &result.rows, &visible);
    result.known = opened->rd_rel->reltuples >= 0;
    table_close(opened, NoLock);
    return result;
  });
  if (estimate.known) return estimate.rows;
  Spi spi;
  spi.execute("SELECT pg_catalog.count(*) FROM ONLY " + qualified_name(table));
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
