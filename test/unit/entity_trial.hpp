// An entity against a naive model of it: a sorted vector of events, every frame and every aggregate computed anew by
// plain loops. What is done is chosen by a stream of numbers, which a random generator gives in the unit test and the
// fuzzer's input in test/fuzz.
//
// A trial makes up a layout, aggregates and frames; adds events in order, in runs, tied, late by any time; asks for
// frames and for events by number; stores, reopens, and gives up what was not stored. After each store all that lies
// in the store is read and compared too.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernel/entity.hpp"
#include "memory_store.hpp"
#include "plain_aggregate.hpp"

namespace feature {

class Choices {
 public:
  virtual ~Choices() = default;
  [[nodiscard]] virtual bool more() = 0;
  // A number in [0, limit); 0 when there are no more.
  [[nodiscard]] virtual std::int64_t below(std::int64_t limit) = 0;
};

// Events as the model keeps them.
struct PlainEvent {
  std::int64_t time;
  std::vector<PlainValue> values;
};

class EntityTrial {
 public:
  explicit EntityTrial(Choices& choices) : choices_(choices) {
    make_plan();
    make_frames();
    writer_ = std::make_unique<SegmentWriter>(plan_.layout);
    reopen();
  }
  EntityTrial(const EntityTrial&) = delete;
  EntityTrial& operator=(const EntityTrial&) = delete;

  // Until the choices or the patience end. Throws Difference, or whatever the entity throws.
  void run() {
    while (choices_.more() && work_ < most_work) step();
    store();
    for (int i = 0; i < 3 && !model_.empty(); ++i) query(choose_position());
    if (!model_.empty()) query(0);
  }

  [[nodiscard]] std::size_t events() const { return model_.size(); }
  [[nodiscard]] std::size_t chunks() const { return store_.chunks.size(); }
  [[nodiscard]] std::size_t unsealed() const { return unsealed_; }

 private:
  struct Measure {
    Fold fold;
    std::size_t column;
    Storage storage;
    std::unique_ptr<Aggregate> aggregate;
  };

  static constexpr std::int64_t most_events = 3000;
  static constexpr std::int64_t most_work = 20'000'000;  // values folded by the model

  [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(model_.size()); }
  [[nodiscard]] static EventTime event_time(std::int64_t time) { return EventTime(Duration(time)); }
  [[nodiscard]] bool chance(std::int64_t one_in) { return choices_.below(one_in) == 0; }

  // --- what the trial is about

  void make_plan() {
    static constexpr Storage storages[] = {Storage::float64, Storage::int8,    Storage::int16, Storage::int32,
                                           Storage::int64,   Storage::float32, Storage::bytes};
    static constexpr Fold folds[] = {Fold::sum, Fold::count,       Fold::moments,       Fold::min,
                                     Fold::max, Fold::first_value, Fold::distinct_times};
    const std::int64_t columns = choices_.below(5);
    for (std::int64_t i = 0; i < columns; ++i) plan_.layout.event.push_back(storages[choices_.below(7)]);
    const std::int64_t measures = columns == 0 ? 0 : choices_.below(6);
    for (std::int64_t i = 0; i < measures; ++i) {
      const Fold fold = folds[choices_.below(7)];
      const auto column = static_cast<std::size_t>(choices_.below(columns));
      const Storage storage = plan_.layout.event[column];
      if (!has_aggregate(fold, storage)) continue;
      measures_.push_back({fold, column, storage, make_aggregate(fold, storage, column)});
      plan_.partials.push_back({measures_.back().aggregate.get(), plan_.layout.prefix.size()});
      for (const Storage saved : measures_.back().aggregate->saved()) plan_.layout.prefix.push_back(saved);
    }
    static constexpr std::int64_t rows_needed[] = {0, 2, 40, 150, 3000};
    plan_.rows_needed = rows_needed[choices_.below(5)];
    specials_ = chance(3);
    const std::int64_t longest[] = {20, 300, 5000};
    longest_bytes_ = longest[choices_.below(3)];
  }

  void make_frames() {
    frames_.push_back({});
    const std::int64_t count = choices_.below(5);
    for (std::int64_t i = 0; i < count; ++i) {
      const auto bound = static_cast<std::int64_t>(2 * frames_.size());
      Frame frame;
      static constexpr Bound::Kind starts[] = {Bound::Kind::range, Bound::Kind::rows, Bound::Kind::unbounded,
                                               Bound::Kind::current_row};
      static constexpr Bound::Kind ends[] = {Bound::Kind::current_row, Bound::Kind::rows, Bound::Kind::range};
      frame.start = make_bound(starts[choices_.below(4)], bound);
      frame.end = make_bound(ends[choices_.below(3)], bound + 1);
      static constexpr Exclude excludes[] = {Exclude::nothing, Exclude::current_row, Exclude::group, Exclude::ties};
      frame.exclude = excludes[std::max<std::int64_t>(0, choices_.below(6) - 2)];
      frames_.push_back(frame);
    }
    offsets_.resize(2 * frames_.size());
    for (std::int64_t& offset : offsets_) offset = small_or_large();
    plan_.running = frames_.size() * measures_.size();
  }

  [[nodiscard]] Bound make_bound(Bound::Kind kind, std::int64_t range_number) {
    if (kind == Bound::Kind::range) return {kind, range_number};
    return {kind, kind == Bound::Kind::rows ? small_or_large() : 0};
  }

  [[nodiscard]] std::int64_t small_or_large() { return chance(2) ? choices_.below(6) : choices_.below(256) * 3; }

  // --- steps

  void step() {
    switch (choices_.below(14)) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4: {
        const std::int64_t time = choose_time();
        const auto seed = static_cast<std::uint64_t>(choices_.below(256));
        const std::int64_t position = add(time, seed);
        if (chance(2)) query(position);
        break;
      }
      case 5:
      case 6: {
        // A run of events, each as long after the one before.
        std::int64_t time = choose_time();
        const std::int64_t distance = choices_.below(3);
        const auto seed = static_cast<std::uint64_t>(choices_.below(256));
        for (std::int64_t count = 1 + choices_.below(64); count > 0; --count, time += distance) add(time, seed);
        break;
      }
      case 7:
      case 8:
        if (size() > 0) query(choose_position());
        break;
      case 9: expect_at(choose_position() - choices_.below(3)); break;
      case 10:
      case 11:
      case 12: store(); break;
      default:
        // As after ROLLBACK.
        if (chance(2)) {
          model_ = stored_model_;
          reopen();
        }
        break;
    }
  }

  // In order, tied, or late by any time.
  [[nodiscard]] std::int64_t choose_time() {
    if (model_.empty()) return choices_.below(256) - 100;
    const std::int64_t newest = model_.back().time;
    const std::int64_t oldest = model_.front().time;
    switch (choices_.below(8)) {
      case 0:
      case 1:
      case 2: return newest + choices_.below(4);
      case 3: return newest + choices_.below(256);
      case 4: return model_[static_cast<std::size_t>(choose_position())].time;
      case 5: return oldest - 1 + choices_.below(newest - oldest + 3);
      case 6: return oldest - choices_.below(3);
      default: break;
    }
    return time_at_edge() - 1 + choices_.below(3);
  }

  // Of the last event before a stored segment, or of its first.
  [[nodiscard]] std::int64_t time_at_edge() {
    const std::int64_t segments = static_cast<std::int64_t>(starts_.size());
    const std::int64_t start = starts_[static_cast<std::size_t>(choices_.below(segments))];
    return model_[static_cast<std::size_t>(std::clamp<std::int64_t>(start - choices_.below(2), 0, size() - 1))].time;
  }

  [[nodiscard]] std::int64_t choose_position() { return size() == 0 ? 0 : choices_.below(size()); }

  std::int64_t add(std::int64_t time, std::uint64_t seed) {
    if (size() >= most_events) return choose_position();
    PlainEvent plain{time, {}};
    for (const Storage storage : plan_.layout.event) plain.values.push_back(make_value(storage, seed));
    for (PlainValue& value : plain.values) value.time = time;
    // The values are filled in only after the event has its place.
    auto* values = static_cast<Value*>(memory_->allocate(sizeof(Value) * (plain.values.size() + 1), alignof(Value)));
    std::uninitialized_fill_n(values, plain.values.size(), Value{});
    std::int64_t expected = 0;
    while (expected < size() && model_[static_cast<std::size_t>(expected)].time <= time) ++expected;
    store_.need_from(expected);
    require(entity_->add({event_time(time), values}, store_) == expected,
            "an event goes behind all that are not later");
    for (std::size_t i = 0; i < plain.values.size(); ++i) {
      const PlainValue& value = plain.values[i];
      if (value.null) continue;
      const bool blob = plan_.layout.event[i] == Storage::bytes;
      values[i] = {blob ? Blob::make(*memory_, value.bytes.data(), value.bytes.size()) : value.word, false};
    }
    model_.insert(model_.begin() + expected, std::move(plain));
    require(entity_->size() == size(), "every event is counted");
    while (starts_[open_] > expected) --open_;
    if (expected + 1 < size()) late_ = true;
    return expected;
  }

  // NULL now and then, extreme now and then; sums of floats stay in range.
  [[nodiscard]] PlainValue make_value(Storage storage, std::uint64_t seed) {
    std::uint64_t bits = (seed << 32 | ++values_made_) + 0x9e3779b97f4a7c15U;
    for (const std::uint64_t factor : {0xbf58476d1ce4e5b9U, 0x94d049bb133111ebU}) bits = (bits ^ bits >> 29) * factor;
    bits ^= bits >> 32;
    const bool extreme = bits % 16 == 0;
    if (bits % 16 == 1 || (seed % 4 == 0 && bits % 4 == 2)) return {};
    bits >>= 8;
    static const double specials[] = {std::numeric_limits<double>::quiet_NaN(),
                                      std::numeric_limits<double>::infinity(),
                                      -std::numeric_limits<double>::infinity(),
                                      -0.0,
                                      0.0,
                                      1e30};
    const double real = extreme && specials_ ? specials[bits % 6] : (static_cast<double>(bits % 2000000) - 1e6) / 7e3;
    switch (storage) {
      case Storage::int8: return {false, to_word(static_cast<std::int8_t>(bits)), {}, 0};
      case Storage::int16: return {false, to_word(static_cast<std::int16_t>(bits)), {}, 0};
      case Storage::int32: return {false, to_word(static_cast<std::int32_t>(bits)), {}, 0};
      case Storage::int64: return {false, extreme ? Word{1} << 63 : to_word(static_cast<std::int64_t>(bits)), {}, 0};
      case Storage::float32: return {false, to_word(static_cast<float>(real)), {}, 0};
      case Storage::float64: return {false, to_word(real), {}, 0};
      case Storage::bytes: break;
    }
    const auto longest = static_cast<std::uint64_t>(extreme ? longest_bytes_ : 12);
    return {false, 0, std::string(bits % (longest + 1), static_cast<char>(bits >> 20)), 0};
  }

  // --- frames

  void query(std::int64_t position) {
    // A row whose frames are asked for is loaded: in the engine it has just been added.
    expect_at(position);
    const std::int64_t time = model_[static_cast<std::size_t>(position)].time;
    std::vector<EventTime> bounds;
    for (const std::int64_t offset : offsets_) bounds.push_back(event_time(time - offset));
    // Bound times need not follow the row's: an event ahead of now() has earlier ones. Those at a segment's edge
    // matter.
    if (chance(6)) {
      for (EventTime& bound : bounds) bound -= Duration(choices_.below(100));
    } else if (chance(3)) {
      for (EventTime& bound : bounds) bound = event_time(time_at_edge());
    }
    for (std::size_t i = 0; i < frames_.size(); ++i) query(i, position, bounds);
  }

  void query(std::size_t number, std::int64_t position, const std::vector<EventTime>& bounds) {
    const Frame& frame = frames_[number];
    const auto bound = [&](const Bound& of) { return bounds[static_cast<std::size_t>(of.offset)]; };
    std::int64_t needed = std::numeric_limits<std::int64_t>::max();
    Positions expected{0, position + 1, false};
    if (frame.end.kind == Bound::Kind::rows) expected.last = std::max<std::int64_t>(0, position + 1 - frame.end.offset);
    if (frame.end.kind == Bound::Kind::range) {
      needed = count_until(bound(frame.end));
      expected.last = std::min(needed, position + 1);
    }
    if (frame.start.kind == Bound::Kind::current_row) expected.first = position;
    if (frame.start.kind == Bound::Kind::rows)
      expected.first = std::max<std::int64_t>(0, position - frame.start.offset);
    if (frame.start.kind == Bound::Kind::range) {
      expected.first = count_before(bound(frame.start));
      needed = std::min(needed, expected.first);
    }
    const EventTime time = event_time(model_[static_cast<std::size_t>(position)].time);
    const std::int64_t first_peer = count_before(time);
    const bool holds_row = expected.first <= position && position < expected.last;
    if (frame.exclude == Exclude::group || frame.exclude == Exclude::ties) needed = std::min(needed, first_peer);

    // The frame's events one by one, the row's own apart.
    std::vector<std::int64_t> others;
    for (std::int64_t at = expected.first; at < std::min(position, expected.last); ++at) {
      const bool peer = at >= first_peer;
      if (!peer || frame.exclude == Exclude::nothing || frame.exclude == Exclude::current_row) others.push_back(at);
    }
    const bool row = holds_row && (frame.exclude == Exclude::nothing || frame.exclude == Exclude::ties);
    std::vector<std::int64_t> events = others;
    if (row) events.push_back(position);
    // An unbounded frame is folded from any prefix before its end on; an empty one with a bound needs nothing.
    const std::int64_t nothing = std::numeric_limits<std::int64_t>::max();
    store_.need_from(std::min(needed, frame.unbounded() ? (others.empty() ? 0 : others.back() + 1)
                                      : others.empty()  ? nothing
                                                        : expected.first));

    const Positions found = entity_->locate(frame, position, bounds.data(), store_);
    require(found.count() == static_cast<std::int64_t>(events.size()), "a frame holds as many events as it should");
    require(
        found.self || found.first == found.last || (found.first == events.front() && found.last == events.back() + 1),
        "a frame holds the events that it should");
    require(!found.self || (row && (others.empty() ? found.first == found.last
                                                   : found.first == others.front() && found.last == others.back() + 1)),
            "a frame without ties holds the events that it should");
    require(frame.unbounded() ? entity_->first_loaded() <= found.last
                              : events.empty() || entity_->first_loaded() <= events.front(),
            "what a frame needs is loaded");
    for (std::size_t i = 0; i < measures_.size(); ++i) {
      const Measure& measure = measures_[i];
      Accumulator accumulator =
          frame.unbounded() ? entity_->running_aggregate(plan_.partials[i], number * measures_.size() + i, found.last)
                            : entity_->aggregate(*measure.aggregate, found);
      if (found.self) entity_->fold_events(*measure.aggregate, position, position + 1, accumulator);
      require(same_result(measure.fold, measure.storage, accumulator, plain(measure, events)),
              "an aggregate over a frame equals the plain one");
    }
    require(frame.exclude != Exclude::ties || entity_->first_peer(position, store_) == first_peer,
            "the first peer is the first of the same time");
  }

  [[nodiscard]] std::int64_t count_before(EventTime time) const {
    std::int64_t count = 0;
    for (const PlainEvent& event : model_) count += event_time(event.time) < time;
    return count;
  }
  [[nodiscard]] std::int64_t count_until(EventTime time) const {
    std::int64_t count = 0;
    for (const PlainEvent& event : model_) count += event_time(event.time) <= time;
    return count;
  }

  [[nodiscard]] PlainResult plain(const Measure& measure, std::int64_t first, std::int64_t last) {
    std::vector<std::int64_t> positions;
    for (; first < last; ++first) positions.push_back(first);
    return plain(measure, positions);
  }
  [[nodiscard]] PlainResult plain(const Measure& measure, const std::vector<std::int64_t>& positions) {
    work_ += static_cast<std::int64_t>(positions.size()) + 1;
    std::vector<PlainValue> values;
    for (const std::int64_t at : positions)
      values.push_back(model_[static_cast<std::size_t>(at)].values[measure.column]);
    return plain_aggregate(measure.fold, measure.storage, values);
  }

  void expect_at(std::int64_t position) {
    if (position >= size()) return;
    store_.need_from(position);
    const Event* event = entity_->at(position, store_);
    require((event == nullptr) == (position < 0), "there is an event at every position");
    if (event != nullptr) require(same(*event, position), "the event at a position is the one that belongs there");
  }

  [[nodiscard]] bool same(const Event& event, std::int64_t position) const {
    const PlainEvent& plain = model_[static_cast<std::size_t>(position)];
    if (event.time != event_time(plain.time)) return false;
    for (std::size_t i = 0; i < plain.values.size(); ++i) {
      if (!same_value(plan_.layout.event[i], event.values[i], plain.values[i])) return false;
    }
    return true;
  }

  // --- the store

  // A new session on what is stored, which the model equals.
  void reopen() {
    entity_.reset();
    memory_ = std::make_unique<SeparateBlocks>();
    entity_ = std::make_unique<Entity>(plan_, *memory_);
    head_ = std::make_unique<std::byte[]>(store_.head.size());
    std::copy(store_.head.begin(), store_.head.end(), head_.get());
    if (!store_.head.empty()) entity_->open(head_.get(), store_.head.size());
    store_.open(*entity_, static_cast<std::uint32_t>(store_.chunks.size()));
    require(entity_->size() == size(), "reopening gives every stored event");
    open_ = starts_.size() - 1;
    late_ = false;
    fresh_ = !store_.head.empty();
  }

  // The last thing that a session does.
  void store() {
    const MemoryStore::Bytes old_head = store_.head;
    const auto old_count = static_cast<std::uint32_t>(store_.chunks.size());
    store_.begin_store();
    entity_->store(*writer_, store_);
    store_.end_store();
    const std::optional<std::uint32_t> reopened =
        open_ < old_count ? std::optional(static_cast<std::uint32_t>(open_)) : std::nullopt;
    require(store_.removed_from == reopened,
            "the chunks from the oldest one with a late event on are removed, and no others");
    unsealed_ += reopened.has_value();
    if (fresh_ && !late_ && store_.added() == 0) {
      require(store_.head.size() >= old_head.size(), "a head that only grew is not stored in fewer bytes");
      const std::size_t kept = used_size(old_head) - SegmentWriter::trailer_size;
      require(std::equal(old_head.begin(), old_head.begin() + static_cast<std::ptrdiff_t>(kept), store_.head.begin()),
              "appending changes nothing before the end");
    }
    stored_model_ = model_;
    check_store();
    reopen();
  }

  void check_store() {
    starts_.clear();
    std::int64_t position = 0;
    std::uint32_t number = 0;
    for (const MemoryStore::Bytes& chunk : store_.chunks) {
      const std::int64_t next = check_segment(chunk, number++, position);
      require(next > position, "no chunk is empty");
      position = next;
    }
    require(check_segment(store_.head, number, position) == size(), "the store holds every event");

    const std::size_t used = used_size(store_.head);
    require(store_.head.size() == capacity_for(used), "a head has the smallest capacity that holds it");
    const std::size_t fixed = empty_size(store_.head);
    require(used <= std::max(largest_head, fixed + 2048),
            "a head is no larger than the largest, or than its prefix needs");
  }

  // Reads one stored segment; returns the position behind it.
  [[nodiscard]] std::int64_t check_segment(const MemoryStore::Bytes& image, std::uint32_t number,
                                           std::int64_t position) {
    SeparateBlocks memory;
    SegmentReader reader(plan_.layout, image.data(), image.size(), memory);
    const Prefix& prefix = reader.prefix();
    require(prefix.chunks == number, "a segment knows its number");
    require(prefix.position == position, "segments follow one another");
    starts_.push_back(position);
    if (position > 0) {
      require(prefix.before.time == event_time(model_[static_cast<std::size_t>(position - 1)].time),
              "a prefix has the time of the event before it");
    }
    for (std::size_t i = 0; i < measures_.size(); ++i) {
      const Measure& measure = measures_[i];
      const Accumulator restored =
          measure.aggregate->restore(prefix.before.values + plan_.partials[i].column, position);
      require(same_result(measure.fold, measure.storage, restored, plain(measure, 0, position)),
              "a prefix has the aggregates of all events before it");
    }
    for (Event event; reader.next(event); ++position) {
      require(position < size() && same(event, position), "the store holds the events in their order");
    }
    return position;
  }

  // Of an image with the same prefix and no events.
  [[nodiscard]] std::size_t empty_size(const MemoryStore::Bytes& image) const {
    SeparateBlocks memory;
    const SegmentReader reader(plan_.layout, image.data(), image.size(), memory);
    SegmentWriter writer(plan_.layout);
    writer.begin(reader.prefix());
    return writer.size();
  }

  [[nodiscard]] static std::size_t used_size(const MemoryStore::Bytes& image) {
    std::size_t used = image.size();
    while (used > 0 && image[used - 1] == std::byte{0}) --used;
    return used;
  }

  Choices& choices_;
  ListPlan plan_;
  std::vector<Measure> measures_;
  std::vector<Frame> frames_;
  std::vector<std::int64_t> offsets_;  // how long before the row each range bound lies; two a frame
  bool specials_ = false;
  std::int64_t longest_bytes_ = 0;
  std::uint64_t values_made_ = 0;
  std::int64_t work_ = 0;
  std::size_t unsealed_ = 0;

  std::vector<PlainEvent> model_;
  std::vector<PlainEvent> stored_model_;
  std::vector<std::int64_t> starts_ = {0};  // positions of the stored segments, the head's last
  std::size_t open_ = 0;                    // number of the segment that is open in the entity
  bool late_ = false;                       // an event was inserted before others since the last store
  bool fresh_ = false;                      // reopened from a stored head since the last store

  MemoryStore store_;
  std::unique_ptr<SegmentWriter> writer_;
  std::unique_ptr<SeparateBlocks> memory_;
  std::unique_ptr<std::byte[]> head_;
  std::unique_ptr<Entity> entity_;
};

}  // namespace feature
