// See memory.hpp.

#include "pg/memory.hpp"

#include <sys/mman.h>
#include <unistd.h>

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

#ifdef MADV_HUGEPAGE
namespace {

// Whole pages that nothing is in, to the operating system.
void give_back(std::byte* begin, std::byte* end) {
  static const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const std::uintptr_t first = (reinterpret_cast<std::uintptr_t>(begin) + page - 1) / page * page;
  const std::uintptr_t last = reinterpret_cast<std::uintptr_t>(end) / page * page;
  if (first < last) (void)madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
}

}  // namespace
#endif

std::byte* Arena::take(std::size_t bytes) {
  void* memory = MemoryContextAllocExtended(context_, bytes, MCXT_ALLOC_NO_OOM | MCXT_ALLOC_HUGE);
  if (memory == nullptr) throw std::bad_alloc();
  return static_cast<std::byte*>(memory);
}

// Huge pages begin at multiples of their size, so there is room for a large block to. What lies before and behind it
// may have been used before, and is given back: it is never needed.
void Arena::add_block() {
  blocks_.reserve(blocks_.size() + 1);
  if (blocks_.size() < small_blocks) {
    blocks_.push_back(take(small_bytes));
    return;
  }
  const std::size_t all = large_block_bytes + huge_page;
  std::size_t room = all;
  std::byte* const taken = take(all);
  void* memory = taken;
  std::align(huge_page, large_block_bytes, memory, room);
  auto* const block = static_cast<std::byte*>(memory);
#ifdef MADV_HUGEPAGE
  // Where there are none, or nobody may have any, pages are as they always were.
  (void)madvise(block, large_block_bytes, MADV_HUGEPAGE);
  give_back(taken, block);
  give_back(block + large_block_bytes, taken + all);
#endif
  blocks_.push_back(block);
}

void* Arena::add_large(std::size_t bytes, std::size_t alignment) {
  std::size_t size = bytes + alignment;
  if (size < bytes || size > MaxAllocHugeSize) throw std::bad_alloc();
  large_.reserve(large_.size() + 1);
  void* memory = large_.emplace_back(take(size));
  large_bytes_ += size;
  return std::align(alignment, bytes, memory, size);
}

void Arena::set_block(std::size_t block) {
  block_ = block;
  at_ = blocks_[block];
  left_ = block < small_blocks ? small_bytes : large_block_bytes;
}

void Arena::rewind() {
  for (std::byte* memory : large_) pfree(memory);
  large_.clear();
  large_bytes_ = 0;
  set_block(0);
}

}  // namespace feature
