// Sorted floats against a sorted vector: any order of insertion and removal, specials included, and quantiles as
// percentile_cont computes them.

#include "kernel/sorted_floats.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>

namespace feature {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();

// The arithmetic of PostgreSQL's percentile_cont_final_common and float8_lerp.
double percentile_cont(const std::vector<double>& sorted, double fraction) {
  const auto last = static_cast<double>(sorted.size() - 1);
  const auto first_row = static_cast<std::int64_t>(std::floor(fraction * last));
  const auto second_row = static_cast<std::int64_t>(std::ceil(fraction * last));
  const double low = sorted[static_cast<std::size_t>(first_row)];
  if (first_row == second_row) return low;
  const double high = sorted[static_cast<std::size_t>(second_row)];
  return low + ((fraction * last - static_cast<double>(first_row)) * (high - low));
}

bool before(double a, double b) { return ordered_key(a) < ordered_key(b); }

void expect_same(double seen, double expected) { EXPECT_EQ(ordered_key(seen), ordered_key(expected)) << seen; }

void expect_same_contents(const SortedFloats& floats, const std::vector<double>& sorted) {
  std::vector<double> seen;
  floats.for_each([&](double number) { seen.push_back(number); });
  ASSERT_EQ(seen.size(), sorted.size());
  ASSERT_EQ(floats.size(), sorted.size());
  for (std::size_t i = 0; i < seen.size(); ++i) ASSERT_EQ(ordered_key(seen[i]), ordered_key(sorted[i]));
}

TEST(OrderedKey, keeps_the_order_and_the_number) {
  const double ascending[] = {-infinity, -1e308, -1, -5e-324, -0.0, 0.0, 5e-324, 1, 1e308, infinity, nan_value};
  for (std::size_t i = 0; i < std::size(ascending); ++i) {
    EXPECT_TRUE(i == 0 || ordered_key(ascending[i - 1]) < ordered_key(ascending[i]));
    const double back = from_ordered_key(ordered_key(ascending[i]));
    EXPECT_TRUE(std::isnan(ascending[i]) || to_word(back) == to_word(ascending[i]));
  }
  EXPECT_EQ(ordered_key(-nan_value), ordered_key(nan_value));
}

TEST(SortedFloats, quantiles_interpolate_as_percentile_cont) {
  std::pmr::monotonic_buffer_resource memory;
  SortedFloats floats(&memory);
  for (const double number : {3.0, 1.0, 2.0, 10.0}) floats.insert(number);
  EXPECT_EQ(floats.quantile(0), 1);
  EXPECT_EQ(floats.quantile(0.5), 2.5);
  EXPECT_EQ(floats.quantile(0.75), 4.75);
  EXPECT_EQ(floats.quantile(1), 10);
}

TEST(SortedFloats, erase_says_whether_the_value_was_there) {
  std::pmr::monotonic_buffer_resource memory;
  SortedFloats floats(&memory);
  EXPECT_FALSE(floats.erase(1));
  floats.insert(1);
  EXPECT_FALSE(floats.erase(2));
  EXPECT_FALSE(floats.erase(0.5));
  EXPECT_TRUE(floats.erase(1));
  EXPECT_FALSE(floats.erase(1));
  EXPECT_EQ(floats.size(), 0U);
}

// The sliding frame: as many values as `width` are held while others come and go.
void slide(std::size_t width, int steps, unsigned seed, bool few_values, bool ascending) {
  SCOPED_TRACE(testing::Message() << "width " << width << ", seed " << seed);
  std::mt19937_64 random(seed);
  std::pmr::unsynchronized_pool_resource memory;
  SortedFloats floats(&memory);
  std::vector<double> frame, sorted;
  const double specials[] = {nan_value, infinity, -infinity, -0.0, 0.0};
  for (int step = 0; step < steps; ++step) {
    double number = ascending ? step : static_cast<double>(random() % (few_values ? 7 : 1000000)) / 3 - 1;
    if (random() % 16 == 0) number = specials[random() % 5];
    frame.push_back(number);
    floats.insert(number);
    sorted.insert(std::upper_bound(sorted.begin(), sorted.end(), number, before), number);
    // Now and then the frame shrinks to little.
    const std::size_t keep = random() % 997 == 0 ? random() % 10 : width;
    while (frame.size() > keep) {
      const std::size_t gone = random() % 2 == 0 ? 0 : random() % frame.size();
      ASSERT_TRUE(floats.erase(frame[gone]));
      sorted.erase(std::lower_bound(sorted.begin(), sorted.end(), frame[gone], before));
      frame.erase(frame.begin() + static_cast<std::ptrdiff_t>(gone));
    }
    if (sorted.empty()) continue;
    const double fraction = static_cast<double>(random() % 1001) / 1000;
    expect_same(floats.quantile(fraction), percentile_cont(sorted, fraction));
  }
  expect_same_contents(floats, sorted);
}

TEST(SortedFloats, equal_a_sorted_vector_while_values_come_and_go) {
  slide(1, 200, 1, false, false);
  slide(20, 2000, 2, true, false);
  slide(700, 5000, 3, false, false);
  slide(3000, 12000, 4, false, false);
  slide(3000, 6000, 5, true, false);
  slide(3000, 6000, 6, false, true);
}

}  // namespace
}  // namespace feature
