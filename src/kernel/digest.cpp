// See digest.hpp.

#include "kernel/digest.hpp"

#include <algorithm>
#include <cstring>

namespace feature {
namespace {

// The finaliser of SplitMix64 (G. Steele, D. Lea, C. Flood 2014, "Fast splittable pseudorandom number generators").
std::uint64_t hash_word(std::uint64_t word) {
  word += 0x9e3779b97f4a7c15U;
  word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9U;
  word = (word ^ word >> 27) * 0x94d049bb133111ebU;
  return word ^ word >> 31;
}

// By the bytes that a value of this storage has; those of its word beyond them may be anything.
std::uint64_t hash_value(Storage storage, Word word) {
  switch (storage) {
    case Storage::int8: return hash_word(word & 0xFF);
    case Storage::int16: return hash_word(word & 0xFFFF);
    case Storage::int32:
    case Storage::float32: return hash_word(word & 0xFFFFFFFF);
    case Storage::int64:
    case Storage::float64: return hash_word(word);
    case Storage::bytes: break;
  }
  const Blob& blob = Blob::of(word);
  std::uint64_t hash = hash_word(blob.size);
  for (std::size_t at = 0; at < blob.size; at += sizeof(Word)) {
    Word part = 0;
    std::memcpy(&part, blob.data + at, std::min(sizeof part, blob.size - at));
    hash = hash_word(hash ^ part);
  }
  return hash;
}

}  // namespace

std::uint64_t digest(const std::vector<Storage>& columns, const Event* first, const Event* last) {
  std::uint64_t sum = 0;
  for (; first != last; ++first) {
    std::uint64_t hash = hash_word(static_cast<Word>(first->time.time_since_epoch().count()));
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const Value& value = first->values[i];
      hash = hash_word(hash + i + (value.null ? 0 : hash_value(columns[i], value.word)));
    }
    sum += hash;
  }
  return sum;
}

}  // namespace feature
