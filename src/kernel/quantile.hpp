// Quantiles of floats by linear interpolation, as percentile_cont computes them: the same operations in the same order,
// so that results are equal to the last bit.
//
// This is definition 7 of Hyndman & Fan 1996, "Sample Quantiles in Statistical Packages", The American Statistician
// 50(4): the quantile p of n values lies at rank p (n - 1), counted from zero.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>

#include "kernel/value.hpp"

namespace feature {

// A float as an unsigned integer of the same order: -Infinity < .. < -0 < 0 < .. < Infinity < NaN. PostgreSQL's order,
// but that it tells -0 from 0, which makes results independent of the order of equal inputs. All NaNs are one.
[[nodiscard]] inline Word ordered_key(double number) {
  constexpr Word sign = Word{1} << 63;
  if (std::isnan(number)) return ~Word{0};
  const Word bits = to_word(number);
  return bits & sign ? ~bits : bits | sign;
}

[[nodiscard]] inline double from_ordered_key(Word key) {
  constexpr Word sign = Word{1} << 63;
  if (key == ~Word{0}) return std::numeric_limits<double>::quiet_NaN();
  return from_word<double>(key & sign ? key & ~sign : ~key);
}

// Where a quantile lies: between the values of two ranks, which are equal or neighbours, counted from zero.
struct QuantileRanks {
  std::size_t lower, upper;
  double weight;  // of the upper value

  // `fraction` within [0, 1], `count` above zero.
  [[nodiscard]] static QuantileRanks of(double fraction, std::size_t count) {
    const double rank = fraction * static_cast<double>(count - 1);
    const double lower = std::floor(rank);
    return {static_cast<std::size_t>(lower), static_cast<std::size_t>(std::ceil(rank)), rank - lower};
  }

  [[nodiscard]] double between(double lower_value, double upper_value) const {
    return lower == upper ? lower_value : lower_value + weight * (upper_value - lower_value);
  }
};

}  // namespace feature
