// See memory.hpp.

#include "pg/memory.hpp"

#include <algorithm>

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

void Arena::add_block(std::size_t bytes, std::size_t alignment) {
  const std::size_t size = std::max(bytes + alignment, WarmContext::buffer_bytes);
  if (size < bytes || size > MaxAllocHugeSize) throw std::bad_alloc();
  blocks_.reserve(blocks_.size() + 1);
  void* begin = MemoryContextAllocExtended(context_, size, MCXT_ALLOC_NO_OOM | MCXT_ALLOC_HUGE);
  if (begin == nullptr) throw std::bad_alloc();
  blocks_.push_back({static_cast<std::byte*>(begin), size});
}

void Arena::set_block(std::size_t block) {
  before_ = block == 0 ? 0 : before_ + blocks_[block_].size;
  block_ = block;
  at_ = blocks_[block].begin;
  left_ = blocks_[block].size;
}

}  // namespace feature
