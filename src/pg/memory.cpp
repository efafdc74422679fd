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

namespace {

// Adds memory of a context to a list of it.
std::byte* add_to(std::vector<std::byte*>& list, MemoryContext context, std::size_t bytes) {
  list.reserve(list.size() + 1);
  void* memory = MemoryContextAllocExtended(context, bytes, MCXT_ALLOC_NO_OOM | MCXT_ALLOC_HUGE);
  if (memory == nullptr) throw std::bad_alloc();
  return list.emplace_back(static_cast<std::byte*>(memory));
}

}  // namespace

void Arena::add_block() { add_to(blocks_, context_, block_bytes); }

void* Arena::add_large(std::size_t bytes, std::size_t alignment) {
  std::size_t size = bytes + alignment;
  if (size < bytes || size > MaxAllocHugeSize) throw std::bad_alloc();
  void* memory = add_to(large_, context_, size);
  large_bytes_ += size;
  return std::align(alignment, bytes, memory, size);
}

void Arena::set_block(std::size_t block) {
  block_ = block;
  at_ = blocks_[block];
  left_ = block_bytes;
}

void Arena::rewind() {
  for (std::byte* memory : large_) pfree(memory);
  large_.clear();
  large_bytes_ = 0;
  set_block(0);
}

}  // namespace feature
