// Counts different values of which some come and others go, as those of a frame that slides.
//
// Open addressing. A value that has gone keeps its slot until the table is made anew, and has it again when it comes
// back, as values of an entity do. Two tables take turns: memory resources that never give anything back would lose one
// with each new one.
#pragma once

#include <cstdint>
#include <memory_resource>
#include <vector>

#include "kernel/value.hpp"

namespace feature {

class CountedSet {
 public:
  explicit CountedSet(std::pmr::memory_resource* memory) : slots_(memory), spare_(memory) {}

  // Number of different values.
  [[nodiscard]] std::size_t size() const { return present_; }
  void clear();

  // Expected O(1) amortised, and O(size of the blob). What is erased must have been inserted. Blobs must outlive the
  // set's contents, those that were erased too. Throws std::bad_alloc.
  void insert_word(Word word);
  void insert_blob(Word blob);
  void erase_word(Word word);
  void erase_blob(Word blob);

 private:
  struct Slot {
    Word word;
    std::uint32_t hash;
    std::uint32_t count_and_one;  // 0: free
  };

  template <class Equal>
  void insert(Word word, std::uint64_t hash, Equal equal);
  template <class Equal>
  void erase(std::uint64_t hash, Equal equal);
  template <class Equal>
  [[nodiscard]] Slot& find(std::uint32_t hash, Equal equal);
  void make_anew();

  std::pmr::vector<Slot> slots_;  // a power of two of them
  std::pmr::vector<Slot> spare_;
  std::size_t used_ = 0;     // slots
  std::size_t present_ = 0;  // of them, those whose value is there
};

}  // namespace feature
