// What is stored of an entity, kept in memory: the ChunkSource and SegmentSink of the tests, which hold the entity to
// the contracts of both.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

#include "kernel/entity.hpp"

namespace feature {

// Where an entity differs from its model, or breaks a contract.
struct Difference : std::logic_error {
  using std::logic_error::logic_error;
};

inline void require(bool holds, const char* what) {
  if (!holds) throw Difference(std::string("not so: ") + what);
}

// Every block by itself, so that the address sanitizer sees the end of each, and the use of one given back.
class SeparateBlocks final : public std::pmr::memory_resource {
 public:
  SeparateBlocks() = default;
  SeparateBlocks(const SeparateBlocks&) = delete;
  SeparateBlocks& operator=(const SeparateBlocks&) = delete;
  ~SeparateBlocks() override {
    for (const auto& [block, alignment] : blocks_) ::operator delete(block, alignment);
  }

 private:
  void* do_allocate(std::size_t size, std::size_t alignment) override {
    void* block = ::operator new (size, std::align_val_t{alignment});
    blocks_.emplace(block, std::align_val_t{alignment});
    return block;
  }
  void do_deallocate(void* block, std::size_t, std::size_t alignment) override {
    blocks_.erase(block);
    ::operator delete (block, std::align_val_t{alignment});
  }
  [[nodiscard]] bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

  std::unordered_map<void*, std::align_val_t> blocks_;
};

// What is stored of an entity. Holds it to the contracts of ChunkSource and SegmentSink.
class MemoryStore final : public ChunkSource, public SegmentSink {
 public:
  using Bytes = std::vector<std::byte>;

  [[nodiscard]] Image load(std::uint32_t number) override {
    require(number < chunks.size(), "only chunks that are stored are loaded");
    require(number + 1 == next_load_, "chunks are loaded from the newest to the oldest, each once");
    require(lent_to_ == nullptr || lent_to_->first_loaded() > oldest_needed_, "only chunks that are needed are loaded");
    next_load_ = number;
    ++loads;
    // Gone with the next call, as the contract allows.
    image_ = std::make_unique<std::byte[]>(chunks[number].size());
    std::copy(chunks[number].begin(), chunks[number].end(), image_.get());
    return {image_.get(), chunks[number].size()};
  }

  void remove_chunks_from(std::uint32_t number) override {
    require(!removed_from && added_ == 0 && !head_set_, "chunks are removed once, before anything is written");
    require(number < chunks.size(), "only chunks that are stored are removed");
    removed_from = number;
    chunks.resize(number);
  }
  void add_chunk(std::uint32_t number, const Bytes& image) override {
    require(!head_set_, "the head is written last");
    require(number == chunks.size(), "chunks are numbered without gaps");
    chunks.push_back(image);
    ++added_;
  }
  void set_head(const Bytes& image) override {
    require(!head_set_, "the head is written once");
    head = image;
    head_set_ = true;
  }

  // A new session of this entity, whose stored head has this number.
  void open(const Entity& entity, std::uint32_t head_number) {
    lent_to_ = &entity;
    next_load_ = head_number;
  }
  void begin_store() {
    removed_from.reset();
    added_ = 0;
    head_set_ = false;
  }
  void end_store() const { require(head_set_, "the head is written"); }
  // From now on, events before this position are not needed.
  void need_from(std::int64_t position) { oldest_needed_ = position; }

  [[nodiscard]] std::size_t added() const { return added_; }

  std::vector<Bytes> chunks;
  Bytes head;
  std::optional<std::uint32_t> removed_from;  // by the last store
  std::size_t loads = 0;

 private:
  const Entity* lent_to_ = nullptr;
  std::int64_t oldest_needed_ = 0;
  std::uint32_t next_load_ = 0;
  std::unique_ptr<std::byte[]> image_;
  std::size_t added_ = 0;
  bool head_set_ = false;
};

}  // namespace feature
