// A segment: a run of one entity's events, with what is known of all events before it. The open segment of an entity
// (the head) is stored in its state row and grows by appending; sealed segments (chunks) are stored once and never
// change. Both have this one format.
//
//   u8 version | u8 zero | u16 prefix columns | u16 event columns | u32 chunks | i64 position |
//   one storage letter a column, prefix columns first |
//   prefix record | event record ... | 0x00 | u32 checksum | zero bytes up to the capacity
//
// A record is: presence bits, the time, the present values.
//   presence  (1 + columns + 7) / 8 bytes; bit 0 of the first byte is always 1, so that no record begins with 0x00;
//             bit 1 + i is set if column i is not NULL
//   time      8 bytes, ticks of the event clock
//   values    of the present columns in order: 1, 2, 4 or 8 bytes; for Storage::bytes a LEB128 length, then the bytes
// All numbers are little-endian. The checksum covers everything before it; its highest bit is always 1, so that the last
// byte that is not zero ends the image and a reader finds the checksum without having decoded anything.
//
// Appending an event changes nothing before it: one short run of bytes differs from the old image, which is what keeps
// the WAL record of a state's update short. An image describes its own columns, so that it can be read without a
// catalogue; a reader that expects other columns refuses it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <vector>

#include "kernel/error.hpp"
#include "kernel/event.hpp"

namespace feature {

// The columns of a partition list's segments.
struct Layout {
  std::vector<Storage> prefix;  // partial results over the events before the segment
  std::vector<Storage> event;   // the argument values that are kept of an event

  friend bool operator==(const Layout& a, const Layout& b) { return a.prefix == b.prefix && a.event == b.event; }
};

// What a segment says of the events before it. `before.values` has one entry a prefix column; `before.time` is the time
// of the newest earlier event and has no meaning while position is 0.
struct Prefix {
  std::int64_t position = 0;  // number of the entity's events before this segment
  std::uint32_t chunks = 0;   // number of chunks before this segment, which is also this segment's own chunk number
  Event before{};
};

// Reads one image. The image is borrowed and must outlive the reader; values of Storage::bytes are copied into `memory`.
// Every read is bounds-checked: whatever the bytes are, the answer is a value or CorruptState. What is allocated in
// `memory` is not freed by the reader, on any path: it goes when the memory resource does.
class SegmentReader {
 public:
  // Checks version, columns, checksum. Throws CorruptState. O(size).
  SegmentReader(const Layout& layout, const std::byte* image, std::size_t size, std::pmr::memory_resource& memory);

  [[nodiscard]] const Prefix& prefix() const { return prefix_; }

  // The next event in order, with `values` allocated in `memory`; false at the end. Throws CorruptState.
  [[nodiscard]] bool next(Event& event);

  // After next() returned false: the number of bytes up to the end marker, where a further event would be written.
  [[nodiscard]] std::size_t end() const { return offset_; }

 private:
  void read_record(const std::vector<Storage>& columns, Value* values, Event& event);

  const Layout& layout_;
  const std::byte* image_;
  std::size_t end_;         // offset of the end marker
  std::size_t offset_ = 0;  // of the next record
  std::pmr::memory_resource& memory_;
  Value* values_ = nullptr;  // room for the values of further events, allocated for a few events at once
  std::size_t room_ = 0;     // number of events that there is room for
  Prefix prefix_;
};

// The layout that an image says it has. Throws CorruptState.
[[nodiscard]] Layout layout_of(const std::byte* image, std::size_t size);

// Throws CorruptState unless every byte of the image is as a writer would have left it.
void check_image(const std::byte* image, std::size_t size);

// Bytes that the record of this event takes in an image.
[[nodiscard]] std::size_t record_size(const std::vector<Storage>& columns, const Event& event);

// Writes one image into a buffer of its own that is reused from image to image.
class SegmentWriter {
 public:
  explicit SegmentWriter(const Layout& layout) : layout_(layout) {}

  // Starts an image with no events.
  void begin(const Prefix& prefix);
  // Starts from the first `end` bytes of an existing image, as SegmentReader::end() gave them.
  void resume(const std::byte* image, std::size_t end);
  void append(const Event& event);

  // Bytes that the image needs so far, end marker and checksum included.
  [[nodiscard]] std::size_t size() const { return buffer_.size() + trailer_size; }

  // Ends the image, pads it with zero bytes to `capacity` (at least size()) and returns it; valid until the next begin
  // or resume.
  [[nodiscard]] const std::vector<std::byte>& finish(std::size_t capacity);

  static constexpr std::size_t trailer_size = 1 + 4;

 private:
  const Layout& layout_;
  std::vector<std::byte> buffer_;
};

// The smallest capacity in which a head of `size` bytes is stored. Heads have few fixed sizes, so that most updates
// keep their tuple's length: the WAL record of an update is short only then.
[[nodiscard]] std::size_t capacity_for(std::size_t size);

// The largest head: two versions of its row fit one 8 KB page, which is what keeps updates HOT.
inline constexpr std::size_t largest_head = 3840;

}  // namespace feature
