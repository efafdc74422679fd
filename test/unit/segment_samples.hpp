// Events, layouts and images that the segment tests share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <list>
#include <memory_resource>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/segment.hpp"

namespace feature {

using Image = std::vector<std::byte>;

inline const std::vector<Storage> all_storages = {Storage::int8,    Storage::int16,   Storage::int32, Storage::int64,
                                                  Storage::float32, Storage::float64, Storage::bytes};

// Owns the values of the events that a test makes.
class Samples {
 public:
  [[nodiscard]] Event event(std::int64_t time, std::initializer_list<Value> values) {
    return event(time, std::vector<Value>(values));
  }
  [[nodiscard]] Event event(std::int64_t time, std::vector<Value> values) {
    rows_.push_back(std::move(values));
    return {EventTime(Duration(time)), rows_.back().data()};
  }

  template <class T>
  [[nodiscard]] static Value number(T value) {
    return {to_word(value), false};
  }
  [[nodiscard]] Value bytes(std::string_view text) { return {Blob::make(memory_, text.data(), text.size()), false}; }
  [[nodiscard]] static Value null() { return {}; }

  // A value that the storage can hold, NULL now and then, extreme now and then.
  [[nodiscard]] Value random(Storage storage, std::mt19937_64& random) {
    if (random() % 5 == 0) return null();
    const std::uint64_t bits = random() % 4 == 0 ? std::uint64_t{1} << random() % 64 : random();
    switch (storage) {
      case Storage::int8:
        return number(static_cast<std::int8_t>(bits));
      case Storage::int16:
        return number(static_cast<std::int16_t>(bits));
      case Storage::int32:
        return number(static_cast<std::int32_t>(bits));
      case Storage::float32:
        return {bits & 0xFFFFFFFF, false};
      case Storage::int64:
      case Storage::float64:
        return {bits, false};
      case Storage::bytes:
        break;
    }
    return bytes(std::string(random() % 40, static_cast<char>(bits)));
  }

  [[nodiscard]] Event random(std::int64_t time, const std::vector<Storage>& columns, std::mt19937_64& engine) {
    std::vector<Value> values;
    for (const Storage storage : columns) values.push_back(random(storage, engine));
    return event(time, std::move(values));
  }

  [[nodiscard]] std::pmr::memory_resource& memory() { return memory_; }

 private:
  std::pmr::monotonic_buffer_resource memory_;
  std::list<std::vector<Value>> rows_;
};

// Equal as stored: the same bits, or the same bytes.
[[nodiscard]] inline bool same(Storage storage, const Value& a, const Value& b) {
  if (a.null || b.null) return a.null == b.null;
  if (storage != Storage::bytes) return a.word == b.word;
  const Blob& left = Blob::of(a.word);
  const Blob& right = Blob::of(b.word);
  return left.size == right.size && std::memcmp(left.data, right.data, left.size) == 0;
}

[[nodiscard]] inline bool same(const std::vector<Storage>& columns, const Event& a, const Event& b) {
  if (a.time != b.time) return false;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (!same(columns[i], a.values[i], b.values[i])) return false;
  }
  return true;
}

[[nodiscard]] inline Image write(const Layout& layout, const Prefix& prefix, const std::vector<Event>& events) {
  SegmentWriter writer(layout);
  writer.begin(prefix);
  for (const Event& event : events) writer.append(event);
  return writer.finish(capacity_for(writer.size()));
}

[[nodiscard]] inline std::vector<Event> read(const Layout& layout, const Image& image,
                                             std::pmr::memory_resource& memory) {
  SegmentReader reader(layout, image.data(), image.size(), memory);
  std::vector<Event> events;
  Event event;
  while (reader.next(event)) events.push_back(event);
  return events;
}

// A small head with every kind of column, NULLs among the values.
struct SampleHead {
  Layout layout{{Storage::int64, Storage::float64}, all_storages};
  Samples samples;
  Prefix prefix;
  std::vector<Event> events;

  explicit SampleHead(std::size_t count = 5) {
    std::mt19937_64 random(count);
    prefix.position = 128;
    prefix.level = 1;
    prefix.next = 1;
    prefix.before = samples.event(1'000'000, {Samples::number(std::int64_t{128}), Samples::number(1234.5)});
    for (std::size_t i = 0; i < count; ++i) {
      const auto time = 2'000'000 + static_cast<std::int64_t>(i) * 60'000'000;
      events.push_back(samples.random(time, layout.event, random));
    }
  }

  [[nodiscard]] Image image() const { return write(layout, prefix, events); }
};

// The image without its padding, which ends with the checksum's last byte.
[[nodiscard]] inline std::size_t used_size(const Image& image) {
  std::size_t size = image.size();
  while (size > 0 && image[size - 1] == std::byte{0}) --size;
  return size;
}

}  // namespace feature
