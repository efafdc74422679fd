// The readable text form of a segment image, and back.
//
//   v3 capacity=512 level=0 node=0 next=0 late=0 position=0 prefix(ld) events(dx): (8112345678, 3, 12.5) …
//
// First the prefix record, then one record an event; a record is its time and its values in column order. Integers are
// decimal, floats are the shortest decimal that reads back as the same bits (also NaN, Infinity, -Infinity, and
// NaN(fff8000000000000) for a NaN of other bits than the usual one), bytes are \x and hexadecimal digits, NULL is null.
// Blanks may stand between any two tokens. to_text and from_text are inverse: from_text(to_text(image)) gives the same
// bytes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/error.hpp"

namespace feature {

// Text that from_text does not take: what it expected, and the byte offset where the text stops making sense.
struct InvalidSegmentText : InvalidText {
  InvalidSegmentText(std::size_t at, const std::string& what_was_expected)
      : InvalidText("invalid feature state at byte " + std::to_string(at) + ": expected " + what_was_expected),
        offset(at),
        expected(what_was_expected) {}

  std::size_t offset;
  std::string expected;
};

// Throws CorruptState if the image does not decode. O(size).
[[nodiscard]] std::string to_text(const std::byte* image, std::size_t size);

// Throws InvalidSegmentText. O(size of the text + capacity); a capacity is limited to what a PostgreSQL value can hold.
[[nodiscard]] std::vector<std::byte> from_text(std::string_view text);

}  // namespace feature
