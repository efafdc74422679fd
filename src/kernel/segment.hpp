// A segment: a run of records in order of time, with what is known of all events before it. The open segment of an
// entity (the head) is stored in its state row and grows by appending; all older events are in a tree (tree.hpp), whose
// leaves are segments of events and whose inner nodes are segments of summaries. All have this one format.
//
//   u8 version | u8 which fields | prefix columns | event columns | level, node, next, late, position |
//   one storage letter a column, prefix columns first |
//   prefix record | event record ... | 0x00 | u32 checksum | zero bytes up to the capacity
//
// Of the fields, those are there that are not zero; the second byte has a bit for each, from the lowest on. Fields and
// numbers of columns are in LEB128: most entities have few events and no tree, and their header takes four bytes.
// Version 2, which is still read, had all of them in fixed width:
//
//   u8 version | u8 level | u16 prefix columns | u16 event columns | u32 node | u32 next | u32 late | i64 position | ..
//
// A record says of each number only how it differs from the one before: the time from that of the event before, a value
// from the column's last value that is not NULL. Before the first event these are the prefix record's time, zero, and
// no bytes; before the prefix record all are zero. How many bytes each takes comes first, so that a reader need not
// look at one to find the next:
//
//   bytes: time 5, amount 3, address 0, latitude 3, longitude 3, a count 1    code = 1 + bytes, 0 for NULL
//   +-----+-----+-----+-----------+-------+----------+-----------+-------+
//   | 6 4 | 1 4 | 4 2 | t t t t t | a a a | la la la | lo lo lo  |   c   |   18 bytes
//   +-----+-----+-----+-----------+-------+----------+-----------+-------+
//    codes, half bytes    time     amount   latitude   longitude   count
//
//   codes    the time's, then one a column, the lower half of a byte first; a last half that is left over is 0
//              0        NULL; never the time's, so that no record begins with 0x00
//              1        no bytes: the same as before
//              1 + n    n bytes follow, n <= 8; for Storage::bytes n <= 13
//              15       Storage::bytes only: a LEB128 length follows, then the bytes. For no bytes and for 14 or more
//   time     the difference as a signed number of the fewest bytes, modulo 2^64
//   integer  the same; in as many bytes as the type has: the value itself
//   float    d * 8 + s as a signed number: the value is (m + d) / 10^s, where m is the value before times 10^s, cut off
//            to an integer (0 if not below 2^50, or 2^21 for a float32). So 48.137154 after 48.137209 is s = 6, d = -55
//            or -54, as the product rounds. In as many bytes as the type has: the value itself, for values that are no
//            such decimal. All is IEEE arithmetic of single doubles, so that every machine reads the same bits.
//   bytes    the bytes
//
// All numbers are little-endian, and signed ones two's complement. The checksum covers everything before it; its
// highest bit is always 1, so that the last byte that is not zero ends the image and a reader finds the checksum
// without having decoded anything.
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

// The columns of a kind of segment.
struct Layout {
  std::vector<Storage> prefix;  // partial results over the events before the segment
  std::vector<Storage> event;   // what a record says: an event's argument values, or a child's summary

  friend bool operator==(const Layout& a, const Layout& b) { return a.prefix == b.prefix && a.event == b.event; }
};

// What a segment says of itself and of the events before it: of a head, those in the tree and those that have left it;
// of the tree's root, those that have left; of other nodes nothing. `before.values` has one entry a prefix column;
// `before.time` is the time of the newest such event and has no meaning while position is 0.
struct Prefix {
  std::int64_t position = 0;  // number of the events before this segment
  std::uint8_t level = 0;     // of a head: how many levels the tree has; of a node: its own, 0 for a leaf
  std::uint32_t node = 0;     // of a head: the tree's root, if it has a level; of a node: its own number
  std::uint32_t next = 0;     // of a head: the number of the next new node
  std::uint32_t late = 0;     // of a head: how many events came later than one of a later time
                           // of the root, both: the lower and the upper half of a digest of the events that have left
  Event before{};
};

// Of the way images are written. A head that was written in an older one is, as events are appended to it.
inline constexpr std::uint8_t oldest_version = 2;
inline constexpr std::uint8_t current_version = 3;

// What the next record is written against: the last time, and of each event column the last value that is not NULL.
// `last` is null where there is nothing yet: all values are zero or no bytes. It is borrowed.
struct Tail {
  EventTime time{};
  const Word* last = nullptr;
};

// Reads one image. The image is borrowed and must outlive the reader; values of Storage::bytes are copied into
// `memory`, and events that have the same bytes one after another share the copy. Every read is bounds-checked:
// whatever the bytes are, the answer is a value or CorruptState. What is allocated in `memory` is not freed by the
// reader, on any path: it goes when the memory resource does.
class SegmentReader {
 public:
  // Checks version, columns, checksum. Throws CorruptState. O(size).
  SegmentReader(const Layout& layout, const std::byte* image, std::size_t size, std::pmr::memory_resource& memory);

  [[nodiscard]] std::uint8_t version() const { return version_; }
  [[nodiscard]] const Prefix& prefix() const { return prefix_; }

  // The next event in order, with `values` allocated in `memory`; false at the end. Throws CorruptState.
  [[nodiscard]] bool next(Event& event) { return next<true>(event, EventTime::min()); }
  // The same, but if it is earlier than `wanted_from` its values are valid until the next one is read, and not at all
  // those that are Storage::bytes. From then on this is to be asked for all events.
  [[nodiscard]] bool next(Event& event, EventTime wanted_from) { return next<false>(event, wanted_from); }
  // Makes the event that was read last one that was wanted.
  void keep(Event& event);

  // Bytes that the image would have without its events. Only before next() is called.
  [[nodiscard]] std::size_t fixed() const;
  // Bytes of the events that next() has not given yet.
  [[nodiscard]] std::size_t left() const { return end_ - offset_; }

  // After next() returned false: the number of bytes up to the end marker, where a further event would be written.
  [[nodiscard]] std::size_t end() const { return offset_; }
  // After next() returned false: what that event would be written against. Lives in `memory`.
  [[nodiscard]] Tail tail();

 private:
  // Bytes in the image, of a value that has not been wanted.
  struct Passed {
    const std::byte* at;  // null: the last value is in `last_`
    std::size_t size;
  };

  template <bool all_wanted>
  [[nodiscard]] bool next(Event& event, EventTime wanted_from);
  template <bool all_wanted>
  [[nodiscard]] bool read_record(const std::vector<Storage>& columns, Value* values, Event& event,
                                 EventTime wanted_from);
  void pass_bytes(std::size_t column, unsigned code, const std::byte*& at);
  [[nodiscard]] Word wanted_bytes(std::size_t column);

  const Layout& layout_;
  const std::byte* image_;
  std::uint8_t version_;
  std::size_t end_;         // offset of the end marker
  std::size_t offset_ = 0;  // of the next record
  std::pmr::memory_resource& memory_;
  Value* values_ = nullptr;  // room for the values of further events, allocated for a few events at once
  std::size_t room_ = 0;     // number of events that there is room for
  EventTime time_{};         // the last time
  Word* last_ = nullptr;     // the last value of each event column that is not NULL
  Passed* passed_ = nullptr;  // the same of Storage::bytes that were not wanted; null if there are none
  Prefix prefix_;
};

// The layout that an image says it has. Throws CorruptState.
[[nodiscard]] Layout layout_of(const std::byte* image, std::size_t size);

// Throws CorruptState unless every byte of the image is as a writer would have left it. A reader lets pass what has a
// meaning although a writer would have said it in other bytes. O(size), several times what reading takes.
void check_image(const std::byte* image, std::size_t size);

// The most bytes that a value takes in a record, whatever came before it, but for its code. `value` is not NULL.
[[nodiscard]] std::size_t largest_value_size(Storage storage, const Value& value);

// Writes one image into a buffer of its own that is reused from image to image. Blobs of events that have been
// appended, and of a tail, must stay valid until the next begin or resume.
class SegmentWriter {
 public:
  explicit SegmentWriter(const Layout& layout) : layout_(layout) {}

  // Starts an image with no events.
  void begin(const Prefix& prefix, std::uint8_t version = current_version);
  // Starts from the first `end` bytes of an existing image, as SegmentReader::end() and tail() gave them.
  void resume(const std::byte* image, std::size_t end, const Tail& tail);
  void append(const Event& event);

  // Bytes that the image needs so far, end marker and checksum included.
  [[nodiscard]] std::size_t size() const { return buffer_.size() + trailer_size; }

  // Ends the image, pads it with zero bytes to `capacity` (at least size()) and returns it; valid until the next begin
  // or resume.
  [[nodiscard]] const std::vector<std::byte>& finish(std::size_t capacity);

  static constexpr std::size_t trailer_size = 1 + 4;

 private:
  void begin_fixed(const Prefix& prefix);
  void begin_short(const Prefix& prefix);
  void append_record(const std::vector<Storage>& columns, const Event& event);
  void set_tail(const Tail& tail, const std::vector<Storage>& columns);

  const Layout& layout_;
  std::vector<std::byte> buffer_;
  EventTime time_{};        // of the last record
  std::vector<Word> last_;  // of each column the last value that is not NULL
};

// The smallest capacity in which a head of `size` bytes is stored. Heads have few fixed sizes, so that most updates
// keep their tuple's length: the WAL record of an update is short only then.
[[nodiscard]] std::size_t capacity_for(std::size_t size);

// The largest head: two versions of its row fit one 8 KB page, which is what keeps updates HOT.
inline constexpr std::size_t largest_head = 3840;

// A head up to this size leaves its row below the 2 KB from which PostgreSQL looks at a row's larger values one by one,
// and logs one more record, at each update. Heads are kept below it unless rows look at more events by number than fit.
inline constexpr std::size_t light_head = 1856;

}  // namespace feature
