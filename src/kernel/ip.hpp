// What an IP address says of where it was assigned.
#pragma once

#include <optional>
#include <string_view>

namespace feature {

// Whether the address is one that networks use among themselves, so that it does not identify a party on the Internet;
// nothing if the text is not an address. Private are
//
//   10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16    RFC 1918, private networks
//   127.0.0.0/8                                  RFC 1122, section 3.2.1.3 (g), loopback
//   169.254.0.0/16                               RFC 3927, link-local
//   fc00::/7                                     RFC 4193, unique local
//   fe80::/10                                    RFC 4291, section 2.5.6, link-local
//   ::1                                          RFC 4291, section 2.5.3, loopback
//   ::ffff:0:0/96, IPv4-mapped                   RFC 4291, section 2.5.5.2: as the IPv4 address within
//
// and no others: the unspecified addresses 0.0.0.0 and ::, carrier-grade NAT (100.64.0.0/10, RFC 6598), documentation
// and multicast ranges are not private.
//
// Addresses are what inet_pton reads: four decimal numbers without leading zeros, or the text forms of RFC 4291,
// section 2.2, in either case of letters. An IPv6 address may be followed by % and a zone (RFC 4007, section 11), which
// is ignored: servers log link-local clients as fe80::1%eth0. Blanks, prefix lengths, ports and brackets are not part
// of an address.
[[nodiscard]] std::optional<bool> is_private(std::string_view address) noexcept;

}  // namespace feature
