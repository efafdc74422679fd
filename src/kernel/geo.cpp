// The haversine formula: R. W. Sinnott, "Virtues of the Haversine", Sky & Telescope 68(2), 1984, p. 159.
//
//   a = sin^2((lat2 - lat1) / 2) + cos(lat1) cos(lat2) sin^2((lon2 - lon1) / 2)
//   distance = 2 R asin(sqrt(a))
//
// Unlike the law of cosines it keeps its precision between near points, which is where payments happen. Near antipodes
// rounding can lift a above 1, where asin is not defined; so a is limited to 1.

#include "kernel/geo.hpp"

#include <algorithm>
#include <cmath>

namespace feature {
namespace {

double radians(double degrees) { return degrees * (3.14159265358979323846 / 180.0); }

double haversine(double angle) {
  const double sine = std::sin(angle / 2);
  return sine * sine;
}

}  // namespace

bool is_position(double latitude, double longitude) noexcept {
  // Comparisons with NaN are false.
  return latitude >= -90 && latitude <= 90 && longitude >= -180 && longitude <= 180;
}

double haversine_km(double latitude1, double longitude1, double latitude2, double longitude2) noexcept {
  const double a = haversine(radians(latitude2 - latitude1)) +
                   std::cos(radians(latitude1)) * std::cos(radians(latitude2)) *
                       haversine(radians(longitude2 - longitude1));
  return 2 * earth_radius_km * std::asin(std::sqrt(std::clamp(a, 0.0, 1.0)));
}

}  // namespace feature
