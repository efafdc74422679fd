// See decayed_sum.hpp.

#include "kernel/decayed_sum.hpp"

#include <algorithm>
#include <cmath>

#include "kernel/error.hpp"

namespace feature {
namespace {

// 2^(time / half_life) = mantissa * 2^exponent, mantissa in [1/2, 1).
struct Power {
  double mantissa;
  std::int64_t exponent;

  Power(std::int64_t time, std::int64_t half_life) {
    std::int64_t halvings = time / half_life;
    std::int64_t rest = time % half_life;
    if (rest < 0) {
      rest += half_life;
      --halvings;
    }
    mantissa = std::exp2(static_cast<double>(rest) / static_cast<double>(half_life) - 1);
    exponent = halvings;
  }
};

// Beyond this many halvings nothing is left of any float8.
constexpr std::uint64_t vanishing = 2200;

[[nodiscard]] double halve(double number, std::uint64_t times) {
  return std::ldexp(number, -static_cast<int>(std::min(times, vanishing)));
}

// How far b lies above a, which is not above it; the difference itself may not fit their type.
[[nodiscard]] std::uint64_t distance(std::int64_t a, std::int64_t b) {
  return static_cast<std::uint64_t>(b) - static_cast<std::uint64_t>(a);
}

[[nodiscard]] double add_checked(double a, double b) {
  const double sum = a + b;
  if (std::isinf(sum) && !std::isinf(a) && !std::isinf(b)) throw OutOfRange("value out of range: overflow");
  return sum;
}

}  // namespace

DecayedSum::DecayedSum(std::int64_t half_life, const Parts& parts)
    : half_life_(half_life), exponent_(Power(parts.latest, half_life).exponent), parts_(parts) {}

void DecayedSum::scale_to(std::int64_t exponent) {
  const std::uint64_t halvings = distance(exponent_, exponent);
  parts_.sum = halve(parts_.sum, halvings);
  parts_.weights = halve(parts_.weights, halvings);
  exponent_ = exponent;
}

void DecayedSum::add(double value, std::int64_t time) {
  const Power power(time, half_life_);
  if (empty()) {
    exponent_ = power.exponent;
    parts_.latest = time;
  }
  if (power.exponent > exponent_) scale_to(power.exponent);
  parts_.latest = std::max(parts_.latest, time);
  const std::uint64_t halvings = distance(power.exponent, exponent_);
  parts_.sum = add_checked(parts_.sum, halve(value * power.mantissa, halvings));
  parts_.weights += halve(power.mantissa, halvings);
}

void DecayedSum::merge(const DecayedSum& other) {
  if (other.empty()) return;
  if (empty()) {
    *this = other;
    return;
  }
  if (other.exponent_ > exponent_) scale_to(other.exponent_);
  parts_.latest = std::max(parts_.latest, other.parts_.latest);
  const std::uint64_t halvings = distance(other.exponent_, exponent_);
  parts_.sum = add_checked(parts_.sum, halve(other.parts_.sum, halvings));
  parts_.weights += halve(other.parts_.weights, halvings);
}

double DecayedSum::sum() const {
  const double sum = parts_.sum / Power(parts_.latest, half_life_).mantissa;
  if (std::isinf(sum) && !std::isinf(parts_.sum)) throw OutOfRange("value out of range: overflow");
  return sum;
}

}  // namespace feature
