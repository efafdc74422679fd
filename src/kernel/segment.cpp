// Reading and writing segment images. See segment.hpp for the format.
//
// Whoever adds an event reads the whole image first, so reading is what counts: nothing is allocated per value of
// fixed size, where a value lies hangs on the codes alone and not on the values before it, hardly a branch hangs on
// what the data is, and the checksum is found from the image's end.

#include "kernel/segment.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "kernel/decimal.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace feature {
namespace {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "images are little-endian and are read as they lie");

// Offsets of the header's fields: of all versions, of version 2.
constexpr std::size_t at_version = 0;
constexpr std::size_t at_fields = 1;
constexpr std::size_t at_level = 1;
constexpr std::size_t at_prefix_columns = 2;
constexpr std::size_t at_event_columns = 4;
constexpr std::size_t at_node = 6;
constexpr std::size_t at_next = 10;
constexpr std::size_t at_late = 14;
constexpr std::size_t at_position = 18;
constexpr std::size_t at_letters = 26;

constexpr std::size_t most_columns = 0xFFFF;
constexpr std::size_t checksum_size = 4;

constexpr unsigned null_code = 0;
constexpr unsigned same_code = 1;
constexpr unsigned long_code = 15;  // bytes with a length of their own
constexpr std::size_t longest_coded = long_code - 1 - same_code;  // bytes whose length is in the code

// No bytes, for columns that have had none yet.
constexpr Blob no_bytes{0};

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

constexpr std::size_t codes_size(std::size_t columns) { return (1 + columns + 1) / 2; }

void set_code(std::byte* codes, std::size_t number, unsigned code) {
  codes[number / 2] |= static_cast<std::byte>(code << 4 * (number % 2));
}

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

[[noreturn]] void malformed_header() { corrupt("feature state has a malformed header"); }

// The fields of a prefix that are in the header, in their order there.
constexpr std::size_t header_fields = 5;
using HeaderFields = std::array<std::uint64_t, header_fields>;

constexpr HeaderFields largest_fields = {std::numeric_limits<std::uint8_t>::max(),
                                         std::numeric_limits<std::uint32_t>::max(),
                                         std::numeric_limits<std::uint32_t>::max(),
                                         std::numeric_limits<std::uint32_t>::max(),
                                         std::numeric_limits<std::int64_t>::max()};

HeaderFields fields_of(const Prefix& prefix) {
  return {prefix.level, prefix.node, prefix.next, prefix.late, static_cast<std::uint64_t>(prefix.position)};
}

// The header of an image with its letters; throws unless it is whole.
struct Header {
  std::uint8_t version;
  HeaderFields fields{};
  std::size_t prefix_columns;
  std::size_t event_columns;
  const std::byte* letters;
  std::size_t size;

  Header(const std::byte* image, std::size_t image_size) {
    if (image_size == 0) truncated();
    version = load<std::uint8_t>(image + at_version);
    switch (version) {
      case 2: read_fixed(image, image_size); break;
      case 3: read_short(image, image_size); break;
      default: corrupt("feature state has an unknown version");
    }
    for (std::size_t i = 0; i < header_fields; ++i) {
      if (fields[i] > largest_fields[i]) malformed_header();
    }
    size = static_cast<std::size_t>(letters - image) + prefix_columns + event_columns;
    if (image_size < size) truncated();
  }

  void set(Prefix& prefix) const {
    prefix.level = static_cast<std::uint8_t>(fields[0]);
    prefix.node = static_cast<std::uint32_t>(fields[1]);
    prefix.next = static_cast<std::uint32_t>(fields[2]);
    prefix.late = static_cast<std::uint32_t>(fields[3]);
    prefix.position = static_cast<std::int64_t>(fields[4]);
  }

  [[nodiscard]] bool is_of(const Layout& layout) const {
    return layout.prefix.size() == prefix_columns && layout.event.size() == event_columns &&
           same(letters, layout.prefix) && same(letters + prefix_columns, layout.event);
  }

 private:
  void read_fixed(const std::byte* image, std::size_t image_size) {
    if (image_size < at_letters) truncated();
    fields = {load<std::uint8_t>(image + at_level), load<std::uint32_t>(image + at_node),
              load<std::uint32_t>(image + at_next), load<std::uint32_t>(image + at_late),
              load<std::uint64_t>(image + at_position)};
    prefix_columns = load<std::uint16_t>(image + at_prefix_columns);
    event_columns = load<std::uint16_t>(image + at_event_columns);
    letters = image + at_letters;
  }

  void read_short(const std::byte* image, std::size_t image_size) {
    const std::byte* at = image + at_fields;
    const std::byte* const end = image + image_size;
    if (at == end) truncated();
    const auto present = static_cast<unsigned>(*at++);
    if (present >> header_fields != 0) malformed_header();
    prefix_columns = load_leb128(at, end);
    event_columns = load_leb128(at, end);
    if (prefix_columns > most_columns || event_columns > most_columns) malformed_header();
    for (std::size_t i = 0; i < header_fields; ++i) {
      if (present >> i & 1U) fields[i] = load_leb128(at, end);
    }
    letters = at;
  }

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

// ---- numbers

// Keeps the lowest bytes of a word, of which the highest bit is the sign. For no bytes the result is 0.
struct Narrowing {
  Word mask;
  Word sign;

  [[nodiscard]] Word operator()(Word word) const { return ((word & mask) ^ sign) - sign; }
};

constexpr std::array<Narrowing, 9> narrowings = [] {
  std::array<Narrowing, 9> narrowings{};
  for (std::size_t bytes = 1; bytes <= 8; ++bytes) {
    narrowings[bytes] = {~Word{0} >> (64 - 8 * bytes), Word{1} << (8 * bytes - 1)};
  }
  return narrowings;
}();

// The fewest bytes from which narrowing gives the number back.
std::size_t bytes_of(Word number) {
  std::size_t bytes = 0;
  while (narrowings[bytes](number) != number) ++bytes;
  return bytes;
}

// The next `bytes` bytes, at most 8, with anything behind them.
Word load_word(const std::byte* at, const std::byte* end, std::size_t bytes) {
  if (__builtin_expect(at <= end - sizeof(Word), true)) return load<Word>(at);
  if (static_cast<std::size_t>(end - at) < bytes) truncated();
  Word word = 0;
  std::memcpy(&word, at, bytes);
  return word;
}

// Reads a record's codes, a word of them at a time.
class CodeReader {
 public:
  CodeReader(const std::byte* at, const std::byte* end, std::size_t size) : at_(at), end_(end), size_(size) { load(); }

  // As many as the codes have halves, at most.
  [[nodiscard]] unsigned next() {
    if (in_word_ == 0) load();
    --in_word_;
    const auto code = static_cast<unsigned>(word_ & 0xF);
    word_ >>= 4;
    return code;
  }

 private:
  void load() {
    const std::size_t bytes = std::min(size_, sizeof(Word));
    word_ = load_word(at_, end_, bytes);
    at_ += bytes;
    size_ -= bytes;
    in_word_ = 2 * sizeof(Word);
  }

  const std::byte* at_;
  const std::byte* const end_;
  std::size_t size_;
  Word word_;
  unsigned in_word_;
};

// How the values of a column are read. Storage::bytes has no size: here it is 0.
struct Format {
  enum class Kind : std::uint8_t { bytes, integer, float32, float64 };
  Kind kind;
  std::uint8_t size;
};

constexpr std::size_t letters = 256;

constexpr std::array<Format, letters> formats = [] {
  std::array<Format, letters> formats{};
  const auto set = [&formats](Storage storage, Format format) { formats[static_cast<std::size_t>(storage)] = format; };
  set(Storage::int8, {Format::Kind::integer, 1});
  set(Storage::int16, {Format::Kind::integer, 2});
  set(Storage::int32, {Format::Kind::integer, 4});
  set(Storage::int64, {Format::Kind::integer, 8});
  set(Storage::float32, {Format::Kind::float32, 4});
  set(Storage::float64, {Format::Kind::float64, 8});
  return formats;
}();

const Format& format_of(Storage storage) { return formats[static_cast<unsigned char>(storage)]; }

// ---- values

std::size_t read_size(unsigned code, const std::byte*& at, const std::byte* end) {
  std::uint64_t size = code - same_code;
  if (code == long_code) {
    size = load_leb128(at, end);
    if (size - 1 < longest_coded) malformed_record();
  }
  if (size > static_cast<std::size_t>(end - at)) truncated();
  return size;
}

Word read_bytes(unsigned code, const std::byte*& at, const std::byte* end, std::pmr::memory_resource& memory) {
  const std::size_t size = read_size(code, at, end);
  const Word word = Blob::make(memory, at, size);
  at += size;
  return word;
}

// Writes a value and returns its code.
unsigned store_value(std::byte*& to, Storage storage, Word last, Word word) {
  if (is_same(storage, last, word)) return same_code;
  const Format& format = format_of(storage);
  Word number = word - last;
  bool is_shorter = true;
  switch (format.kind) {
    case Format::Kind::integer: break;
    case Format::Kind::float32: is_shorter = decimal::find<float>(last, word, number); break;
    case Format::Kind::float64: is_shorter = decimal::find<double>(last, word, number); break;
    case Format::Kind::bytes: {
      const Blob& blob = Blob::of(word);
      const bool is_coded = blob.size != 0 && blob.size <= longest_coded;
      if (!is_coded) to = store_leb128(to, blob.size);
      if (blob.size != 0) std::memcpy(to, blob.data, blob.size);
      to += blob.size;
      return is_coded ? same_code + static_cast<unsigned>(blob.size) : long_code;
    }
  }
  std::size_t bytes = std::max<std::size_t>(bytes_of(number), 1);
  if (!is_shorter || bytes >= format.size) {
    bytes = format.size;
    number = word;
  }
  std::memcpy(to, &number, bytes);
  to += bytes;
  return same_code + static_cast<unsigned>(bytes);
}

// What `last` is before the first value.
void set_nothing(const std::vector<Storage>& columns, Word* last) {
  const Word nothing = reinterpret_cast<Word>(no_bytes.data);
  for (std::size_t i = 0; i < columns.size(); ++i) last[i] = columns[i] == Storage::bytes ? nothing : 0;
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

  version_ = header.version;
  header.set(prefix_);
  offset_ = header.size;
  if (offset_ == end_) truncated();
  Value* values = nullptr;
  const std::size_t most = std::max(layout.prefix.size(), layout.event.size());
  if (!layout.prefix.empty()) {
    values = static_cast<Value*>(memory.allocate(layout.prefix.size() * sizeof(Value), alignof(Value)));
  }
  if (most != 0) last_ = static_cast<Word*>(memory.allocate(most * sizeof(Word), alignof(Word)));
  set_nothing(layout.prefix, last_);
  static_cast<void>(read_record<true>(layout.prefix, values, prefix_.before, {}));
  set_nothing(layout.event, last_);
}

std::size_t SegmentReader::fixed() const { return offset_ + SegmentWriter::trailer_size; }

template <bool all_wanted>
bool SegmentReader::next(Event& event, EventTime wanted_from) {
  if (offset_ == end_) return false;
  const std::size_t columns = layout_.event.size();
  if (room_ == 0 && columns != 0) {
    // Never room for more events than the remaining bytes can hold, nor for so many that an image of few events wastes
    // much of it. Those that are not wanted take turns with one.
    constexpr std::size_t most_values = 128;
    const std::size_t most_events = (end_ - offset_) / codes_size(columns) + 1;
    const bool one = !all_wanted && time_ < wanted_from;
    room_ = one ? 1 : std::clamp<std::size_t>(most_values / columns, 1, most_events);
    values_ = static_cast<Value*>(memory_.allocate(room_ * columns * sizeof(Value), alignof(Value)));
  }
  const bool wanted = read_record<all_wanted>(layout_.event, values_, event, wanted_from);
  if (wanted && columns != 0) {
    values_ += columns;
    --room_;
  }
  return true;
}

template bool SegmentReader::next<true>(Event& event, EventTime wanted_from);
template bool SegmentReader::next<false>(Event& event, EventTime wanted_from);

void SegmentReader::keep(Event& event) {
  const std::vector<Storage>& columns = layout_.event;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i] == Storage::bytes && !event.values[i].null) event.values[i].word = last_[i] = wanted_bytes(i);
  }
  if (event.values != values_ || columns.empty()) return;
  values_ += columns.size();
  --room_;
}

Tail SegmentReader::tail() {
  for (std::size_t i = 0; i < layout_.event.size(); ++i) {
    if (layout_.event[i] == Storage::bytes) last_[i] = wanted_bytes(i);
  }
  return {time_, last_};
}

// Reads past the bytes of a value that is not wanted.
void SegmentReader::pass_bytes(std::size_t column, unsigned code, const std::byte*& at) {
  const std::size_t columns = layout_.event.size();
  if (passed_ == nullptr) {
    passed_ = static_cast<Passed*>(memory_.allocate(columns * sizeof(Passed), alignof(Passed)));
    std::uninitialized_fill_n(passed_, columns, Passed{nullptr, 0});
  }
  const std::size_t size = read_size(code, at, image_ + end_);
  passed_[column] = {at, size};
  at += size;
}

// The last value of a column of bytes, now that it is wanted.
Word SegmentReader::wanted_bytes(std::size_t column) {
  if (passed_ == nullptr || passed_[column].at == nullptr) return last_[column];
  const Passed bytes = passed_[column];
  passed_[column].at = nullptr;
  return last_[column] = Blob::make(memory_, bytes.at, bytes.size);
}

// Whether the record is wanted.
template <bool all_wanted>
bool SegmentReader::read_record(const std::vector<Storage>& columns, Value* values, Event& event,
                                EventTime wanted_from) {
  const std::byte* at = image_ + offset_;
  const std::byte* const end = image_ + end_;
  const std::size_t count = columns.size();
  if (static_cast<std::size_t>(end - at) < codes_size(count)) truncated();
  CodeReader codes(at, end, codes_size(count));
  at += codes_size(count);

  const std::size_t time_bytes = codes.next() - same_code;
  if (time_bytes > sizeof(Word)) malformed_record();
  const Word difference = narrowings[time_bytes](load_word(at, end, time_bytes));
  at += time_bytes;
  time_ =
      EventTime(Duration(static_cast<std::int64_t>(static_cast<Word>(time_.time_since_epoch().count()) + difference)));
  event.time = time_;
  event.values = values;
  const bool wanted = all_wanted || time_ >= wanted_from;

  Word* const last = last_;
  const Storage* const storages = columns.data();
  for (std::size_t i = 0; i < count; ++i) {
    const unsigned code = codes.next();
    const Format format = format_of(storages[i]);
    Word word = last[i];
    if (format.kind == Format::Kind::bytes) {
      if (code > same_code) {
        if (!wanted) {
          pass_bytes(i, code, at);
        } else {
          word = read_bytes(code, at, end, memory_);
          if (!all_wanted && passed_ != nullptr) passed_[i].at = nullptr;
        }
      } else if (!all_wanted && wanted && code == same_code) {
        word = wanted_bytes(i);
      }
    } else {
      const std::size_t bytes = code - (code != null_code);
      if (bytes > format.size) malformed_record();
      const Word bits = load_word(at, end, bytes);
      const Word number = narrowings[bytes](bits);
      at += bytes;
      if (format.kind == Format::Kind::integer) {
        word = number + (bytes == format.size ? 0 : word);
        if (narrowings[format.size](word) != word) malformed_record();
      } else if (bytes == format.size) {
        word = bits & narrowings[bytes].mask;
      } else if (bytes != 0) {
        word = format.kind == Format::Kind::float64 ? decimal::read<double>(word, number)
                                                    : decimal::read<float>(word, number);
      }
    }
    last[i] = word;
    values[i] = {code == null_code ? 0 : word, code == null_code};
  }
  if (count % 2 == 0 && codes.next() != 0) malformed_record();  // a code of no column
  offset_ = static_cast<std::size_t>(at - image_);
  return wanted;
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
  // What follows the checksum is zero by the way the checksum is found.
  const Layout layout = layout_of(image, size);
  std::pmr::monotonic_buffer_resource memory;
  SegmentReader reader(layout, image, size, memory);
  SegmentWriter writer(layout);
  writer.begin(reader.prefix(), reader.version());
  Event event;
  while (reader.next(event)) writer.append(event);
  const std::vector<std::byte>& written = writer.finish(writer.size());
  if (written.size() > size || std::memcmp(written.data(), image, written.size()) != 0) malformed_record();
}

std::size_t largest_value_size(Storage storage, const Value& value) {
  if (storage != Storage::bytes) return format_of(storage).size;
  const std::size_t size = Blob::of(value.word).size;
  return leb128_size(size) + size;
}

void SegmentWriter::begin(const Prefix& prefix, std::uint8_t version) {
  if (layout_.prefix.size() > most_columns || layout_.event.size() > most_columns) {
    throw OutOfRange("too many columns for a feature state");
  }
  buffer_.clear();
  if (version == 2) {
    begin_fixed(prefix);
  } else {
    begin_short(prefix);
  }
  for (const Storage storage : layout_.prefix) buffer_.push_back(static_cast<std::byte>(storage));
  for (const Storage storage : layout_.event) buffer_.push_back(static_cast<std::byte>(storage));
  set_tail({}, layout_.prefix);
  append_record(layout_.prefix, prefix.before);
  set_tail({time_, nullptr}, layout_.event);
}

void SegmentWriter::begin_fixed(const Prefix& prefix) {
  buffer_.resize(at_letters);
  std::byte* const to = buffer_.data();
  store(to + at_version, std::uint8_t{2});
  store(to + at_prefix_columns, static_cast<std::uint16_t>(layout_.prefix.size()));
  store(to + at_event_columns, static_cast<std::uint16_t>(layout_.event.size()));
  store(to + at_level, prefix.level);
  store(to + at_node, prefix.node);
  store(to + at_next, prefix.next);
  store(to + at_late, prefix.late);
  store(to + at_position, prefix.position);
}

void SegmentWriter::begin_short(const Prefix& prefix) {
  constexpr std::size_t longest_number = 10;
  buffer_.resize(2 + (2 + header_fields) * longest_number);
  const HeaderFields fields = fields_of(prefix);
  std::uint8_t present = 0;
  for (std::size_t i = 0; i < header_fields; ++i) present |= static_cast<std::uint8_t>((fields[i] != 0) << i);
  std::byte* to = store(buffer_.data(), current_version);
  to = store(to, present);
  to = store_leb128(to, layout_.prefix.size());
  to = store_leb128(to, layout_.event.size());
  for (const std::uint64_t field : fields) {
    if (field != 0) to = store_leb128(to, field);
  }
  buffer_.resize(static_cast<std::size_t>(to - buffer_.data()));
}

void SegmentWriter::resume(const std::byte* image, std::size_t end, const Tail& tail) {
  buffer_.assign(image, image + end);
  set_tail(tail, layout_.event);
}

void SegmentWriter::append(const Event& event) { append_record(layout_.event, event); }

void SegmentWriter::set_tail(const Tail& tail, const std::vector<Storage>& columns) {
  time_ = tail.time;
  last_.resize(columns.size());
  if (tail.last == nullptr) {
    set_nothing(columns, last_.data());
  } else {
    last_.assign(tail.last, tail.last + columns.size());
  }
}

void SegmentWriter::append_record(const std::vector<Storage>& columns, const Event& event) {
  // Room for the largest record there can be; what is not needed is given back.
  std::size_t most = codes_size(columns.size()) + sizeof(Word);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (!event.values[i].null) most += largest_value_size(columns[i], event.values[i]);
  }
  const std::size_t before = buffer_.size();
  buffer_.resize(before + most);
  std::byte* const codes = buffer_.data() + before;
  std::byte* to = codes + codes_size(columns.size());

  const Word difference = static_cast<Word>(event.time.time_since_epoch().count()) -
                          static_cast<Word>(time_.time_since_epoch().count());
  const std::size_t time_bytes = bytes_of(difference);
  set_code(codes, 0, same_code + static_cast<unsigned>(time_bytes));
  std::memcpy(to, &difference, time_bytes);
  to += time_bytes;
  time_ = event.time;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const Value& value = event.values[i];
    if (value.null) continue;
    set_code(codes, 1 + i, store_value(to, columns[i], last_[i], value.word));
    last_[i] = value.word;
  }
  buffer_.resize(static_cast<std::size_t>(to - buffer_.data()));
}

const std::vector<std::byte>& SegmentWriter::finish(std::size_t capacity) {
  buffer_.push_back(std::byte{0});
  const std::uint32_t sum = checksum(buffer_.data(), buffer_.size());
  const std::size_t at = buffer_.size();
  buffer_.resize(std::max(capacity, at + checksum_size));
  store(buffer_.data() + at, sum);
  return buffer_;
}

std::size_t capacity_for(std::size_t size) {
  constexpr std::size_t classes[] = {32, 64, 128, 256, 512, 1024, 1536, light_head, 3072, largest_head};
  for (const std::size_t capacity : classes) {
    if (size <= capacity) return capacity;
  }
  constexpr std::size_t step = 2048;
  return (size + step - 1) / step * step;
}

}  // namespace feature
