// See counted_set.hpp.

#include "kernel/counted_set.hpp"

#include <algorithm>

#include "kernel/value_hash.hpp"

namespace feature {

void CountedSet::clear() {
  std::fill(slots_.begin(), slots_.end(), Slot{});
  used_ = present_ = 0;
}

// The value's slot, or the free one where it would be.
template <class Equal>
CountedSet::Slot& CountedSet::find(std::uint32_t hash, Equal equal) {
  for (std::size_t at = hash & (slots_.size() - 1);; at = (at + 1) & (slots_.size() - 1)) {
    Slot& slot = slots_[at];
    if (slot.count_and_one == 0 || (slot.hash == hash && equal(slot.word))) return slot;
  }
}

template <class Equal>
void CountedSet::insert(Word word, std::uint64_t long_hash, Equal equal) {
  const auto hash = static_cast<std::uint32_t>(long_hash);
  // At most half of the slots are used.
  if (2 * (used_ + 1) > slots_.size()) make_anew();
  Slot& slot = find(hash, equal);
  if (slot.count_and_one == 0) {
    slot = {word, hash, 1};
    ++used_;
  }
  present_ += slot.count_and_one++ == 1;
}

template <class Equal>
void CountedSet::erase(std::uint64_t hash, Equal equal) {
  Slot& slot = find(static_cast<std::uint32_t>(hash), equal);
  present_ -= --slot.count_and_one == 1;
}

void CountedSet::insert_word(Word word) {
  insert(word, hash_word(word), [word](Word known) { return known == word; });
}

void CountedSet::insert_blob(Word blob) {
  insert(blob, hash_blob(blob), [blob](Word known) { return is_same(Storage::bytes, known, blob); });
}

void CountedSet::erase_word(Word word) {
  erase(hash_word(word), [word](Word known) { return known == word; });
}

void CountedSet::erase_blob(Word blob) {
  erase(hash_blob(blob), [blob](Word known) { return is_same(Storage::bytes, known, blob); });
}

// With room for as many values as are there to come, and without those that have gone.
void CountedSet::make_anew() {
  std::size_t slots = 16;
  while (slots < 4 * (present_ + 1)) slots *= 2;
  spare_.assign(slots, Slot{});
  slots_.swap(spare_);
  used_ = 0;
  for (const Slot& old : spare_) {
    if (old.count_and_one <= 1) continue;
    find(old.hash, [](Word) { return false; }) = old;
    ++used_;
  }
}

}  // namespace feature
