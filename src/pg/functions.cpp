// Scalar functions that definitions can use: thin wrappers around the kernel.
//
// Both are declared STRICT, so that a NULL argument gives NULL without a call. A value that makes no sense gives NULL
// too, and not an error: a transaction with a bad coordinate is still a transaction, and its INSERT must not fail.
//
// Neither needs guard: the kernel functions are noexcept, and the one backend call that can fail, fetching a text,
// comes while no C++ object is alive.

#include "pg/postgres.hpp"

#include "kernel/geo.hpp"
#include "kernel/ip.hpp"

extern "C" {

PGDLLEXPORT Datum feature_haversine_km(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum feature_is_private_ip(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(feature_haversine_km);
PG_FUNCTION_INFO_V1(feature_is_private_ip);

// haversine_km(lat1, lon1, lat2, lon2): the great-circle distance of two positions in degrees. NULL, no distance is
// known, if a latitude is outside [-90, 90], a longitude outside [-180, 180], or either is NaN or infinite.
Datum feature_haversine_km(PG_FUNCTION_ARGS) {
  const double latitude1 = PG_GETARG_FLOAT8(0);
  const double longitude1 = PG_GETARG_FLOAT8(1);
  const double latitude2 = PG_GETARG_FLOAT8(2);
  const double longitude2 = PG_GETARG_FLOAT8(3);
  if (!feature::is_position(latitude1, longitude1) || !feature::is_position(latitude2, longitude2)) PG_RETURN_NULL();
  PG_RETURN_FLOAT8(feature::haversine_km(latitude1, longitude1, latitude2, longitude2));
}

// is_private_ip(address): whether the address is of a private, loopback or link-local range; kernel/ip.hpp lists them.
// NULL if the text is not an address.
Datum feature_is_private_ip(PG_FUNCTION_ARGS) {
  const text* address = PG_GETARG_TEXT_PP(0);
  const std::string_view characters(VARDATA_ANY(address), VARSIZE_ANY_EXHDR(address));
  const std::optional<bool> is_private = feature::is_private(characters);
  if (!is_private) PG_RETURN_NULL();
  PG_RETURN_BOOL(*is_private);
}

}  // extern "C"
