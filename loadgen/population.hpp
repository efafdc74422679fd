// The users and merchants that transactions are about. Who they are does not depend on the seed, only on their number,
// so that runs with different seeds (a bulk load, then a live load) are about the same people.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "random.hpp"
#include "zipf.hpp"

namespace loadgen {

struct PopulationOptions {
  std::uint64_t users = 10'000;
  std::uint64_t merchants = 1'000;
  std::uint64_t devices = 20'000;
  double user_skew = 0.8;
  double merchant_skew = 1.0;
  double device_skew = 0;
};

// Millionths of a degree.
struct Place {
  std::int64_t latitude;
  std::int64_t longitude;
};

struct User {
  Place home;
  Place far_away;  // the known city farthest from home
  std::string_view currency;
  std::string_view card_type;
  std::uint32_t address;  // IPv4, host byte order
  double spending;        // factor on amounts
  std::array<std::uint64_t, 3> devices;
};

struct Merchant {
  std::string_view category;
  double price;  // factor on amounts
  bool cash;     // pays out round sums
};

class Population {
 public:
  explicit Population(const PopulationOptions& options);

  // The number of a user or merchant, by its share of the traffic; number 1 is the busiest.
  [[nodiscard]] std::uint64_t sample_user(Random& random) const { return users_.sample(random); }
  [[nodiscard]] std::uint64_t sample_merchant(Random& random) const { return merchants_.sample(random); }

  [[nodiscard]] User user(std::uint64_t number) const;
  [[nodiscard]] static Merchant merchant(std::uint64_t number);

  // A public address.
  [[nodiscard]] static std::uint32_t random_address(Random& random);

 private:
  Zipf users_;
  Zipf merchants_;
  Zipf devices_;
};

}  // namespace loadgen
