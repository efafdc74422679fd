// Distances on the Earth's surface.
#pragma once

namespace feature {

// Mean radius of the Earth in kilometres (IUGG R1 to one decimal place).
inline constexpr double earth_radius_km = 6371.0;

// Latitude within [-90, 90] and longitude within [-180, 180] degrees; NaN and infinities are not.
[[nodiscard]] bool is_position(double latitude, double longitude) noexcept;

// Great-circle distance in kilometres between two positions in degrees, on a sphere: at most 0.6 % from the distance on
// the WGS 84 ellipsoid. Symmetric; between 0 and half the circumference. Both must be positions.
[[nodiscard]] double haversine_km(double latitude1, double longitude1, double latitude2, double longitude2) noexcept;

}  // namespace feature
