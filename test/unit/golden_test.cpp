// Stored images of every format version that was ever released are read, and read as what was written.
//
// test/data/golden/v<version>/ has images (*.state), each with what it holds (*.txt). Databases keep their states
// through an upgrade of the extension, so those of released versions stay as they are for ever. `make -C test/unit
// golden` writes the folder of the version that the writer writes now.

#include <gtest/gtest.h>

#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "golden_samples.hpp"
#include "kernel/segment.hpp"
#include "kernel/segment_text.hpp"

namespace feature {
namespace {

namespace files = std::filesystem;

const files::path golden = files::path(TEST_DATA) / "golden";

std::string contents(const files::path& file) {
  std::ifstream stream(file, std::ios::binary);
  EXPECT_TRUE(stream) << file;
  return {std::istreambuf_iterator<char>(stream), {}};
}

void put(const files::path& file, const void* bytes, std::size_t size) {
  std::ofstream(file, std::ios::binary).write(static_cast<const char*>(bytes), static_cast<std::streamsize>(size));
}

Image image_in(const files::path& file) {
  const std::string bytes = contents(file);
  const auto* first = reinterpret_cast<const std::byte*>(bytes.data());
  return {first, first + bytes.size()};
}

template <class Number, class... Base>
std::string digits(Number number, Base... base) {
  char text[64];
  return {text, std::to_chars(text, text + sizeof text, number, base...).ptr};
}

// Short ones byte by byte, long ones by their FNV-1a hash.
std::string text_of(const Blob& blob) {
  constexpr std::size_t longest_shown = 32;
  std::string text = digits(blob.size) + " bytes";
  std::uint64_t hash = 0xCBF29CE484222325;
  for (std::size_t i = 0; i < blob.size; ++i) {
    const auto byte = static_cast<unsigned>(blob.data[i]);
    hash = (hash ^ byte) * 0x100000001B3;
    if (blob.size <= longest_shown) text += " " + digits(byte, 16);
  }
  return blob.size <= longest_shown ? text : text + " of hash " + digits(hash, 16);
}

// The value in words of this test's own, so that they stay when the text form of states changes; of floats also the
// bits.
std::string text_of(Storage storage, const Value& value) {
  if (value.null) return "null";
  switch (storage) {
    case Storage::int8:
    case Storage::int16:
    case Storage::int32:
    case Storage::int64: return digits(from_word<std::int64_t>(value.word));
    case Storage::float32:
      return digits(from_word<float>(value.word)) + " " + digits(static_cast<std::uint32_t>(value.word), 16);
    case Storage::float64: return digits(from_word<double>(value.word)) + " " + digits(value.word, 16);
    case Storage::bytes: break;
  }
  return text_of(Blob::of(value.word));
}

std::string text_of(const std::vector<Storage>& columns, const Event& event) {
  std::string text = digits(event.time.time_since_epoch().count()) + ":";
  for (std::size_t i = 0; i < columns.size(); ++i) text += (i == 0 ? " " : ", ") + text_of(columns[i], event.values[i]);
  return text + "\n";
}

// What an image holds, of its header what every version has.
std::string text_of(const Image& image) {
  const Layout layout = layout_of(image.data(), image.size());
  std::pmr::monotonic_buffer_resource memory;
  SegmentReader reader(layout, image.data(), image.size(), memory);
  std::string text = "position " + digits(reader.prefix().position) + "\nbefore ";
  text += text_of(layout.prefix, reader.prefix().before);
  Event event;
  while (reader.next(event)) text += text_of(layout.event, event);
  return text;
}

int version_of(const Image& image) { return static_cast<int>(image.at(0)); }

files::path folder_of(int version) { return golden / ("v" + std::to_string(version)); }

int current_version() { return version_of(GoldenSamples().all().front().image()); }

files::path beside(files::path file, const char* extension) { return file.replace_extension(extension); }

TEST(Golden, images_of_all_versions_hold_what_was_written) {
  std::map<char, int> seen;  // columns by storage
  int images = 0;
  for (const auto& entry : files::recursive_directory_iterator(golden)) {
    if (entry.path().extension() != ".state") continue;
    SCOPED_TRACE(entry.path());
    const Image image = image_in(entry.path());
    EXPECT_EQ(text_of(image), contents(beside(entry.path(), ".txt")));
    EXPECT_EQ(entry.path().parent_path(), folder_of(version_of(image)));
    check_image(image.data(), image.size());
    EXPECT_EQ(from_text(to_text(image.data(), image.size())), image);
    for (const Storage storage : layout_of(image.data(), image.size()).event) ++seen[static_cast<char>(storage)];
    ++images;
  }
  EXPECT_GE(images, 10);
  EXPECT_EQ(seen.size(), all_storages.size()) << "there is a kind of column without an image";
}

// A change of the bytes is a new format version, and its images are to be kept beside those that there are.
TEST(Golden, writer_writes_the_stored_images_of_its_version) {
  const files::path folder = folder_of(current_version());
  const GoldenSamples samples;
  for (const Golden& sample : samples.all()) {
    SCOPED_TRACE(sample.name);
    const Image image = sample.image();
    EXPECT_EQ(image, image_in(folder / (sample.name + ".state")));
    check_image(image.data(), image.size());
  }
}

// `make golden` runs this one, which is left out otherwise.
TEST(Golden, DISABLED_write) {
  const files::path folder = folder_of(current_version());
  files::remove_all(folder);
  files::create_directories(folder);
  const GoldenSamples samples;
  for (const Golden& sample : samples.all()) {
    const Image image = sample.image();
    const std::string text = text_of(image);
    put(folder / (sample.name + ".state"), image.data(), image.size());
    put(folder / (sample.name + ".txt"), text.data(), text.size());
  }
}

}  // namespace
}  // namespace feature
