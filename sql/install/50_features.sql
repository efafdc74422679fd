-- features -----------------------------------------------------------------------------------------------------------

CREATE FUNCTION feature.haversine_km(
  lat1 double precision, lon1 double precision, lat2 double precision, lon2 double precision)
  RETURNS double precision
  AS 'MODULE_PATHNAME', 'feature_haversine_km' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION feature.haversine_km(double precision, double precision, double precision, double precision) IS
  'great-circle distance in km between two positions in degrees; NULL if one is not a position';

CREATE FUNCTION feature.is_private_ip(address text) RETURNS boolean
  AS 'MODULE_PATHNAME', 'feature_is_private_ip' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION feature.is_private_ip(text) IS
  'whether an IPv4 or IPv6 address is private, loopback or link-local; NULL if the text is not an address';
