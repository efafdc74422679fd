// Rows by number. Every row draws from streams named by its own number; the rows of a fraud pattern share the stream of
// the pattern's first row for what they have in common, the user.
#include "generator.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace loadgen {

namespace {

using std::chrono::microseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::uint64_t no_block = std::numeric_limits<std::uint64_t>::max();

struct Length {
  std::uint64_t shortest;
  std::uint64_t longest;
};

constexpr Length length_of(Pattern pattern) {
  switch (pattern) {
    case Pattern::none: return {1, 1};
    case Pattern::burst: return {6, 12};
    case Pattern::travel: return {2, 2};
    case Pattern::amount: return {1, 1};
    case Pattern::address: return {6, 6};
  }
  return {1, 1};
}

// Event time between the rows of a pattern.
constexpr microseconds pace_of(Pattern pattern) {
  switch (pattern) {
    case Pattern::none: return seconds(0);
    case Pattern::burst: return seconds(15);
    case Pattern::travel: return minutes(5);
    case Pattern::amount: return seconds(0);
    case Pattern::address: return minutes(1);
  }
  return seconds(0);
}

constexpr double largest_amount_cents = 1e12;

std::int64_t to_cents(double amount) {
  return static_cast<std::int64_t>(std::llround(std::clamp(amount * 100, 1.0, largest_amount_cents)));
}

std::string_view draw_payment_method(Random& random) {
  const std::uint64_t draw = random.below(100);
  if (draw < 50) return "credit_card";
  if (draw < 80) return "debit_card";
  if (draw < 95) return "mobile_wallet";
  return "bank_transfer";
}

}  // namespace

Generator::Generator(const GeneratorOptions& options)
    : options_(options), population_(options.population), block_(no_block) {
  const auto use = [this](bool wanted, Pattern pattern) {
    if (wanted) patterns_[pattern_count_++] = pattern;
  };
  use(options.patterns.burst, Pattern::burst);
  use(options.patterns.travel, Pattern::travel);
  use(options.patterns.amount, Pattern::amount);
  use(options.patterns.address, Pattern::address);
  if (pattern_count_ == 0) return;

  double mean_length = 0;
  for (std::size_t i = 0; i < pattern_count_; ++i) {
    const Length length = length_of(patterns_[i]);
    mean_length += static_cast<double>(length.shortest + length.longest) / 2;
  }
  mean_length /= static_cast<double>(pattern_count_);
  // With probability p a row begins a pattern of L rows, so a share pL / (pL + 1 - p) of rows is in one. Solved for p.
  const double share = options.fraud_share;
  pattern_probability_ = share / (mean_length - share * mean_length + share);
}

// A pattern that would reach past the end of its block is cut there.
void Generator::plan_block(std::uint64_t block) {
  block_ = block;
  plan_.fill(Step{});
  if (pattern_probability_ == 0) return;
  Random random(options_.seed, Purpose::pattern_plan, block);
  for (std::uint64_t i = 0; i < block_rows;) {
    if (!random.chance(pattern_probability_)) {
      ++i;
      continue;
    }
    const Pattern pattern = patterns_[random.below(pattern_count_)];
    const Length length = length_of(pattern);
    const std::uint64_t rows = length.shortest + random.below(length.longest - length.shortest + 1);
    for (std::uint64_t step = 0; step < rows && i < block_rows; ++step, ++i) {
      plan_[i] = {pattern, static_cast<std::uint16_t>(step)};
    }
  }
}

// The span is cut into one slot a row; the row lies anywhere within its slot. Times therefore ascend strictly.
EventTime Generator::time_in_span(std::uint64_t number) const {
  const Span& span = *options_.span;
  const auto slot_begin = [&span](std::uint64_t n) {
    return static_cast<std::uint64_t>(static_cast<unsigned __int128>(span.length.count()) * n / span.rows);
  };
  const std::uint64_t begin = slot_begin(number);
  const std::uint64_t width = slot_begin(number + 1) - begin;
  Random random(options_.seed, Purpose::row_time, number);
  return span.start + microseconds(begin + random.below(std::max<std::uint64_t>(width, 1)));
}

// The rows of a pattern keep its pace, measured from its first row, where the slots are wider than that. The earlier of
// two strictly ascending sequences ascends strictly, so the order of rows stays the order of times.
EventTime Generator::event_time(std::uint64_t number, Step step) const {
  const EventTime in_slot = time_in_span(number);
  if (step.step == 0) return in_slot;
  return std::min(in_slot, time_in_span(number - step.step) + pace_of(step.pattern) * step.step);
}

std::uint64_t Generator::user_of_read(std::uint64_t number) const {
  Random random(options_.seed, Purpose::read, number);
  return population_.sample_user(random);
}

Row Generator::row(std::uint64_t number) {
  if (block_ != number / block_rows) plan_block(number / block_rows);
  const Step step = plan_[number % block_rows];

  Row row{};
  row.number = number;
  row.pattern = step.pattern;
  Random actor(options_.seed, Purpose::row_actor, number - step.step);
  row.user = population_.sample_user(actor);
  const User user = population_.user(row.user);

  // One draw of each kind on every path, so that a pattern changes only what it is about.
  Random random(options_.seed, Purpose::row_detail, number);
  row.merchant = population_.sample_merchant(random);
  const Merchant merchant = Population::merchant(row.merchant);
  row.device = user.devices[random.below(user.devices.size())];
  row.payment_method = draw_payment_method(random);
  row.place.latitude = user.home.latitude + static_cast<std::int64_t>(random.below(20'001)) - 10'000;
  row.place.longitude = user.home.longitude + static_cast<std::int64_t>(random.below(20'001)) - 10'000;
  const double spread = std::exp(options_.amount_sigma * random.normal());
  double amount = options_.amount_median * user.spending * merchant.price * spread;
  const bool round_sum = random.chance(0.05);
  const double excess = random.uniform();
  const std::uint32_t other_address = Population::random_address(random);
  const bool late = random.chance(options_.late_share);
  const microseconds lateness(1 + random.below(static_cast<std::uint64_t>(options_.late_by.count())));

  row.currency = user.currency;
  row.merchant_category = merchant.category;
  if (row.payment_method != "bank_transfer") row.card_type = user.card_type;
  row.address = user.address;
  if (merchant.cash || round_sum) amount = std::max(10.0, std::round(amount / 10) * 10);
  switch (step.pattern) {
    case Pattern::none: break;
    case Pattern::burst: amount = 1 + 4 * excess; break;
    case Pattern::travel:
      if (step.step > 0) row.place = user.far_away;
      break;
    case Pattern::amount: amount *= 20 + 30 * excess; break;
    case Pattern::address: row.address = other_address; break;
  }
  row.amount_cents = to_cents(amount);
  row.lateness = late ? lateness : microseconds(0);
  if (options_.span) row.time = event_time(number, step) - row.lateness;
  return row;
}

}  // namespace loadgen
