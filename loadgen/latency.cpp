// Ranks are computed in integers: in floating point, 0.999 * 1000 is not 999.
#include "latency.hpp"

#include <algorithm>

namespace loadgen {

Latency percentile(const std::vector<Latency>& sorted, std::size_t per_mille) {
  const std::size_t rank = (sorted.size() * per_mille + 999) / 1000;
  return sorted[rank - 1];
}

LatencySummary summarise(std::vector<Latency>& latencies) {
  if (latencies.empty()) return {};
  std::sort(latencies.begin(), latencies.end());
  return {latencies.size(),          percentile(latencies, 500), percentile(latencies, 950),
          percentile(latencies, 990), percentile(latencies, 999), latencies.back()};
}

}  // namespace loadgen
