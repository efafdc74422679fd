// Exponentially weighted sums: each value counts 2^(-(T - t) / h), where t is its time, T the latest time of all, and h
// the half-life. The decay is that of radioactive substances; as an aggregate over a stream it is Cohen & Strauss 2006,
// "Maintaining time-decaying stream aggregates", Journal of Algorithms 59.
#pragma once

#include <cstdint>

namespace feature {

// Times and half-life in the same unit, the half-life above zero. Values may come in any order of time.
//
// The power 2^(t / h) is kept as 2^k times a number in [1/2, 1), k an integer: a value's weight is computed once, from
// whole-number arithmetic on its time, and what has been summed is only ever scaled by whole powers of two, which is
// exact. So no error builds up with the number of times that the sum has decayed, and neither the distance of times
// from each other nor from zero overflows. Trivially copyable.
class DecayedSum {
 public:
  // What a sum consists of beside its half-life: enough to store it and to go on with it.
  struct Parts {
    std::int64_t latest = 0;  // T
    double sum = 0;           // of value * 2^(t / h), times 2^-k, k the exponent of 2^(T / h)
    double weights = 0;       // of 2^(t / h), times 2^-k; zero if nothing has been added
  };

  explicit DecayedSum(std::int64_t half_life) : DecayedSum(half_life, Parts()) {}
  DecayedSum(std::int64_t half_life, const Parts& parts);

  // Throws OutOfRange if a sum of finite values is beyond float8.
  void add(double value, std::int64_t time);

  // Takes in another sum of the same half-life. Throws as add does.
  void merge(const DecayedSum& other);

  // Of values; what is empty has neither sum nor average.
  [[nodiscard]] bool empty() const { return parts_.weights == 0; }

  [[nodiscard]] double sum() const;  // throws as add does
  [[nodiscard]] double average() const { return parts_.sum / parts_.weights; }

  [[nodiscard]] const Parts& parts() const { return parts_; }

 private:
  // Brings the sums to the exponent, which is not below the present one.
  void scale_to(std::int64_t exponent);

  std::int64_t half_life_;
  std::int64_t exponent_;  // k
  Parts parts_;
};

}  // namespace feature
