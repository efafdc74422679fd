// Programs of this session, by view. A program is thrown away when a relation it was compiled from changes, or any
// function: the next statement compiles it anew.
#pragma once

#include "pg/program.hpp"

namespace feature {

// Registers for invalidations; called once when the library is loaded.
void watch_invalidations();

// How many changes of relations this session has been told of.
[[nodiscard]] std::uint64_t relation_changes();

// The program of a view, compiled as the view's owner if need be. Shared, so that it stays whole while it runs even if
// it is invalidated; null if there is no such view. A program that is running already is not given out twice: a nested
// statement gets one of its own.
[[nodiscard]] std::shared_ptr<Program> program_of(std::int32_t view);

// Which of the tables that a program writes to are locked before it runs, so that nobody alters them meanwhile.
enum class Locked {
  feature_table,  // who may need the states alone locks them itself: a lock that becomes a stronger one can deadlock
  all,
};
// The same with tables locked.
[[nodiscard]] std::shared_ptr<Program> locked_program_of(std::int32_t view, Locked locked);

// A program that is not kept, of a view whose catalogue entry may not be written yet.
[[nodiscard]] std::shared_ptr<Program> compile_view(ViewIdentity view);

}  // namespace feature
