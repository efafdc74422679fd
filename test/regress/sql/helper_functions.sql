-- feature.haversine_km and feature.is_private_ip: right for what is a position or an address, NULL for what is not,
-- never an error.
\pset null '(null)'

-- Great-circle distances on a sphere of 6371 km, in km.
SELECT name, round(feature.haversine_km(lat1, lon1, lat2, lon2)::numeric, 3) AS km
FROM (VALUES ('same place', 52.52, 13.405, 52.52, 13.405), ('Berlin to Paris', 52.52, 13.405, 48.8566, 2.3522), ('Paris to Berlin', 48.8566, 2.3522, 52.52, 13.405),
             ('pole to pole', 90, 0, -90, 0), ('pole to pole, elsewhere', 90, 123, -90, -45), ('antipodes on the equator', 0, 0, 0, 180), ('antipodes', 10, 20, -10, -160),
             ('over the date line', 0, 179.5, 0, -179.5), ('a quarter', 0, 0, 0, 90), ('one degree', 0, 0, 1, 0), ('limits', -90, -180, 90, 180), ('180 is -180', 5, 180, 5, -180),
             ('ten metres', 45, 45, 45.00009, 45), ('New York to Sydney', 40.7128, -74.006, -33.8688, 151.2093)) v (name, lat1, lon1, lat2, lon2);
-- The oracle: the formula, in SQL.
SELECT count(*) AS pairs, count(*) FILTER (WHERE abs(km - formula) > 1e-6) AS wrong
FROM (SELECT feature.haversine_km(a, b, c, d) AS km,
             2 * 6371.0 * asin(sqrt(least(1, power(sind((c - a) / 2), 2) + cosd(a) * cosd(c) * power(sind((d - b) / 2), 2)))) AS formula
      FROM (SELECT (i * 37 % 181) - 90.0 + i / 1000.0 - 0.9, (i * 53 % 361) - 180.0, (i * 61 % 179) - 89.5, (i * 71 % 359) - 179.25 FROM generate_series(1, 900) i) s (a, b, c, d)
      WHERE a BETWEEN -90 AND 90) p;
-- Not a position: NULL.
SELECT lat, lon, round(feature.haversine_km(lat, lon, 0, 0)::numeric, 3) AS "from", round(feature.haversine_km(0, 0, lat, lon)::numeric, 3) AS "to"
FROM (VALUES (NULL::float8, 0::float8), (0, NULL), (90.0001, 0), (-90.0001, 0), (0, 180.0001), (0, -180.0001), ('NaN', 0), (0, 'NaN'), ('Infinity', 0), (0, '-Infinity'), (1e308, -1e308), (90, 180)) v (lat, lon);

-- Private, loopback, link-local; the first and the last address of each range and their neighbours.
SELECT address, feature.is_private_ip(address) AS is_private
FROM unnest(ARRAY['10.0.0.0', '10.255.255.255', '9.255.255.255', '11.0.0.0', '172.16.0.0', '172.31.255.255', '172.15.255.255', '172.32.0.0', '192.168.0.0', '192.168.255.255', '192.167.255.255', '192.169.0.0',
                  '127.0.0.0', '127.255.255.255', '126.255.255.255', '128.0.0.0', '169.254.0.0', '169.254.255.255', '169.253.255.255', '169.255.0.0', '8.8.8.8', '255.255.255.255', '0.0.0.0', '100.64.0.1',
                  '::1', '::', '::2', 'fc00::', 'fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'fbff::1', 'fe00::1', 'fe80::', 'FE80::1', 'febf:ffff::1', 'fec0::1', '2001:db8::1', '2a00:1450:4001:82b::200e',
                  '::ffff:10.1.2.3', '::ffff:8.8.8.8', '::FFFF:192.168.0.1', '::ffff:a01:203', '::10.1.2.3', '1:2:3:4:5:6:7:8', '1:2:3:4:5:6:10.0.0.1', 'fe80::1%eth0', '2001:db8::1%eth0']) WITH ORDINALITY a (address, n)
ORDER BY n;
-- Not an address: NULL.
SELECT quote_nullable(left(address, 40)) AS text, feature.is_private_ip(address) AS is_private
FROM unnest(ARRAY[NULL, '', ' ', 'localhost', '10.0.0', '10.0.0.1.', '.10.0.0.1', '10.0.0.1.2', '10.0.0.256', '10.0.0.1000', '10.0.0.-1', '10.0.0.1 ', ' 10.0.0.1', '10.0.0.1/8', '10.0.0.1:80', '0x0a.0.0.1', '10..0.1', '1e1.0.0.1',
                  '4294967296.0.0.1', '10,0,0,1', '10.0.0.1%eth0', 'fe80::1%', '010.0.0.1', '[::1]', ':', ':::', '1::2::3', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '12345::', 'g::1', '::1/128', '1:2:3:4:5:6:7:10.0.0.1', '::10.0.0', '::10.0.0.256', '1:', ':1', '::1:',
                  '99999999999999999999', '%s%n', E'10.0.0.1\n', repeat('1', 100000), repeat(':', 100000)]) WITH ORDINALITY a (address, n)
ORDER BY n;
-- The oracle for IPv4 is inet itself.
SELECT count(*) AS addresses, count(*) FILTER (WHERE feature.is_private_ip(host(ip)) IS DISTINCT FROM
         (ip <<= '10.0.0.0/8' OR ip <<= '172.16.0.0/12' OR ip <<= '192.168.0.0/16' OR ip <<= '127.0.0.0/8' OR ip <<= '169.254.0.0/16')) AS wrong
FROM (SELECT inet '0.0.0.0' + i * 65521::bigint FROM generate_series(0, 65551) i) a (ip);
SELECT proname, provolatile, proisstrict, proparallel FROM pg_proc WHERE oid IN ('feature.haversine_km'::regproc, 'feature.is_private_ip'::regproc) ORDER BY 1;
