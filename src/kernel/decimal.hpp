// Floats as short decimals: a number that says how a value differs from the one before. See segment.hpp, "float".
//
// Whoever reads or writes a value does so in one place, into which these belong: a call of them shows.
#pragma once

#include <cfloat>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "kernel/value.hpp"

namespace feature::decimal {

static_assert(FLT_EVAL_METHOD == 0 && std::numeric_limits<double>::is_iec559, "decimals are read by exact arithmetic");

inline constexpr std::size_t scales = 8;
inline constexpr unsigned scale_bits = 3;
inline constexpr double powers_of_ten[scales] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7};

// Below it, neighbouring integers over a power of ten are different floats, and a float times that power is at most a
// quarter off its integer.
template <class Float>
constexpr double limit = static_cast<double>(std::uint64_t{1} << (std::numeric_limits<Float>::digits - 3));

template <class Float>
[[nodiscard]] bool is_below_limit(double scaled) {
  return std::fabs(scaled) < limit<Float>;
}

// The product is cut off rather than rounded by an addition, which a compiler might fuse with the multiplication; then
// machines would differ.
template <class Float>
[[nodiscard]] std::int64_t cut_off(Float value, double power) {
  const double scaled = static_cast<double>(value) * power;
  return static_cast<std::int64_t>(is_below_limit<Float>(scaled) ? scaled : 0.0);
}

// The value that a number stands for, behind the value `last`.
template <class Float>
[[nodiscard, gnu::always_inline]] inline Word read(Word last, Word number) {
  const double power = powers_of_ten[number % scales];
  const std::int64_t difference = static_cast<std::int64_t>(number) >> scale_bits;
  const std::int64_t units = cut_off(from_word<Float>(last), power) + difference;
  return to_word(static_cast<Float>(static_cast<double>(units) / power));
}

// The number from which read gives the value, of the smallest scale that does; false if there is none.
template <class Float>
[[nodiscard, gnu::always_inline]] inline bool find(Word last, Word word, Word& number) {
  const auto value = static_cast<double>(from_word<Float>(word));
  const auto nearest = [](double scaled) {
    return static_cast<std::int64_t>(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
  };
  // Most that are no decimals are none of the largest scale.
  const double largest = value * powers_of_ten[scales - 1];
  if (is_below_limit<Float>(largest)) {
    const double off = largest - static_cast<double>(nearest(largest));
    if (off > 0.26 || off < -0.26) return false;
  }
  for (std::size_t scale = 0; scale < scales; ++scale) {
    const double power = powers_of_ten[scale];
    const double scaled = value * power;
    if (!is_below_limit<Float>(scaled)) return false;
    const std::int64_t units = nearest(scaled);
    if (to_word(static_cast<Float>(static_cast<double>(units) / power)) != word) continue;
    number = static_cast<Word>(units - cut_off(from_word<Float>(last), power)) << scale_bits | scale;
    return true;
  }
  return false;
}

}  // namespace feature::decimal
