// An entity against a naive model of it: a sorted vector of events, every frame and every aggregate computed anew by
// plain loops. What is done is chosen by a stream of numbers, which a random generator gives in the unit test and the
// fuzzer's input in test/fuzz.
//
// A trial makes up a layout, aggregates and frames; adds events in order, in runs, tied, late by any time; removes
// some, many, and all; asks for frames and for events by number; stores, reopens, with old events unread or not, and
// gives up what was not stored. After each store all that lies in the store is read and compared too.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "kernel/entity.hpp"
#include "kernel/holistic.hpp"
#include "kernel/quantile.hpp"
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

// Events as the model keeps them, in a form that is cheap to copy.
struct PlainEvent {
  std::int64_t time;
  std::shared_ptr<const std::vector<PlainValue>> values;
};

class EntityTrial {
 public:
  // How much is done: one trial in so many begins with a large entity, and all end when the model has looked at so many
  // events.
  struct Patience {
    std::int64_t large_one_in = 16;
    std::int64_t most_work = 2'000'000;
  };

  explicit EntityTrial(Choices& choices) : EntityTrial(choices, Patience()) {}
  EntityTrial(Choices& choices, const Patience& patience) : choices_(choices), patience_(patience) {
    make_plan();
    make_frames();
    writers_ = std::make_unique<SegmentWriters>(plan_);
    reopen();
  }
  EntityTrial(const EntityTrial&) = delete;
  EntityTrial& operator=(const EntityTrial&) = delete;

  // Until the choices or the patience end. Throws Difference, or whatever the entity throws.
  void run() {
    // So large that its tree is tall.
    if (chance(patience_.large_one_in)) {
      for (std::int64_t time = 0; time < 9000; ++time) add(time, 1);
    }
    while (choices_.more() && work_ < patience_.most_work) step();
    store();
    for (int i = 0; i < 3 && any_kept(); ++i) query(choose_position());
    if (any_kept()) query(static_cast<std::int64_t>(left_));
  }

  [[nodiscard]] std::size_t events() const { return model_.size(); }
  [[nodiscard]] std::size_t nodes() const { return store_.nodes.size(); }
  [[nodiscard]] std::size_t levels() const { return levels_; }
  [[nodiscard]] std::size_t rewritten() const { return rewritten_; }
  [[nodiscard]] std::size_t left() const { return left_; }
  [[nodiscard]] std::size_t recalled() const { return recalled_; }
  [[nodiscard]] std::size_t removed() const { return removed_; }
  [[nodiscard]] std::size_t emptied() const { return emptied_; }

 private:
  struct Measure {
    Fold fold;
    std::size_t column;
    Storage storage;
    std::unique_ptr<Aggregate> aggregate;
  };

  static constexpr std::int64_t most_events = 12'000;

  [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(model_.size()); }
  [[nodiscard]] bool any_kept() const { return model_.size() > left_; }
  [[nodiscard]] static EventTime event_time(std::int64_t time) { return EventTime(Duration(time)); }
  // Not when there are no more choices.
  [[nodiscard]] bool chance(std::int64_t one_in) { return choices_.below(one_in) == one_in - 1; }

  // --- what the trial is about

  void make_plan() {
    static constexpr Storage storages[] = {Storage::float64, Storage::int8,    Storage::int16, Storage::int32,
                                           Storage::int64,   Storage::float32, Storage::bytes};
    static constexpr Fold folds[] = {Fold::sum, Fold::count,       Fold::moments,       Fold::min,
                                     Fold::max, Fold::first_value, Fold::distinct_times,
                                     Fold::bit_and, Fold::bit_or, Fold::bit_xor,       Fold::last_value};
    const std::int64_t columns = choices_.below(5);
    for (std::int64_t i = 0; i < columns; ++i) plan_.layout.event.push_back(storages[choices_.below(7)]);
    const std::int64_t measures = columns == 0 ? 0 : choices_.below(6);
    for (std::int64_t i = 0; i < measures; ++i) {
      const Fold fold = folds[choices_.below(11)];
      const auto column = static_cast<std::size_t>(choices_.below(columns));
      const Storage storage = plan_.layout.event[column];
      if (!has_aggregate(fold, storage)) continue;
      measures_.push_back({fold, column, storage, make_aggregate(fold, storage, column)});
      const Aggregate& aggregate = *measures_.back().aggregate;
      plan_.partials.push_back({plan_.measures.size(), plan_.layout.prefix.size()});
      plan_.measures.push_back({&aggregate});
      for (const Storage saved : aggregate.saved()) plan_.layout.prefix.push_back(saved);
      if (!aggregate.combines() || chance(8)) continue;
      plan_.measures.back().summary = plan_.summaries.event.size();
      for (const Storage saved : aggregate.saved()) plan_.summaries.event.push_back(saved);
    }
    plan_.summaries.prefix = plan_.layout.prefix;
    for (std::size_t column = 0; column < plan_.layout.event.size(); ++column) {
      const Storage storage = plan_.layout.event[column];
      if (chance(2)) add_sliding(Fold::distinct, column, storage);
      if (storage == Storage::float64 && chance(2)) add_sliding(Fold::quantile, column, storage);
    }
    static constexpr std::int64_t rows_needed[] = {0, 2, 40, 150, 3000};
    plan_.rows_needed = rows_needed[choices_.below(5)];
    specials_ = chance(3);
    const std::int64_t longest[] = {20, 300, 5000};
    longest_bytes_ = longest[choices_.below(3)];
    plan_.keeps_all = !chance(3);
  }

  void add_sliding(Fold fold, std::size_t column, Storage storage) {
    sliding_.push_back({fold, column, storage, make_aggregate(fold, storage, column)});
    plan_.measures.push_back({sliding_.back().aggregate.get()});
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
    plan_.sliding = frames_.size() * sliding_.size();
  }

  [[nodiscard]] Bound make_bound(Bound::Kind kind, std::int64_t range_number) {
    if (kind == Bound::Kind::range) return {kind, range_number};
    return {kind, kind == Bound::Kind::rows ? small_or_large() : 0};
  }

  [[nodiscard]] std::int64_t small_or_large() { return chance(2) ? choices_.below(6) : choices_.below(256) * 3; }

  // --- steps

  void step() {
    switch (choices_.below(16)) {
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
        const std::int64_t most = chance(6) ? 1024 : 64;
        const std::int64_t asked = chance(4) ? 1 + choices_.below(8) : most;
        for (std::int64_t count = choices_.below(most); count >= 0 && work_ < patience_.most_work; --count) {
          const std::int64_t position = add(time, seed + static_cast<std::uint64_t>(count % 5));
          if (count % asked == asked - 1) query(position);
          time += distance;
        }
        break;
      }
      case 7:
      case 8:
        if (any_kept()) query(choose_position());
        break;
      case 9: {
        const std::int64_t position = choose_position() - choices_.below(3);
        if (position < 0 || position >= static_cast<std::int64_t>(left_)) expect_at(position);
        break;
      }
      case 10:
      case 11:
      case 12: store(); break;
      case 13:
        // As after ROLLBACK.
        if (chance(2)) {
          model_ = stored_model_;
          reopen();
        }
        break;
      case 14: remove_some(); break;
      default: add_and_undo(); break;
    }
  }

  void remove_some() {
    if (!any_kept()) return;
    switch (choices_.below(8)) {
      case 0:
      case 1:
      case 2: remove(choose_position(), 1); break;
      case 3:
        // Like one that is there.
        find(choose_position());
        break;
      case 4:
        // Where a leaf or the head begins, or right before it.
        remove(std::clamp<std::int64_t>(choose_edge(), static_cast<std::int64_t>(left_), size() - 1), 1);
        break;
      case 5: {
        // One behind another, so that nodes become empty.
        const std::int64_t first = choose_position();
        remove(first, std::min(size() - first, choices_.below(512)));
        break;
      }
      case 6:
        for (std::int64_t count = choices_.below(64); count > 0 && any_kept(); --count) remove(choose_position(), 1);
        break;
      default: {
        // All that are kept, but for a few of the oldest or the newest.
        const auto left = static_cast<std::int64_t>(left_);
        const std::int64_t kept = std::clamp<std::int64_t>(choices_.below(6) - 3, 0, size() - left);
        remove(chance(2) ? left : left + kept, size() - left - kept);
        emptied_ += any_kept() ? 0U : 1U;
        break;
      }
    }
  }

  // In order, or the last one first.
  void remove(std::int64_t first, std::int64_t count) {
    if (left_ > 0 && chance(4)) {
      bool refused = false;
      try {
        entity_->remove(static_cast<std::int64_t>(left_) - 1);
      } catch (const EventsLeft&) {
        refused = true;
      }
      require(refused, "an event that has left cannot be removed");
    }
    const bool backwards = count > 1 && chance(2);
    for (std::int64_t i = 0; i < count; ++i) entity_->remove(backwards ? first + count - 1 - i : first);
    model_.erase(model_.begin() + first, model_.begin() + first + count);
    require(entity_->size() == size(), "every removed event is counted");
    // Of events that have been added since the last store, that one knows nothing.
    if (first < static_cast<std::int64_t>(stored_model_.size())) changed_ = true;
    removed_ += static_cast<std::size_t>(count);
    work_ += count;
  }

  // An event like the one at a position: in all columns, or in some of them and anything in the others.
  void find(std::int64_t position) {
    const PlainEvent& like = model_[static_cast<std::size_t>(position)];
    std::vector<std::size_t> columns;
    for (std::size_t i = 0; i < plan_.layout.event.size(); ++i) {
      if (chance(2)) columns.push_back(i);
    }
    const std::int64_t time = chance(8) ? like.time + 1 : like.time;
    const auto is_like = [&](const PlainEvent& other, std::size_t column) {
      const PlainValue& a = (*like.values)[column];
      const PlainValue& b = (*other.values)[column];
      return a.null == b.null && (a.null || (a.word == b.word && a.bytes == b.bytes));
    };
    std::optional<std::int64_t> same;
    std::optional<std::int64_t> same_in_some;
    for (auto at = static_cast<std::int64_t>(left_); at < size(); ++at) {
      const PlainEvent& other = model_[static_cast<std::size_t>(at)];
      if (other.time != time) continue;
      const auto is_like_other = [&](std::size_t column) { return is_like(other, column); };
      if (!std::all_of(columns.begin(), columns.end(), is_like_other)) continue;
      same_in_some = at;
      bool all = true;
      for (std::size_t i = 0; i < plan_.layout.event.size(); ++i) all = all && is_like_other(i);
      if (all) same = at;
    }
    Event event{event_time(time), event_values(like)};
    require(entity_->find(event) == same, "the last event that is the same in all is found");
    for (std::size_t i = 0; i < plan_.layout.event.size(); ++i) {
      if (std::find(columns.begin(), columns.end(), i) == columns.end()) event.values[i] = {~Word{0}, false};
    }
    require(entity_->find(event, columns) == same_in_some, "the last event that is the same in some columns is found");
  }

  // As where a row cannot be computed. Nothing of it may show, in what is stored neither.
  void add_and_undo() {
    if (size() >= most_events) return;
    const std::int64_t time = choose_time();
    const std::int64_t position = entity_->add({event_time(time), nullptr});
    require(position == count_until(event_time(time)), "an event goes behind all that are not later");
    most_loaded_ = std::max(most_loaded_, model_.size() + 1);
    entity_->undo_add(position);
    require(entity_->size() == size(), "an event that was taken back is not counted");
    if (any_kept() && chance(2)) query(choose_position());
  }

  // In order, tied, or late by any time.
  [[nodiscard]] std::int64_t choose_time() {
    const std::int64_t time = choose_any_time();
    if (left_ > 0 && time <= kept_from() && chance(3)) recall();
    return model_.empty() ? time : std::max(time, kept_from());
  }
  void recall() {
    std::vector<Event> events;
    const std::int64_t count = count_until(event_time(kept_from()));
    for (std::int64_t at = 0; at < count; ++at) {
      const PlainEvent& plain = model_[static_cast<std::size_t>(at)];
      events.push_back({event_time(plain.time), event_values(plain)});
    }
    require(entity_->is_needed(event_time(kept_from()), event_time(kept_from())), "what has left is needed");
    entity_->recall(events);
    left_ = 0;
    changed_ = true;
    ++recalled_;
  }
  [[nodiscard]] Value* empty_values() {
    const std::size_t columns = plan_.layout.event.size();
    auto* values = static_cast<Value*>(memory_->allocate(sizeof(Value) * (columns + 1), alignof(Value)));
    std::uninitialized_fill_n(values, columns, Value{});
    return values;
  }
  [[nodiscard]] Value* event_values(const PlainEvent& plain) {
    Value* values = empty_values();
    fill(plain, values);
    return values;
  }
  void fill(const PlainEvent& plain, Value* values) {
    for (std::size_t i = 0; i < plain.values->size(); ++i) {
      const PlainValue& value = (*plain.values)[i];
      if (value.null) continue;
      const bool blob = plan_.layout.event[i] == Storage::bytes;
      values[i] = {blob ? Blob::make(*memory_, value.bytes.data(), value.bytes.size()) : value.word, false};
    }
  }
  // The oldest time that an event may have and be put in its place.
  [[nodiscard]] std::int64_t kept_from() const {
    return left_ == 0 ? std::numeric_limits<std::int64_t>::min() : model_[left_ - 1].time;
  }
  [[nodiscard]] std::int64_t choose_any_time() {
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

  // Of the last event before a stored leaf or the head, or of its first.
  [[nodiscard]] std::int64_t time_at_edge() {
    return model_[static_cast<std::size_t>(std::clamp<std::int64_t>(choose_edge(), 0, size() - 1))].time;
  }
  [[nodiscard]] std::int64_t choose_edge() {
    const std::int64_t segments = static_cast<std::int64_t>(starts_.size());
    const std::int64_t start = starts_[static_cast<std::size_t>(choices_.below(segments))];
    return start - choices_.below(2);
  }

  // Of an event that is kept, if there is one.
  [[nodiscard]] std::int64_t choose_position() {
    const auto left = static_cast<std::int64_t>(left_);
    return any_kept() ? left + choices_.below(size() - left) : std::max<std::int64_t>(0, left - 1);
  }

  std::int64_t add(std::int64_t time, std::uint64_t seed) {
    if (size() >= most_events) return choose_position();
    std::vector<PlainValue> made;
    made.reserve(plan_.layout.event.size());
    for (const Storage storage : plan_.layout.event) made.push_back(make_value(storage, seed));
    for (PlainValue& value : made) value.time = time;
    PlainEvent plain{time, std::make_shared<const std::vector<PlainValue>>(std::move(made))};
    // The values are filled in only after the event has its place.
    Value* values = empty_values();
    const std::int64_t expected = count_until(event_time(time));
    require(entity_->add({event_time(time), values}) == expected,
            "an event goes behind all that are not later");
    fill(plain, values);
    model_.insert(model_.begin() + expected, std::move(plain));
    require(entity_->size() == size(), "every event is counted");
    most_loaded_ = std::max(most_loaded_, model_.size());
    if (expected + 1 < size()) {
      changed_ = true;
      ++late_events_;
    }
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
    // By turns of a frame's start, and of its end: the first time behind it.
    for (std::size_t i = 0; i < offsets_.size(); ++i) {
      bounds.push_back(event_time(time - offsets_[i] + static_cast<std::int64_t>(i % 2)));
    }
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
    Positions expected{0, position + 1, false};
    if (frame.end.kind == Bound::Kind::rows) expected.last = std::max<std::int64_t>(0, position + 1 - frame.end.offset);
    if (frame.end.kind == Bound::Kind::range) {
      expected.last = std::min(count_before(bound(frame.end)), position + 1);
    }
    if (frame.start.kind == Bound::Kind::current_row) expected.first = position;
    if (frame.start.kind == Bound::Kind::rows)
      expected.first = std::max<std::int64_t>(0, position - frame.start.offset);
    if (frame.start.kind == Bound::Kind::range) {
      expected.first = count_before(bound(frame.start));
    }
    const EventTime time = event_time(model_[static_cast<std::size_t>(position)].time);
    const std::int64_t first_peer = count_before(time);
    const bool holds_row = expected.first <= position && position < expected.last;

    // The frame's events one by one, the row's own apart.
    std::vector<std::int64_t> others;
    for (std::int64_t at = expected.first; at < std::min(position, expected.last); ++at) {
      const bool peer = at >= first_peer;
      if (!peer || frame.exclude == Exclude::nothing || frame.exclude == Exclude::current_row) others.push_back(at);
    }
    const bool row = holds_row && (frame.exclude == Exclude::nothing || frame.exclude == Exclude::ties);
    std::vector<std::int64_t> events = others;
    if (row) events.push_back(position);

    try {
      check(number, position, bounds, others, events, row);
      require(frame.exclude != Exclude::ties || entity_->first_peer(position) == first_peer,
              "the first peer is the first of the same time");
    } catch (const EventsLeft&) {
      const auto left = static_cast<std::int64_t>(left_);
      const auto before_kept = [&](const Bound& of) {
        return of.kind == Bound::Kind::range && left > 0 && bound(of) <= event_time(model_[left_ - 1].time);
      };
      require(before_kept(frame.start) || before_kept(frame.end) || first_peer < left || expected.last < left ||
                  (!frame.unbounded() && expected.first < left),
              "only what has left is refused");
    }
  }

  // A frame against the events that it should hold.
  void check(std::size_t number, std::int64_t position, const std::vector<EventTime>& bounds,
             const std::vector<std::int64_t>& others, const std::vector<std::int64_t>& events, bool row) {
    const Frame& frame = frames_[number];
    const Positions found = entity_->locate(frame, position, bounds.data());
    require(found.count() == static_cast<std::int64_t>(events.size()), "a frame holds as many events as it should");
    require(
        found.self || found.first == found.last || (found.first == events.front() && found.last == events.back() + 1),
        "a frame holds the events that it should");
    require(!found.self || (row && (others.empty() ? found.first == found.last
                                                   : found.first == others.front() && found.last == others.back() + 1)),
            "a frame without ties holds the events that it should");
    for (std::size_t i = 0; i < measures_.size(); ++i) {
      Accumulator accumulator = frame.unbounded()
                                    ? entity_->running_aggregate(i, number * measures_.size() + i, found.last)
                                    : entity_->aggregate(i, found);
      if (found.self) entity_->fold(i, position, position + 1, accumulator);
      require(is_result(measures_[i], accumulator, plain(measures_[i], events)),
              "an aggregate over a frame equals the plain one");
    }
    check_sliding(number, found, events);
  }

  // What slides from the frame that was asked for before to this one.
  void check_sliding(std::size_t number, const Positions& found, const std::vector<std::int64_t>& events) {
    if (frames_[number].unbounded() || frames_[number].exclude == Exclude::ties) return;
    for (std::size_t i = 0; i < sliding_.size(); ++i) {
      const Measure& measure = sliding_[i];
      work_ += static_cast<std::int64_t>(events.size()) + 1;
      const Accumulator slid =
          entity_->sliding_aggregate(measures_.size() + i, number * sliding_.size() + i, found);
      std::set<std::string> different;
      std::vector<Word> keys;
      for (const std::int64_t at : events) {
        const PlainValue& value = (*model_[static_cast<std::size_t>(at)].values)[measure.column];
        if (value.null) continue;
        different.insert(identity(measure.storage, value));
        if (measure.fold == Fold::quantile) keys.push_back(ordered_key(from_word<double>(value.word)));
      }
      if (measure.fold == Fold::distinct) {
        require(slid.count == static_cast<std::int64_t>(different.size()), "a sliding distinct count equals that of a set");
        continue;
      }
      require(slid.count == static_cast<std::int64_t>(keys.size()), "a sliding quantile has the values of its frame");
      std::sort(keys.begin(), keys.end());
      const auto* quantile = static_cast<const Quantile*>(measure.aggregate.get());
      for (const std::size_t rank : {std::size_t{0}, keys.size() / 3, keys.size() - 1}) {
        if (keys.size() < 2) break;
        // So that it lies on a value, if rounding lets it.
        const double fraction = static_cast<double>(rank) / static_cast<double>(keys.size() - 1);
        const QuantileRanks ranks = QuantileRanks::of(fraction, keys.size());
        const double expected = ranks.between(from_ordered_key(keys[ranks.lower]), from_ordered_key(keys[ranks.upper]));
        require(ordered_key(quantile->quantile(slid, fraction)) == ordered_key(expected),
                "a sliding quantile equals that of a sorted vector");
      }
    }
  }

  [[nodiscard]] static std::string identity(Storage storage, const PlainValue& value) {
    if (storage == Storage::bytes) return value.bytes;
    if (is_float(storage)) return std::to_string(ordered_key(plain_real(storage, value.word) + 0.0));
    return std::to_string(static_cast<std::int64_t>(plain_integer(storage, value.word)));
  }

  // Once there are leaves, sums of floats may have been added up in another order. That is before any is stored, where
  // a ring has grown too large, however many events have been removed since.
  [[nodiscard]] bool is_result(const Measure& measure, const Accumulator& accumulator, const PlainResult& plain) const {
    const bool moments = measure.fold == Fold::moments;
    if (measure.storage == Storage::float32 && !moments) return same_result(measure.fold, measure.storage, accumulator, plain);
    const bool exact = (measure.fold != Fold::sum && !moments) || (store_.nodes.empty() && most_loaded_ <= 2 * Tree::leaf_events);
    return exact ? same_result(measure.fold, measure.storage, accumulator, plain)
                 : close_result(measure.storage, accumulator, plain, moments);
  }

  [[nodiscard]] std::int64_t count_before(EventTime time) const {
    return count([&](const PlainEvent& event) { return event_time(event.time) < time; });
  }
  [[nodiscard]] std::int64_t count_until(EventTime time) const {
    return count([&](const PlainEvent& event) { return event_time(event.time) <= time; });
  }
  template <class Condition>
  [[nodiscard]] std::int64_t count(Condition condition) const {
    return std::partition_point(model_.begin(), model_.end(), condition) - model_.begin();
  }

  [[nodiscard]] PlainResult plain(const Measure& measure, std::int64_t first, std::int64_t last) {
    std::vector<std::int64_t> positions;
    for (; first < last; ++first) positions.push_back(first);
    return plain(measure, positions);
  }
  [[nodiscard]] PlainResult plain(const Measure& measure, const std::vector<std::int64_t>& positions) {
    work_ += static_cast<std::int64_t>(positions.size()) + 1;
    std::vector<PlainValue> values;
    values.reserve(positions.size());
    for (const std::int64_t at : positions) {
      values.push_back((*model_[static_cast<std::size_t>(at)].values)[measure.column]);
    }
    return plain_aggregate(measure.fold, measure.storage, values);
  }

  void expect_at(std::int64_t position) {
    if (position >= size()) return;
    const Event* event = entity_->at(position);
    require((event == nullptr) == (position < 0), "there is an event at every position");
    if (event != nullptr) require(same(*event, position), "the event at a position is the one that belongs there");
  }

  [[nodiscard]] bool same(const Event& event, std::int64_t position) const {
    const PlainEvent& plain = model_[static_cast<std::size_t>(position)];
    if (event.time != event_time(plain.time)) return false;
    for (std::size_t i = 0; i < plain.values->size(); ++i) {
      if (!same_value(plan_.layout.event[i], event.values[i], (*plain.values)[i])) return false;
    }
    return true;
  }

  // --- the store

  // A new session on what is stored, which the model equals.
  void reopen() {
    entity_.reset();
    memory_ = std::make_unique<SeparateBlocks>();
    entity_ = std::make_unique<Entity>(plan_, *memory_, store_);
    head_ = std::make_unique<std::byte[]>(store_.head.size());
    std::copy(store_.head.begin(), store_.head.end(), head_.get());
    EventTime wanted_from = EventTime::min();
    if (!model_.empty() && chance(2)) wanted_from = event_time(model_.back().time - small_or_large());
    if (!store_.head.empty()) entity_->open(head_.get(), store_.head.size(), wanted_from);
    store_.open();
    require(entity_->size() == size(), "reopening gives every stored event");
    changed_ = false;
    most_loaded_ = model_.size();
    late_events_ = stored_late_events_;
    left_ = stored_left_;
    fresh_ = !store_.head.empty();
  }

  // The last thing that a session does.
  void store() {
    const MemoryStore::Bytes old_head = store_.head;
    std::optional<EventTime> keep_from;
    if (!model_.empty() && chance(2)) keep_from = event_time(model_.back().time - small_or_large());
    store_.begin_store();
    entity_->store(*writers_, store_, keep_from);
    store_.end_store();
    rewritten_ += store_.replaced;
    if (fresh_ && !changed_ && store_.added == 0 && store_.replaced == 0) {
      require(store_.head.size() >= old_head.size(), "a head that only grew is not stored in fewer bytes");
      const std::size_t kept = used_size(old_head) - SegmentWriter::trailer_size;
      require(std::equal(old_head.begin(), old_head.begin() + static_cast<std::ptrdiff_t>(kept), store_.head.begin()),
              "appending changes nothing before the end");
    }
    stored_model_ = model_;
    stored_late_events_ = late_events_;
    check_store(keep_from);
    reopen();
  }

  // Reads all that is stored.
  void check_store(std::optional<EventTime> keep_from) {
    starts_.clear();
    visited_.clear();
    SeparateBlocks memory;
    SegmentReader reader(plan_.layout, store_.head.data(), store_.head.size(), memory);
    const Prefix& head = reader.prefix();
    require(head.late == late_events_, "late events are counted");
    levels_ = std::max<std::size_t>(levels_, head.level);
    stored_left_ = 0;
    if (head.level > 0) {
      const std::int64_t end = check_node(head.node, static_cast<std::uint8_t>(head.level - 1), -1, head.next);
      require(end == head.position, "the tree holds every event before the head, but for those that have left");
    }
    require(visited_.size() == store_.nodes.size(), "every stored node belongs to the tree");
    check_prefix(head);
    starts_.push_back(head.position);
    std::int64_t position = head.position;
    for (Event event; reader.next(event); ++position) {
      require(position < size() && same(event, position), "the head holds the events in their order");
    }
    require(position == size(), "the store holds every event");
    work_ += size();

    if (stored_left_ > left_) {
      require(keep_from.has_value() && !plan_.keeps_all, "nothing leaves unless it may");
      require(event_time(model_[stored_left_ - 1].time) < *keep_from, "only events that are old enough leave");
      require(static_cast<std::int64_t>(stored_left_) <= size() - plan_.rows_needed,
              "events that rows look at by number stay");
    }
    const std::size_t used = used_size(store_.head);
    require(store_.head.size() == capacity_for(used), "a head has the smallest capacity that holds it");
    const std::size_t fixed = empty_size(store_.head);
    require(used <= std::max(largest_head, fixed + 2048),
            "a head is no larger than the largest, or than its prefix needs");
  }

  // Of the head, or of the root: partial results over the events before it.
  void check_prefix(const Prefix& prefix) {
    if (prefix.position > 0) {
      require(prefix.before.time == event_time(model_[static_cast<std::size_t>(prefix.position - 1)].time),
              "a prefix has the time of the event before it");
    }
    for (std::size_t i = 0; i < measures_.size(); ++i) {
      const Accumulator restored =
          measures_[i].aggregate->restore(prefix.before.values + plan_.partials[i].column, prefix.position);
      require(is_result(measures_[i], restored, plain(measures_[i], 0, prefix.position)),
              "a prefix has the aggregates of all events before it");
    }
  }

  // Reads a stored node whose first event has this position, -1 for the root; returns the position behind it.
  [[nodiscard]] std::int64_t check_node(std::uint32_t number, std::uint8_t level, std::int64_t position,
                                        std::uint32_t next) {
    const bool is_root = position < 0;
    require(number < next, "nodes are numbered below the next one");
    require(visited_.insert(number).second, "a node has one parent");
    const auto found = store_.nodes.find(number);
    require(found != store_.nodes.end(), "every node of the tree is stored");
    SeparateBlocks memory;
    SegmentReader reader(level == 0 ? plan_.layout : plan_.summaries, found->second.data(), found->second.size(),
                         memory);
    const Prefix& prefix = reader.prefix();
    require(prefix.node == number && prefix.level == level, "a node knows its number and level");
    if (is_root) {
      position = prefix.position;
      stored_left_ = static_cast<std::size_t>(position);
      check_prefix(prefix);
    } else {
      require(prefix.position == 0, "only the root tells of what has left");
    }
    const std::int64_t first = position;
    if (level == 0) starts_.push_back(position);
    std::size_t records = 0;
    for (Event record; reader.next(record); ++records) {
      if (level == 0) {
        require(position < size() && same(record, position), "leaves hold the events in their order");
        ++position;
        continue;
      }
      const auto below = from_word<std::uint32_t>(record.values[number_column].word);
      const std::int64_t end = check_node(below, static_cast<std::uint8_t>(level - 1), position, next);
      require(from_word<std::int64_t>(record.values[count_column].word) == end - position,
              "a record counts the events below it");
      require(record.time == event_time(model_[static_cast<std::size_t>(end - 1)].time),
              "a record has the time of the last event below it");
      check_summary(record, position, end);
      position = end;
    }
    require(position > first || (is_root && level == 0 && first > 0), "no node is empty but to tell of what has left");
    require(!is_root || level == 0 || records > 1, "a root has several children");
    require(records <= (level == 0 ? 2 * Tree::leaf_events : 128), "no node is larger than it may be");
    return position;
  }

  void check_summary(const Event& record, std::int64_t first, std::int64_t last) {
    for (std::size_t i = 0; i < measures_.size(); ++i) {
      const feature::Measure& planned = plan_.measures[i];
      if (planned.summary == feature::Measure::not_summarised) continue;
      const Value* saved = record.values + planned.summary;
      require(planned.aggregate->is_saved(saved), "what a native aggregate knows is always saved");
      const Accumulator restored = planned.aggregate->restore(saved, last - first);
      require(is_result(measures_[i], restored, plain(measures_[i], first, last)),
              "a record has the aggregates of the events below it");
    }
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
  std::vector<Measure> sliding_;  // their numbers in the plan come behind those of measures_
  std::vector<Frame> frames_;
  std::vector<std::int64_t> offsets_;  // how long before the row each range bound lies; two a frame
  bool specials_ = false;
  std::int64_t longest_bytes_ = 0;
  std::uint64_t values_made_ = 0;
  Patience patience_;
  std::int64_t work_ = 0;
  std::size_t rewritten_ = 0;
  std::size_t levels_ = 0;
  std::size_t recalled_ = 0;
  std::size_t removed_ = 0;
  std::size_t emptied_ = 0;

  std::vector<PlainEvent> model_;
  std::vector<PlainEvent> stored_model_;
  std::vector<std::int64_t> starts_ = {0};  // positions of the stored leaves, and last of the head
  std::set<std::uint32_t> visited_;         // nodes that check_store has seen
  std::size_t left_ = 0;                    // events that are no longer kept
  std::size_t stored_left_ = 0;
  std::uint32_t late_events_ = 0;
  std::uint32_t stored_late_events_ = 0;
  bool changed_ = false;                    // not only at the end, since the last store
  std::size_t most_loaded_ = 0;             // the most events that there were at a time since then
  bool fresh_ = false;                      // reopened from a stored head since the last store

  MemoryStore store_;
  std::unique_ptr<SegmentWriters> writers_;
  std::unique_ptr<SeparateBlocks> memory_;
  std::unique_ptr<std::byte[]> head_;
  std::unique_ptr<Entity> entity_;
};

}  // namespace feature
