// Private addresses. See ip.hpp for the ranges.

#include "kernel/ip.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace feature {
namespace {

using Ipv4 = std::array<std::uint8_t, 4>;
using Ipv6 = std::array<std::uint8_t, 16>;

bool is_private(const Ipv4& address) {
  const unsigned a = address[0];
  const unsigned b = address[1];
  return a == 10 || (a == 172 && (b & 0xF0) == 16) || (a == 192 && b == 168) || a == 127 || (a == 169 && b == 254);
}

bool is_private(const Ipv6& address) {
  constexpr std::array<std::uint8_t, 12> mapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  constexpr Ipv6 loopback = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  if (std::equal(mapped.begin(), mapped.end(), address.begin())) {
    return is_private(Ipv4{address[12], address[13], address[14], address[15]});
  }
  const bool unique_local = (address[0] & 0xFE) == 0xFC;
  const bool link_local = address[0] == 0xFE && (address[1] & 0xC0) == 0x80;
  return unique_local || link_local || address == loopback;
}

// The address before the zone; nothing if there is a % without a zone after it.
std::optional<std::string_view> without_zone(std::string_view text) {
  const std::size_t percent = text.find('%');
  if (percent == std::string_view::npos) return text;
  const std::string_view zone = text.substr(percent + 1);
  if (zone.empty() || zone.find_first_of(" \t\n\v\f\r%") != std::string_view::npos) return std::nullopt;
  return text.substr(0, percent);
}

// inet_pton reads up to a zero byte.
template <class Address>
std::optional<Address> parse(int family, std::string_view text) {
  char terminated[INET6_ADDRSTRLEN];
  if (text.size() >= sizeof terminated || text.find('\0') != std::string_view::npos) return std::nullopt;
  std::copy(text.begin(), text.end(), terminated);
  terminated[text.size()] = '\0';
  Address address;
  if (inet_pton(family, terminated, address.data()) != 1) return std::nullopt;
  return address;
}

}  // namespace

std::optional<bool> is_private(std::string_view address) noexcept {
  if (const auto ipv4 = parse<Ipv4>(AF_INET, address)) return is_private(*ipv4);
  const auto text = without_zone(address);
  if (!text) return std::nullopt;
  if (const auto ipv6 = parse<Ipv6>(AF_INET6, *text)) return is_private(*ipv6);
  return std::nullopt;
}

}  // namespace feature
