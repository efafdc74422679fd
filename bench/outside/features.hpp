// The standard catalogue once more, by hand, from what is known of a user.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "transactions.hpp"

namespace outside {

struct PastEvent {
  std::int64_t time;
  double amount;
  double latitude;
  double longitude;
  std::string ip_address;
};

// What is known of a user before a transaction.
struct History {
  static constexpr std::size_t latest = 50;  // events that deviations are taken of
  static constexpr std::int64_t window = 3'600'000'000;

  std::int64_t count = 0;
  std::int64_t ip_changes = 0;
  double sum = 0;  // of amounts
  double max = 0;
  std::vector<PastEvent> events;  // oldest first; the latest 50, and all of the last hour
};

inline constexpr std::size_t feature_columns = 30;
inline constexpr const char* null_text = "\\N";

// The features of a transaction that is later than all that the history knows, as text, in the order of the feature
// table's columns; the transaction becomes part of the history.
[[nodiscard]] std::vector<std::string> compute_features(const Transaction& transaction, History& history);

}  // namespace outside
