// Segments of 128 events: written, read, and checked byte by byte.

#include "kernel/segment.hpp"

#include "workload.hpp"

namespace feature {

void count_segments() {
  constexpr std::size_t segment_events = 128;
  constexpr std::size_t segments = 50;
  const Layout layout{{}, {Storage::bytes, Storage::float64, Storage::float64, Storage::int32, Storage::int64}};
  Events source(5);
  std::vector<Event> events;
  for (std::size_t i = 0; i < segment_events; ++i) {
    events.push_back(source.event(
        static_cast<std::int64_t>(i * 90 + source.below(60)) * second,
        {source.below(4) == 0 ? source.text("203.0.113.77") : Value{}, source.cents(),
         Events::number(48 + static_cast<double>(source.below(1'000'000)) / 1e6),
         Events::number(static_cast<int>(source.below(2))), Events::number(source.below(1'000'000'000'000))}));
  }
  SegmentWriter writer(layout);
  std::vector<std::byte> image;
  {
    const Counted counted("segments, written", segments * segment_events);
    for (std::size_t i = 0; i < segments; ++i) {
      writer.begin({});
      for (const Event& event : events) writer.append(event);
      image = writer.finish(writer.size());
    }
  }
  {
    const Counted counted("segments, read", segments * segment_events);
    for (std::size_t i = 0; i < segments; ++i) {
      std::pmr::monotonic_buffer_resource memory;
      SegmentReader reader(layout, image.data(), image.size(), memory);
      std::size_t read = 0;
      for (Event event; reader.next(event); ++read) use(event);
      require(read == segment_events, "all events are read");
    }
  }
  {
    const Counted counted("segments, checked", segments * segment_events);
    for (std::size_t i = 0; i < segments; ++i) check_image(image.data(), image.size());
  }
}

}  // namespace feature
