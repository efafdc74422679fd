// See view_lock.hpp. The lock is one of a row of the first state table that cannot be, next to that of new_states.cpp.

#include "pg/view_lock.hpp"

#include <algorithm>

#include "pg/boundary.hpp"
#include "pg/compat.hpp"
#include "pg/place.hpp"

extern "C" {
#include <miscadmin.h>
#include <storage/lmgr.h>
#include <storage/lock.h>
}

namespace feature {
namespace {

LOCKTAG lock_of(const Program& program) {
  LOCKTAG tag{};
  SET_LOCKTAG_TUPLE(tag, MyDatabaseId, program.identity().lists.front().states, MaxBlockNumber, FirstOffsetNumber + 1);
  return tag;
}

// With the view in the context of errors, as where an entity is waited for.
void acquire(const Program& program, LOCKMODE mode) {
  const LOCKTAG tag = lock_of(program);
  call([&] {
    ErrorContextCallback context{};
    context.previous = error_context_stack;
    context.callback = [](void* view) {
      errcontext("lock of all entities of feature view \"%s\"", static_cast<const char*>(view));
    };
    context.arg = const_cast<char*>(program.identity().name.c_str());
    error_context_stack = &context;
    LockAcquire(&tag, mode, false, false);
    error_context_stack = context.previous;
  });
}

}  // namespace

bool has_turns(const Program& program) {
  const std::vector<PartitionList>& lists = program.plan().lists;
  return std::any_of(lists.begin(), lists.end(), [](const PartitionList& list) { return !list.from_source; });
}

void take_turn(const Program& program) { acquire(program, ShareLock); }

void take_turn_alone(const Program& program) {
  const Place place(program);
  call([&] {
    for (const ViewIdentity::Tables& list : program.identity().lists) LockRelationOid(list.states, RowExclusiveLock);
  });
  acquire(program, ExclusiveLock);
}

bool has_taken_turn(const Program& program) {
  const LOCKTAG tag = lock_of(program);
  return compat::LockHeldByMe(tag, ShareLock) || compat::LockHeldByMe(tag, ExclusiveLock);
}

}  // namespace feature
