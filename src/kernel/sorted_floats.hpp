// A multiset of floats from which any rank can be read: for quantiles of sliding frames, where each step takes one
// value out and puts another one in.
//
// The values lie sorted in blocks of bounded size. A tree with subtree sizes would have O(log n) throughout, but moving
// half a block is quicker than its pointers up to millions of values.
#pragma once

#include <memory_resource>
#include <vector>

#include "kernel/quantile.hpp"

namespace feature {

class SortedFloats {
 public:
  explicit SortedFloats(std::pmr::memory_resource* memory) : blocks_(memory) {}

  // O(log n + block_capacity). Throws std::bad_alloc.
  void insert(double number);

  // Takes out one value that is equal to the number, 0 and -0 told apart. False if there is none. Cost as of insert.
  bool erase(double number);

  [[nodiscard]] std::size_t size() const { return size_; }

  // `fraction` within [0, 1], size() above zero. O(n / block_capacity).
  [[nodiscard]] double quantile(double fraction) const;

  // Calls `body` with each value, in ascending order.
  template <class Body>
  void for_each(Body body) const {
    for (const auto& block : blocks_) {
      for (const Word key : block) body(from_ordered_key(key));
    }
  }

 private:
  // Keys of quantile.hpp, ascending; never empty.
  using Block = std::pmr::vector<Word>;
  static constexpr std::size_t block_capacity = 512;

  // The first block that ends at `key` or after it.
  [[nodiscard]] std::pmr::vector<Block>::iterator find_block(Word key);
  void merge_with_next(std::pmr::vector<Block>::iterator block);

  std::pmr::vector<Block> blocks_;
  std::size_t size_ = 0;
};

}  // namespace feature
