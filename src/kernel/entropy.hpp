// Shannon entropy (C. E. Shannon 1948, "A Mathematical Theory of Communication", Bell System Technical Journal 27).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace feature {

// Entropy in bits of values that occur counts[0], counts[1], .. times, each above zero: the sum of c/n log2(n/c), n the
// sum of the counts. No term is negative, so none cancels another. Sorts the counts, so that the sum does not depend on
// their order to the last bit. At least one count.
[[nodiscard]] inline double entropy_bits(std::int64_t* first, std::int64_t* last) {
  std::sort(first, last);
  double total = 0;
  for (const std::int64_t* count = first; count != last; ++count) total += static_cast<double>(*count);
  double bits = 0;
  for (const std::int64_t* count = first; count != last; ++count) {
    const auto occurrences = static_cast<double>(*count);
    bits += occurrences / total * std::log2(total / occurrences);
  }
  return bits;
}

}  // namespace feature
