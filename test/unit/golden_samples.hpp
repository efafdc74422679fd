// What the stored images in test/data/golden hold: the same events on every machine and in every version.
//
// Only add samples. The images of a format version that was released are never written again, so a sample that changed
// would no longer be what they hold.
#pragma once

#include <cstdint>
#include <limits>
#include <list>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "segment_samples.hpp"

namespace feature {

struct Golden {
  std::string name;
  Layout layout;
  Prefix prefix{};
  std::vector<Event> events{};
  bool padded = true;  // as heads are; chunks are not

  [[nodiscard]] Image image() const {
    SegmentWriter writer(layout);
    writer.begin(prefix);
    for (const Event& event : events) writer.append(event);
    return writer.finish(padded ? capacity_for(writer.size()) : writer.size());
  }
};

class GoldenSamples {
 public:
  GoldenSamples() {
    // Between one and the next of these every number of bytes occurs.
    add_column("int8", Storage::int8, integers<std::int8_t>());
    add_column("int16", Storage::int16, integers<std::int16_t>());
    add_column("int32", Storage::int32, integers<std::int32_t>());
    add_column("int64", Storage::int64, integers<std::int64_t>());
    add_column("float32", Storage::float32, floats<float>(0x7FA00001));
    add_column("float64", Storage::float64, floats<double>(0xFFF8000000000001));
    add_column("bytes", Storage::bytes, blobs());
    add_times();
    add_prefixes();
    add_heads();
    add_chunk();
  }

  [[nodiscard]] const std::list<Golden>& all() const { return samples_; }

 private:
  static constexpr std::int64_t second = 1'000'000;

  Golden& add(std::string name, Layout layout) {
    samples_.push_back({std::move(name), std::move(layout)});
    Golden& sample = samples_.back();
    sample.prefix.before = values_.event(0, std::vector<Value>(sample.layout.prefix.size()));
    return sample;
  }

  // One event a value, with NULLs between them, and each value twice in a row.
  void add_column(const char* name, Storage storage, const std::vector<Value>& values) {
    Golden& sample = add(name, {{}, {storage}});
    std::int64_t time = 0;
    for (const Value& value : values) {
      for (const Value& stored : {value, value, Samples::null()}) {
        sample.events.push_back(values_.event(time += second, {stored}));
      }
    }
  }

  template <class Integer>
  [[nodiscard]] static std::vector<Value> integers() {
    using Limits = std::numeric_limits<Integer>;
    std::vector<Value> values;
    for (unsigned bit = 0; bit < sizeof(Integer) * 8 - 1; ++bit) {
      const auto power = static_cast<Integer>(Integer{1} << bit);
      for (const int sign : {1, -1}) values.push_back(Samples::number(static_cast<Integer>(power * sign)));
      values.push_back(Samples::number(Integer{0}));
    }
    values.push_back(Samples::number(Limits::min()));
    values.push_back(Samples::number(Limits::max()));
    return values;
  }

  // Decimals of every number of places, numbers that are none, and what is no number.
  template <class Float>
  [[nodiscard]] static std::vector<Value> floats(Word unusual_nan) {
    using Limits = std::numeric_limits<Float>;
    std::vector<Value> values;
    for (const double number : {48.137154, 48.137209, 11.5755, 19.99, 20.0, -19.99, 0.1, 0.01, 0.001, 0.0001, 0.00001,
                                0.000001, 0.0000001, 1e6, 123456.75, 1.0 / 3, -2.0 / 3, 0.0, -0.0}) {
      values.push_back(Samples::number(static_cast<Float>(number)));
    }
    for (const Float number : {Limits::min(), Limits::max(), Limits::lowest(), Limits::denorm_min(), Limits::infinity(),
                               -Limits::infinity(), Limits::quiet_NaN()}) {
      values.push_back(Samples::number(number));
    }
    values.push_back({unusual_nan, false});
    return values;
  }

  // Lengths on both sides of where the way of writing them changes.
  [[nodiscard]] std::vector<Value> blobs() {
    std::vector<Value> values;
    for (const std::size_t size : {0, 1, 12, 13, 14, 15, 127, 128, 129, 16383, 16384}) {
      std::string text;
      for (std::size_t i = 0; i < size; ++i) text += static_cast<char>(i * 7);
      values.push_back(values_.bytes(text));
    }
    return values;
  }

  // No column at all: times alone, equal, near and far apart.
  void add_times() {
    Golden& sample = add("times", {});
    const auto limits = std::numeric_limits<std::int64_t>();
    for (const std::int64_t time : {limits.min(), limits.min() + 1, -1000 * second, -second, std::int64_t{0},
                                    std::int64_t{0}, std::int64_t{1}, 200 * second, limits.max() - 1, limits.max()}) {
      sample.events.push_back(values_.event(time, {}));
    }
  }

  void add_prefixes() {
    std::mt19937_64 random(1);
    Golden& sample = add("prefix", {all_storages, {}});
    sample.prefix.position = 1'000'000'000'000;
    sample.prefix.before = values_.random(-5 * second, sample.layout.prefix, random);
    sample.events.push_back(values_.event(second, {}));

    Golden& state = add("prefix_blob", {{Storage::bytes, Storage::int64}, {Storage::float64}});
    state.prefix.position = 128;
    state.prefix.before =
        values_.event(second, {values_.bytes(std::string(300, 's')), Samples::number(std::int64_t{-1})});
    state.events.push_back(values_.event(2 * second, {Samples::number(0.5)}));
  }

  // One of each capacity that a head can have, the empty one among them.
  void add_heads() {
    std::mt19937_64 random(2);
    std::size_t capacity = 0;
    std::vector<Event> events;
    for (std::int64_t time = 0; capacity < largest_head; time += 60 * second) {
      Golden head{"", {{Storage::int64, Storage::float64}, all_storages}};
      head.prefix.before = values_.event(0, {Samples::number(std::int64_t{0}), Samples::null()});
      head.events = events;
      const std::size_t size = head.image().size();
      if (size > largest_head) break;
      if (size != capacity) {
        capacity = size;
        head.name = "head_" + std::to_string(capacity);
        samples_.push_back(std::move(head));
      }
      events.push_back(values_.random(time, all_storages, random));
    }
  }

  // What is usual: amounts and positions of one card, in a full chunk without padding.
  void add_chunk() {
    std::mt19937_64 random(3);
    Golden& sample =
        add("chunk", {{Storage::int64, Storage::float64},
                      {Storage::float64, Storage::bytes, Storage::float64, Storage::float64, Storage::int32}});
    sample.padded = false;
    sample.prefix.position = 256;
    sample.prefix.before = values_.event(second, {Samples::number(std::int64_t{256}), Samples::number(10240.75)});
    std::int64_t time = second;
    for (int i = 0; i < 128; ++i) {
      time += static_cast<std::int64_t>(random() % (7200 * second));
      const double cents = static_cast<double>(random() % 100'000) / 100;
      const double latitude = 48 + static_cast<double>(random() % 1'000'000) / 1e6;
      const Value address =
          random() % 4 == 0 ? values_.bytes("203.0.113." + std::to_string(random() % 256)) : values_.bytes("10.0.0.1");
      sample.events.push_back(values_.event(
          time, {Samples::number(cents), address, random() % 9 == 0 ? Samples::null() : Samples::number(latitude),
                 Samples::number(latitude - 37), Samples::number(static_cast<std::int32_t>(i))}));
    }
  }

  Samples values_;
  std::list<Golden> samples_;
};

}  // namespace feature
