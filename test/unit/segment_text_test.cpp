// The text form of segments: readable, and the inverse of itself.

#include "kernel/segment_text.hpp"

#include <gtest/gtest.h>

#include "segment_samples.hpp"

namespace feature {
namespace {

std::string text_of(const Image& image) { return to_text(image.data(), image.size()); }

void expect_round_trip(const Image& image) { EXPECT_EQ(from_text(text_of(image)), image) << text_of(image); }

std::size_t offset_of_error(std::string_view text) {
  try {
    static_cast<void>(from_text(text));
  } catch (const InvalidSegmentText& error) {
    return error.offset;
  }
  return std::string_view::npos;
}

TEST(SegmentText, the_text_shows_all_there_is) {
  Samples samples;
  const Layout layout{{Storage::int64, Storage::float64}, {Storage::float64, Storage::bytes}};
  Prefix prefix;
  prefix.position = 3;
  prefix.before = samples.event(811234567890000, {Samples::number(std::int64_t{3}), Samples::number(12.5)});
  const Image image = write(layout, prefix,
                            {samples.event(811234567890001, {Samples::number(0.1), samples.bytes("\x0b\x68")}),
                             samples.event(-5, {Samples::null(), samples.bytes("")})});
  EXPECT_EQ(text_of(image),
            "v3 capacity=64 level=0 node=0 next=0 late=0 position=3 prefix(ld) events(dx): (811234567890000, 3, 12.5) "
            "(811234567890001, 0.1, \\x0b68) (-5, null, \\x)");
  expect_round_trip(image);
}

TEST(SegmentText, every_storage_and_null_survives) {
  for (std::size_t count = 0; count < 40; ++count) expect_round_trip(SampleHead(count).image());
  expect_round_trip(write({}, {}, {}));
}

TEST(SegmentText, floats_keep_their_bits) {
  Samples samples;
  const Layout layout{{}, {Storage::float32, Storage::float64}};
  const auto text = [&](Word narrow, Word wide) {
    const Image image = write(layout, {}, {samples.event(0, {{narrow, false}, {wide, false}})});
    expect_round_trip(image);
    const std::string whole = text_of(image);
    return whole.substr(whole.rfind(" (0, ") + 1);
  };
  EXPECT_EQ(text(to_word(0.1F), to_word(0.1)), "(0, 0.1, 0.1)");
  EXPECT_EQ(text(to_word(-0.0F), to_word(-0.0)), "(0, -0, -0)");
  EXPECT_EQ(text(0x7F800000, 0x7FF0000000000000), "(0, Infinity, Infinity)");
  EXPECT_EQ(text(0xFF800000, 0xFFF0000000000000), "(0, -Infinity, -Infinity)");
  EXPECT_EQ(text(0x7FC00000, 0x7FF8000000000000), "(0, NaN, NaN)");
  EXPECT_NE(text(0xFFC00000, 0xFFF8000000000000).find("NaN(fff8000000000000)"), std::string::npos);
  EXPECT_NE(text(0x7FA00001, 0x7FF0000000000001).find("NaN(7fa00001)"), std::string::npos);
  EXPECT_EQ(text(to_word(1e30F), to_word(5e-324)), "(0, 1e+30, 5e-324)");
  std::mt19937_64 random(3);
  for (int i = 0; i < 2000; ++i) {
    const Word bits = random();
    static_cast<void>(text(bits & 0xFFFFFFFF, bits));
  }
}

TEST(SegmentText, capacity_is_kept) {
  const SampleHead head;
  SegmentWriter writer(head.layout);
  for (const std::size_t capacity : {std::size_t{0}, std::size_t{5000}}) {
    writer.begin(head.prefix);
    expect_round_trip(writer.finish(writer.size() + capacity));
  }
}

TEST(SegmentText, blanks_between_tokens_do_not_matter) {
  const std::string_view tight = "v3 capacity=64 level=0 node=0 next=0 late=0 position=0 prefix()events(lx):(1)(2,3,\\xff)";
  const std::string_view wide =
      " v 3\n capacity= 64 level= 0 node= 0\tnext= 0 late= 0 position= 0 prefix( ) events ( l x ) : ( 1 )\t( 2 , 3 , \\xff )\r\n";
  EXPECT_EQ(from_text(tight), from_text(wide));
}

TEST(SegmentText, an_error_carries_its_offset) {
  const std::string good = "v3 capacity=256 level=0 node=0 next=0 late=0 position=0 prefix() events(bd): (0) (1, 2, 3.5)";
  ASSERT_EQ(offset_of_error(good), std::string_view::npos);
  const auto offset = [&](std::string_view part, std::string_view instead) {
    std::string text = good;
    text.replace(text.find(part), part.size(), instead);
    return offset_of_error(text);
  };
  EXPECT_EQ(offset_of_error(""), 0U);
  EXPECT_EQ(offset("v3", "v2"), std::string_view::npos);
  EXPECT_EQ(offset("v3", "v1"), 1U);
  EXPECT_EQ(offset("v3", "v4"), 1U);
  EXPECT_EQ(offset("256", "x"), 12U);
  EXPECT_EQ(offset("256", "10"), 12U) << "too small";
  EXPECT_EQ(offset("256", "99999999999"), 12U) << "too large";
  EXPECT_EQ(offset("position=0", "position=-1"), good.find("position=0") + 9);
  EXPECT_EQ(offset("bd", "bq"), good.find("bd") + 1);
  EXPECT_EQ(offset("2, ", "128, "), good.find("2, ")) << "out of range";
  EXPECT_EQ(offset("3.5", "abc"), good.find("3.5"));
  EXPECT_EQ(offset("3.5", "inf"), good.find("3.5"));
  EXPECT_EQ(offset("3.5", "nan"), good.find("3.5"));
  EXPECT_EQ(offset("3.5", "1e999"), good.find("3.5"));
  EXPECT_EQ(offset("3.5", "NaN(0)"), good.find("3.5") + 4);
  EXPECT_EQ(offset("3.5)", "3.5"), good.size() - 1);
  EXPECT_EQ(offset("3.5)", "3.5) x"), good.size() + 1);
}

TEST(SegmentText, the_message_says_what_was_expected) {
  try {
    static_cast<void>(from_text("v3 capacity=256 level=0 node=0 next=0 late=0 position=0 prefix() events(x): (0) (1, \\x0)"));
    FAIL();
  } catch (const InvalidSegmentText& error) {
    EXPECT_STREQ(error.what(), "invalid feature state at byte 87: expected a hexadecimal digit");
  }
}

TEST(SegmentText, a_damaged_image_has_no_text) {
  Image image = SampleHead().image();
  image[30] ^= std::byte{1};
  EXPECT_THROW(static_cast<void>(text_of(image)), CorruptState);
  EXPECT_THROW(static_cast<void>(to_text(nullptr, 0)), CorruptState);
}

}  // namespace
}  // namespace feature
