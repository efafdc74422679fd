// Corrections: what UPDATE, DELETE and TRUNCATE on a source do to its views.
#pragma once

#include "pg/program.hpp"
#include "pg/row_collector.hpp"

namespace feature {

// Brings states and feature rows in line with the changes of a statement: old versions are taken out of the states,
// then new ones are processed as rows that come now, and feature rows of the changed rows are replaced; those of other
// rows stay as they are. Throws SqlError, nothing being changed then, if state and source do not tell enough.
//
// O(changed rows), with what their frames hold; but where an event cannot be told from others, or may be in the slots
// of several sessions, all states of the view are computed anew from the source. Old versions that were diverted are
// just taken off the table of errors. A new version that cannot be computed is diverted if the view does so; one whose
// feature row cannot be written fails all, unless it is of an INSERT's transition table. `inserter`: see RunOptions.
void correct(Program& program, RowChanges& changes, std::int64_t batch_rows, Oid inserter);

// The source was emptied: empties the view and its states.
void empty(const Program& program);

// While it lives, views do not notice that rows of their source are deleted.
class Trimming {
 public:
  explicit Trimming(const std::vector<std::int32_t>& views);
  Trimming(const Trimming&) = delete;
  Trimming& operator=(const Trimming&) = delete;
  ~Trimming();

  [[nodiscard]] static bool is_of(std::int32_t view);

 private:
  std::size_t before_;
};

}  // namespace feature
