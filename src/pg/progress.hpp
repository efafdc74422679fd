// Notices about what takes long: how far it is, how fast it goes, and when it will be done.
#pragma once

#include "pg/postgres.hpp"

extern "C" {
#include <utils/timestamp.h>
}

namespace feature {

// About how many rows a source has, from its size and statistics; counted if there are none.
[[nodiscard]] double estimated_rows(Oid source);

class Progress {
 public:
  // `view` is what notices name; it must outlive this.
  Progress(const char* view, double rows) : view_(view), rows_(rows), begin_(GetCurrentTimestamp()), last_(begin_) {}

  // Says so, if feature_ext.progress_interval has passed since it was said last, that `done` rows are. Cheap enough for
  // every few rows. Backend code.
  void report(std::int64_t done);

 private:
  const char* view_;
  double rows_;
  TimestampTz begin_;
  TimestampTz last_;
};

}  // namespace feature
