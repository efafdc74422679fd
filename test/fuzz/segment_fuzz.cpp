// libFuzzer harness for segment images and their text form.
//
// The input's first byte chooses what is done with the rest:
//   even  the rest is an image. It is read as it is; then its checksum is put right, as a shipped reader would refuse
//         nearly every mutation for its checksum alone, and it is read again.
//   odd   the rest is text.
// Reading must end in values or in CorruptState (InvalidSegmentText for text), without an access out of bounds. What is
// accepted must survive the way through its text and through a writer byte for byte.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/segment.hpp"
#include "kernel/segment_text.hpp"

namespace {

using feature::Layout;
using feature::Storage;
using Image = std::vector<std::byte>;

const Layout other_layout{{Storage::int64, Storage::float64}, {Storage::bytes, Storage::int16, Storage::float32}};

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "not so: %s\n", what);
  std::abort();
}

bool read_as(const Layout& layout, const Image& image) {
  try {
    std::pmr::monotonic_buffer_resource memory;
    feature::SegmentReader reader(layout, image.data(), image.size(), memory);
    feature::Event event;
    while (reader.next(event)) {
    }
    require(reader.end() < image.size(), "the end lies within the image");
    return true;
  } catch (const feature::CorruptState&) {
    return false;
  }
}

bool is_whole(const Image& image) {
  try {
    feature::check_image(image.data(), image.size());
    return true;
  } catch (const feature::CorruptState&) {
    return false;
  }
}

// What a writer makes of the events that a reader gives.
Image written_again(const Image& image) {
  const Layout layout = feature::layout_of(image.data(), image.size());
  std::pmr::monotonic_buffer_resource memory;
  feature::SegmentReader reader(layout, image.data(), image.size(), memory);
  feature::SegmentWriter writer(layout);
  writer.begin(reader.prefix(), reader.version());
  feature::Event event;
  while (reader.next(event)) writer.append(event);
  return writer.finish(image.size());
}

void read_image(const Image& image) {
  static_cast<void>(read_as(other_layout, image));
  if (!is_whole(image)) {
    try {
      static_cast<void>(feature::to_text(image.data(), image.size()));
      require(false, "what has a text is whole");
    } catch (const feature::CorruptState&) {
    }
    return;
  }
  require(read_as(feature::layout_of(image.data(), image.size()), image), "what is whole can be read");
  require(written_again(image) == image, "a writer writes what was read");
  require(feature::from_text(feature::to_text(image.data(), image.size())) == image, "text gives the image back");
}

// The image with a right checksum: what lies before its last five bytes that are not padding is taken for records. The
// writer does not look at the bytes that it resumes from.
Image with_right_checksum(const Image& image) {
  std::size_t used = image.size();
  while (used > 0 && image[used - 1] == std::byte{0}) --used;
  const std::size_t end = used < feature::SegmentWriter::trailer_size ? 0 : used - feature::SegmentWriter::trailer_size;
  feature::SegmentWriter writer(other_layout);
  writer.resume(image.data(), end, {});
  return writer.finish(std::max(image.size(), writer.size()));
}

// Whether a capacity in the text would only make the fuzzer slow.
bool asks_for_much(std::string_view text) {
  const std::size_t at = text.find("capacity=");
  return at != std::string_view::npos && std::strtoull(std::string(text.substr(at + 9)).c_str(), nullptr, 10) > 1 << 20;
}

void read_text(std::string_view text) {
  if (asks_for_much(text)) return;
  try {
    const Image image = feature::from_text(text);
    require(is_whole(image), "text gives whole images");
    require(feature::from_text(feature::to_text(image.data(), image.size())) == image, "text gives the image back");
  } catch (const feature::InvalidSegmentText& error) {
    require(error.offset <= text.size(), "the offset lies within the text");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto* rest = reinterpret_cast<const std::byte*>(data + 1);
  if (data[0] % 2 == 0) {
    const Image image(rest, rest + size - 1);
    read_image(image);
    read_image(with_right_checksum(image));
  } else {
    read_text({reinterpret_cast<const char*>(rest), size - 1});
  }
  return 0;
}
