// See memory.hpp.

#include "pg/memory.hpp"

#include "pg/boundary.hpp"

namespace feature {

struct WarmContext::Kept {
  // For the lists of a wide view, and its batch.
  static constexpr std::size_t most = 8;

  Warm all[most];
  std::size_t count = 0;
};
WarmContext::Kept WarmContext::kept;

OwnedContext::OwnedContext(MemoryContext parent, const char* name)
    : context_(call([&] { return AllocSetContextCreateInternal(parent, name, ALLOCSET_DEFAULT_SIZES); })) {}

WarmContext::WarmContext() {
  if (kept.count > 0) {
    warm_ = kept.all[--kept.count];
    return;
  }
  warm_ = call([] {
    MemoryContext context = AllocSetContextCreate(CacheMemoryContext, "feature_ext statement", kept_bytes, kept_bytes,
                                                  ALLOCSET_DEFAULT_MAXSIZE);
    return Warm{context, MemoryContextAlloc(CacheMemoryContext, buffer_bytes)};
  });
}

WarmContext::~WarmContext() {
  if (kept.count < Kept::most) {
    MemoryContextReset(get());
    kept.all[kept.count++] = warm_;
  } else {
    MemoryContextDelete(get());
    pfree(warm_.buffer);
  }
}

}  // namespace feature
