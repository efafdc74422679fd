// See holistic.hpp.

#include "kernel/holistic.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "kernel/counted_set.hpp"
#include "kernel/quantile.hpp"

namespace feature {

void Holistic::save(const Accumulator& accumulator, Value*, std::pmr::memory_resource&) const {
  if (accumulator.count != 0) throw std::logic_error("a holistic aggregate cannot be saved");
}

Accumulator Holistic::restore(const Value*, std::int64_t count) const {
  if (count != 0) throw std::logic_error("a holistic aggregate cannot be restored");
  return {};
}

void Holistic::combine(Accumulator&, const Event*, const Event*, std::size_t) const {
  throw std::logic_error("a holistic aggregate cannot be combined");
}

bool Holistic::begin(Accumulator& accumulator) const {
  if (accumulator.word != 0) {
    check_in_use(accumulator);
    return false;
  }
  accumulator.word = ++frame_;
  return true;
}

void Holistic::check_in_use(const Accumulator& accumulator) const {
  if (accumulator.word != frame_) throw std::logic_error("another frame of a holistic aggregate has begun");
}

namespace {

// The same words for values that are equal. Of an integer only its own bits count: how unsigned ones are extended to a
// word depends on where they come from.
template <class Number>
[[nodiscard]] Word equal_word(Word word) {
  const auto number = from_word<Number>(word);
  if constexpr (std::is_floating_point_v<Number>) {
    if (number == 0) return to_word(Number{0});
    if (std::isnan(number)) return to_word(std::numeric_limits<Number>::quiet_NaN());
  }
  return to_word(number);
}

template <class Insert>
void for_each_value(const Event* first, const Event* last, std::size_t column, Insert insert) {
  for (; first != last; ++first) {
    const Value& value = first->values[column];
    if (!value.null) insert(value.word);
  }
}

}  // namespace

namespace {

// Calls `take_word` or `take_blob` with what stands for each value: the same for values that are equal.
template <class TakeWord, class TakeBlob>
void for_each_key(Storage storage, const Event* first, const Event* last, std::size_t column, TakeWord take_word,
                  TakeBlob take_blob) {
  const auto numbers = [&](auto number) {
    for_each_value(first, last, column, [&](Word word) { take_word(equal_word<decltype(number)>(word)); });
  };
  switch (storage) {
    case Storage::int8: numbers(std::int8_t{}); break;
    case Storage::int16: numbers(std::int16_t{}); break;
    case Storage::int32: numbers(std::int32_t{}); break;
    case Storage::int64: numbers(std::int64_t{}); break;
    case Storage::float32: numbers(float{}); break;
    case Storage::float64: numbers(double{}); break;
    case Storage::bytes: for_each_value(first, last, column, take_blob); break;
  }
}

template <class T, class... Arguments>
Slide* make(std::pmr::memory_resource& memory, Arguments... arguments) {
  return new (memory.allocate(sizeof(T), alignof(T))) T(arguments..., &memory);
}

class SlidingCount final : public Slide {
 public:
  SlidingCount(Storage storage, std::size_t column, std::pmr::memory_resource* memory)
      : storage_(storage), column_(column), values_(memory) {}

  void clear() override { values_.clear(); }
  void insert(const Event* first, const Event* last) override {
    for_each_key(
        storage_, first, last, column_, [this](Word word) { values_.insert_word(word); },
        [this](Word blob) { values_.insert_blob(blob); });
  }
  void erase(const Event* first, const Event* last) override {
    for_each_key(
        storage_, first, last, column_, [this](Word word) { values_.erase_word(word); },
        [this](Word blob) { values_.erase_blob(blob); });
  }
  [[nodiscard]] Accumulator result() override {
    Accumulator result;
    result.count = static_cast<std::int64_t>(values_.size());
    return result;
  }

 private:
  Storage storage_;
  std::size_t column_;
  CountedSet values_;
};

// Keys of quantile.hpp in ascending order.
using SortedKeys = std::pmr::vector<Word>;

// What comes and goes is gathered until the result is asked for. A few keys are put in and taken out one by one, which
// moves half of the others in memory: quicker than the pointers of a tree up to hundreds of thousands of them. Many are
// merged.
class SlidingQuantile final : public Slide {
 public:
  SlidingQuantile(std::size_t column, std::pmr::memory_resource* memory)
      : column_(column), keys_(memory), spare_(memory), coming_(memory), going_(memory) {}

  void clear() override {
    for (SortedKeys* keys : {&keys_, &coming_, &going_}) keys->clear();
  }
  void insert(const Event* first, const Event* last) override { gather(first, last, coming_); }
  void erase(const Event* first, const Event* last) override { gather(first, last, going_); }

  [[nodiscard]] Accumulator result() override {
    constexpr std::size_t few = 8;
    if (coming_.size() + going_.size() <= few) {
      for (const Word key : coming_) keys_.insert(std::upper_bound(keys_.begin(), keys_.end(), key), key);
      for (const Word key : going_) keys_.erase(std::lower_bound(keys_.begin(), keys_.end(), key));
    } else {
      merge();
    }
    coming_.clear();
    going_.clear();
    Accumulator result;
    result.count = static_cast<std::int64_t>(keys_.size());
    result.first = reinterpret_cast<Word>(&keys_);
    return result;
  }

 private:
  void gather(const Event* first, const Event* last, SortedKeys& keys) const {
    for_each_value(first, last, column_, [&](Word word) { keys.push_back(ordered_key(from_word<double>(word))); });
  }

  // What goes has been there, or comes.
  void merge() {
    std::sort(coming_.begin(), coming_.end());
    std::sort(going_.begin(), going_.end());
    if (keys_.empty()) {
      keys_.swap(coming_);
    } else if (!coming_.empty()) {
      spare_.resize(keys_.size() + coming_.size());
      std::merge(keys_.begin(), keys_.end(), coming_.begin(), coming_.end(), spare_.begin());
      keys_.swap(spare_);
    }
    if (going_.empty()) return;
    spare_.resize(keys_.size());
    const auto end = std::set_difference(keys_.begin(), keys_.end(), going_.begin(), going_.end(), spare_.begin());
    spare_.erase(end, spare_.end());
    keys_.swap(spare_);
  }

  std::size_t column_;
  SortedKeys keys_;
  SortedKeys spare_;
  SortedKeys coming_;
  SortedKeys going_;
};

}  // namespace

void DistinctCount::fold(Accumulator& accumulator, const Event* first, const Event* last) const {
  if (begin(accumulator)) scratch_.clear();
  for_each_key(
      storage_, first, last, column_, [this](Word word) { scratch_.insert_word(word); },
      [this](Word blob) { scratch_.insert_blob(blob); });
  accumulator.count = static_cast<std::int64_t>(scratch_.size());
}

Slide* DistinctCount::make_slide(std::pmr::memory_resource& memory) const {
  return make<SlidingCount>(memory, storage_, column_);
}

void Quantile::fold(Accumulator& accumulator, const Event* first, const Event* last) const {
  if (begin(accumulator)) scratch_.clear();
  for_each_value(first, last, column_,
                 [this](Word word) { scratch_.push_back(ordered_key(from_word<double>(word))); });
  accumulator.count = static_cast<std::int64_t>(scratch_.size());
}

Slide* Quantile::make_slide(std::pmr::memory_resource& memory) const { return make<SlidingQuantile>(memory, column_); }

double Quantile::quantile(const Accumulator& accumulator, double fraction) const {
  if (accumulator.first != 0) {
    const auto& keys = *reinterpret_cast<const SortedKeys*>(accumulator.first);
    const QuantileRanks ranks = QuantileRanks::of(fraction, keys.size());
    return ranks.between(from_ordered_key(keys[ranks.lower]), from_ordered_key(keys[ranks.upper]));
  }
  check_in_use(accumulator);
  const QuantileRanks ranks = QuantileRanks::of(fraction, scratch_.size());
  const auto lower = scratch_.begin() + static_cast<std::ptrdiff_t>(ranks.lower);
  std::nth_element(scratch_.begin(), lower, scratch_.end());
  const double value = from_ordered_key(*lower);
  if (ranks.lower == ranks.upper) return value;
  // What follows is not smaller, so the next rank is the least of it.
  return ranks.between(value, from_ordered_key(*std::min_element(lower + 1, scratch_.end())));
}

}  // namespace feature
