// Hashes of values, for tables in memory alone: they are not stored.
#pragma once

#include <cstring>

#include "kernel/value.hpp"

namespace feature {

// The finaliser of MurmurHash3 (A. Appleby): every bit of the word changes each bit of the result half of the time.
[[nodiscard]] inline std::uint64_t hash_word(Word word) {
  word = (word ^ word >> 33) * 0xff51afd7ed558ccdU;
  word = (word ^ word >> 33) * 0xc4ceb9fe1a85ec53U;
  return word ^ word >> 33;
}

// Of a blob's bytes. O(size).
[[nodiscard]] inline std::uint64_t hash_blob(Word word) {
  const Blob& blob = Blob::of(word);
  std::uint64_t hash = blob.size;
  std::uint64_t size = blob.size;
  const std::byte* next = blob.data;
  for (; size >= sizeof hash; size -= sizeof hash, next += sizeof hash) {
    std::uint64_t bytes;
    std::memcpy(&bytes, next, sizeof bytes);
    hash = (hash ^ bytes) * 0x9e3779b97f4a7c15U;
    hash ^= hash >> 32;
  }
  std::uint64_t rest = 0;
  std::memcpy(&rest, next, size);
  return hash_word(hash ^ rest);
}

}  // namespace feature
