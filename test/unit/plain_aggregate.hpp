// The oracle of the aggregates: every result computed anew, by plain loops over plain values, with the formulas of
// PostgreSQL's int8_sum, float8pl, float8_accum, float8larger and their kin written out a second time.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "kernel/aggregate.hpp"

namespace feature {

// An event's argument; its time only where that counts.
struct PlainValue {
  bool null = true;
  Word word = 0;      // unless bytes
  std::string bytes;  // of Storage::bytes
  std::int64_t time = 0;
};

struct PlainResult {
  std::int64_t count = 0;  // values seen
  __int128 total = 0;
  double sum = 0;
  double deviations = 0;
  PlainValue value;
  bool overflow = false;
  double magnitude = 0;  // of float sums: the sum of absolute values
  double squares = 0;    // of moments: the sum of squares
};

[[nodiscard]] inline bool is_float(Storage storage) {
  return storage == Storage::float32 || storage == Storage::float64;
}

[[nodiscard]] inline bool has_aggregate(Fold fold, Storage storage) {
  if (fold == Fold::count || fold == Fold::distinct_times || fold == Fold::first_value ||
      fold == Fold::last_value) {
    return true;
  }
  if (fold == Fold::moments) return is_float(storage);
  if (fold == Fold::distinct || fold == Fold::quantile) return false;  // see holistic_test.cpp
  if (fold == Fold::bit_and || fold == Fold::bit_or || fold == Fold::bit_xor) {
    return !is_float(storage) && storage != Storage::bytes;
  }
  return storage != Storage::bytes;
}

[[nodiscard]] inline __int128 plain_integer(Storage storage, Word word) {
  if (storage == Storage::int8) return static_cast<std::int8_t>(word & 0xFF);
  if (storage == Storage::int16) return static_cast<std::int16_t>(word & 0xFFFF);
  if (storage == Storage::int32) return static_cast<std::int32_t>(word & 0xFFFFFFFF);
  return static_cast<std::int64_t>(word);
}

[[nodiscard]] inline double plain_real(Storage storage, Word word) {
  if (storage == Storage::float32) {
    const auto half = static_cast<std::uint32_t>(word);
    float number;
    std::memcpy(&number, &half, sizeof number);
    return number;
  }
  double number;
  std::memcpy(&number, &word, sizeof number);
  return number;
}

// In PostgreSQL's order of numbers: NaN equals NaN and is greater than every number.
[[nodiscard]] inline bool plain_less(Storage storage, Word a, Word b) {
  if (!is_float(storage)) return plain_integer(storage, a) < plain_integer(storage, b);
  const double x = plain_real(storage, a);
  const double y = plain_real(storage, b);
  if (std::isnan(x)) return false;
  return std::isnan(y) || x < y;
}

template <class Float>
void plain_float_sum(Storage storage, const std::vector<PlainValue>& values, PlainResult& result) {
  Float sum = 0;
  for (const PlainValue& value : values) {
    if (value.null) continue;
    const auto number = static_cast<Float>(plain_real(storage, value.word));
    result.magnitude += std::fabs(static_cast<double>(number));
    const Float before = sum;
    sum = result.count++ == 0 ? number : before + number;
    if (std::isinf(sum) && std::isfinite(before) && std::isfinite(number)) result.overflow = true;
  }
  result.sum = sum;
}

inline void plain_moments(Storage storage, const std::vector<PlainValue>& values, PlainResult& result) {
  double n = 0;
  double sx = 0;
  double sxx = 0;
  for (const PlainValue& value : values) {
    if (value.null) continue;
    const double number = plain_real(storage, value.word);
    result.magnitude += std::fabs(number);
    result.squares += number * number;
    const double old_n = n;
    const double old_sx = sx;
    n = old_n + 1.0;
    sx = old_n > 0.0 ? old_sx + number : number;
    if (old_n > 0.0) {
      const double tmp = number * n - sx;
      sxx += tmp * tmp / (n * old_n);
      if (std::isinf(sx) || std::isinf(sxx)) {
        if (!std::isinf(old_sx) && !std::isinf(number)) result.overflow = true;
        sxx = std::numeric_limits<double>::quiet_NaN();
      }
    } else if (!std::isfinite(number)) {
      sxx = std::numeric_limits<double>::quiet_NaN();
    }
  }
  result.count = static_cast<std::int64_t>(n);
  result.sum = sx;
  result.deviations = sxx;
}

[[nodiscard]] inline PlainResult plain_aggregate(Fold fold, Storage storage, const std::vector<PlainValue>& values) {
  PlainResult result;
  switch (fold) {
    case Fold::count:
      for (const PlainValue& value : values) result.count += value.null ? 0 : 1;
      break;
    case Fold::sum:
      if (storage == Storage::float32) {
        plain_float_sum<float>(storage, values, result);
      } else if (storage == Storage::float64) {
        plain_float_sum<double>(storage, values, result);
      } else {
        for (const PlainValue& value : values) {
          if (value.null) continue;
          result.total += plain_integer(storage, value.word);
          ++result.count;
        }
      }
      break;
    case Fold::moments: plain_moments(storage, values, result); break;
    case Fold::min:
    case Fold::max:
      for (const PlainValue& value : values) {
        if (value.null) continue;
        const bool worse =
            result.count != 0 && (fold == Fold::min ? plain_less(storage, result.value.word, value.word)
                                                    : plain_less(storage, value.word, result.value.word));
        if (!worse) result.value = value;
        ++result.count;
      }
      break;
    case Fold::bit_and:
    case Fold::bit_or:
    case Fold::bit_xor:
      for (const PlainValue& value : values) {
        if (value.null) continue;
        const bool first = result.value.null;
        if (first) result.value = value;
        // Of numbers that are sign-extended the bits above are those of their sign, and the operation keeps that.
        if (!first && fold == Fold::bit_and) result.value.word &= value.word;
        if (!first && fold == Fold::bit_or) result.value.word |= value.word;
        if (!first && fold == Fold::bit_xor) result.value.word ^= value.word;
      }
      break;
    case Fold::distinct_times: {
      std::set<std::int64_t> times;
      for (const PlainValue& value : values) times.insert(value.time);
      result.count = static_cast<std::int64_t>(times.size());
      break;
    }
    case Fold::first_value:
      if (!values.empty()) result.value = values.front();
      result.count = static_cast<std::int64_t>(values.size());
      break;
    case Fold::last_value:
      if (!values.empty()) result.value = values.back();
      result.count = static_cast<std::int64_t>(values.size());
      break;
    case Fold::distinct:
    case Fold::quantile: break;
  }
  return result;
}

[[nodiscard]] inline bool same_value(Storage storage, const Value& value, const PlainValue& plain) {
  if (value.null || plain.null) return value.null == plain.null;
  if (storage != Storage::bytes) return value.word == plain.word;
  const Blob& blob = Blob::of(value.word);
  return std::string(reinterpret_cast<const char*>(blob.data), blob.size) == plain.bytes;
}

// The same bits, except that all NaNs are one: which operand's NaN comes through is the compiler's choice.
[[nodiscard]] inline bool same_double(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  return std::memcmp(&a, &b, sizeof a) == 0;
}

// The same up to the rounding of additions in another order.
[[nodiscard]] inline bool close_double(double a, double b, double magnitude) {
  return same_double(a, b) || std::fabs(a - b) <= 1e-12 * magnitude;
}

// Of summaries that were combined: as same_result, but for the rounding of floats.
[[nodiscard]] inline bool close_result(Storage storage, const Accumulator& accumulator, const PlainResult& plain,
                                       bool moments) {
  if (accumulator.count != plain.count) return false;
  if (!is_float(storage)) return accumulator.total == plain.total;
  return close_double(accumulator.sum, plain.sum, plain.magnitude) &&
         (!moments || close_double(accumulator.deviations, plain.deviations, plain.squares));
}

[[nodiscard]] inline bool same_result(Fold fold, Storage storage, const Accumulator& accumulator,
                                      const PlainResult& plain) {
  switch (fold) {
    case Fold::count:
    case Fold::distinct_times: return accumulator.count == plain.count;
    case Fold::sum:
      return accumulator.count == plain.count &&
             (is_float(storage) ? same_double(accumulator.sum, plain.sum) : accumulator.total == plain.total);
    case Fold::moments:
      return accumulator.count == plain.count && same_double(accumulator.sum, plain.sum) &&
             same_double(accumulator.deviations, plain.deviations);
    case Fold::min:
    case Fold::max:
    case Fold::bit_and:
    case Fold::bit_or:
    case Fold::bit_xor: return same_value(storage, {accumulator.word, accumulator.count != 1}, plain.value);
    case Fold::first_value:
    case Fold::last_value:
      if (plain.count == 0) return accumulator.count == 0;
      return accumulator.count == (plain.value.null ? -1 : 1) &&
             same_value(storage, {accumulator.word, accumulator.count != 1}, plain.value);
    case Fold::distinct:
    case Fold::quantile: break;
  }
  return false;
}

}  // namespace feature
