// Random numbers by position: a stream is named by up to three numbers, and any stream can be had at any time without
// drawing the ones before it. That is what makes row n of a run a function of the seed and n alone.
//
// The distributions are written here because those of <random> differ from one standard library to the next.
#pragma once

#include <cmath>
#include <cstdint>

namespace loadgen {

// A bijection of 64-bit numbers in which every input bit changes about half of the output bits (the finaliser of
// SplitMix64).
[[nodiscard]] constexpr std::uint64_t scramble(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31);
}

// What a stream is used for; streams of different purposes are independent.
enum class Purpose : std::uint64_t {
  user_profile,
  merchant_profile,
  pattern_plan,
  row_actor,
  row_detail,
  row_time,
  read,
  backoff,
};

class Random {
 public:
  constexpr Random(std::uint64_t seed, Purpose purpose, std::uint64_t number)
      : state_(scramble(scramble(scramble(seed + step) + static_cast<std::uint64_t>(purpose)) + number)) {}

  constexpr std::uint64_t bits() { return scramble(state_ += step); }

  // Uniform in [0, 1).
  constexpr double uniform() { return static_cast<double>(bits() >> 11) * 0x1p-53; }

  // Uniform in [0, bound); bound > 0. The bias is below bound / 2^64.
  constexpr std::uint64_t below(std::uint64_t bound) {
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(bits()) * bound) >> 64);
  }

  // True with the given probability.
  constexpr bool chance(double probability) { return uniform() < probability; }

  // Standard normal (Box-Muller, one of the pair).
  double normal() {
    const double radius = std::sqrt(-2 * std::log1p(-uniform()));
    return radius * std::cos(6.283185307179586 * uniform());
  }

 private:
  static constexpr std::uint64_t step = 0x9e3779b97f4a7c15U;
  std::uint64_t state_;
};

}  // namespace loadgen
