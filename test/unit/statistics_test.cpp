// Entropy, drawdown and decayed sums against their defining formulas, and their behaviour at the limits of floats.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "kernel/decayed_sum.hpp"
#include "kernel/drawdown.hpp"
#include "kernel/entropy.hpp"
#include "kernel/error.hpp"

namespace feature {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();
constexpr double largest = std::numeric_limits<double>::max();

double entropy(std::vector<std::int64_t> counts) { return entropy_bits(counts.data(), counts.data() + counts.size()); }

TEST(Entropy, of_known_distributions) {
  EXPECT_EQ(entropy({5}), 0);
  EXPECT_FALSE(std::signbit(entropy({5})));
  EXPECT_EQ(entropy({1, 1}), 1);
  EXPECT_EQ(entropy({3, 3, 3, 3}), 2);
  EXPECT_EQ(entropy({2, 1, 1}), 1.5);
  EXPECT_NEAR(entropy({1, 3}), 0.25 * 2 + 0.75 * std::log2(4.0 / 3), 1e-15);
}

TEST(Entropy, does_not_depend_on_the_order_of_counts) {
  std::mt19937_64 random(1);
  std::vector<std::int64_t> counts;
  for (int i = 0; i < 300; ++i) counts.push_back(static_cast<std::int64_t>(random() % 1000 + 1));
  const double ordered = entropy(counts);
  for (int i = 0; i < 20; ++i) {
    std::shuffle(counts.begin(), counts.end(), random);
    EXPECT_EQ(entropy(counts), ordered);
  }
}

double drawdown(const std::vector<double>& numbers) {
  Drawdown whole(numbers.at(0));
  for (std::size_t i = 1; i < numbers.size(); ++i) whole.append(Drawdown(numbers[i]));
  return whole.greatest();
}

TEST(Drawdown, of_known_sequences) {
  EXPECT_EQ(drawdown({5}), 0);
  EXPECT_EQ(drawdown({1, 2, 3}), 0);
  EXPECT_EQ(drawdown({3, 1, 5, 2, 4}), 3);
  EXPECT_EQ(drawdown({-1, -5}), 4);
  EXPECT_EQ(drawdown({infinity, infinity}), 0);
  EXPECT_EQ(drawdown({-infinity, 1, 0}), 1);
  EXPECT_EQ(drawdown({1, -infinity}), infinity);
  EXPECT_EQ(drawdown({infinity, 1}), infinity);
  EXPECT_TRUE(std::isnan(drawdown({nan_value})));
  EXPECT_TRUE(std::isnan(drawdown({3, nan_value, 1})));
  EXPECT_TRUE(std::isnan(drawdown({nan_value, 3, 1})));
  EXPECT_THROW(drawdown({largest, -largest}), OutOfRange);
}

TEST(Drawdown, is_the_greatest_of_all_pairs_however_the_sequence_is_cut) {
  std::mt19937_64 random(2);
  for (int round = 0; round < 300; ++round) {
    std::vector<double> numbers(random() % 30 + 1);
    for (double& number : numbers) number = static_cast<double>(random() % 1000) / 7;
    double expected = 0;
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      for (std::size_t j = i; j < numbers.size(); ++j) expected = std::max(expected, numbers[i] - numbers[j]);
    }
    EXPECT_EQ(drawdown(numbers), expected);
    if (numbers.size() < 3) continue;
    const std::size_t cut = random() % (numbers.size() - 1) + 1;
    Drawdown left(numbers[0]), right(numbers[cut]);
    for (std::size_t i = 1; i < cut; ++i) left.append(Drawdown(numbers[i]));
    for (std::size_t i = cut + 1; i < numbers.size(); ++i) right.append(Drawdown(numbers[i]));
    left.append(right);
    EXPECT_EQ(left.greatest(), expected);
  }
}

struct Reading {
  double value;
  std::int64_t time;
};

DecayedSum decayed(const std::vector<Reading>& readings, std::int64_t half_life) {
  DecayedSum sum(half_life);
  for (const Reading& reading : readings) sum.add(reading.value, reading.time);
  return sum;
}

// The formula, in long double.
long double formula(const std::vector<Reading>& readings, std::int64_t half_life, bool average) {
  std::int64_t latest = readings.at(0).time;
  for (const Reading& reading : readings) latest = std::max(latest, reading.time);
  long double sum = 0, weights = 0;
  for (const Reading& reading : readings) {
    const long double weight =
        std::exp2(-(static_cast<long double>(latest) - static_cast<long double>(reading.time)) / half_life);
    sum += weight * reading.value;
    weights += weight;
  }
  return average ? sum / weights : sum;
}

TEST(DecayedSum, counts_half_after_each_half_life) {
  EXPECT_TRUE(DecayedSum(10).empty());
  EXPECT_EQ(decayed({{8, 0}}, 10).sum(), 8);
  EXPECT_EQ(decayed({{8, 0}, {1, 10}}, 10).sum(), 5);
  EXPECT_EQ(decayed({{8, 0}, {1, 30}}, 10).sum(), 2);
  EXPECT_EQ(decayed({{1, 30}, {8, 0}}, 10).sum(), 2);
  EXPECT_NEAR(decayed({{8, 0}, {1, 5}}, 10).sum(), 8 / std::sqrt(2.0) + 1, 1e-14);
  EXPECT_EQ(decayed({{1, 0}, {4, 10}}, 10).average(), 3);
}

TEST(DecayedSum, equals_the_formula_in_any_order_and_however_it_is_cut) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 500; ++round) {
    const auto half_life = static_cast<std::int64_t>(random() % 1000 + 1);
    const std::int64_t base = round % 3 == 0 ? -1000000000000 : round % 3 == 1 ? -500 : 800000000000000;
    std::vector<Reading> readings(random() % 40 + 1);
    for (Reading& reading : readings) {
      reading = {static_cast<double>(random() % 1000) / 7 + 1, base + static_cast<std::int64_t>(random() % 20000)};
    }
    const auto sum = static_cast<double>(formula(readings, half_life, false));
    const auto average = static_cast<double>(formula(readings, half_life, true));
    const DecayedSum whole = decayed(readings, half_life);
    EXPECT_NEAR(whole.sum(), sum, 1e-13 * sum);
    EXPECT_NEAR(whole.average(), average, 1e-13 * average);
    const auto cut = readings.begin() + static_cast<std::ptrdiff_t>(random() % (readings.size() + 1));
    DecayedSum left = decayed({readings.begin(), cut}, half_life);
    left.merge(decayed({cut, readings.end()}, half_life));
    EXPECT_NEAR(left.sum(), sum, 1e-13 * sum);
    EXPECT_NEAR(left.average(), average, 1e-13 * average);
    const DecayedSum stored(half_life, whole.parts());
    EXPECT_EQ(stored.sum(), whole.sum());
    EXPECT_EQ(stored.average(), whole.average());
  }
}

TEST(DecayedSum, a_million_decays_add_no_error) {
  // A decay of one tick each, a million times: multiplied each time, the error would be near 1e-10.
  const std::int64_t half_life = 1000003;
  DecayedSum sum(half_life);
  sum.add(1, 0);
  for (int i = 1; i <= 1000000; ++i) sum.add(0, i);
  EXPECT_NEAR(sum.sum(), std::exp2(-1000000.0 / 1000003), 1e-15);
}

TEST(DecayedSum, distant_times_neither_overflow_nor_lose_the_latest) {
  constexpr std::int64_t first = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t last = std::numeric_limits<std::int64_t>::max();
  for (const std::int64_t half_life : {std::int64_t{1}, std::int64_t{2}, std::int64_t{1000}, last}) {
    for (const bool forward : {true, false}) {
      const DecayedSum sum =
          forward ? decayed({{1, first}, {4, last}}, half_life) : decayed({{4, last}, {1, first}}, half_life);
      EXPECT_NEAR(sum.sum(), half_life == last ? 4.25 : 4, 1e-14);
    }
  }
  EXPECT_EQ(decayed({{largest, 0}, {largest, 100000}}, 10).sum(), largest);
}

TEST(DecayedSum, treats_infinities_as_float_sums_do) {
  EXPECT_EQ(decayed({{infinity, 0}, {1, 100000}}, 1).sum(), infinity);
  EXPECT_TRUE(std::isnan(decayed({{infinity, 0}, {-infinity, 5}}, 1).sum()));
  EXPECT_TRUE(std::isnan(decayed({{nan_value, 0}, {1, 5}}, 1).sum()));
  EXPECT_THROW((void)decayed({{largest, 0}, {largest, 0}}, 1).sum(), OutOfRange);
}

}  // namespace
}  // namespace feature
