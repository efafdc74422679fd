// Great-circle distances: known ones, and what every distance must satisfy.

#include "kernel/geo.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace feature {
namespace {

constexpr double half_circumference = 3.14159265358979323846 * earth_radius_km;

TEST(Geo, known_distances) {
  // One degree of a great circle is the circumference by 360.
  EXPECT_NEAR(haversine_km(0, 0, 0, 1), half_circumference / 180, 1e-9);
  EXPECT_NEAR(haversine_km(0, 0, 1, 0), half_circumference / 180, 1e-9);
  EXPECT_NEAR(haversine_km(90, 0, 0, 77), half_circumference / 2, 1e-9);
  // Paris to New York; by the spherical law of cosines.
  const double degree = std::acos(-1.0) / 180;
  const double expected =
      earth_radius_km * std::acos(std::sin(48.8566 * degree) * std::sin(40.7128 * degree) +
                                  std::cos(48.8566 * degree) * std::cos(40.7128 * degree) *
                                      std::cos((2.3522 + 74.0060) * degree));
  EXPECT_NEAR(haversine_km(48.8566, 2.3522, 40.7128, -74.0060), expected, 1e-6);
  EXPECT_NEAR(expected, 5837, 1);
}

TEST(Geo, antipodes_are_half_a_circumference_apart) {
  EXPECT_NEAR(haversine_km(0, 0, 0, 180), half_circumference, 1e-9);
  EXPECT_NEAR(haversine_km(90, 0, -90, 0), half_circumference, 1e-9);
  // Rounding brings the formula's a to 1 or over it for many of these; none may become NaN.
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> latitudes(-90, 90);
  std::uniform_real_distribution<double> longitudes(-180, 0);
  for (int i = 0; i < 100'000; ++i) {
    const double latitude = latitudes(random);
    const double longitude = longitudes(random);
    ASSERT_NEAR(haversine_km(latitude, longitude, -latitude, longitude + 180), half_circumference, 1e-3);
  }
}

TEST(Geo, near_points_keep_their_precision) {
  // A tenth of a millimetre along the equator.
  EXPECT_NEAR(haversine_km(0, 10, 0, 10 + 1e-9), half_circumference / 180 * 1e-9, 1e-12);
}

TEST(Geo, a_distance_is_symmetric_and_zero_only_to_itself) {
  EXPECT_EQ(haversine_km(52.5, 13.4, 52.5, 13.4), 0);
  EXPECT_EQ(haversine_km(52.5, 13.4, -33.9, 151.2), haversine_km(-33.9, 151.2, 52.5, 13.4));
  EXPECT_NEAR(haversine_km(10, 180, 10, -180), 0, 1e-9) << "the date line";
}

TEST(Geo, what_is_not_a_position_is_known) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_TRUE(is_position(90, 180));
  EXPECT_TRUE(is_position(-90, -180));
  EXPECT_FALSE(is_position(std::nextafter(90, 91), 0));
  EXPECT_FALSE(is_position(0, std::nextafter(-180, -181)));
  EXPECT_FALSE(is_position(nan, 0));
  EXPECT_FALSE(is_position(0, nan));
  EXPECT_FALSE(is_position(infinity, 0));
  EXPECT_FALSE(is_position(0, -infinity));
}

}  // namespace
}  // namespace feature
