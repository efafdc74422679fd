// Transactions, as the load generator writes them to a CSV file.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace outside {

// One line of the file. Texts are parts of the file's, which must outlive it.
struct Transaction {
  static constexpr std::size_t columns = 13;

  std::string_view line;                       // with its end
  std::array<std::string_view, columns> text;  // transaction_id, timestamp, user_id, ..; empty for NULL
  std::int64_t time = 0;                       // microseconds since 1970
  double amount = 0;
  double latitude = 0;
  double longitude = 0;

  [[nodiscard]] std::string_view user() const { return text[2]; }
  [[nodiscard]] std::string_view merchant_category() const { return text[6]; }
  [[nodiscard]] std::string_view ip_address() const { return text[8]; }
};

// Throws std::runtime_error.
[[nodiscard]] std::string read_file(const std::string& name);

// The lines of a file without a header. Throws std::runtime_error if a line is not such as the load generator writes:
// no quotes, nothing missing of what features are computed from, times in UTC.
[[nodiscard]] std::vector<Transaction> parse_transactions(std::string_view file);

[[nodiscard]] double parse_number(std::string_view text);
[[nodiscard]] std::int64_t parse_integer(std::string_view text);

// The shortest text that is read as the same number.
[[nodiscard]] std::string to_text(double number);

}  // namespace outside
