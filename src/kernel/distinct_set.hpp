// Counts different keys: a set that is filled, asked for its size, and cleared, again and again.
//
// Keys lie densely in the order in which they came; a table of open-addressed slots holds their places. A slot is in
// use if the key it points to points back at it, so clearing the keys clears the table, whatever it was left holding,
// and costs O(1) (P. Briggs & L. Torczon 1993, "An efficient representation for sparse sets", ACM Letters on
// Programming Languages and Systems 2). The part of the table that is in use grows with the keys, so that a small set
// stays in the processor's cache after a large one.
#pragma once

#include <cstdint>
#include <vector>

#include "kernel/value_hash.hpp"

namespace feature {

class DistinctSet {
 public:
  [[nodiscard]] std::size_t size() const { return keys_.size(); }
  void clear();

  // Expected O(1). Throws std::bad_alloc, and std::length_error beyond 2^31 keys.
  void insert_word(Word word) {
    insert(word, hash_word(word), [word](Word known) { return known == word; });
  }
  // The bytes of a blob, which must outlive the set's contents. O(size of the blob).
  void insert_blob(Word blob);

 private:
  struct Key {
    Word word;
    std::uint32_t hash;
    std::uint32_t slot;
  };
  static constexpr std::uint32_t fewest_slots = 64;
  static constexpr std::uint32_t no_slot = ~std::uint32_t{0};

  [[nodiscard]] bool in_use(std::uint32_t slot) const {
    const std::uint32_t place = slots_[slot];
    return place < keys_.size() && keys_[place].slot == slot;
  }

  template <class Equal>
  void insert(Word word, std::uint64_t long_hash, Equal equal) {
    const auto hash = static_cast<std::uint32_t>(long_hash);
    // At most half of the slots are in use.
    if (2 * keys_.size() >= std::uint64_t{mask_} + 1) grow();
    std::uint32_t slot = hash & mask_;
    for (; in_use(slot); slot = (slot + 1) & mask_) {
      const Key& key = keys_[slots_[slot]];
      if (key.hash == hash && equal(key.word)) return;
    }
    slots_[slot] = static_cast<std::uint32_t>(keys_.size());
    keys_.push_back({word, hash, slot});
  }

  void grow();

  std::vector<Key> keys_;
  std::vector<std::uint32_t> slots_ = std::vector<std::uint32_t>(fewest_slots);
  std::uint32_t mask_ = fewest_slots - 1;
};

}  // namespace feature
