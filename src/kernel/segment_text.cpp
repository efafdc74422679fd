// Text form of segments. See segment_text.hpp for the grammar.

#include "kernel/segment_text.hpp"

#include <charconv>
#include <limits>
#include <memory_resource>
#include <system_error>

#include "kernel/segment.hpp"

namespace feature {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";
// A PostgreSQL value has less than a gigabyte, its length word included.
constexpr std::uint64_t largest_capacity = 0x3FFFFFFF - 4;

// The NaN that is written as NaN: quiet, positive, without a payload.
constexpr std::uint32_t usual_nan(float) { return 0x7FC00000U; }
constexpr std::uint64_t usual_nan(double) { return 0x7FF8000000000000U; }

template <class Float>
using BitsOf = decltype(usual_nan(Float{}));

// ---- writing ----

class TextWriter {
 public:
  void put(std::string_view text) { text_ += text; }

  template <class Integer>
  void put_integer(Integer value) {
    put_digits([&](char* first, char* last) { return std::to_chars(first, last, value); });
  }

  template <class Float>
  void put_float(Word word) {
    const auto value = from_word<Float>(word);
    const auto bits = static_cast<BitsOf<Float>>(word);
    if (value != value) {
      put("NaN");
      if (bits != usual_nan(Float{})) {
        put("(");
        for (int shift = sizeof bits * 8 - 4; shift >= 0; shift -= 4) text_ += hex_digits[bits >> shift & 0xF];
        put(")");
      }
    } else if (value == std::numeric_limits<Float>::infinity()) {
      put("Infinity");
    } else if (value == -std::numeric_limits<Float>::infinity()) {
      put("-Infinity");
    } else {
      put_digits([&](char* first, char* last) { return std::to_chars(first, last, value); });
    }
  }

  void put_bytes(const Blob& blob) {
    put("\\x");
    for (std::size_t i = 0; i < blob.size; ++i) {
      const auto byte = static_cast<unsigned>(blob.data[i]);
      text_ += hex_digits[byte >> 4];
      text_ += hex_digits[byte & 0xF];
    }
  }

  void put_value(Storage storage, const Value& value) {
    if (value.null) return put("null");
    switch (storage) {
      case Storage::int8:
      case Storage::int16:
      case Storage::int32:
      case Storage::int64:
        return put_integer(from_word<std::int64_t>(value.word));
      case Storage::float32:
        return put_float<float>(value.word);
      case Storage::float64:
        return put_float<double>(value.word);
      case Storage::bytes:
        return put_bytes(Blob::of(value.word));
    }
  }

  void put_record(const std::vector<Storage>& columns, const Event& event) {
    put(" (");
    put_integer(event.time.time_since_epoch().count());
    for (std::size_t i = 0; i < columns.size(); ++i) {
      put(", ");
      put_value(columns[i], event.values[i]);
    }
    put(")");
  }

  void put_columns(std::string_view name, const std::vector<Storage>& columns) {
    put(name);
    put("(");
    for (const Storage storage : columns) text_ += static_cast<char>(storage);
    put(")");
  }

  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  template <class ToChars>
  void put_digits(ToChars to_chars) {
    char digits[40];
    text_.append(digits, to_chars(digits, digits + sizeof digits).ptr);
  }

  std::string text_;
};

// ---- reading ----

class TextReader {
 public:
  explicit TextReader(std::string_view text) : text_(text) {}

  // Each reads one token after any blanks, or throws with the offset where the token should have been.

  void expect(std::string_view token) {
    if (!accept(token)) fail("\"" + std::string(token) + "\"");
  }

  [[nodiscard]] bool accept(std::string_view token) {
    skip_blanks();
    if (text_.substr(offset_, token.size()) != token) return false;
    offset_ += token.size();
    return true;
  }

  template <class Integer>
  [[nodiscard]] Integer integer(const char* expected) {
    skip_blanks();
    Integer value{};
    take(std::from_chars(here(), end(), value), expected);
    return value;
  }

  template <class Float>
  [[nodiscard]] Word floating() {
    if (accept("NaN")) return nan_bits<Float>();
    if (accept("Infinity")) return to_word(std::numeric_limits<Float>::infinity());
    if (accept("-Infinity")) return to_word(-std::numeric_limits<Float>::infinity());
    // from_chars has its own words for these, which are not ours: a number begins with a digit.
    const std::size_t sign = text_.substr(offset_, 1) == "-" ? 1 : 0;
    if (!is_digit(offset_ + sign)) fail("a number");
    Float value{};
    take(std::from_chars(here(), end(), value), "a number");
    return to_word(value);
  }

  [[nodiscard]] Word bytes(std::pmr::memory_resource& memory) {
    expect("\\x");
    std::string bytes;
    for (int high = hex_digit(); high >= 0; high = hex_digit()) {
      const int low = hex_digit();
      if (low < 0) fail("a hexadecimal digit");
      bytes += static_cast<char>(high * 16 + low);
    }
    return Blob::make(memory, bytes.data(), bytes.size());
  }

  [[nodiscard]] Value value(Storage storage, std::pmr::memory_resource& memory) {
    if (accept("null")) return {};
    switch (storage) {
      case Storage::int8:
        return {to_word(integer<std::int8_t>("an integer of 1 byte")), false};
      case Storage::int16:
        return {to_word(integer<std::int16_t>("an integer of 2 bytes")), false};
      case Storage::int32:
        return {to_word(integer<std::int32_t>("an integer of 4 bytes")), false};
      case Storage::int64:
        return {to_word(integer<std::int64_t>("an integer of 8 bytes")), false};
      case Storage::float32:
        return {floating<float>(), false};
      case Storage::float64:
        return {floating<double>(), false};
      case Storage::bytes:
        break;
    }
    return {bytes(memory), false};
  }

  // The values are the reader's and live until its next record; blobs live as long as the reader, as a writer wants.
  [[nodiscard]] Event record(const std::vector<Storage>& columns) {
    values_.assign(columns.size(), Value{});
    expect("(");
    const EventTime time(Duration(integer<std::int64_t>("a time")));
    for (std::size_t i = 0; i < columns.size(); ++i) {
      expect(",");
      values_[i] = value(columns[i], memory_);
    }
    expect(")");
    return {time, values_.data()};
  }

  [[nodiscard]] std::vector<Storage> columns() {
    std::vector<Storage> columns;
    expect("(");
    while (!accept(")")) {
      if (columns.size() == 0xFFFF) fail("\")\", as there are too many columns");
      columns.push_back(storage());
    }
    return columns;
  }

  [[nodiscard]] bool at_end() {
    skip_blanks();
    return offset_ == text_.size();
  }

  [[nodiscard]] std::size_t offset() {
    skip_blanks();
    return offset_;
  }

  [[noreturn]] void fail(const std::string& expected) const { throw InvalidSegmentText(offset_, expected); }

 private:
  [[nodiscard]] const char* here() const { return text_.data() + offset_; }
  [[nodiscard]] const char* end() const { return text_.data() + text_.size(); }
  [[nodiscard]] bool is_digit(std::size_t at) const {
    return at < text_.size() && text_[at] >= '0' && text_[at] <= '9';
  }

  void skip_blanks() { offset_ = std::min(text_.find_first_not_of(" \t\r\n", offset_), text_.size()); }

  // Moves past what from_chars has read.
  void take(std::from_chars_result result, const char* expected) {
    if (result.ec != std::errc()) fail(expected);
    offset_ = static_cast<std::size_t>(result.ptr - text_.data());
  }

  // The value of the hexadecimal digit here, or -1.
  [[nodiscard]] int hex_digit() {
    if (offset_ == text_.size()) return -1;
    const std::size_t digit = hex_digits.find(text_[offset_]);
    if (digit == std::string_view::npos) return -1;
    ++offset_;
    return static_cast<int>(digit);
  }

  // After NaN: the bits of an unusual one in parentheses.
  template <class Float>
  [[nodiscard]] Word nan_bits() {
    if (!accept("(")) return usual_nan(Float{});
    skip_blanks();
    const std::size_t before = offset_;
    BitsOf<Float> bits{};
    take(std::from_chars(here(), end(), bits, 16), "the bits of a NaN");
    const auto value = from_word<Float>(bits);
    if (value == value) {
      offset_ = before;
      fail("the bits of a NaN");
    }
    expect(")");
    return bits;
  }

  [[nodiscard]] Storage storage() {
    for (const Storage storage : {Storage::int8, Storage::int16, Storage::int32, Storage::int64, Storage::float32,
                                  Storage::float64, Storage::bytes}) {
      const char letter = static_cast<char>(storage);
      if (accept({&letter, 1})) return storage;
    }
    fail("a column's letter");
  }

  std::string_view text_;
  std::size_t offset_ = 0;
  std::pmr::monotonic_buffer_resource memory_;
  std::vector<Value> values_;
};

}  // namespace

std::string to_text(const std::byte* image, std::size_t size) {
  check_image(image, size);  // so that the text gives the same bytes back
  const Layout layout = layout_of(image, size);
  std::pmr::monotonic_buffer_resource memory;
  SegmentReader reader(layout, image, size, memory);

  TextWriter text;
  text.put("v");
  text.put_integer(reader.version());
  text.put(" capacity=");
  text.put_integer(size);
  text.put(" level=");
  text.put_integer(reader.prefix().level);
  text.put(" node=");
  text.put_integer(reader.prefix().node);
  text.put(" next=");
  text.put_integer(reader.prefix().next);
  text.put(" late=");
  text.put_integer(reader.prefix().late);
  text.put(" position=");
  text.put_integer(reader.prefix().position);
  text.put_columns(" prefix", layout.prefix);
  text.put_columns(" events", layout.event);
  text.put(":");
  text.put_record(layout.prefix, reader.prefix().before);
  Event event;
  while (reader.next(event)) text.put_record(layout.event, event);
  return text.take();
}

std::vector<std::byte> from_text(std::string_view text) {
  TextReader reader(text);
  reader.expect("v");
  const std::size_t at_version = reader.offset();
  const auto version = reader.integer<std::uint8_t>("a version");
  if (version < oldest_version || version > current_version) {
    throw InvalidSegmentText(at_version, "a version that is known");
  }
  reader.expect("capacity=");
  const std::size_t at_capacity = reader.offset();
  const auto capacity = reader.integer<std::uint64_t>("a number of bytes");
  if (capacity > largest_capacity) throw InvalidSegmentText(at_capacity, "a capacity that a value can have");

  Prefix prefix;
  reader.expect("level=");
  prefix.level = reader.integer<std::uint8_t>("a level");
  reader.expect("node=");
  prefix.node = reader.integer<std::uint32_t>("a node's number");
  reader.expect("next=");
  prefix.next = reader.integer<std::uint32_t>("a node's number");
  reader.expect("late=");
  prefix.late = reader.integer<std::uint32_t>("a number of events");
  reader.expect("position=");
  const std::size_t at_position = reader.offset();
  prefix.position = reader.integer<std::int64_t>("a position");
  if (prefix.position < 0) throw InvalidSegmentText(at_position, "a position that is not negative");

  Layout layout;
  reader.expect("prefix");
  layout.prefix = reader.columns();
  reader.expect("events");
  layout.event = reader.columns();
  reader.expect(":");

  SegmentWriter writer(layout);
  prefix.before = reader.record(layout.prefix);
  writer.begin(prefix, version);
  while (!reader.at_end()) writer.append(reader.record(layout.event));
  if (capacity < writer.size()) {
    throw InvalidSegmentText(at_capacity, "a capacity of at least " + std::to_string(writer.size()) + " bytes");
  }
  return writer.finish(capacity);
}

}  // namespace feature
