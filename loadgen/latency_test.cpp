// Proves that percentiles are exact nearest-rank values of what was measured.
#include "latency.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace loadgen {
namespace {

std::vector<Latency> one_to(std::size_t count) {
  std::vector<Latency> latencies;
  for (std::size_t i = 1; i <= count; ++i) latencies.emplace_back(i);
  return latencies;
}

TEST(latency, percentiles_of_known_values_are_exact) {
  std::vector<Latency> thousand = one_to(1'000);
  std::reverse(thousand.begin(), thousand.end());
  const LatencySummary summary = summarise(thousand);
  EXPECT_EQ(summary.count, 1'000U);
  EXPECT_EQ(summary.p50.count(), 500);
  EXPECT_EQ(summary.p95.count(), 950);
  EXPECT_EQ(summary.p99.count(), 990);
  EXPECT_EQ(summary.p999.count(), 999);
  EXPECT_EQ(summary.max.count(), 1'000);
}

TEST(latency, percentile_is_the_least_value_with_enough_not_above_it) {
  for (std::size_t count = 1; count <= 300; ++count) {
    const std::vector<Latency> values = one_to(count);
    for (const std::size_t per_mille : {1U, 500U, 950U, 990U, 999U, 1000U}) {
      const auto value = static_cast<std::size_t>(percentile(values, per_mille).count());
      EXPECT_GE(value * 1000, count * per_mille);
      EXPECT_LT((value - 1) * 1000, count * per_mille);
    }
  }
}

TEST(latency, no_value_gives_zeros) {
  std::vector<Latency> none;
  EXPECT_EQ(summarise(none).count, 0U);
  EXPECT_EQ(summarise(none).max.count(), 0);
}

}  // namespace
}  // namespace loadgen
