// Rows of a dump on their way into a source whose triggers are there already: pg_restore with several jobs makes those
// of a partitioned table before it has loaded the partitions, and a restore of data alone finds all of them. States and
// feature rows come from the dump as well, and must not be made a second time.
#pragma once

#include "pg/boundary.hpp"

namespace feature {

// Whether what the session does to a table, which is the source of a view or one of its partitions, is left to the
// dump: the session restores one, and the view's states and rows come from one as well, or are still to come. Says so
// in a warning, as somebody may have meant it otherwise. Throws SqlError if only the states come from a dump, or if the
// table has rows already and only somebody who knows can tell. Cheap unless a dump is restored.
[[nodiscard]] bool is_left_to_dump(std::int32_t view, Oid table);

}  // namespace feature
