// Rejection-inversion (Hörmann and Derflinger 1996): invert the integral of the continuous density x^-skew, round to
// the nearest rank, and reject the few samples by which the rounded density exceeds the ranks' own.
#include "zipf.hpp"

#include <algorithm>
#include <cmath>

namespace loadgen {

namespace {

// expm1(x) / x and log1p(x) / x with their limits at 0, so that skew 1, where the integral is a logarithm, needs no
// case of its own.
double expm1_ratio(double x) { return std::abs(x) > 1e-8 ? std::expm1(x) / x : 1 + x / 2; }
double log1p_ratio(double x) { return std::abs(x) > 1e-8 ? std::log1p(x) / x : 1 - x / 2; }

}  // namespace

Zipf::Zipf(std::uint64_t count, double skew) : count_(count), skew_(skew) {
  first_area_ = integral(1.5) - 1;
  last_area_ = integral(static_cast<double>(count) + 0.5);
  always_accepted_ = 2 - integral_inverse(integral(2.5) - density(2));
}

double Zipf::density(double x) const { return std::exp(-skew_ * std::log(x)); }

double Zipf::integral(double x) const {
  const double log_x = std::log(x);
  return expm1_ratio((1 - skew_) * log_x) * log_x;
}

double Zipf::integral_inverse(double area) const {
  const double scaled = std::max(-1.0, area * (1 - skew_));  // rounding may carry it past the pole at -1
  return std::exp(log1p_ratio(scaled) * area);
}

std::uint64_t Zipf::sample(Random& random) const {
  if (skew_ == 0) return 1 + random.below(count_);
  for (;;) {
    const double area = last_area_ + random.uniform() * (first_area_ - last_area_);
    const double x = integral_inverse(area);
    const double rank = std::clamp(std::floor(x + 0.5), 1.0, static_cast<double>(count_));
    if (rank - x <= always_accepted_ || area >= integral(rank + 0.5) - density(rank)) {
      return static_cast<std::uint64_t>(rank);
    }
  }
}

}  // namespace loadgen
