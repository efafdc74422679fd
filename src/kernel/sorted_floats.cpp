// See sorted_floats.hpp.

#include "kernel/sorted_floats.hpp"

#include <algorithm>

namespace feature {

std::pmr::vector<SortedFloats::Block>::iterator SortedFloats::find_block(Word key) {
  return std::lower_bound(blocks_.begin(), blocks_.end(), key,
                          [](const Block& block, Word wanted) { return block.back() < wanted; });
}

void SortedFloats::insert(double number) {
  const Word key = ordered_key(number);
  ++size_;
  if (blocks_.empty()) {
    blocks_.emplace_back().push_back(key);
    return;
  }
  auto block = find_block(key);
  if (block == blocks_.end()) --block;
  if (block->size() == block_capacity) {
    // Values often come in ascending order: then the last block is left full and not half full.
    if (block + 1 == blocks_.end() && key >= block->back()) {
      blocks_.emplace_back();
      block = blocks_.end() - 1;
    } else {
      const auto next = blocks_.emplace(block + 1);
      block = next - 1;
      const auto middle = block->begin() + block_capacity / 2;
      next->assign(middle, block->end());
      block->erase(middle, block->end());
      if (key > block->back()) block = next;
    }
  }
  block->insert(std::upper_bound(block->begin(), block->end(), key), key);
}

bool SortedFloats::erase(double number) {
  const Word key = ordered_key(number);
  const auto block = find_block(key);
  if (block == blocks_.end()) return false;
  const auto place = std::lower_bound(block->begin(), block->end(), key);
  if (*place != key) return false;
  block->erase(place);
  --size_;
  if (block->empty()) {
    blocks_.erase(block);
  } else if (block->size() < block_capacity / 4) {
    if (block != blocks_.begin()) merge_with_next(block - 1);
    else merge_with_next(block);
  }
  return true;
}

// Keeps the number of blocks within a constant of size() / block_capacity. What is merged is not full, so that the next
// insert does not split it again.
void SortedFloats::merge_with_next(std::pmr::vector<Block>::iterator block) {
  const auto next = block + 1;
  if (next == blocks_.end() || block->size() + next->size() > block_capacity * 3 / 4) return;
  block->insert(block->end(), next->begin(), next->end());
  blocks_.erase(next);
}

double SortedFloats::quantile(double fraction) const {
  const QuantileRanks ranks = QuantileRanks::of(fraction, size_);
  auto block = blocks_.begin();
  std::size_t place = ranks.lower;
  for (; place >= block->size(); ++block) place -= block->size();
  const double lower = from_ordered_key((*block)[place]);
  if (ranks.lower == ranks.upper) return lower;
  const Word upper = place + 1 < block->size() ? (*block)[place + 1] : (block + 1)->front();
  return ranks.between(lower, from_ordered_key(upper));
}

}  // namespace feature
