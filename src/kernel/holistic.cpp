// See holistic.hpp.

#include "kernel/holistic.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

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

template <class Number>
void DistinctCount::insert_numbers(const Event* first, const Event* last) const {
  for_each_value(first, last, column_, [this](Word word) { scratch_.insert_word(equal_word<Number>(word)); });
}

void DistinctCount::fold(Accumulator& accumulator, const Event* first, const Event* last) const {
  if (begin(accumulator)) scratch_.clear();
  switch (storage_) {
    case Storage::int8: insert_numbers<std::int8_t>(first, last); break;
    case Storage::int16: insert_numbers<std::int16_t>(first, last); break;
    case Storage::int32: insert_numbers<std::int32_t>(first, last); break;
    case Storage::int64: insert_numbers<std::int64_t>(first, last); break;
    case Storage::float32: insert_numbers<float>(first, last); break;
    case Storage::float64: insert_numbers<double>(first, last); break;
    case Storage::bytes:
      for_each_value(first, last, column_, [this](Word word) { scratch_.insert_blob(word); });
      break;
  }
  accumulator.count = static_cast<std::int64_t>(scratch_.size());
}

void Quantile::fold(Accumulator& accumulator, const Event* first, const Event* last) const {
  if (begin(accumulator)) scratch_.clear();
  for_each_value(first, last, column_,
                 [this](Word word) { scratch_.push_back(ordered_key(from_word<double>(word))); });
  accumulator.count = static_cast<std::int64_t>(scratch_.size());
}

double Quantile::quantile(const Accumulator& accumulator, double fraction) const {
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
