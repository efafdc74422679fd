// See features.hpp.

#include "features.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "kernel/geo.hpp"
#include "kernel/ip.hpp"

namespace outside {
namespace {

constexpr std::int64_t microseconds = 1'000'000;
constexpr std::int64_t day = 86'400 * microseconds;

struct Calendar {
  int month, hour, day_of_week;  // 1 = Sunday
};

// The month by Hinnant's algorithm, as in transactions.cpp.
[[nodiscard]] Calendar calendar(std::int64_t time) {
  const std::int64_t days = time / day;
  const std::int64_t day_of_era = (days + 719'468) % 146'097;
  const std::int64_t year_of_era = (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const std::int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t month = (5 * day_of_year + 2) / 153;
  return {static_cast<int>(month < 10 ? month + 3 : month - 9), static_cast<int>(time % day / (3600 * microseconds)),
          static_cast<int>((days + 4) % 7) + 1};
}

[[nodiscard]] const char* category(double amount) {
  return amount < 10     ? "micro"
         : amount < 50   ? "small"
         : amount < 200  ? "medium"
         : amount < 1000 ? "large"
         : amount < 5000 ? "very_large"
                         : "extreme";
}

[[nodiscard]] double risk(std::string_view category) {
  if (category == "grocery") return 0.02;
  if (category == "restaurant") return 0.05;
  if (category == "gas_station") return 0.1;
  if (category == "online_retail") return 0.3;
  if (category == "atm") return 0.4;
  if (category == "casino") return 0.8;
  if (category == "adult_entertainment") return 0.9;
  return 0.5;
}

// Population deviation of the latest amounts, by the recurrence that PostgreSQL uses (Youngs & Cramer 1971).
[[nodiscard]] double deviation(const PastEvent* first, const PastEvent* last) {
  double count = 0, sum = 0, squares = 0;
  for (; first != last; ++first) {
    ++count;
    sum += first->amount;
    if (count > 1) {
      const double off = first->amount * count - sum;
      squares += off * off / (count * (count - 1));
    }
  }
  return std::sqrt(squares / count);
}

// Values one after the other, as text.
class Row {
 public:
  void add(std::int64_t number) { values_.push_back(std::to_string(number)); }
  void add(int number) { values_.push_back(std::to_string(number)); }
  void add(bool flag) { values_.emplace_back(flag ? "1" : "0"); }
  void add(const char* text) { values_.emplace_back(text); }
  void add(double number) { values_.push_back(to_text(number)); }
  void add(std::optional<double> number) { values_.push_back(number ? to_text(*number) : null_text); }
  [[nodiscard]] std::vector<std::string> take() { return std::move(values_); }

 private:
  std::vector<std::string> values_;
};

}  // namespace

std::vector<std::string> compute_features(const Transaction& transaction, History& history) {
  const std::vector<PastEvent>& events = history.events;
  const auto within = [&](std::int64_t length) {
    const auto first = std::lower_bound(events.begin(), events.end(), transaction.time - length,
                                        [](const PastEvent& event, std::int64_t time) { return event.time < time; });
    return events.end() - first + 1;
  };
  const Calendar at = calendar(transaction.time);
  const double amount = transaction.amount;
  const std::int64_t last_hour = within(History::window);
  const std::int64_t last_ten_minutes = within(History::window / 6);

  bool ip_changed = false;
  std::optional<double> distance, seconds, velocity;
  if (!events.empty()) {
    const PastEvent& previous = events.back();
    ip_changed = transaction.ip_address() != previous.ip_address;
    distance =
        feature::haversine_km(previous.latitude, previous.longitude, transaction.latitude, transaction.longitude);
    seconds = static_cast<double>(transaction.time - previous.time) / microseconds;
    if (*seconds > 0) velocity = *distance / *seconds * 3600;
  }
  double to_average = 1, to_max = 1;
  std::optional<double> score;
  if (history.count > 0) {
    const double average = history.sum / static_cast<double>(history.count);
    if (average > 0) to_average = amount / average;
    if (history.max > 0) to_max = amount / history.max;
    const std::size_t latest = std::min(events.size(), History::latest);
    const double deviates = deviation(events.data() + events.size() - latest, events.data() + events.size());
    if (latest >= 3 && deviates > 0) score = (amount - average) / deviates;
  }
  const std::int64_t ip_changes = history.ip_changes + (ip_changed ? 1 : 0);
  const bool is_rapid = last_ten_minutes >= 5;
  const bool is_impossible = velocity && *velocity > 800;
  const bool is_anomaly = score && std::fabs(*score) > 3;
  const double fraud = std::min(
      100, 20 * is_rapid + 30 * is_impossible + 25 * is_anomaly + 15 * (ip_changes >= 5) + 10 * (last_hour >= 10));

  Row row;
  row.add(at.month);
  row.add(at.hour);
  row.add(at.day_of_week);
  row.add(at.hour >= 9 && at.hour <= 17);
  row.add(at.day_of_week == 1 || at.day_of_week == 7);
  row.add(at.hour >= 22 || at.hour <= 6);
  row.add(std::sin(2 * M_PI * at.hour / 24));
  row.add(std::cos(2 * M_PI * at.hour / 24));
  row.add(amount > -1 ? std::optional<double>(std::log(1 + amount)) : std::nullopt);
  row.add(category(amount));
  row.add(std::fmod(amount, 10) == 0);
  row.add(std::fmod(amount, 1) == 0);
  row.add(risk(transaction.merchant_category()));
  const std::optional<bool> is_private = feature::is_private(transaction.ip_address());
  if (is_private)
    row.add(*is_private);
  else
    row.add(null_text);
  row.add(history.count + 1);
  row.add(last_hour);
  row.add(last_ten_minutes);
  row.add(ip_changed);
  row.add(distance);
  row.add(velocity);
  row.add(to_average);
  row.add(to_max);
  row.add(score);
  row.add(seconds);
  row.add(ip_changes);
  row.add(is_rapid);
  row.add(is_impossible);
  row.add(is_anomaly);
  row.add(fraud);
  row.add(fraud >= 50);

  history.max = history.count == 0 ? amount : std::max(history.max, amount);
  history.sum += amount;
  history.ip_changes = ip_changes;
  ++history.count;
  history.events.push_back(
      {transaction.time, amount, transaction.latitude, transaction.longitude, std::string(transaction.ip_address())});
  return row.take();
}

}  // namespace outside
