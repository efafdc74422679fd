// See transactions.hpp.

#include "transactions.hpp"

#include <charconv>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace outside {
namespace {

[[noreturn]] void refuse(std::string_view line) {
  throw std::runtime_error("not a line of the load generator: " + std::string(line));
}

template <class Number>
[[nodiscard]] Number parse(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) refuse(text);
  return number;
}

// Days since 1970 in the Gregorian calendar (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms").
[[nodiscard]] std::int64_t days_since_1970(std::int64_t year, std::int64_t month, std::int64_t day) {
  if (month <= 2) --year;
  const std::int64_t era = year / 400;
  const std::int64_t year_of_era = year - era * 400;
  const std::int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146'097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719'468;
}

// 2025-01-04 16:19:28.629432+00
[[nodiscard]] std::int64_t parse_time(std::string_view text) {
  if (text.size() != 29 || text.substr(26) != "+00") refuse(text);
  const auto number = [&](std::size_t from, std::size_t digits) { return parse_integer(text.substr(from, digits)); };
  const std::int64_t days = days_since_1970(number(0, 4), number(5, 2), number(8, 2));
  const std::int64_t seconds = ((days * 24 + number(11, 2)) * 60 + number(14, 2)) * 60 + number(17, 2);
  return seconds * 1'000'000 + number(20, 6);
}

}  // namespace

double parse_number(std::string_view text) { return parse<double>(text); }
std::int64_t parse_integer(std::string_view text) { return parse<std::int64_t>(text); }

std::string to_text(double number) {
  char text[32];
  return std::string(text, std::to_chars(text, text + sizeof text, number).ptr);
}

std::string read_file(const std::string& name) {
  std::ifstream file(name, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) throw std::runtime_error("cannot read " + name);
  return text.str();
}

std::vector<Transaction> parse_transactions(std::string_view file) {
  std::vector<Transaction> transactions;
  while (!file.empty()) {
    const std::size_t end = file.find('\n');
    if (end == std::string_view::npos) refuse(file);
    Transaction made;
    made.line = file.substr(0, end + 1);
    file.remove_prefix(end + 1);
    std::string_view rest = made.line.substr(0, end);
    if (rest.find_first_of("\"\\\t") != std::string_view::npos) refuse(rest);
    for (std::size_t column = 0; column < Transaction::columns; ++column) {
      const std::size_t comma = rest.find(',');
      if ((comma == std::string_view::npos) != (column + 1 == Transaction::columns)) refuse(made.line);
      made.text[column] = rest.substr(0, comma);
      rest.remove_prefix(std::min(rest.size(), made.text[column].size() + 1));
    }
    if (made.user().empty() || made.ip_address().empty()) refuse(made.line);
    made.time = parse_time(made.text[1]);
    made.amount = parse_number(made.text[4]);
    made.latitude = parse_number(made.text[10]);
    made.longitude = parse_number(made.text[11]);
    transactions.push_back(made);
  }
  return transactions;
}

}  // namespace outside
