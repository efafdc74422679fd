// See memory.hpp.

#include "pg/memory.hpp"

#include "pg/boundary.hpp"

namespace feature {

OwnedContext::OwnedContext(MemoryContext parent, const char* name)
    : context_(call([&] { return AllocSetContextCreateInternal(parent, name, ALLOCSET_DEFAULT_SIZES); })) {}

}  // namespace feature
