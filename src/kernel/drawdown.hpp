// Maximum drawdown: the greatest fall from a value to a later one.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernel/error.hpp"

namespace feature {

// Of a sequence that is not empty. A NaN anywhere makes the result NaN. A fall from or to an infinity is infinite, and
// none between equal ones. Trivially copyable.
class Drawdown {
 public:
  explicit Drawdown(double first)
      : peak_(first), trough_(first), greatest_(std::isnan(first) ? first : 0) {}

  // The sequence continues with the other one. Throws OutOfRange if a fall between finite values is beyond float8.
  void append(const Drawdown& later) {
    if (std::isnan(greatest_) || std::isnan(later.greatest_)) {
      greatest_ = std::numeric_limits<double>::quiet_NaN();
      return;
    }
    greatest_ = std::max({greatest_, later.greatest_, fall(peak_, later.trough_)});
    peak_ = std::max(peak_, later.peak_);
    trough_ = std::min(trough_, later.trough_);
  }

  [[nodiscard]] double greatest() const { return greatest_; }

 private:
  [[nodiscard]] static double fall(double from, double to) {
    if (to >= from) return 0;
    const double height = from - to;
    if (std::isinf(height) && !std::isinf(from) && !std::isinf(to)) throw OutOfRange("value out of range: overflow");
    return height;
  }

  double peak_, trough_;  // the greatest and the least value; of no meaning once a NaN has been seen
  double greatest_;
};

}  // namespace feature
