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
  EXPECT_EQ(reader.prefix().level, prefix.level);
  EXPECT_EQ(reader.prefix().node, prefix.node);
  EXPECT_EQ(reader.prefix().next, prefix.next);
  EXPECT_EQ(reader.prefix().late, prefix.late);
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

// The most that an event's record can take.
std::size_t largest_record(const std::vector<Storage>& columns, const Event& event) {
  std::size_t size = (columns.size() + 2) / 2 + 8;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (!event.values[i].null) size += largest_value_size(columns[i], event.values[i]);
  }
  return size;
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
  prefix.level = 255;
  prefix.node = std::numeric_limits<std::uint32_t>::max();
  prefix.next = prefix.node - 1;
  prefix.late = prefix.node - 2;
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

TEST(Segment, codes_work_at_every_number_of_columns) {
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

TEST(Segment, no_record_takes_more_than_its_values_can) {
  const SampleHead head(200);
  SegmentWriter writer(head.layout);
  writer.begin(head.prefix);
  for (const Event& event : head.events) {
    const std::size_t before = writer.size();
    writer.append(event);
    EXPECT_LE(writer.size(), before + largest_record(head.layout.event, event));
  }
}

// The image of the events up to each, resumed there, becomes the image of all.
void expect_resumable(const Layout& layout, const Prefix& prefix, const std::vector<Event>& events) {
  const Image whole = write(layout, prefix, events);
  SegmentWriter writer(layout);
  for (std::size_t split = 0; split <= events.size(); ++split) {
    const std::vector<Event> first(events.begin(), events.begin() + static_cast<std::ptrdiff_t>(split));
    const Image before = write(layout, prefix, first);
    std::pmr::monotonic_buffer_resource memory;
    SegmentReader reader(layout, before.data(), before.size(), memory);
    Event event;
    while (reader.next(event)) {
    }
    writer.resume(before.data(), reader.end(), reader.tail());
    for (std::size_t i = split; i < events.size(); ++i) writer.append(events[i]);
    EXPECT_EQ(writer.finish(capacity_for(writer.size())), whole) << "resumed after " << split;
  }
}

TEST(Segment, a_resumed_image_equals_one_written_at_once) {
  for (std::size_t count = 0; count < 40; ++count) {
    const SampleHead head(count);
    expect_resumable(head.layout, head.prefix, head.events);
  }
}

TEST(Segment, what_is_not_wanted_is_read_past) {
  for (std::size_t count = 1; count < 40; ++count) {
    const SampleHead head(count);
    const Image image = head.image();
    for (std::size_t wanted = 0; wanted < count; ++wanted) {
      std::pmr::monotonic_buffer_resource memory;
      SegmentReader reader(head.layout, image.data(), image.size(), memory);
      const EventTime wanted_from = head.events[wanted].time;
      std::vector<Event> kept;
      Event event;
      for (std::size_t i = 0; reader.next(event, wanted_from); ++i) {
        ASSERT_EQ(event.time, head.events[i].time);
        // Some are wanted after all.
        if (event.time < wanted_from && i % 3 != wanted % 3) continue;
        if (event.time < wanted_from) reader.keep(event);
        kept.push_back(event);
        EXPECT_TRUE(same(head.layout.event, event, head.events[i])) << i << " of " << count << ", from " << wanted;
      }
      // What was kept stays as it was.
      std::size_t next = 0;
      for (std::size_t i = 0; i < count; ++i) {
        if (head.events[i].time < wanted_from && i % 3 != wanted % 3) continue;
        EXPECT_TRUE(same(head.layout.event, kept[next++], head.events[i]))
            << i << " of " << count << ", from " << wanted;
      }
      SegmentWriter writer(head.layout);
      writer.resume(image.data(), reader.end(), reader.tail());
      const Event& last = head.events.back();
      writer.append(last);
      std::vector<Event> events = head.events;
      events.push_back(last);
      EXPECT_EQ(writer.finish(capacity_for(writer.size())), write(head.layout, head.prefix, events));
    }
  }
}

// ---- records: each form in which a value is written, with the bytes that it takes

// Bytes of each event's record beside its codes.
std::vector<std::size_t> sizes_of(const Layout& layout, const Prefix& prefix, const std::vector<Event>& events) {
  std::vector<std::size_t> sizes;
  SegmentWriter writer(layout);
  writer.begin(prefix);
  for (const Event& event : events) {
    const std::size_t before = writer.size();
    writer.append(event);
    sizes.push_back(writer.size() - before - (layout.event.size() + 2) / 2);
  }
  expect_round_trip(layout, prefix, events);
  expect_resumable(layout, prefix, events);
  return sizes;
}

// The bytes that the values of one column take, one after another, at one time.
std::vector<std::size_t> sizes_in_column(Storage storage, const std::vector<Value>& values) {
  Samples samples;
  std::vector<Event> events;
  for (const Value& value : values) events.push_back(samples.event(0, {value}));
  return sizes_of({{}, {storage}}, {}, events);
}

template <class T>
std::vector<std::size_t> number_sizes(Storage storage, std::initializer_list<T> numbers) {
  std::vector<Value> values;
  for (const T number : numbers) values.push_back(Samples::number(number));
  return sizes_in_column(storage, values);
}

using Sizes = std::vector<std::size_t>;

TEST(SegmentRecord, an_event_lies_in_the_image_as_the_header_draws_it) {
  Samples samples;
  const Layout layout{{}, {Storage::float64, Storage::bytes, Storage::float64, Storage::int32, Storage::int16}};
  const Value address = samples.bytes("\x05ip");
  const Image image = write(
      layout, {},
      {samples.event(1000, {Samples::number(123.45), address, Samples::number(48.5), Samples::number(7), Samples::null()}),
       samples.event(999, {Samples::number(123.4), address, Samples::null(), Samples::number(-2), Samples::null()})});
  const std::vector<unsigned> expected = {
      0x01,                                           // the prefix record: time 0
      0x43, 0x34, 0x02,                               // codes: 2 bytes of time, 3, 3, 2, 1 and NULL
      0xE8, 0x03, 0xCA, 0x81, 0x01, 0x05, 'i', 'p',   // 1000; 12345 * 8 + 2; the address
      0x29, 0x0F, 0x07,                               // 485 * 8 + 1; 7
      0x22, 0x01, 0x02,                               // codes: 1 byte of time, 1, the same, NULL, 1 and NULL
      0xFF, 0x01, 0xF7,                               // -1; (1234 - 1234) * 8 + 1; -9
      0x00};
  const std::size_t at = 4 + layout.event.size();
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(static_cast<unsigned>(image[at + i]), expected[i]) << "byte " << i;
  }
}

TEST(SegmentRecord, times_take_the_bytes_of_their_difference) {
  Samples samples;
  Prefix prefix;
  prefix.before = samples.event(1000, {});
  constexpr std::int64_t lowest = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t highest = std::numeric_limits<std::int64_t>::max();
  std::vector<Event> events;
  for (const std::int64_t time : {std::int64_t{1000}, std::int64_t{1000}, std::int64_t{1127}, std::int64_t{999},
                                  std::int64_t{1127}, std::int64_t{998}, std::int64_t{811'234'567'890'000}, std::int64_t{0},
                                  highest, lowest, highest, std::int64_t{0}, lowest, std::int64_t{-1}, highest}) {
    events.push_back(samples.event(time, {}));
  }
  EXPECT_EQ(sizes_of({}, prefix, events), (Sizes{0, 0, 1, 1, 2, 2, 7, 7, 8, 1, 1, 8, 8, 8, 8}));
}

TEST(SegmentRecord, integers_take_the_bytes_of_their_difference) {
  EXPECT_EQ(number_sizes<std::int8_t>(Storage::int8, {0, 0, 1, -128, 127, 0}), (Sizes{0, 0, 1, 1, 1, 1}));
  EXPECT_EQ(number_sizes<std::int16_t>(Storage::int16, {127, 0, -128, 0, 128, -1, 32767, -32768, 32767}),
            (Sizes{1, 1, 1, 2, 2, 2, 2, 2, 2}));
  EXPECT_EQ(number_sizes<std::int32_t>(Storage::int32,
                                          {1'000'000, 1'000'001, 1'000'001, 1'032'768, 1'000'000, 2147483647, -2147483648,
                                           2147483647, 0}),
            (Sizes{3, 1, 0, 2, 2, 4, 4, 4, 4}));
  constexpr std::int64_t lowest = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t highest = std::numeric_limits<std::int64_t>::max();
  // The extremes are far apart, so that they are written as they are, not as the difference of 1 that wraps.
  EXPECT_EQ(number_sizes<std::int64_t>(Storage::int64, {highest, highest - 1, 0, lowest, lowest + 1, 0,
                                                           (std::int64_t{1} << 55) - 1, 0, std::int64_t{1} << 55}),
            (Sizes{8, 1, 8, 8, 1, 8, 7, 7, 8}));
}

TEST(SegmentRecord, decimals_take_the_bytes_of_their_difference) {
  EXPECT_EQ(number_sizes<double>(Storage::float64, {123.45, 123.45, 123.46, 123.5, -123.5, 0.0, 0.5, 1e6, 1e9}),
            (Sizes{3, 0, 1, 1, 2, 2, 1, 3, 5}));
  EXPECT_EQ(number_sizes<double>(Storage::float64, {48.137154, 48.137209, 48.1372, -122.419416, 0.0000001}),
            (Sizes{4, 2, 1, 4, 5}));
  EXPECT_EQ(number_sizes<double>(Storage::float64, {0.1 + 0.2, 1.0 / 3, 0.00000001, 1e-300, 5e-324}),
            (Sizes{8, 8, 8, 8, 8}));
  EXPECT_EQ(number_sizes<float>(Storage::float32, {123.45F, 123.45F, 123.5F, -123.5F, 1e5F, 1.0F / 3, 0.5F, 1e-7F}),
            (Sizes{3, 0, 1, 2, 3, 4, 1, 1}));
}

TEST(SegmentRecord, a_whole_number_that_the_value_before_is_cut_off_to_is_not_the_same) {
  EXPECT_EQ(number_sizes<double>(Storage::float64, {46.5, 46, 46.5, 46}), (Sizes{2, 1, 1, 1}));
}

TEST(SegmentRecord, floats_that_are_no_decimals_are_written_as_they_are) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(number_sizes<double>(Storage::float64, {-0.0, 0.0, -0.0, infinity, infinity, -infinity, 1.5}),
            (Sizes{8, 1, 8, 8, 0, 8, 1}));
  EXPECT_EQ(number_sizes<float>(Storage::float32, {-0.0F, 0.0F, std::numeric_limits<float>::infinity(), 2.5F}),
            (Sizes{4, 1, 4, 2}));
  // A NaN is the same as one of the same bits.
  const Word nan = 0x7FF8000000000000;
  EXPECT_EQ(sizes_in_column(Storage::float64, {{nan, false}, {nan, false}, {nan | 1, false}, Samples::number(7.0)}),
            (Sizes{8, 0, 8, 1}));
}

TEST(SegmentRecord, large_floats_are_decimals_up_to_a_limit) {
  constexpr double limit = 1125899906842624;  // 2^50
  EXPECT_EQ(number_sizes<double>(Storage::float64, {limit - 1}), (Sizes{7}));
  EXPECT_EQ(number_sizes<double>(Storage::float64, {1 - limit, limit - 1, limit - 2, limit, limit + 1, limit - 1}),
            (Sizes{7, 7, 1, 8, 8, 7}));
  EXPECT_EQ(number_sizes<double>(Storage::float64, {9007199254740992.0, 9007199254740991.0, 9007199254740993.0, 1e300}),
            (Sizes{8, 8, 8, 8}));
  EXPECT_EQ(number_sizes<float>(Storage::float32, {1048575, 1048574, 2097151, 2097152, 16777216}),
            (Sizes{3, 1, 4, 4, 4}));
}

TEST(SegmentRecord, random_decimals_of_every_scale_are_read_back) {
  std::mt19937_64 random(11);
  for (const Storage storage : {Storage::float64, Storage::float32}) {
    std::vector<Value> values;
    double power = 1;
    for (int scale = 0; scale < 9; ++scale, power *= 10) {
      for (int i = 0; i < 40; ++i) {
        const auto units = static_cast<std::int64_t>(random()) >> random() % 64;
        const double value = static_cast<double>(units) / power;
        values.push_back(storage == Storage::float64 ? Samples::number(value)
                                                     : Samples::number(static_cast<float>(value)));
      }
    }
    std::shuffle(values.begin(), values.end(), random);
    for (const std::size_t size : sizes_in_column(storage, values)) EXPECT_LE(size, 8U);
  }
}

TEST(SegmentRecord, short_lengths_are_in_the_code) {
  Samples samples;
  const auto bytes = [&](std::size_t size) { return samples.bytes(std::string(size, 'b')); };
  EXPECT_EQ(sizes_in_column(Storage::bytes, {bytes(0), bytes(1), bytes(1), bytes(0), bytes(13), bytes(14), bytes(14),
                                             bytes(127), bytes(128), bytes(127), bytes(0), bytes(0)}),
            (Sizes{0, 1, 0, 1, 13, 15, 0, 128, 130, 128, 1, 0}));
}

TEST(SegmentRecord, the_last_value_is_the_last_that_is_not_null) {
  Samples samples;
  const Value null;
  EXPECT_EQ(sizes_in_column(Storage::bytes, {null, samples.bytes("abc"), null, null, samples.bytes("abc")}),
            (Sizes{0, 3, 0, 0, 0}));
  EXPECT_EQ(sizes_in_column(Storage::float64, {null, Samples::number(2.25), null, Samples::number(2.25)}),
            (Sizes{0, 2, 0, 0}));
  EXPECT_EQ(sizes_in_column(Storage::int64, {null, Samples::number(100'000), null, Samples::number(100'001)}),
            (Sizes{0, 3, 0, 1}));
}

TEST(SegmentRecord, the_prefix_record_is_nothing_to_the_values_of_events) {
  Samples samples;
  const Layout layout{{Storage::int64, Storage::bytes}, {Storage::int64, Storage::bytes}};
  Prefix prefix;
  prefix.before = samples.event(5, {Samples::number(1'000'000), samples.bytes("abc")});
  EXPECT_EQ(sizes_of(layout, prefix, {samples.event(6, {Samples::number(1'000'000), samples.bytes("abc")})}), (Sizes{7}));
}

TEST(SegmentRecord, events_share_the_same_bytes) {
  Samples samples;
  const Layout layout{{}, {Storage::bytes}};
  const std::vector<Event> events =
      read(layout, write(layout, {}, {samples.event(0, {samples.bytes("abc")}), samples.event(1, {Samples::null()}),
                                      samples.event(2, {samples.bytes("abc")})}),
           samples.memory());
  EXPECT_EQ(events[0].values[0].word, events[2].values[0].word);
}

TEST(SegmentRecord, an_ordinary_transaction_takes_about_twenty_bytes) {
  Samples samples;
  const Layout layout{{}, {Storage::float64, Storage::bytes, Storage::float64, Storage::float64, Storage::int32}};
  std::vector<Event> events;
  for (int i = 0; i < 50; ++i) {
    events.push_back(samples.event(811'234'567'890'123 + i * std::int64_t{1'234'567'891},
                                   {Samples::number((2000 + i * 977 % 9000) / 100.0), samples.bytes("\x1d" "192.168.100.7"),
                                    Samples::number((48'137'154 + i * 3571 % 20'000) / 1e6),
                                    Samples::number((11'575'382 + i * 7919 % 20'000) / 1e6), Samples::number(i % 3)}));
  }
  std::size_t bytes = 0;
  for (const std::size_t size : sizes_of(layout, {}, events)) bytes += 3 + size;
  EXPECT_LE(bytes, 50 * 20U);
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
      const std::size_t written = largest_record(head.layout.event, event) + SegmentWriter::trailer_size;
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
    writer.resume(damaged.data(), damaged.size(), {});
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
  writer.append(samples.event(0, {samples.bytes(std::string(14, 'x'))}));
  const Image image = writer.finish(writer.size());
  // The length and the bytes are the last before the trailer.
  const std::size_t at_length = image.size() - SegmentWriter::trailer_size - 15;
  const std::vector<std::vector<unsigned>> lengths = {
      {1},  // could be in the code
      {13},
      {15},
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
    bytes.insert(bytes.end(), 14, std::byte{'x'});
    writer.resume(bytes.data(), bytes.size(), {});
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

bool is_whole(const Image& bytes) {
  try {
    check_image(bytes.data(), bytes.size());
    return true;
  } catch (const CorruptState&) {
    return false;
  }
}

// An image of one column before and one in an event, and no event, in which bytes are changed under a right checksum.
class Forged {
 public:
  explicit Forged(std::uint8_t version) : writer_(layout_) {
    Samples samples;
    Prefix prefix;
    prefix.before = samples.event(0, {Samples::number(std::int8_t{1})});
    writer_.begin(prefix, version);
    image_ = writer_.finish(writer_.size());
    image_.resize(image_.size() - SegmentWriter::trailer_size);
  }

  // `bytes` instead of `count` bytes from `at` on.
  [[nodiscard]] Image with(std::size_t at, std::size_t count, const std::vector<unsigned>& bytes) {
    Image changed = image_;
    const auto from = changed.begin() + static_cast<std::ptrdiff_t>(at);
    const auto to = changed.erase(from, from + static_cast<std::ptrdiff_t>(count));
    std::vector<std::byte> inserted;
    for (const unsigned byte : bytes) inserted.push_back(static_cast<std::byte>(byte));
    changed.insert(to, inserted.begin(), inserted.end());
    writer_.resume(changed.data(), changed.size(), {});
    return writer_.finish(writer_.size() + 100);
  }
  [[nodiscard]] Image with(std::size_t at, unsigned byte) { return with(at, 1, {byte}); }

 private:
  Layout layout_{{Storage::int8}, {Storage::int8}};
  SegmentWriter writer_;
  Image image_;
};

TEST(Segment, only_what_a_writer_writes_is_accepted) {
  for (const std::uint8_t version : {oldest_version, current_version}) {
    SCOPED_TRACE(int{version});
    Forged forged(version);
    const std::size_t letters = version == 2 ? 26 : 4;
    const std::size_t header = letters + 2;
    EXPECT_TRUE(is_whole(forged.with(0, version)));
    EXPECT_FALSE(is_whole(forged.with(0, 1))) << "version";
    EXPECT_FALSE(is_whole(forged.with(0, current_version + 1))) << "version";
    EXPECT_FALSE(is_whole(forged.with(0, oldest_version + current_version - version))) << "the other version";
    EXPECT_FALSE(is_whole(forged.with(letters, 'q'))) << "unknown letter";
    EXPECT_FALSE(is_whole(forged.with(header, 0x20))) << "time without a code";
    EXPECT_FALSE(is_whole(forged.with(header, 0x2A))) << "time of 9 bytes";
    EXPECT_FALSE(is_whole(forged.with(header, 0x31))) << "value of more bytes than its type";
    EXPECT_FALSE(is_whole(forged.with(header + 1, 0x00))) << "same value as a difference";
    Image padded = forged.with(0, version);
    padded.back() = std::byte{1};
    EXPECT_FALSE(is_whole(padded)) << "padding";
  }
  EXPECT_FALSE(is_whole(Forged(2).with(25, 0x80))) << "negative position";
}

TEST(Segment, only_a_writers_header_is_accepted) {
  Forged forged(3);
  const auto with_fields = [&](unsigned present, const std::vector<unsigned>& fields) {
    std::vector<unsigned> bytes{present, 1, 1};
    bytes.insert(bytes.end(), fields.begin(), fields.end());
    return is_whole(forged.with(1, 3, bytes));
  };
  EXPECT_TRUE(with_fields(0, {}));
  EXPECT_TRUE(with_fields(0x1F, {1, 2, 3, 4, 5}));
  EXPECT_TRUE(with_fields(0x01, {0xFF, 0x01})) << "the largest level";
  EXPECT_FALSE(with_fields(0x01, {0x80, 0x02})) << "a level of 256";
  EXPECT_TRUE(with_fields(0x02, {0xFF, 0xFF, 0xFF, 0xFF, 0x0F})) << "the largest number of a node";
  for (const unsigned field : {0x02U, 0x04U, 0x08U}) {
    EXPECT_FALSE(with_fields(field, {0x80, 0x80, 0x80, 0x80, 0x10})) << "2^32";
  }
  EXPECT_TRUE(with_fields(0x10, {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F})) << "the largest position";
  EXPECT_FALSE(with_fields(0x10, {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01})) << "2^63";
  EXPECT_FALSE(with_fields(0x01, {0})) << "a field that is zero";
  EXPECT_FALSE(with_fields(0x01, {0x81, 0x00})) << "more bytes than needed";
  EXPECT_FALSE(with_fields(0x20, {1})) << "a field that there is not";
  EXPECT_FALSE(is_whole(forged.with(2, 2, {0x80, 0x80, 0x04, 1}))) << "65536 columns";
  EXPECT_FALSE(is_whole(forged.with(2, 2, {1, 0xFF, 0xFF, 0x03}))) << "letters that are not there";
  for (std::size_t size = 0; size < 4; ++size) {
    const Image image = forged.with(0, 3);
    EXPECT_FALSE(is_whole(Image(image.begin(), image.begin() + static_cast<std::ptrdiff_t>(size))));
  }
}

TEST(Segment, a_header_has_all_fields_of_any_size) {
  std::mt19937_64 random(11);
  const Layout layout{{}, {Storage::int32}};
  const auto number = [&](unsigned bits) {
    return random() % 3 == 0 ? 0 : random() >> (64 - bits) >> random() % bits;
  };
  for (int i = 0; i < 2000; ++i) {
    Prefix prefix;
    prefix.level = static_cast<std::uint8_t>(number(8));
    prefix.node = static_cast<std::uint32_t>(number(32));
    prefix.next = static_cast<std::uint32_t>(number(32));
    prefix.late = static_cast<std::uint32_t>(number(32));
    prefix.position = static_cast<std::int64_t>(number(63));
    for (const std::uint8_t version : {oldest_version, current_version}) {
      SegmentWriter writer(layout);
      writer.begin(prefix, version);
      const Image image = writer.finish(writer.size());
      check_image(image.data(), image.size());
      std::pmr::monotonic_buffer_resource memory;
      const SegmentReader reader(layout, image.data(), image.size(), memory);
      EXPECT_EQ(reader.version(), version);
      const Prefix& read = reader.prefix();
      EXPECT_EQ(std::tie(read.level, read.node, read.next, read.late, read.position),
                std::tie(prefix.level, prefix.node, prefix.next, prefix.late, prefix.position));
    }
  }
}

// What follows the header of a segment of one event column, under a right checksum.
Image sealed_records(Storage storage, const std::vector<unsigned>& records) {
  const Layout layout{{}, {storage}};
  SegmentWriter writer(layout);
  writer.begin({});
  Image image = writer.finish(writer.size());
  image.resize(image.size() - SegmentWriter::trailer_size);
  for (const unsigned byte : records) image.push_back(static_cast<std::byte>(byte));
  writer.resume(image.data(), image.size(), {});
  return writer.finish(writer.size());
}

bool is_canonical(Storage storage, const std::vector<unsigned>& records) {
  const Image image = sealed_records(storage, records);
  EXPECT_TRUE(accepted(image, image.size()));
  try {
    check_image(image.data(), image.size());
    return true;
  } catch (const CorruptState&) {
    return false;
  }
}

bool is_readable(Storage storage, const std::vector<unsigned>& records) {
  const Image image = sealed_records(storage, records);
  return accepted(image, image.size());
}

TEST(Segment, only_a_writers_choice_of_bytes_is_whole) {
  EXPECT_TRUE(is_canonical(Storage::int32, {0x21, 0x05}));
  EXPECT_FALSE(is_canonical(Storage::int32, {0x31, 0x05, 0x00})) << "more bytes than needed";
  EXPECT_FALSE(is_canonical(Storage::int32, {0x51, 0x05, 0x00, 0x00, 0x00})) << "the value although the difference is shorter";
  EXPECT_FALSE(is_canonical(Storage::int32, {0x21, 0x00})) << "the same as a difference";
  EXPECT_FALSE(is_canonical(Storage::int32, {0x12, 0x00})) << "the same time as a difference";
  EXPECT_FALSE(is_canonical(Storage::int32, {0x13, 0x01, 0x00})) << "more bytes of time than needed";
  EXPECT_TRUE(is_canonical(Storage::float64, {0x21, 0x29}));
  EXPECT_FALSE(is_canonical(Storage::float64, {0x31, 0x92, 0x01})) << "0.50 instead of 0.5";
  EXPECT_FALSE(is_canonical(Storage::float64, {0x21, 0x00})) << "0 although it is the same";
  EXPECT_FALSE(is_canonical(Storage::float64, {0x91, 0, 0, 0, 0, 0, 0, 0xE0, 0x3F})) << "the bits of 0.5";
  EXPECT_FALSE(is_canonical(Storage::bytes, {0x21, 'a', 0x21, 'a'})) << "the same bytes again";
  EXPECT_FALSE(is_canonical(Storage::bytes, {0xF1, 0x00})) << "no bytes although there were none";
  EXPECT_TRUE(is_canonical(Storage::bytes, {0x21, 'a', 0xF1, 0x00}));
}

TEST(Segment, values_that_a_type_cannot_hold_are_refused) {
  EXPECT_TRUE(is_readable(Storage::int16, {0x31, 0xFF, 0x7F, 0x21, 0x80}));
  EXPECT_FALSE(is_readable(Storage::int16, {0x31, 0xFF, 0x7F, 0x21, 0x01})) << "32768";
  EXPECT_FALSE(is_readable(Storage::int16, {0x31, 0x00, 0x80, 0x21, 0xFF})) << "-32769";
  EXPECT_FALSE(is_readable(Storage::int32, {0x51, 0xFF, 0xFF, 0xFF, 0x7F, 0x21, 0x01}));
  EXPECT_FALSE(is_readable(Storage::int16, {0x41, 0, 0, 0})) << "three bytes of two";
  EXPECT_FALSE(is_readable(Storage::float32, {0x61, 0, 0, 0, 0, 0})) << "five bytes of four";
  EXPECT_FALSE(is_readable(Storage::float64, {0xA1, 0, 0, 0, 0, 0, 0, 0, 0, 0})) << "nine bytes of eight";
  EXPECT_FALSE(is_readable(Storage::float64, {0x91, 0, 0, 0})) << "bytes that are not there";
  EXPECT_FALSE(is_readable(Storage::bytes, {0x51, 'a', 'b'})) << "bytes that are not there";
}

TEST(Segment, heads_have_few_capacities) {
  EXPECT_EQ(capacity_for(0), 32U);
  EXPECT_EQ(capacity_for(33), 64U);
  EXPECT_EQ(capacity_for(65), 128U);
  EXPECT_EQ(capacity_for(256), 256U);
  EXPECT_EQ(capacity_for(257), 512U);
  EXPECT_EQ(capacity_for(1025), 1536U);
  EXPECT_EQ(capacity_for(1537), light_head);
  EXPECT_EQ(capacity_for(light_head), light_head);
  EXPECT_EQ(capacity_for(light_head + 1), 3072U);
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
