// Zipf's distribution over the ranks 1..count: rank k has a probability proportional to k^-skew. Skew 0 is uniform.
#pragma once

#include <cstdint>

#include "random.hpp"

namespace loadgen {

class Zipf {
 public:
  // count >= 1, skew >= 0.
  Zipf(std::uint64_t count, double skew);

  // O(1) whatever the count: no table, about 1.1 draws a sample.
  [[nodiscard]] std::uint64_t sample(Random& random) const;

 private:
  [[nodiscard]] double density(double x) const;
  [[nodiscard]] double integral(double x) const;
  [[nodiscard]] double integral_inverse(double area) const;

  std::uint64_t count_;
  double skew_;
  double first_area_ = 0;
  double last_area_ = 0;
  double always_accepted_ = 0;
};

}  // namespace loadgen
