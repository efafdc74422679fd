// Option values from text. Each function takes the whole text or throws BadValue, which says what was expected.
#pragma once

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string_view>

#include "generator.hpp"

namespace loadgen {

struct BadValue : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// A whole number in [least, most].
[[nodiscard]] std::uint64_t parse_whole(std::string_view text, std::uint64_t least, std::uint64_t most);

// A decimal number in [least, most].
[[nodiscard]] double parse_decimal(std::string_view text, double least, double most);

// A positive length of time: a decimal number and ms, s, min, h or d; seconds if there is no unit. At most 100 years.
[[nodiscard]] std::chrono::microseconds parse_duration(std::string_view text);

// A time in UTC: YYYY-MM-DD or YYYY-MM-DD HH:MM:SS (or with T between, or Z behind).
[[nodiscard]] EventTime parse_time(std::string_view text);

// The word of a comma-separated list that begins at `list`, which is advanced past it.
[[nodiscard]] std::string_view next_word(std::string_view& list);

}  // namespace loadgen
