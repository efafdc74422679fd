// Numbers are written from integers (cents, millionths of a degree, microseconds), so the text of a row is the same on
// every machine and costs no floating-point formatting.
#include "row_text.hpp"

#include <charconv>
#include <cstdint>

namespace loadgen {

namespace {

void append_number(std::string& out, std::uint64_t number) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out.append(digits, end);
}

void append_padded(std::string& out, std::uint64_t number, std::size_t width) {
  char digits[20];
  for (std::size_t i = width; i-- > 0; number /= 10) digits[i] = static_cast<char>('0' + number % 10);
  out.append(digits, width);
}

// number / 10^places.
void append_fixed(std::string& out, std::int64_t number, std::size_t places) {
  if (number < 0) out += '-';
  const auto magnitude = static_cast<std::uint64_t>(number < 0 ? -number : number);
  std::uint64_t unit = 1;
  for (std::size_t i = 0; i < places; ++i) unit *= 10;
  append_number(out, magnitude / unit);
  out += '.';
  append_padded(out, magnitude % unit, places);
}

void append_key(std::string& out, std::string_view prefix, std::uint64_t number) {
  out += prefix;
  append_number(out, number);
}

void append_address(std::string& out, std::uint32_t address) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    append_number(out, address >> shift & 0xff);
    if (shift > 0) out += '.';
  }
}

struct Date {
  std::int64_t year;
  std::uint64_t month;
  std::uint64_t day;
};

// The Gregorian date of a day number (day 0 is 1970-01-01). Years are counted from March, so that the leap day is a
// year's last, and in eras of 400 years, which all have 146,097 days.
Date date_of_day(std::int64_t day) {
  const std::int64_t shifted = day + 719'468;  // from 0000-03-01
  const std::int64_t era = (shifted >= 0 ? shifted : shifted - 146'096) / 146'097;
  const auto day_of_era = static_cast<std::uint64_t>(shifted - era * 146'097);
  const std::uint64_t leap_days = day_of_era / 1'460 - day_of_era / 36'524 + day_of_era / 146'096;
  const std::uint64_t year_of_era = (day_of_era - leap_days) / 365;
  const std::uint64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::uint64_t march_month = (5 * day_of_year + 2) / 153;
  const std::uint64_t month = march_month < 10 ? march_month + 3 : march_month - 9;
  return {static_cast<std::int64_t>(year_of_era) + era * 400 + (month <= 2 ? 1 : 0), month,
          day_of_year - (153 * march_month + 2) / 5 + 1};
}

// Appends column `column` of the row, or returns false if it is NULL.
bool append_column(std::string& out, const Row& row, std::size_t column, std::string_view id_prefix) {
  switch (column) {
    case 0: append_key(out, id_prefix, row.number); return true;
    case 1: append_time(out, row.time); return true;
    case 2: append_key(out, "user_", row.user); return true;
    case 3: append_key(out, "merchant_", row.merchant); return true;
    case 4: append_fixed(out, row.amount_cents, 2); return true;
    case 5: out += row.currency; return true;
    case 6: out += row.merchant_category; return true;
    case 7: out += row.payment_method; return true;
    case 8: append_address(out, row.address); return true;
    case 9: append_key(out, "device_", row.device); return true;
    case 10: append_fixed(out, row.place.latitude, 6); return true;
    case 11: append_fixed(out, row.place.longitude, 6); return true;
    default: out += row.card_type; return !row.card_type.empty();
  }
}

}  // namespace

void append_time(std::string& out, EventTime time) {
  constexpr std::int64_t second = 1'000'000;
  constexpr std::int64_t day = 86'400 * second;
  const std::int64_t ticks = time.time_since_epoch().count();
  const std::int64_t days = (ticks >= 0 ? ticks : ticks - (day - 1)) / day;
  const auto of_day = static_cast<std::uint64_t>(ticks - days * day);
  const Date date = date_of_day(days);
  append_padded(out, static_cast<std::uint64_t>(date.year), 4);
  out += '-';
  append_padded(out, date.month, 2);
  out += '-';
  append_padded(out, date.day, 2);
  out += ' ';
  append_padded(out, of_day / (3'600 * second), 2);
  out += ':';
  append_padded(out, of_day / (60 * second) % 60, 2);
  out += ':';
  append_padded(out, of_day / second % 60, 2);
  out += '.';
  append_padded(out, of_day % second, 6);
  out += "+00";
}

std::string column_list() {
  std::string list;
  for (const std::string_view name : column_names) {
    if (!list.empty()) list += ", ";
    // timestamp is also the name of a type; quoted, it is a column wherever it stands.
    if (name == "timestamp") {
      list += "\"timestamp\"";
    } else {
      list += name;
    }
  }
  return list;
}

std::string csv_header() {
  std::string header;
  for (const std::string_view name : column_names) {
    if (!header.empty()) header += ',';
    header += name;
  }
  return header + '\n';
}

void append_csv(std::string& out, const Row& row, std::string_view id_prefix) {
  for (std::size_t column = 0; column < column_names.size(); ++column) {
    if (column > 0) out += ',';
    append_column(out, row, column, id_prefix);
  }
  out += '\n';
}

std::string user_key(std::uint64_t user) {
  std::string key;
  append_key(key, "user_", user);
  return key;
}

void Parameters::clear() {
  text_.clear();
  offsets_.clear();
}

void Parameters::append(const Row& row, std::string_view id_prefix) {
  for (std::size_t column = 0; column < column_names.size(); ++column) {
    const std::size_t offset = text_.size();
    const bool present = append_column(text_, row, column, id_prefix);
    text_ += '\0';
    offsets_.push_back(present ? offset : null_value);
  }
}

const std::vector<const char*>& Parameters::values() {
  values_.clear();
  for (const std::size_t offset : offsets_) {
    values_.push_back(offset == null_value ? nullptr : text_.data() + offset);
  }
  return values_;
}

}  // namespace loadgen
