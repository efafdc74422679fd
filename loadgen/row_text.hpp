// Rows as text: the columns of the raw table in their one order, as parameters of an INSERT and as lines of CSV.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "generator.hpp"

namespace loadgen {

inline constexpr std::array<std::string_view, 13> column_names{
    "transaction_id", "timestamp",  "user_id",   "merchant_id", "amount",    "currency", "merchant_category",
    "payment_method", "ip_address", "device_id", "latitude",    "longitude", "card_type"};

// The columns as SQL text, for INSERT and COPY.
[[nodiscard]] std::string column_list();

// The header line of a CSV file, with its newline.
[[nodiscard]] std::string csv_header();

// One line of CSV with its newline; NULL is an empty field. No field needs quoting: id_prefix is checked as an option,
// everything else is letters, digits and ".:+-_ ".
void append_csv(std::string& out, const Row& row, std::string_view id_prefix);

// A timestamptz literal in UTC.
void append_time(std::string& out, EventTime time);

// The user's key as stored.
[[nodiscard]] std::string user_key(std::uint64_t user);

// The parameters of one INSERT of any number of rows, in text format.
class Parameters {
 public:
  void clear();
  void append(const Row& row, std::string_view id_prefix);

  // Valid until the next change; NULL is a null pointer.
  [[nodiscard]] const std::vector<const char*>& values();

 private:
  static constexpr std::size_t null_value = static_cast<std::size_t>(-1);

  std::string text_;
  std::vector<std::size_t> offsets_;  // into text_, which moves as it grows
  std::vector<const char*> values_;
};

}  // namespace loadgen
