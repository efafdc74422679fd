// Numbers, lengths of time and dates from text; what is not wholly understood is refused, never guessed at.
#include "value_parsing.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <sstream>
#include <string>

namespace loadgen {

namespace {

// The text of a number in a message, without trailing zeros.
template <typename Number>
std::string text_of(Number number) {
  std::ostringstream text;
  text.precision(12);
  text << number;
  return text.str();
}

template <typename Number>
Number parse_number(std::string_view text, Number least, Number most, const char* kind) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole_text = end == text.data() + text.size() && !text.empty();
  // The comparisons are written so that not-a-number fails them.
  if (error != std::errc() || !whole_text || !(number >= least && number <= most)) {
    throw BadValue(std::string("expected a ") + kind + " from " + text_of(least) + " to " + text_of(most));
  }
  return number;
}

// Reads exactly `width` digits at `position`.
int digits_at(std::string_view text, std::size_t position, std::size_t width) {
  int number = 0;
  for (std::size_t i = position; i < position + width; ++i) {
    if (i >= text.size() || text[i] < '0' || text[i] > '9') return -1;
    number = number * 10 + (text[i] - '0');
  }
  return number;
}

constexpr bool is_leap(int year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

// Days from 1970-01-01 to a date that exists.
int days_to(int year, int month, int day) {
  constexpr std::array<int, 12> days_before{0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
  const int last = year - 1;
  const int leap_days = last / 4 - last / 100 + last / 400 - 477;  // 477 of them before 1970
  const int in_year = days_before[static_cast<std::size_t>(month - 1)] + (month > 2 && is_leap(year) ? 1 : 0);
  return (year - 1970) * 365 + leap_days + in_year + day - 1;
}

bool is_date(int year, int month, int day) {
  constexpr std::array<int, 12> days{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (year < 1970 || month < 1 || month > 12 || day < 1) return false;
  return day <= days[static_cast<std::size_t>(month - 1)] + (month == 2 && is_leap(year) ? 1 : 0);
}

}  // namespace

std::uint64_t parse_whole(std::string_view text, std::uint64_t least, std::uint64_t most) {
  return parse_number(text, least, most, "whole number");
}

double parse_decimal(std::string_view text, double least, double most) {
  return parse_number(text, least, most, "number");
}

std::chrono::microseconds parse_duration(std::string_view text) {
  struct Unit {
    std::string_view name;
    double seconds;
  };
  constexpr std::array<Unit, 6> units{{{"", 1}, {"ms", 0.001}, {"s", 1}, {"min", 60}, {"h", 3'600}, {"d", 86'400}}};
  constexpr double century = 36'525 * 86'400.0;

  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit_name = text.substr(static_cast<std::size_t>(end - text.data()));
  for (const Unit& unit : units) {
    const double seconds = number * unit.seconds;
    if (error == std::errc() && unit.name == unit_name && seconds >= 1e-6 && seconds <= century) {
      return std::chrono::microseconds(std::llround(seconds * 1e6));
    }
  }
  throw BadValue("expected a length of time such as 500ms, 90s, 15min, 2h or 30d");
}

EventTime parse_time(std::string_view text) {
  const BadValue bad("expected a time in UTC such as 2025-01-31 or \"2025-01-31 23:59:59\"");
  if (!text.empty() && text.back() == 'Z') text.remove_suffix(1);
  const int year = digits_at(text, 0, 4);
  const int month = digits_at(text, 5, 2);
  const int day = digits_at(text, 8, 2);
  if (text.size() < 10 || text[4] != '-' || text[7] != '-' || !is_date(year, month, day)) throw bad;
  int hour = 0;
  int minute = 0;
  int second = 0;
  if (text.size() > 10) {
    hour = digits_at(text, 11, 2);
    minute = digits_at(text, 14, 2);
    second = digits_at(text, 17, 2);
    if (text.size() != 19 || (text[10] != ' ' && text[10] != 'T') || text[13] != ':' || text[16] != ':') throw bad;
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) throw bad;
  }
  return EventTime(std::chrono::hours(24) * days_to(year, month, day) + std::chrono::hours(hour) +
                   std::chrono::minutes(minute) + std::chrono::seconds(second));
}

std::string_view next_word(std::string_view& list) {
  const std::size_t comma = list.find(',');
  const std::string_view word = list.substr(0, comma);
  list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
  return word;
}

}  // namespace loadgen
