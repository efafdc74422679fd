// Segment images: what is written is read back, appending is local, and whatever the bytes are, the answer is a value
// or CorruptState. Run with the address and undefined-behaviour sanitizers, which see a read out of bounds.

#include "kernel/segment.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "segment_samples.hpp"

namespace feature {
namespace {

void expect_round_trip(const Layout& layout, const Prefix& prefix, const std::vector<Event>& events) {
  const Image image = write(layout, prefix, events);
  std::pmr::monotonic_buffer_resource memory;
  SegmentReader reader(layout, image.data(), image.size(), memory);
  EXPECT_EQ(reader.prefix().position, prefix.position);
  EXPECT_EQ(reader.prefix().chunks, prefix.chunks);
  EXPECT_TRUE(same(layout.prefix, reader.prefix().before, prefix.before));
  std::size_t count = 0;
  Event event;
  while (reader.next(event)) {
    ASSERT_LT(count, events.size());
    EXPECT_TRUE(same(layout.event, event, events[count])) << "event " << count;
    ++count;
  }
  EXPECT_EQ(count, events.size());
  EXPECT_EQ(reader.end() + SegmentWriter::trailer_size, used_size(image));
  EXPECT_NO_THROW(check_image(image.data(), image.size()));
  EXPECT_EQ(layout_of(image.data(), image.size()), layout);
}

// Reads all of an image with the columns it claims; true if it is accepted.
bool accepted(const std::byte* image, std::size_t size) {
  try {
    const Layout layout = layout_of(image, size);
    std::pmr::monotonic_buffer_resource memory;
    SegmentReader reader(layout, image, size, memory);
    Event event;
    while (reader.next(event)) {
    }
    return true;
  } catch (const CorruptState&) {
    return false;
  }
}

// The bytes in memory of exactly their size, so that the sanitizer sees a read past their end.
bool accepted(const Image& bytes, std::size_t size) {
  const std::unique_ptr<std::byte[]> exact(new std::byte[size]);
  std::copy_n(bytes.begin(), size, exact.get());
  return accepted(exact.get(), size);
}

TEST(Segment, a_segment_without_events_or_columns_is_read_back) {
  expect_round_trip({}, {}, {});
  Samples samples;
  expect_round_trip({}, {}, {samples.event(1, {}), samples.event(2, {})});
}

TEST(Segment, every_storage_and_null_is_read_back) {
  for (std::size_t count = 0; count < 60; ++count) {
    const SampleHead head(count);
    expect_round_trip(head.layout, head.prefix, head.events);
  }
}

TEST(Segment, extreme_values_are_read_back) {
  Samples samples;
  const Layout layout{{}, all_storages};
  const auto extremes = [&](auto limit) {
    return samples.event(limit(std::int64_t{}),
                         {Samples::number(limit(std::int8_t{})), Samples::number(limit(std::int16_t{})),
                          Samples::number(limit(std::int32_t{})), Samples::number(limit(std::int64_t{})),
                          Samples::number(limit(float{})), Samples::number(limit(double{})), samples.bytes("")});
  };
  const std::vector<Event> events = {
      extremes([](auto zero) { return std::numeric_limits<decltype(zero)>::lowest(); }),
      extremes([](auto zero) { return std::numeric_limits<decltype(zero)>::max(); }),
      extremes([](auto zero) { return static_cast<decltype(zero)>(-1); }),
      extremes([](auto zero) { return zero; }),
  };
  Prefix prefix;
  prefix.position = std::numeric_limits<std::int64_t>::max();
  prefix.chunks = std::numeric_limits<std::uint32_t>::max();
  expect_round_trip(layout, prefix, events);
}

TEST(Segment, small_integers_are_sign_extended_and_a_float_stays_in_the_low_half) {
  Samples samples;
  const Layout layout{{}, {Storage::int8, Storage::int16, Storage::int32, Storage::float32}};
  const Event written = samples.event(
      0, {Samples::number(std::int8_t{-1}), Samples::number(std::int16_t{-2}), Samples::number(std::int32_t{-3}),
          Samples::number(-1.5F)});
  const std::vector<Event> events = read(layout, write(layout, {}, {written}), samples.memory());
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].values[0].word, static_cast<Word>(-1));
  EXPECT_EQ(events[0].values[1].word, static_cast<Word>(-2));
  EXPECT_EQ(events[0].values[2].word, static_cast<Word>(-3));
  EXPECT_EQ(events[0].values[3].word, 0xBFC00000U);
}

TEST(Segment, nan_infinity_and_negative_zero_keep_their_bits) {
  Samples samples;
  const Layout layout{{}, {Storage::float32, Storage::float64}};
  std::vector<Event> events;
  for (const double value : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::signaling_NaN(),
                             -std::numeric_limits<double>::infinity(), -0.0, 5e-324}) {
    events.push_back(samples.event(0, {Samples::number(static_cast<float>(value)), Samples::number(value)}));
  }
  events.push_back(samples.event(0, {{0xFFC12345, false}, {0xFFF8000000012345, false}}));
  expect_round_trip(layout, {}, events);
}

TEST(Segment, bytes_of_any_length_are_read_back) {
  Samples samples;
  const Layout layout{{Storage::bytes}, {Storage::bytes}};
  std::vector<Event> events;
  for (const std::size_t size : {0, 1, 127, 128, 129, 16383, 16384, 1 << 20}) {
    events.push_back(samples.event(0, {samples.bytes(std::string(size, '\0'))}));
  }
  Prefix prefix;
  prefix.before = samples.event(0, {samples.bytes(std::string("a\0b", 3))});
  expect_round_trip(layout, prefix, events);
}

TEST(Segment, presence_bits_work_at_every_number_of_columns) {
  Samples samples;
  std::mt19937_64 random(7);
  for (std::size_t columns = 0; columns <= 200; ++columns) {
    Layout layout;
    for (std::size_t i = 0; i < columns; ++i) layout.event.push_back(all_storages[random() % all_storages.size()]);
    layout.prefix = layout.event;
    Prefix prefix;
    prefix.before = samples.random(0, layout.prefix, random);
    const Event none = samples.event(1, std::vector<Value>(columns));
    expect_round_trip(layout, prefix, {samples.random(2, layout.event, random), none});
  }
}

TEST(Segment, an_image_may_lie_at_any_address) {
  const SampleHead head;
  const Image image = head.image();
  for (std::size_t shift = 0; shift < 8; ++shift) {
    Image shifted(shift);
    shifted.insert(shifted.end(), image.begin(), image.end());
    EXPECT_TRUE(accepted(shifted.data() + shift, image.size()));
  }
}

TEST(Segment, record_size_is_what_an_append_takes) {
  const SampleHead head(20);
  SegmentWriter writer(head.layout);
  writer.begin(head.prefix);
  for (const Event& event : head.events) {
    const std::size_t before = writer.size();
    writer.append(event);
    EXPECT_EQ(writer.size(), before + record_size(head.layout.event, event));
  }
}

TEST(Segment, a_resumed_image_equals_one_written_at_once) {
  SampleHead head(12);
  const Image whole = head.image();
  const Event last = head.events.back();
  head.events.pop_back();
  const Image before = head.image();

  std::pmr::monotonic_buffer_resource memory;
  SegmentReader reader(head.layout, before.data(), before.size(), memory);
  Event event;
  while (reader.next(event)) {
  }
  SegmentWriter writer(head.layout);
  writer.resume(before.data(), reader.end());
  writer.append(last);
  EXPECT_EQ(writer.finish(capacity_for(writer.size())), whole);
}

TEST(Segment, a_writer_can_be_used_again) {
  const SampleHead head;
  SegmentWriter writer(head.layout);
  for (int round = 0; round < 3; ++round) {
    writer.begin(head.prefix);
    for (const Event& event : head.events) writer.append(event);
    EXPECT_EQ(writer.finish(capacity_for(writer.size())), head.image());
  }
}

TEST(Segment, appending_an_event_changes_one_short_run_of_bytes) {
  SampleHead head(30);
  const std::vector<Event> events = std::move(head.events);
  Image before = write(head.layout, head.prefix, {});
  head.events.clear();
  for (const Event& event : events) {
    head.events.push_back(event);
    const Image after = head.image();
    if (after.size() == before.size()) {
      const auto first = std::mismatch(before.begin(), before.end(), after.begin()).first;
      const auto last = std::mismatch(before.rbegin(), before.rend(), after.rbegin()).first.base();
      const std::size_t written = record_size(head.layout.event, event) + SegmentWriter::trailer_size;
      EXPECT_LE(static_cast<std::size_t>(last - first), written);
      EXPECT_EQ(static_cast<std::size_t>(first - before.begin()),
                used_size(before) - SegmentWriter::trailer_size);
    }
    before = after;
  }
}

TEST(Segment, every_single_byte_change_is_refused_or_harmless) {
  const SampleHead head;
  const Image image = head.image();
  const std::size_t used = used_size(image);
  for (std::size_t at = 0; at < image.size(); ++at) {
    for (unsigned change = 1; change < 256; ++change) {
      Image changed = image;
      changed[at] ^= static_cast<std::byte>(change);
      EXPECT_FALSE(accepted(changed.data(), changed.size())) << "byte " << at << " of " << used << " by " << change;
    }
  }
}

TEST(Segment, every_truncation_into_the_image_is_refused) {
  const SampleHead head;
  const Image image = head.image();
  for (std::size_t size = 0; size < image.size(); ++size) {
    EXPECT_EQ(accepted(image, size), size >= used_size(image)) << "size " << size;
  }
}

TEST(Segment, random_bytes_never_crash) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 20'000; ++round) {
    Image bytes(random() % 200);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random() % 3 == 0 ? random() : 0);
    if (!bytes.empty()) bytes[0] = std::byte{1};
    EXPECT_FALSE(accepted(bytes, bytes.size()));
  }
}

// What the checksum cannot help with: bytes that were damaged before it was computed. The writer resumes from the
// damaged bytes and so gives them a right checksum.
TEST(Segment, damage_under_a_right_checksum_never_crashes) {
  const SampleHead head;
  const Image image = head.image();
  const std::size_t end = used_size(image) - SegmentWriter::trailer_size;
  std::mt19937_64 random(2);
  SegmentWriter writer(head.layout);
  int refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    Image damaged(image.begin(), image.begin() + static_cast<std::ptrdiff_t>(random() % 4 ? end : random() % end));
    for (std::uint64_t i = random() % 3; i < 3 && !damaged.empty(); ++i) {
      damaged[random() % damaged.size()] = static_cast<std::byte>(random() % 2 ? random() : 0xFF);
    }
    writer.resume(damaged.data(), damaged.size());
    const Image& sealed = writer.finish(writer.size());
    if (!accepted(sealed, sealed.size())) ++refused;
  }
  EXPECT_GT(refused, 0);
}

TEST(Segment, a_length_that_exceeds_the_image_is_refused_before_memory_is_asked_for) {
  struct Limited final : std::pmr::monotonic_buffer_resource {
    void* do_allocate(std::size_t size, std::size_t alignment) override {
      EXPECT_LT(size, 10'000U);
      return std::pmr::monotonic_buffer_resource::do_allocate(size, alignment);
    }
  };
  Samples samples;
  const Layout layout{{}, {Storage::bytes}};
  SegmentWriter writer(layout);
  writer.begin({});
  writer.append(samples.event(1, {samples.bytes("x")}));
  const Image image = writer.finish(writer.size());
  // The length and the x are the two bytes before the trailer.
  const std::size_t at_length = image.size() - SegmentWriter::trailer_size - 2;
  const std::vector<std::vector<unsigned>> lengths = {
      {2},
      {0xFF, 0xFF, 0xFF, 0xFF, 0x07},
      {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F},
      {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01},
      {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02},
      {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01},
      {0x81, 0x00},
      {0x80},
  };
  for (const auto& length : lengths) {
    Image bytes(image.begin(), image.begin() + static_cast<std::ptrdiff_t>(at_length));
    for (const unsigned byte : length) bytes.push_back(static_cast<std::byte>(byte));
    bytes.push_back(std::byte{'x'});
    writer.resume(bytes.data(), bytes.size());
    const Image& sealed = writer.finish(writer.size());
    Limited memory;
    SegmentReader reader(layout, sealed.data(), sealed.size(), memory);
    Event event;
    EXPECT_THROW(static_cast<void>(reader.next(event)), CorruptState);
  }
}

TEST(Segment, an_image_of_other_columns_is_refused) {
  const SampleHead head;
  const Image image = head.image();
  std::pmr::monotonic_buffer_resource memory;
  for (Layout other : {Layout{{}, head.layout.event}, Layout{head.layout.prefix, {}},
                       Layout{head.layout.event, head.layout.prefix}, Layout{}}) {
    EXPECT_THROW(SegmentReader(other, image.data(), image.size(), memory), CorruptState);
  }
  Layout other = head.layout;
  other.event[3] = Storage::float64;
  EXPECT_THROW(SegmentReader(other, image.data(), image.size(), memory), CorruptState);
}

TEST(Segment, only_what_a_writer_writes_is_accepted) {
  Samples samples;
  const Layout layout{{Storage::int8}, {Storage::int8}};
  SegmentWriter writer(layout);
  Prefix prefix;
  prefix.before = samples.event(0, {Samples::number(std::int8_t{1})});
  writer.begin(prefix);
  const Image image = writer.finish(writer.size());
  const std::size_t end = image.size() - SegmentWriter::trailer_size;
  const std::size_t header = 18 + 2;
  const auto sealed_with = [&](std::size_t at, unsigned byte) {
    Image changed = image;
    changed[at] = static_cast<std::byte>(byte);
    writer.resume(changed.data(), end);
    return Image(writer.finish(writer.size() + 100));
  };
  const auto is_whole = [](const Image& bytes) {
    try {
      check_image(bytes.data(), bytes.size());
      return true;
    } catch (const CorruptState&) {
      return false;
    }
  };
  EXPECT_TRUE(is_whole(sealed_with(0, 1)));
  EXPECT_FALSE(is_whole(sealed_with(0, 2))) << "version";
  EXPECT_FALSE(is_whole(sealed_with(1, 1))) << "zero byte";
  EXPECT_FALSE(is_whole(sealed_with(17, 0x80))) << "negative position";
  EXPECT_FALSE(is_whole(sealed_with(18, 'q'))) << "unknown letter";
  EXPECT_FALSE(is_whole(sealed_with(header, 0x02))) << "record without its first bit";
  EXPECT_FALSE(is_whole(sealed_with(header, 0x07))) << "presence of no column";
  Image padded = sealed_with(0, 1);
  padded.back() = std::byte{1};
  EXPECT_FALSE(is_whole(padded)) << "padding";
}

TEST(Segment, heads_have_few_capacities) {
  EXPECT_EQ(capacity_for(0), 256U);
  EXPECT_EQ(capacity_for(256), 256U);
  EXPECT_EQ(capacity_for(257), 512U);
  EXPECT_EQ(capacity_for(1025), 1536U);
  EXPECT_EQ(capacity_for(1537), 2048U);
  EXPECT_EQ(capacity_for(2049), 3072U);
  EXPECT_EQ(capacity_for(3073), largest_head);
  EXPECT_EQ(capacity_for(largest_head), largest_head);
  EXPECT_EQ(capacity_for(largest_head + 1), 4096U);
  EXPECT_EQ(capacity_for(4096), 4096U);
  EXPECT_EQ(capacity_for(4097), 6144U);
}

TEST(Segment, more_columns_than_the_header_can_count_are_refused) {
  const Layout layout{{}, std::vector<Storage>(65536, Storage::int8)};
  SegmentWriter writer(layout);
  EXPECT_THROW(writer.begin({}), OutOfRange);
}

}  // namespace
}  // namespace feature
