// Kernel containers allocate through std::pmr; here that ends in a PostgreSQL memory context.
#pragma once

#include <new>
#include <vector>

#include "pg/postgres.hpp"

namespace feature {

// Allocates from a memory context. Failure is std::bad_alloc, never an ERROR, so kernel code can call it directly.
// Contexts align to 8 bytes and 128-bit sums want 16: the chunk's own address is kept in front of what is handed out.
class ContextResource final : public std::pmr::memory_resource {
 public:
  explicit ContextResource(MemoryContext context) : context_(context) {}

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    std::size_t room = bytes + alignment + sizeof(void*);
    void* chunk = room < bytes || room > MaxAllocHugeSize
                      ? nullptr
                      : MemoryContextAllocExtended(context_, room, MCXT_ALLOC_NO_OOM | MCXT_ALLOC_HUGE);
    if (chunk == nullptr) throw std::bad_alloc();
    void* memory = static_cast<char*>(chunk) + sizeof(void*);
    room -= sizeof(void*);
    std::align(alignment, bytes, memory, room);
    static_cast<void**>(memory)[-1] = chunk;
    return memory;
  }
  void do_deallocate(void* memory, std::size_t, std::size_t) override { pfree(static_cast<void**>(memory)[-1]); }
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override { return this == &other; }

  MemoryContext context_;
};

// A memory context that lives as long as this object. The current context is not changed.
class OwnedContext {
 public:
  OwnedContext(MemoryContext parent, const char* name);
  OwnedContext(const OwnedContext&) = delete;
  OwnedContext& operator=(const OwnedContext&) = delete;
  ~OwnedContext() { MemoryContextDelete(context_); }

  [[nodiscard]] MemoryContext get() const { return context_; }

 private:
  MemoryContext context_;
};

// The same for what each statement needs, with a buffer for what the kernel allocates. The session keeps a few of both,
// empty: to get fresh memory from the operating system, and give it back, costs a statement of a hundred rows a fifth
// of its time.
class WarmContext {
 public:
  WarmContext();
  WarmContext(const WarmContext&) = delete;
  WarmContext& operator=(const WarmContext&) = delete;
  ~WarmContext();

  [[nodiscard]] MemoryContext get() const { return warm_.context; }
  // As much as the entities of a few hundred rows take. What of it has never been used the operating system has.
  static constexpr std::size_t buffer_bytes = std::size_t{1} << 20;
  [[nodiscard]] void* buffer() const { return warm_.buffer; }
  // What was taken from the operating system beyond what is kept.
  [[nodiscard]] std::size_t bytes() const { return MemoryContextMemAllocated(get(), false) - kept_bytes; }

 private:
  static constexpr std::size_t kept_bytes = buffer_bytes / 4;

  struct Warm {
    MemoryContext context;
    void* buffer;
  };
  struct Kept;
  static Kept kept;

  Warm warm_;
};

// Gives out memory of a context in one direction, and takes all of it back at once: what one batch has had the next one
// has without the operating system, and still in the processor's caches if it is little. Begins with the buffer of a
// warm context, and adds a few blocks of that size. Who needs more gets large ones, in huge pages where the operating
// system has some: on a virtual machine, to get memory page by page takes longer than to fill it, but to empty a huge
// page for a little would take a single row longer than all that it does. What does not fit a block gets memory of its
// own, which is given back.
class Arena final : public std::pmr::memory_resource {
 public:
  explicit Arena(const WarmContext& warm) : context_(warm.get()), blocks_{static_cast<std::byte*>(warm.buffer())} {}
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  void rewind();
  // Bytes that are in use of what was taken from the operating system, beyond the buffer.
  [[nodiscard]] std::size_t used() const { return (block_ == 0 ? 0 : bytes_before(block_ + 1) - left_) + large_bytes_; }
  // As the context counts them: with what is not in use, or lies between blocks and never is.
  [[nodiscard]] std::size_t allocated() const {
    return bytes_before(blocks_.size()) + large_blocks(blocks_.size()) * huge_page + large_bytes_;
  }

 private:
  static constexpr std::size_t small_bytes = WarmContext::buffer_bytes;
  static constexpr std::size_t small_blocks = 4;  // with the buffer
  static constexpr std::size_t huge_page = std::size_t{2} << 20;
  static constexpr std::size_t large_block_bytes = 2 * huge_page;

  // Of so many blocks.
  [[nodiscard]] static constexpr std::size_t large_blocks(std::size_t blocks) {
    return blocks < small_blocks ? 0 : blocks - small_blocks;
  }
  // Of all blocks before one, but for the buffer.
  [[nodiscard]] static constexpr std::size_t bytes_before(std::size_t block) {
    return (block - large_blocks(block) - 1) * small_bytes + large_blocks(block) * large_block_bytes;
  }

  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    for (;;) {
      void* memory = at_;
      if (std::align(alignment, bytes, memory, left_) != nullptr) {
        at_ = static_cast<std::byte*>(memory) + bytes;
        left_ -= bytes;
        return memory;
      }
      if (bytes + alignment > small_bytes) return add_large(bytes, alignment);
      if (block_ + 1 == blocks_.size()) add_block();
      set_block(block_ + 1);
    }
  }
  void do_deallocate(void*, std::size_t, std::size_t) override {}
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override { return this == &other; }

  [[nodiscard]] std::byte* take(std::size_t bytes);
  void add_block();
  void* add_large(std::size_t bytes, std::size_t alignment);
  void set_block(std::size_t block);

  MemoryContext context_;
  std::vector<std::byte*> blocks_;
  std::size_t block_ = 0;
  std::byte* at_ = blocks_[0];
  std::size_t left_ = small_bytes;
  std::vector<std::byte*> large_;
  std::size_t large_bytes_ = 0;
};

// Makes a context current for a scope.
class InContext {
 public:
  explicit InContext(MemoryContext context) : previous_(MemoryContextSwitchTo(context)) {}
  InContext(const InContext&) = delete;
  InContext& operator=(const InContext&) = delete;
  ~InContext() { MemoryContextSwitchTo(previous_); }

 private:
  MemoryContext previous_;
};

}  // namespace feature
