// Reading and writing segment images. See segment.hpp for the format.
//
// Whoever adds an event reads the whole image first, so reading is what counts: nothing is allocated per value of
// fixed size, no branch hangs on a value's presence, and the checksum is found from the image's end.

#include "kernel/segment.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace feature {
namespace {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "images are little-endian and are read as they lie");

constexpr std::uint8_t format_version = 1;

// Offsets of the header's fields.
constexpr std::size_t at_version = 0;
constexpr std::size_t at_zero = 1;
constexpr std::size_t at_prefix_columns = 2;
constexpr std::size_t at_event_columns = 4;
constexpr std::size_t at_chunks = 6;
constexpr std::size_t at_position = 10;
constexpr std::size_t at_letters = 18;

constexpr std::size_t most_columns = 0xFFFF;
constexpr std::size_t time_size = 8;
constexpr std::size_t checksum_size = 4;

template <class T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <class T>
std::byte* store(std::byte* to, T value) {
  std::memcpy(to, &value, sizeof value);
  return to + sizeof value;
}

constexpr std::size_t presence_size(std::size_t columns) { return (1 + columns + 7) / 8; }

std::uint32_t checksum(const std::byte* bytes, std::size_t size) {
  const std::uint64_t hash = XXH3_64bits(bytes, size);
  return static_cast<std::uint32_t>(hash ^ (hash >> 32)) | 0x80000000U;
}

// The length of a number in LEB128: seven bits a byte, lowest first, the eighth bit set in all bytes but the last.
std::size_t leb128_size(std::uint64_t number) {
  std::size_t size = 1;
  while (number >>= 7) ++size;
  return size;
}

std::byte* store_leb128(std::byte* to, std::uint64_t number) {
  while (number >= 0x80) {
    *to++ = static_cast<std::byte>(number | 0x80);
    number >>= 7;
  }
  *to++ = static_cast<std::byte>(number);
  return to;
}

[[noreturn]] void corrupt(const char* what) { throw CorruptState(what); }

[[noreturn]] void truncated() { corrupt("feature state is truncated"); }
[[noreturn]] void malformed_record() { corrupt("feature state has a malformed record"); }

// Reads what a writer writes and nothing else: a number in more bytes than it needs is refused.
std::uint64_t load_leb128(const std::byte*& at, const std::byte* end) {
  std::uint64_t number = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (at == end) truncated();
    const auto byte = static_cast<std::uint64_t>(*at++);
    const std::uint64_t bits = byte & 0x7F;
    if (shift == 63 && bits > 1) break;
    number |= bits << shift;
    if (byte < 0x80) {
      if (byte == 0 && shift != 0) break;
      return number;
    }
  }
  corrupt("feature state has a malformed length");
}

// The header of an image with its letters; throws unless it is whole.
struct Header {
  std::size_t prefix_columns;
  std::size_t event_columns;
  const std::byte* letters;
  std::size_t size;

  Header(const std::byte* image, std::size_t image_size) {
    if (image_size < at_letters) truncated();
    if (load<std::uint8_t>(image + at_version) != format_version) corrupt("feature state has an unknown version");
    if (load<std::uint8_t>(image + at_zero) != 0) corrupt("feature state has a malformed header");
    if (load<std::int64_t>(image + at_position) < 0) corrupt("feature state has a malformed header");
    prefix_columns = load<std::uint16_t>(image + at_prefix_columns);
    event_columns = load<std::uint16_t>(image + at_event_columns);
    letters = image + at_letters;
    size = at_letters + prefix_columns + event_columns;
    if (image_size < size) truncated();
  }

  [[nodiscard]] bool is_of(const Layout& layout) const {
    return layout.prefix.size() == prefix_columns && layout.event.size() == event_columns &&
           same(letters, layout.prefix) && same(letters + prefix_columns, layout.event);
  }

 private:
  static bool same(const std::byte* letters, const std::vector<Storage>& columns) {
    static_assert(sizeof(Storage) == 1);
    return columns.empty() || std::memcmp(letters, columns.data(), columns.size()) == 0;
  }
};

// The offset of the end marker: the checksum's last byte is the last one that is not zero.
std::size_t find_end_marker(const std::byte* image, std::size_t size) {
  while (size >= 8 && load<std::uint64_t>(image + size - 8) == 0) size -= 8;
  while (size > 0 && image[size - 1] == std::byte{0}) --size;
  if (size < SegmentWriter::trailer_size) truncated();
  return size - SegmentWriter::trailer_size;
}

void check_checksum(const std::byte* image, std::size_t end_marker) {
  const std::size_t at = end_marker + 1;
  if (image[end_marker] != std::byte{0} || load<std::uint32_t>(image + at) != checksum(image, at)) {
    corrupt("feature state has a wrong checksum");
  }
}

Storage checked_storage(std::byte letter) {
  const auto storage = static_cast<Storage>(letter);
  switch (storage) {
    case Storage::int8:
    case Storage::int16:
    case Storage::int32:
    case Storage::int64:
    case Storage::float32:
    case Storage::float64:
    case Storage::bytes:
      return storage;
  }
  corrupt("feature state has a column of an unknown kind");
}

// Bytes that a present value takes.
std::size_t value_size(Storage storage, Word word) {
  switch (storage) {
    case Storage::int8:
      return 1;
    case Storage::int16:
      return 2;
    case Storage::int32:
    case Storage::float32:
      return 4;
    case Storage::int64:
    case Storage::float64:
      return 8;
    case Storage::bytes:
      break;
  }
  const std::size_t size = Blob::of(word).size;
  return leb128_size(size) + size;
}

// How a value of fixed size is read: eight bytes are loaded, its own kept, and the sign bit extended to the whole word.
// Storage::bytes has no fixed size: here it is 0.
struct FixedRead {
  Word mask = 0;
  Word sign = 0;
  std::size_t size = 0;
};

constexpr std::size_t letters = 256;

constexpr std::array<FixedRead, letters> fixed_reads = [] {
  std::array<FixedRead, letters> reads{};
  const auto set = [&reads](Storage storage, std::size_t size, bool is_signed) {
    reads[static_cast<std::size_t>(storage)] = {~Word{0} >> (64 - 8 * size), Word{is_signed} << (8 * size - 1), size};
  };
  set(Storage::int8, 1, true);
  set(Storage::int16, 2, true);
  set(Storage::int32, 4, true);
  set(Storage::int64, 8, false);
  set(Storage::float32, 4, false);
  set(Storage::float64, 8, false);
  return reads;
}();

Word load_bytes(const std::byte*& at, const std::byte* end, std::pmr::memory_resource& memory) {
  const std::uint64_t size = load_leb128(at, end);
  if (size > static_cast<std::size_t>(end - at)) truncated();
  const Word word = Blob::make(memory, at, size);
  at += size;
  return word;
}

// Reads the values of one presence word: columns[0] has bit 0. Without a branch on presence, which the processor could
// not foresee.
const std::byte* load_values(const Storage* columns, std::size_t count, std::uint64_t present, const std::byte* at,
                             const std::byte* end, std::pmr::memory_resource& memory, Value* value) {
  const std::byte* const last_word = end - sizeof(Word);
  for (const Storage* const last = columns + count; columns != last; ++columns, ++value, present >>= 1) {
    const FixedRead& read = fixed_reads[static_cast<unsigned char>(*columns)];
    const Word keep = 0 - (present & 1);  // all bits or none
    const std::size_t size = read.size & keep;
    if (__builtin_expect(at <= last_word && read.size != 0, true)) {
      value->word = ((load<Word>(at) & read.mask & keep) ^ read.sign) - read.sign;
      value->null = keep == 0;
      at += size;
    } else if (keep == 0) {
      *value = {};
    } else if (read.size == 0) {
      *value = {load_bytes(at, end, memory), false};
    } else {
      if (static_cast<std::size_t>(end - at) < size) truncated();
      Word word = 0;
      std::memcpy(&word, at, size);
      *value = {(word ^ read.sign) - read.sign, false};
      at += size;
    }
  }
  return at;
}

std::byte* store_value(std::byte* to, Storage storage, Word word) {
  switch (storage) {
    case Storage::int8:
      return store(to, static_cast<std::uint8_t>(word));
    case Storage::int16:
      return store(to, static_cast<std::uint16_t>(word));
    case Storage::int32:
    case Storage::float32:
      return store(to, static_cast<std::uint32_t>(word));
    case Storage::int64:
    case Storage::float64:
      return store(to, word);
    case Storage::bytes:
      break;
  }
  const Blob& blob = Blob::of(word);
  to = store_leb128(to, blob.size);
  if (blob.size != 0) std::memcpy(to, blob.data, blob.size);
  return to + blob.size;
}

void append_record(std::vector<std::byte>& buffer, const std::vector<Storage>& columns, const Event& event) {
  const std::size_t before = buffer.size();
  buffer.resize(before + record_size(columns, event));
  std::byte* const presence = buffer.data() + before;
  std::byte* to = presence + presence_size(columns.size());
  presence[0] = std::byte{1};
  to = store(to, std::int64_t{event.time.time_since_epoch().count()});
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const Value& value = event.values[i];
    if (value.null) continue;
    presence[(1 + i) / 8] |= std::byte{1} << ((1 + i) % 8);
    to = store_value(to, columns[i], value.word);
  }
}

}  // namespace

SegmentReader::SegmentReader(const Layout& layout, const std::byte* image, std::size_t size,
                             std::pmr::memory_resource& memory)
    : layout_(layout), image_(image), memory_(memory) {
  const Header header(image, size);
  if (!header.is_of(layout)) corrupt("feature state has other columns than expected");
  end_ = find_end_marker(image, size);
  if (end_ < header.size) truncated();
  check_checksum(image, end_);

  prefix_.position = load<std::int64_t>(image + at_position);
  prefix_.chunks = load<std::uint32_t>(image + at_chunks);
  offset_ = header.size;
  if (offset_ == end_) truncated();
  Value* values = nullptr;
  if (!layout.prefix.empty()) {
    values = static_cast<Value*>(memory.allocate(layout.prefix.size() * sizeof(Value), alignof(Value)));
  }
  read_record(layout.prefix, values, prefix_.before);
}

bool SegmentReader::next(Event& event) {
  if (offset_ == end_) return false;
  const std::size_t columns = layout_.event.size();
  if (room_ == 0 && columns != 0) {
    // Never room for more events than the remaining bytes can hold, nor for so many that an image of few events wastes
    // much of it.
    constexpr std::size_t most_values = 128;
    const std::size_t most_events = (end_ - offset_) / (presence_size(columns) + time_size) + 1;
    room_ = std::clamp<std::size_t>(most_values / columns, 1, most_events);
    values_ = static_cast<Value*>(memory_.allocate(room_ * columns * sizeof(Value), alignof(Value)));
  }
  read_record(layout_.event, values_, event);
  if (columns != 0) {
    values_ += columns;
    --room_;
  }
  return true;
}

void SegmentReader::read_record(const std::vector<Storage>& columns, Value* values, Event& event) {
  const std::byte* at = image_ + offset_;
  const std::byte* const end = image_ + end_;
  const std::size_t count = columns.size();
  const std::size_t presence_bytes = presence_size(count);
  if (static_cast<std::size_t>(end - at) < presence_bytes + time_size) truncated();

  const std::byte* const presence = at;
  at += presence_bytes;
  event.time = EventTime(Duration(load<std::int64_t>(at)));
  event.values = values;
  at += time_size;

  // Presence is read a word at a time: the time's eight bytes follow it, so that a whole word can always be loaded.
  std::size_t column = 0;
  for (std::size_t byte = 0; byte < presence_bytes; byte += 8) {
    const std::size_t bytes = std::min<std::size_t>(presence_bytes - byte, 8);
    std::uint64_t bits = load<std::uint64_t>(presence + byte) & ~std::uint64_t{0} >> (64 - 8 * bytes);
    std::size_t width = 64;
    if (byte == 0) {
      if ((bits & 1) == 0) malformed_record();
      bits >>= 1;
      width = 63;
    }
    width = std::min(width, count - column);
    if (width < 64 && bits >> width != 0) malformed_record();  // bits of no column
    at = load_values(columns.data() + column, width, bits, at, end, memory_, values + column);
    column += width;
  }
  offset_ = static_cast<std::size_t>(at - image_);
}

Layout layout_of(const std::byte* image, std::size_t size) {
  const Header header(image, size);
  Layout layout;
  layout.prefix.reserve(header.prefix_columns);
  layout.event.reserve(header.event_columns);
  const std::byte* letter = header.letters;
  for (std::size_t i = 0; i < header.prefix_columns; ++i) layout.prefix.push_back(checked_storage(*letter++));
  for (std::size_t i = 0; i < header.event_columns; ++i) layout.event.push_back(checked_storage(*letter++));
  return layout;
}

void check_image(const std::byte* image, std::size_t size) {
  // The reader takes only what a writer writes: it refuses spare presence bits and overlong lengths, and what follows
  // the checksum is zero by the way the checksum is found.
  const Layout layout = layout_of(image, size);
  std::pmr::monotonic_buffer_resource memory;
  SegmentReader reader(layout, image, size, memory);
  Event event;
  while (reader.next(event)) {
  }
}

std::size_t record_size(const std::vector<Storage>& columns, const Event& event) {
  std::size_t size = presence_size(columns.size()) + time_size;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (!event.values[i].null) size += value_size(columns[i], event.values[i].word);
  }
  return size;
}

void SegmentWriter::begin(const Prefix& prefix) {
  if (layout_.prefix.size() > most_columns || layout_.event.size() > most_columns) {
    throw OutOfRange("too many columns for a feature state");
  }
  buffer_.assign(at_letters, std::byte{0});
  store(buffer_.data() + at_version, format_version);
  store(buffer_.data() + at_prefix_columns, static_cast<std::uint16_t>(layout_.prefix.size()));
  store(buffer_.data() + at_event_columns, static_cast<std::uint16_t>(layout_.event.size()));
  store(buffer_.data() + at_chunks, prefix.chunks);
  store(buffer_.data() + at_position, prefix.position);
  for (const Storage storage : layout_.prefix) buffer_.push_back(static_cast<std::byte>(storage));
  for (const Storage storage : layout_.event) buffer_.push_back(static_cast<std::byte>(storage));
  append_record(buffer_, layout_.prefix, prefix.before);
}

void SegmentWriter::resume(const std::byte* image, std::size_t end) { buffer_.assign(image, image + end); }

void SegmentWriter::append(const Event& event) { append_record(buffer_, layout_.event, event); }

const std::vector<std::byte>& SegmentWriter::finish(std::size_t capacity) {
  buffer_.push_back(std::byte{0});
  const std::uint32_t sum = checksum(buffer_.data(), buffer_.size());
  const std::size_t at = buffer_.size();
  buffer_.resize(std::max(capacity, at + checksum_size));
  store(buffer_.data() + at, sum);
  return buffer_;
}

std::size_t capacity_for(std::size_t size) {
  constexpr std::size_t classes[] = {256, 512, 1024, 1536, 2048, 3072, largest_head};
  for (const std::size_t capacity : classes) {
    if (size <= capacity) return capacity;
  }
  constexpr std::size_t step = 2048;
  return (size + step - 1) / step * step;
}

}  // namespace feature
