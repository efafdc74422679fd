// See distinct_set.hpp.

#include "kernel/distinct_set.hpp"

#include <stdexcept>

namespace feature {

void DistinctSet::clear() {
  keys_.clear();
  mask_ = fewest_slots - 1;
}

void DistinctSet::insert_blob(Word word) {
  insert(word, hash_blob(word), [word](Word known) { return is_same(Storage::bytes, known, word); });
}

void DistinctSet::grow() {
  const std::uint64_t slots = 2 * (std::uint64_t{mask_} + 1);
  if (slots > std::uint64_t{1} << 32) throw std::length_error("too many different values");
  if (slots_.size() < slots) slots_.resize(slots);
  mask_ = static_cast<std::uint32_t>(slots - 1);
  // No slot is in use until its key has been put into it.
  for (Key& key : keys_) key.slot = no_slot;
  for (std::uint32_t place = 0; place < keys_.size(); ++place) {
    std::uint32_t slot = keys_[place].hash & mask_;
    while (in_use(slot)) slot = (slot + 1) & mask_;
    slots_[slot] = place;
    keys_[place].slot = slot;
  }
}

}  // namespace feature
