// Private addresses: the edges of each range, and the texts that are no address.

#include "kernel/ip.hpp"

#include <gtest/gtest.h>

#include <string>

namespace feature {
namespace {

TEST(Ip, private_ranges_end_where_the_rfcs_say) {
  for (const char* address :
       {"10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255", "192.168.0.0", "192.168.255.255", "127.0.0.1",
        "127.255.255.255", "169.254.0.0", "169.254.255.255", "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "fe80::", "febf:ffff::1", "::1", "FD00::ABCD", "0:0:0:0:0:0:0:1"}) {
    EXPECT_EQ(is_private(address), true) << address;
  }
  for (const char* address :
       {"9.255.255.255", "11.0.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0",
        "126.255.255.255", "128.0.0.0", "169.253.255.255", "169.255.0.0", "0.0.0.0", "100.64.0.1", "8.8.8.8", "255.255.255.255", "::",
        "::2", "fbff::1", "fe00::1", "fe7f::1", "fec0::1", "2001:db8::1", "2606:4700:4700::1111", "ff02::1"}) {
    EXPECT_EQ(is_private(address), false) << address;
  }
}

TEST(Ip, a_mapped_address_counts_as_the_ipv4_address_within) {
  EXPECT_EQ(is_private("::ffff:10.0.0.1"), true);
  EXPECT_EQ(is_private("::ffff:8.8.8.8"), false);
  EXPECT_EQ(is_private("::ffff:c0a8:0101"), true);
  EXPECT_EQ(is_private("0:0:0:0:0:ffff:127.0.0.1"), true);
  EXPECT_EQ(is_private("::10.0.0.1"), false) << "not mapped but the obsolete compatible form";
}

TEST(Ip, a_zone_is_ignored) {
  EXPECT_EQ(is_private("fe80::1%eth0"), true);
  EXPECT_EQ(is_private("2001:db8::1%2"), false);
  EXPECT_EQ(is_private("fe80::1%" + std::string(300, 'z')), true);
  EXPECT_EQ(is_private("fe80::1%"), std::nullopt);
  EXPECT_EQ(is_private("fe80::1%a b"), std::nullopt);
  EXPECT_EQ(is_private("fe80::1%a%b"), std::nullopt);
  EXPECT_EQ(is_private("10.0.0.1%eth0"), std::nullopt) << "IPv4 has no zones";
  EXPECT_EQ(is_private("%eth0"), std::nullopt);
}

TEST(Ip, what_is_not_an_address_is_neither) {
  using namespace std::string_view_literals;
  for (const std::string_view text :
       {""sv, "unknown"sv, "localhost"sv, "10"sv, "10.0.0"sv, "10.0.0.0.1"sv, "10.0.0.256"sv, "010.0.0.1"sv,
        "0x0a.0.0.1"sv,
        " 10.0.0.1"sv, "10.0.0.1 "sv, "10.0.0.1\n"sv, "10.0.0.0/8"sv, "10.0.0.1:80"sv, "10.0.0.-1"sv, "10.0.0.1\0"sv,
        "10.0.0.1\0x"sv, "[::1]"sv, "::1/128"sv, ":::1"sv, "::1::"sv, "1:2:3:4:5:6:7"sv, "1:2:3:4:5:6:7:8:9"sv,
        "12345::"sv, "g::"sv, "::ffff:10.0.0.256"sv, "\xc2\xa0::1"sv}) {
    EXPECT_EQ(is_private(text), std::nullopt) << text;
  }
  EXPECT_EQ(is_private(std::string(10'000, '1')), std::nullopt);
}

}  // namespace
}  // namespace feature
