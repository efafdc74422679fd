// Everything about a user or a merchant is drawn from the stream of its number: nothing is stored, so ten million users
// cost no memory.
#include "population.hpp"

#include <cmath>

namespace loadgen {

namespace {

constexpr std::uint64_t population_seed = 0;

struct City {
  Place centre;
  std::string_view currency;
  std::size_t farthest;  // index of the city farthest from this one
};

// Currencies are those of about one order of magnitude, so that one distribution of amounts suits all of them.
constexpr std::array<City, 12> cities{{
    {{40'712'800, -74'006'000}, "USD", 8},    // 0 New York
    {{37'774'900, -122'419'400}, "USD", 11},  // 1 San Francisco
    {{41'878'100, -87'629'800}, "USD", 8},    // 2 Chicago
    {{43'653'200, -79'383'200}, "CAD", 8},    // 3 Toronto
    {{51'507'400, -127'800}, "GBP", 10},      // 4 London
    {{48'856'600, 2'352'200}, "EUR", 10},     // 5 Paris
    {{52'520'000, 13'405'000}, "EUR", 10},    // 6 Berlin
    {{47'376'900, 8'541'700}, "CHF", 10},     // 7 Zurich
    {{-33'868'800, 151'209'300}, "AUD", 4},   // 8 Sydney
    {{1'352'100, 103'819'800}, "SGD", 0},     // 9 Singapore
    {{-36'848'500, 174'763'300}, "NZD", 5},   // 10 Auckland
    {{-33'924'900, 18'424'100}, "USD", 1},    // 11 Cape Town
}};

struct Category {
  std::string_view name;
  double price;
  bool cash;
};

constexpr std::array<Category, 10> categories{{
    {"grocery", 0.8, false},
    {"restaurant", 0.9, false},
    {"gas_station", 1.1, false},
    {"online_retail", 1.2, false},
    {"pharmacy", 0.5, false},
    {"electronics", 4.0, false},
    {"travel", 6.0, false},
    {"atm", 2.0, true},
    {"casino", 3.0, false},
    {"adult_entertainment", 0.8, false},
}};

// Cumulative shares of the categories above, in percent.
constexpr std::array<std::uint64_t, 10> category_shares{28, 46, 58, 76, 84, 89, 93, 97, 99, 100};

constexpr std::array<std::string_view, 4> card_types{"visa", "mastercard", "amex", "discover"};

constexpr std::uint32_t ipv4(std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
  return a << 24 | b << 16 | c << 8 | d;
}

}  // namespace

Population::Population(const PopulationOptions& options)
    : users_(options.users, options.user_skew),
      merchants_(options.merchants, options.merchant_skew),
      devices_(options.devices, options.device_skew) {}

User Population::user(std::uint64_t number) const {
  Random random(population_seed, Purpose::user_profile, number);
  const City& city = cities[random.below(cities.size())];
  User user{};
  user.currency = city.currency;
  user.far_away = cities[city.farthest].centre;
  // Within a square of 0.4 degrees about the centre: some 40 km.
  user.home.latitude = city.centre.latitude + static_cast<std::int64_t>(random.below(400'001)) - 200'000;
  user.home.longitude = city.centre.longitude + static_cast<std::int64_t>(random.below(400'001)) - 200'000;
  user.card_type = card_types[random.below(card_types.size())];
  // One user in ten comes from a private network, since that is a feature of the definition.
  user.address = random.chance(0.1) ? ipv4(10, 0, 0, 0) + static_cast<std::uint32_t>(random.below(1U << 24))
                                    : random_address(random);
  user.spending = std::exp(0.4 * random.normal());
  for (std::uint64_t& device : user.devices) device = devices_.sample(random);
  return user;
}

Merchant Population::merchant(std::uint64_t number) {
  Random random(population_seed, Purpose::merchant_profile, number);
  const std::uint64_t draw = random.below(100);
  std::size_t index = 0;
  while (draw >= category_shares[index]) ++index;
  return {categories[index].name, categories[index].price, categories[index].cash};
}

std::uint32_t Population::random_address(Random& random) {
  // 11.x to 99.x holds no private, loopback or link-local network.
  return ipv4(static_cast<std::uint32_t>(11 + random.below(89)), 0, 0, 1) +
         static_cast<std::uint32_t>(random.below((1U << 24) - 2));
}

}  // namespace loadgen
