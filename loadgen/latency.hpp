// Latency statistics of a finished run. Every latency is kept, so percentiles are exact: values that were measured, not
// edges of buckets.
#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

namespace loadgen {

using Latency = std::chrono::nanoseconds;

struct LatencySummary {
  std::size_t count = 0;  // with none, everything else is 0
  Latency p50{};
  Latency p95{};
  Latency p99{};
  Latency p999{};
  Latency max{};
};

// The nearest-rank percentile: the least of the values such that at least `per_mille` thousandths of them are not
// greater. `sorted` ascends and is not empty; 1 <= per_mille <= 1000.
[[nodiscard]] Latency percentile(const std::vector<Latency>& sorted, std::size_t per_mille);

// O(n log n), in place.
[[nodiscard]] LatencySummary summarise(std::vector<Latency>& latencies);

}  // namespace loadgen
