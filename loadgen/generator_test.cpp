// Proves that row n is a function of the seed and n, that event times keep row order, and that the population and the
// fraud patterns are what the options ask for.
#include "generator.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "row_text.hpp"

namespace loadgen {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::minutes;

GeneratorOptions bulk(std::uint64_t seed, std::uint64_t rows, microseconds length) {
  GeneratorOptions options;
  options.seed = seed;
  options.span = Span{EventTime(hours(24 * 20'000)), length, rows};
  return options;
}

std::vector<Row> rows_of(const GeneratorOptions& options) {
  Generator generator(options);
  std::vector<Row> rows;
  for (std::uint64_t n = 0; n < options.span->rows; ++n) rows.push_back(generator.row(n));
  return rows;
}

std::string text_of(const Row& row) {
  std::string text;
  append_csv(text, row, "t");
  return text;
}

TEST(generator, same_seed_gives_same_rows_in_whatever_order_they_are_asked_for) {
  const GeneratorOptions options = bulk(42, 3'000, hours(24));
  Generator forward(options);
  Generator backward(options);
  std::vector<std::string> texts;
  for (std::uint64_t n = 0; n < 3'000; ++n) texts.push_back(text_of(forward.row(n)));
  for (std::uint64_t n = 3'000; n-- > 0;) ASSERT_EQ(text_of(backward.row(n)), texts[n]);
}

TEST(generator, another_seed_gives_other_rows_about_the_same_users) {
  const std::vector<Row> first = rows_of(bulk(1, 5'000, hours(24)));
  const std::vector<Row> second = rows_of(bulk(2, 5'000, hours(24)));
  std::size_t equal = 0;
  std::map<std::uint64_t, std::string_view> currency;
  for (const Row& row : first) currency[row.user] = row.currency;
  for (std::size_t n = 0; n < first.size(); ++n) {
    equal += text_of(first[n]) == text_of(second[n]) ? 1 : 0;
    const auto known = currency.find(second[n].user);
    if (known != currency.end()) {
      EXPECT_EQ(known->second, second[n].currency);
    }
  }
  EXPECT_EQ(equal, 0U);
}

TEST(generator, times_in_a_span_ascend_strictly_and_stay_in_it) {
  // One microsecond a row, a slot that is no whole number of microseconds, and slots wider than any pattern's pace.
  for (const microseconds length : {microseconds(2'000), microseconds(7'777), microseconds(hours(24 * 30))}) {
    GeneratorOptions options = bulk(7, 2'000, length);
    options.fraud_share = 0.5;
    EventTime last = options.span->start - microseconds(1);
    for (const Row& row : rows_of(options)) {
      ASSERT_GT(row.time, last);
      last = row.time;
    }
    EXPECT_LT(last, options.span->start + length);
  }
}

TEST(generator, late_rows_lie_behind_their_place_by_no_more_than_asked) {
  GeneratorOptions options = bulk(7, 20'000, hours(24));
  options.late_share = 0.1;
  options.late_by = minutes(3);
  GeneratorOptions in_time = options;
  in_time.late_share = 0;
  const std::vector<Row> rows = rows_of(options);
  const std::vector<Row> unshifted = rows_of(in_time);
  std::size_t late = 0;
  for (std::size_t n = 0; n < rows.size(); ++n) {
    ASSERT_EQ(rows[n].time + rows[n].lateness, unshifted[n].time);
    ASSERT_LE(rows[n].lateness, minutes(3));
    ASSERT_EQ(rows[n].amount_cents, unshifted[n].amount_cents);
    late += rows[n].lateness > microseconds(0) ? 1 : 0;
  }
  EXPECT_NEAR(static_cast<double>(late), 2'000, 200);
}

TEST(generator, rows_without_span_have_no_time_of_their_own) {
  Generator generator(GeneratorOptions{});
  EXPECT_EQ(generator.row(5).time, EventTime{});
}

TEST(generator, fraud_share_is_kept) {
  for (const double share : {0.0, 0.02, 0.3, 1.0}) {
    GeneratorOptions options = bulk(11, 100'000, hours(24));
    options.fraud_share = share;
    double fraud = 0;
    for (const Row& row : rows_of(options)) fraud += row.pattern != Pattern::none ? 1 : 0;
    EXPECT_NEAR(fraud / 100'000, share, share == 0 || share == 1 ? 0 : 0.1 * share);
  }
}

TEST(generator, patterns_look_like_what_they_are_named_after) {
  GeneratorOptions options = bulk(3, 200'000, hours(24 * 365));
  options.fraud_share = 0.2;
  const std::vector<Row> rows = rows_of(options);
  std::map<Pattern, std::size_t> seen;
  std::size_t addresses_changed = 0;
  for (std::size_t n = 1; n < rows.size(); ++n) {
    const Row& before = rows[n - 1];
    const Row& row = rows[n];
    ++seen[row.pattern];
    if (row.pattern == Pattern::burst) {
      ASSERT_LE(row.amount_cents, 500);
    }
    if (row.pattern == Pattern::none || before.pattern != row.pattern || before.user != row.user) continue;
    // The second and later rows of a pattern.
    if (row.pattern == Pattern::burst) {
      ASSERT_LE(row.time - before.time, minutes(1));
    }
    if (row.pattern == Pattern::travel && row.place.latitude != before.place.latitude) {
      ASSERT_LE(row.time - before.time, minutes(5));
    }
    if (row.pattern == Pattern::address && row.address != before.address) ++addresses_changed;
  }
  EXPECT_GT(seen[Pattern::burst], 1'000U);
  EXPECT_GT(seen[Pattern::travel], 1'000U);
  EXPECT_GT(seen[Pattern::amount], 1'000U);
  EXPECT_GT(addresses_changed, 1'000U);

  options.patterns = Patterns{false, false, true, false};
  for (const Row& row : rows_of(options)) {
    ASSERT_TRUE(row.pattern == Pattern::none || row.pattern == Pattern::amount);
  }
}

TEST(random, normal_has_mean_0_and_variance_1) {
  Random random(5, Purpose::row_detail, 0);
  double sum = 0;
  double squares = 0;
  constexpr int draws = 200'000;
  for (int i = 0; i < draws; ++i) {
    const double x = random.normal();
    sum += x;
    squares += x * x;
  }
  EXPECT_NEAR(sum / draws, 0, 0.01);
  EXPECT_NEAR(squares / draws, 1, 0.02);
}

TEST(zipf, frequencies_are_those_of_the_distribution) {
  constexpr std::uint64_t ranks = 50;
  constexpr int draws = 400'000;
  for (const double skew : {0.0, 0.5, 1.0, 1.7}) {
    const Zipf zipf(ranks, skew);
    Random random(9, Purpose::row_actor, 0);
    std::vector<int> count(ranks + 1);
    for (int i = 0; i < draws; ++i) ++count.at(zipf.sample(random));
    double total = 0;
    for (std::uint64_t k = 1; k <= ranks; ++k) total += std::pow(static_cast<double>(k), -skew);
    for (std::uint64_t k = 1; k <= ranks; ++k) {
      const double expected = draws * std::pow(static_cast<double>(k), -skew) / total;
      EXPECT_NEAR(count[k], expected, 5 * std::sqrt(expected)) << "rank " << k << " skew " << skew;
    }
    EXPECT_EQ(count[0], 0);
  }
}

TEST(zipf, one_rank_is_always_drawn) {
  const Zipf zipf(1, 1.2);
  Random random(1, Purpose::read, 0);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(zipf.sample(random), 1U);
}

}  // namespace
}  // namespace loadgen
