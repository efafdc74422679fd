// What the kernel knows of a value: eight bytes, how they are to be read, and whether it is NULL.
//
// A word is the 64-bit image that the database hands over for a value of its type, so that no conversion stands between
// the two: integers are sign-extended, a float8 is its bits, a float4 is its bits in the low half, and everything that
// does not fit is the address of a blob's first byte. Units and meaning of the value are the caller's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory_resource>
#include <type_traits>

namespace feature {

using Word = std::uint64_t;

// How a column's words are to be read, and how many bytes they take in a stored event. The letters are stored in
// state images: never change one, only add.
enum class Storage : char {
  int8 = 'b',
  int16 = 's',
  int32 = 'i',
  int64 = 'l',
  float32 = 'f',
  float64 = 'd',
  bytes = 'x',
};

struct Value {
  Word word = 0;
  bool null = true;
};

// Bytes of any length; the word of a Storage::bytes value is the address of `data`, which is 8-byte aligned. A blob is
// never freed on its own: it lives as long as the memory resource it was made in.
struct Blob {
  std::uint64_t size;
  std::byte data[];

  [[nodiscard]] static Word make(std::pmr::memory_resource& memory, const void* bytes, std::size_t size) {
    auto* blob = static_cast<Blob*>(memory.allocate(sizeof(Blob) + size, alignof(Blob)));
    blob->size = size;
    std::memcpy(blob->data, bytes, size);
    return reinterpret_cast<Word>(blob->data);
  }

  [[nodiscard]] static const Blob& of(Word word) {
    return *reinterpret_cast<const Blob*>(word - offsetof(Blob, data));
  }
};

// Whether two words of this storage are one value: the same word, or the same bytes.
[[nodiscard]] inline bool is_same(Storage storage, Word a, Word b) {
  if (a == b || storage != Storage::bytes) return a == b;
  const Blob& left = Blob::of(a);
  const Blob& right = Blob::of(b);
  return left.size == right.size && std::memcmp(left.data, right.data, left.size) == 0;
}

template <class T>
[[nodiscard]] inline T from_word(Word word) {
  if constexpr (std::is_floating_point_v<T>) {
    T value;
    std::memcpy(&value, &word, sizeof value);
    return value;
  } else {
    return static_cast<T>(word);
  }
}

template <class T>
[[nodiscard]] inline Word to_word(T value) {
  if constexpr (std::is_floating_point_v<T>) {
    Word word = 0;
    std::memcpy(&word, &value, sizeof value);
    return word;
  } else {
    return static_cast<Word>(static_cast<std::int64_t>(value));
  }
}

}  // namespace feature
