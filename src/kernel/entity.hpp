// One entity while it is worked on: its events, loaded as far back as frames have asked for.
//
//   chunk 0 | chunk 1 | chunk 2 | ... | head          stored segments, in order
//             ^ loaded from here on                    loaded() grows towards chunk 0 when asked
//
// Invariants: the ring holds exactly the events from position first_loaded() on; open_ is the prefix of the head, and
// sealed_ those of the loaded chunks, newest first; rows are added in the order in which they are processed.
#pragma once

#include <cstddef>
#include <memory_resource>
#include <optional>
#include <vector>

#include "kernel/frame.hpp"
#include "kernel/ring.hpp"

namespace feature {

// Where sealed segments come from. The image stays valid until the next call.
class ChunkSource {
 public:
  struct Image {
    const std::byte* bytes;
    std::size_t size;
  };
  virtual ~ChunkSource() = default;
  // Throws CorruptState if there is no such chunk.
  [[nodiscard]] virtual Image load(std::uint32_t number) = 0;
};

// What has to be written for an entity. Images are valid until the next Entity::store with the same writer.
class SegmentSink {
 public:
  virtual ~SegmentSink() = default;
  virtual void remove_chunks_from(std::uint32_t number) = 0;
  virtual void add_chunk(std::uint32_t number, const std::vector<std::byte>& image) = 0;
  virtual void set_head(const std::vector<std::byte>& image) = 0;
};

class Entity {
 public:
  // A new entity without events. Everything it allocates comes from `memory` and is never given back singly.
  Entity(const ListPlan& plan, std::pmr::memory_resource& memory);

  // Takes in a stored head. The image must stay valid as long as the entity. Throws CorruptState.
  void open(const std::byte* head, std::size_t size);

  // Puts an event in its place: behind all events that are not later. Returns its position. Loads the chunks that a
  // late event needs. `event.values` is kept and may be filled in afterwards, before anything reads it.
  std::int64_t add(const Event& event, ChunkSource& chunks);

  // The events that a frame holds for the row at `position`; `bounds` are the row's resolved bound times. After it, all
  // events of the frame are loaded, and for an unbounded frame at least those from first_loaded() on with
  // first_loaded() <= last. O(log n) plus the chunks it has to load.
  [[nodiscard]] Positions locate(const Frame& frame, std::int64_t position, const EventTime* bounds,
                                 ChunkSource& chunks);

  // Folds the events of an interval into a fresh accumulator. O(length).
  [[nodiscard]] Accumulator aggregate(const Aggregate& aggregate, Positions positions) const;

  // The same over everything before `last`: from the accumulator that the entity keeps for this running number if that
  // is not beyond `last`, so that rows in order cost what they add.
  [[nodiscard]] const Accumulator& running_aggregate(const Partial& partial, std::size_t running, std::int64_t last);

  // Folds the loaded events [first, last) into an accumulator.
  void fold_events(const Aggregate& aggregate, std::int64_t first, std::int64_t last, Accumulator& accumulator) const;

  // The first position with the same time as the event at `position`.
  [[nodiscard]] std::int64_t first_peer(std::int64_t position, ChunkSource& chunks);

  // The event at a position, loading chunks if need be; null if the position is negative.
  [[nodiscard]] const Event* at(std::int64_t position, ChunkSource& chunks);

  [[nodiscard]] std::int64_t size() const { return first_loaded() + static_cast<std::int64_t>(ring_.size()); }
  [[nodiscard]] std::int64_t first_loaded() const { return earliest().position; }

  // Hands over what has changed: chunks no longer valid, new chunks when the head is full, the head itself. The last call:
  // what is loaded is not brought in line with what has been stored.
  void store(SegmentWriter& writer, SegmentSink& sink);

 private:
  struct Running {
    std::int64_t end = -1;  // -1: nothing yet
    Accumulator accumulator;
  };

  [[nodiscard]] Value* prefix_values() const;
  [[nodiscard]] bool load_earlier(ChunkSource& chunks);
  void load_until_before(EventTime time, bool inclusive, ChunkSource& chunks);
  void load_from(std::int64_t position, ChunkSource& chunks);
  void unseal(std::int64_t position);
  [[nodiscard]] const Prefix& earliest() const { return sealed_.empty() ? open_ : sealed_.back(); }
  [[nodiscard]] const Prefix& newest_until(std::int64_t position) const;
  [[nodiscard]] const Event& loaded(std::int64_t position) const {
    return ring_[static_cast<std::size_t>(position - first_loaded())];
  }
  [[nodiscard]] std::int64_t count_before(EventTime time, ChunkSource& chunks);
  [[nodiscard]] std::int64_t count_until(EventTime time, ChunkSource& chunks);
  [[nodiscard]] Prefix advance(const Prefix& prefix, std::int64_t to) const;
  [[nodiscard]] std::vector<std::size_t> append_measured(SegmentWriter& writer, std::int64_t open) const;
  [[nodiscard]] std::int64_t choose_head_start(const std::vector<std::size_t>& taken, std::size_t fixed,
                                               std::size_t limit) const;
  [[nodiscard]] std::size_t head_limit(std::size_t size_now) const;

  const ListPlan& plan_;
  std::pmr::memory_resource& memory_;
  EventRing ring_;
  Prefix open_;
  std::pmr::vector<Prefix> sealed_;
  std::pmr::vector<Running> running_;
  const std::byte* head_ = nullptr;         // the image it was opened from, while all it says is still so
  std::size_t head_end_ = 0;
  Tail head_tail_;
  std::int64_t head_size_ = 0;              // its position behind the last event
  std::optional<std::uint32_t> invalid_;    // chunks from this number on are no longer what is stored
};

}  // namespace feature
