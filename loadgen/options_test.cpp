// Proves that options are understood or refused, and that what is refused is named.
#include "options.hpp"

#include <gtest/gtest.h>

#include "value_parsing.hpp"

namespace loadgen {
namespace {

Options parse(const std::vector<std::string_view>& arguments) {
  return parse_options(arguments, {99, parse_time("2025-06-01 12:00:00")});
}

TEST(options, defaults_are_complete) {
  const Options options = parse({});
  EXPECT_EQ(options.clients, 1U);
  EXPECT_EQ(options.duration, std::chrono::seconds(10));
  EXPECT_EQ(options.rows_per_statement, 1U);
  EXPECT_EQ(options.generator.seed, 99U);
  EXPECT_EQ(options.id_prefix, "t99-");
  EXPECT_FALSE(options.generator.span);
}

TEST(options, values_may_follow_or_be_joined) {
  const Options options =
      parse({"--mode", "copy", "--batch=50", "--rows=10", "--span", "2h", "--seed=7", "--patterns=burst"});
  EXPECT_EQ(options.mode, InsertMode::copy);
  EXPECT_EQ(options.rows_per_statement, 50U);
  EXPECT_EQ(options.duration.count(), 0);
  EXPECT_EQ(options.id_prefix, "t7-");
  EXPECT_EQ(options.generator.span->start, parse_time("2025-06-01 10:00:00"));
  EXPECT_TRUE(options.generator.patterns.burst);
  EXPECT_FALSE(options.generator.patterns.travel);
}

TEST(options, bad_options_are_refused_by_name) {
  struct Case {
    std::vector<std::string_view> arguments;
    const char* named;
  };
  const std::vector<Case> cases{
      {{"--nonsense"}, "--nonsense"},
      {{"--"}, "--"},
      {{"transactions"}, "transactions"},
      {{"--rows"}, "--rows"},
      {{"--rows", "0"}, "--rows"},
      {{"--rows", "-1"}, "--rows"},
      {{"--rows", "10x"}, "--rows"},
      {{"--clients", "0"}, "--clients"},
      {{"--rate", "nan"}, "--rate"},
      {{"--rate", "inf"}, "--rate"},
      {{"--rate", "0"}, "--rate"},
      {{"--reads", "1.5"}, "--reads"},
      {{"--reads", "1", "--rows", "5"}, "--reads"},
      {{"--duration", "5 parsecs"}, "--duration"},
      {{"--duration", "0"}, "--duration"},
      {{"--mode", "bulk"}, "--mode"},
      {{"--batch", "10"}, "--batch"},
      {{"--mode", "batch", "--batch", "5001"}, "--batch"},
      {{"--id-prefix", "a,b"}, "--id-prefix"},
      {{"--patterns", "burst,rain"}, "--patterns"},
      {{"--start", "2025-02-29", "--span", "1h", "--rows", "1"}, "--start"},
      {{"--start", "2025-02-28"}, "--start"},
      {{"--span", "1h"}, "--span"},
      {{"--span", "1ms", "--rows", "1001"}, "--span"},
      {{"--in-turn", "--span", "1h", "--rows", "10"}, "--in-turn"},
      {{"--write-csv", "-"}, "--write-csv"},
      {{"--write-csv", "-", "--rows", "1", "--span", "1h", "--json", "x"}, "--json"},
      {{"--progress=yes"}, "--progress"},
  };
  for (const Case& wrong : cases) {
    try {
      (void)parse(wrong.arguments);
      ADD_FAILURE() << "accepted: " << wrong.arguments.front();
    } catch (const BadOption& bad) {
      EXPECT_NE(std::string(bad.what()).find(wrong.named), std::string::npos) << bad.what();
    }
  }
}

TEST(options, help_is_given_whatever_else_is_wrong) { EXPECT_TRUE(parse({"--span", "1h", "--help"}).help); }

TEST(options, durations_have_units) {
  EXPECT_EQ(parse_duration("500ms"), std::chrono::milliseconds(500));
  EXPECT_EQ(parse_duration("1.5"), std::chrono::milliseconds(1'500));
  EXPECT_EQ(parse_duration("90s"), std::chrono::seconds(90));
  EXPECT_EQ(parse_duration("15min"), std::chrono::minutes(15));
  EXPECT_EQ(parse_duration("2h"), std::chrono::hours(2));
  EXPECT_EQ(parse_duration("30d"), std::chrono::hours(720));
  EXPECT_THROW((void)parse_duration(""), BadValue);
  EXPECT_THROW((void)parse_duration("s"), BadValue);
  EXPECT_THROW((void)parse_duration("1m"), BadValue);
  EXPECT_THROW((void)parse_duration("1e300d"), BadValue);
}

}  // namespace
}  // namespace loadgen
