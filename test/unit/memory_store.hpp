// What is stored of an entity, kept in memory: the NodeSource and StateSink of the tests, which hold the entity to
// the contracts of both.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <memory_resource>
#include <new>
#include <set>
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

  // Bytes that were ever allocated.
  [[nodiscard]] std::size_t allocated() const { return allocated_; }

 private:
  void* do_allocate(std::size_t size, std::size_t alignment) override {
    void* block = ::operator new (size, std::align_val_t{alignment});
    blocks_.emplace(block, std::align_val_t{alignment});
    allocated_ += size;
    return block;
  }
  void do_deallocate(void* block, std::size_t, std::size_t alignment) override {
    blocks_.erase(block);
    ::operator delete (block, std::align_val_t{alignment});
  }
  [[nodiscard]] bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

  std::unordered_map<void*, std::align_val_t> blocks_;
  std::size_t allocated_ = 0;
};

// What is stored of an entity. Holds it to the contracts of NodeSource and StateSink.
class MemoryStore final : public NodeSource, public StateSink {
 public:
  using Bytes = std::vector<std::byte>;

  [[nodiscard]] Image load(std::uint32_t number) override {
    const auto found = nodes.find(number);
    require(found != nodes.end(), "only nodes that are stored are loaded");
    require(loaded_.insert(number).second, "a node is loaded once");
    ++loads;
    // Gone with the next call, as the contract allows.
    image_ = std::make_unique<std::byte[]>(found->second.size());
    std::copy(found->second.begin(), found->second.end(), image_.get());
    return {image_.get(), found->second.size()};
  }

  void pause() override { ++pauses; }

  void remove_node(std::uint32_t number) override {
    require(!head_set_ && added == 0 && replaced == 0, "nodes are removed before anything is written");
    require(nodes.erase(number) == 1, "only nodes that are stored are removed");
    ++removed;
  }
  void add_node(std::uint32_t number, const Bytes& image) override {
    require(!head_set_, "the head is written last");
    require(nodes.emplace(number, image).second, "a number is given to one node");
    ++added;
  }
  void replace_node(std::uint32_t number, const Bytes& image) override {
    require(!head_set_, "the head is written last");
    const auto found = nodes.find(number);
    require(found != nodes.end(), "only nodes that are stored are replaced");
    found->second = image;
    ++replaced;
  }
  void set_head(const Bytes& image) override {
    require(!head_set_, "the head is written once");
    head = image;
    head_set_ = true;
  }

  // A new session of this entity.
  void open() { loaded_.clear(); }
  void begin_store() {
    added = replaced = removed = 0;
    head_set_ = false;
  }
  void end_store() const { require(head_set_, "the head is written"); }

  std::map<std::uint32_t, Bytes> nodes;
  Bytes head;
  // By the last store:
  std::size_t added = 0;
  std::size_t replaced = 0;
  std::size_t removed = 0;
  std::size_t loads = 0;
  std::size_t pauses = 0;

 private:
  std::set<std::uint32_t> loaded_;
  std::unique_ptr<std::byte[]> image_;
  bool head_set_ = false;
};

}  // namespace feature
