// The transactions of a run. Row n is a function of the options and of n: it does not depend on which client asks for
// it, on when, or on the rows asked for before. The one exception is the time of rows that are stamped when sent.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "population.hpp"

namespace loadgen {

using EventTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::microseconds>;

enum class Pattern : std::uint8_t {
  none,
  burst,    // 6 to 12 small payments of one user in quick succession
  travel,   // two payments a few minutes apart, the second on the other side of the world
  amount,   // one payment of 20 to 50 times the usual amount
  address,  // 6 payments, each from a new address
};

// The fraud patterns in use.
struct Patterns {
  bool burst = true;
  bool travel = true;
  bool amount = true;
  bool address = true;
};

// Event times of a bulk load: in row order from `start` (included) to `start + length` (excluded). All times differ,
// which takes length >= rows microseconds.
struct Span {
  EventTime start;
  std::chrono::microseconds length;
  std::uint64_t rows;
};

struct GeneratorOptions {
  std::uint64_t seed = 0;
  PopulationOptions population;
  double amount_median = 40;
  double amount_sigma = 0.6;
  double fraud_share = 0.02;
  Patterns patterns;
  double late_share = 0;
  std::chrono::microseconds late_by = std::chrono::minutes(10);
  std::optional<Span> span;  // without it rows are stamped as they are sent
};

struct Row {
  std::uint64_t number;
  EventTime time;                      // already less `lateness`; the epoch if rows are stamped as they are sent
  std::chrono::microseconds lateness;  // how far the row's time lies behind its place in the stream; mostly 0
  std::uint64_t user;
  std::uint64_t merchant;
  std::uint64_t device;
  std::int64_t amount_cents;
  std::string_view currency;
  std::string_view merchant_category;
  std::string_view payment_method;
  std::string_view card_type;  // empty: NULL
  std::uint32_t address;
  Place place;
  Pattern pattern;  // not a column: for tests and for people
};

// Not thread-safe, since it keeps the plan of the block it is in: one for each client.
class Generator {
 public:
  explicit Generator(const GeneratorOptions& options);

  [[nodiscard]] Row row(std::uint64_t number);

  // The user that read `number` asks for: drawn like the users of rows.
  [[nodiscard]] std::uint64_t user_of_read(std::uint64_t number) const;

  // The event time of row `number` before lateness; only with a span.
  [[nodiscard]] EventTime time_in_span(std::uint64_t number) const;

 private:
  // Fraud patterns cover several rows, so they are planned a block of rows at a time.
  static constexpr std::uint64_t block_rows = 256;

  struct Step {
    Pattern pattern = Pattern::none;
    std::uint16_t step = 0;  // how many rows of the pattern came before
  };

  void plan_block(std::uint64_t block);
  [[nodiscard]] EventTime event_time(std::uint64_t number, Step step) const;

  GeneratorOptions options_;
  Population population_;
  std::array<Pattern, 4> patterns_{};
  std::size_t pattern_count_ = 0;
  double pattern_probability_ = 0;  // that a pattern begins at a row that is in none
  std::uint64_t block_;
  std::array<Step, block_rows> plan_{};
};

}  // namespace loadgen
