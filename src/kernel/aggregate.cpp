// The native aggregates: each a tight loop over events. See aggregate.hpp for the arithmetic they follow.

#include "kernel/aggregate.hpp"

#include <cmath>
#include <limits>

#include "kernel/holistic.hpp"

namespace feature {
namespace {

[[nodiscard]] Value some(Word word) { return {word, false}; }

template <class Number>
constexpr Storage storage_of();
template <> constexpr Storage storage_of<std::int8_t>() { return Storage::int8; }
template <> constexpr Storage storage_of<std::int16_t>() { return Storage::int16; }
template <> constexpr Storage storage_of<std::int32_t>() { return Storage::int32; }
template <> constexpr Storage storage_of<std::int64_t>() { return Storage::int64; }
template <> constexpr Storage storage_of<float>() { return Storage::float32; }
template <> constexpr Storage storage_of<double>() { return Storage::float64; }

// What most aggregates have in common: they combine, they are plain, and their first saved column is never NULL.
class Combining : public Aggregate {
 public:
  bool combines() const override { return true; }
  bool is_plain() const override { return true; }
  bool is_saved(const Value* columns) const override { return !columns[0].null; }
};

class Count final : public Combining {
 public:
  explicit Count(std::size_t column) : column_(column) {}

  void fold(Accumulator& accumulator, const Event* first, const Event* last) const override {
    std::int64_t count = 0;
    for (; first != last; ++first) count += !first->values[column_].null;
    accumulator.count += count;
  }
  std::vector<Storage> saved() const override { return {Storage::int64}; }
  void save(const Accumulator& accumulator, Value* columns, std::pmr::memory_resource&) const override {
    columns[0] = some(to_word(accumulator.count));
  }
  Accumulator restore(const Value* columns, std::int64_t count) const override {
    Accumulator accumulator;
    if (count > 0) accumulator.count = from_word<std::int64_t>(columns[0].word);
    return accumulator;
  }
  void combine(Accumulator& accumulator, const Event* first, const Event* last, std::size_t column) const override {
    for (; first != last; ++first) accumulator.count += from_word<std::int64_t>(first->values[column].word);
  }

 private:
  std::size_t column_;
};

// Integers are summed exactly in 128 bits: 2^63 values of 2^63 cannot overflow them.
template <class Integer>
class IntegerSum final : public Combining {
 public:
  explicit IntegerSum(std::size_t column) : column_(column) {}

  void fold(Accumulator& accumulator, const Event* first, const Event* last) const override {
    __int128 total = accumulator.total;
    std::int64_t count = accumulator.count;
    for (; first != last; ++first) {
      const Value& value = first->values[column_];
      if (value.null) continue;
      total += from_word<Integer>(value.word);
      ++count;
    }
    accumulator.total = total;
    accumulator.count = count;
  }
  std::vector<Storage> saved() const override { return {Storage::int64, Storage::int64, Storage::int64}; }
  void save(const Accumulator& accumulator, Value* columns, std::pmr::memory_resource&) const override {
    columns[0] = some(to_word(accumulator.count));
    columns[1] = some(static_cast<Word>(accumulator.total >> 64));
    columns[2] = some(static_cast<Word>(accumulator.total));
  }
  Accumulator restore(const Value* columns, std::int64_t count) const override {
    Accumulator accumulator;
    if (count == 0) return accumulator;
    accumulator.count = from_word<std::int64_t>(columns[0].word);
    accumulator.total = total_of(columns);
    return accumulator;
  }
  void combine(Accumulator& accumulator, const Event* first, const Event* last, std::size_t column) const override {
    for (; first != last; ++first) {
      const Value* saved = first->values + column;
      accumulator.count += from_word<std::int64_t>(saved[0].word);
      accumulator.total += total_of(saved);
    }
  }

 private:
  static __int128 total_of(const Value* columns) {
    return static_cast<__int128>((static_cast<unsigned __int128>(columns[1].word) << 64) | columns[2].word);
  }

  std::size_t column_;
};

[[noreturn]] void overflow() { throw OutOfRange("value out of range: overflow"); }

// float4pl and float8pl: the sum starts as the first value and is kept in the column's own precision.
template <class Float>
class FloatSum final : public Combining {
 public:
  explicit FloatSum(std::size_t column) : column_(column) {}

  void fold(Accumulator& accumulator, const Event* first, const Event* last) const override {
    auto sum = static_cast<Float>(accumulator.sum);
    std::int64_t count = accumulator.count;
    for (; first != last; ++first) {
      const Value& value = first->values[column_];
      if (value.null) continue;
      const auto number = from_word<Float>(value.word);
      if (count++ == 0) {
        sum = number;
        continue;
      }
      const Float next = sum + number;
      if (std::isinf(next) && !std::isinf(sum) && !std::isinf(number)) overflow();
      sum = next;
    }
    accumulator.sum = sum;
    accumulator.count = count;
  }
  std::vector<Storage> saved() const override { return {Storage::int64, Storage::float64}; }
  void save(const Accumulator& accumulator, Value* columns, std::pmr::memory_resource&) const override {
    columns[0] = some(to_word(accumulator.count));
    columns[1] = some(to_word(accumulator.sum));
  }
  Accumulator restore(const Value* columns, std::int64_t count) const override {
    Accumulator accumulator;
    if (count == 0) return accumulator;
    accumulator.count = from_word<std::int64_t>(columns[0].word);
    accumulator.sum = from_word<double>(columns[1].word);
    return accumulator;
  }
  // In float4 the order of additions shows in the digits that users see, so there all are done from the oldest on.
  bool combines() const override { return std::is_same_v<Float, double>; }
  bool depends_on_order() const override { return !combines(); }
  void combine(Accumulator& accumulator, const Event* first, const Event* last, std::size_t column) const override {
    for (; first != last; ++first) {
      const Value* saved = first->values + column;
      const auto count = from_word<std::int64_t>(saved[0].word);
      if (count == 0) continue;
      const auto number = from_word<double>(saved[1].word);
      const double next = accumulator.count == 0 ? number : accumulator.sum + number;
      if (std::isinf(next) && !std::isinf(accumulator.sum) && !std::isinf(number)) overflow();
      accumulator.sum = next;
      accumulator.count += count;
    }
  }

 private:
  std::size_t column_;
};

// float8_accum, and float4_accum, which widens first.
template <class Float>
class Moments final : public Combining {
 public:
  explicit Moments(std::size_t column) : column_(column) {}

  void fold(Accumulator& accumulator, const Event* first, const Event* last) const override {
    double sum = accumulator.sum;
    double deviations = accumulator.deviations;
    auto count = static_cast<double>(accumulator.count);
    for (; first != last; ++first) {
      const Value& value = first->values[column_];
      if (value.null) continue;
      const double number = from_word<Float>(value.word);
      const double before = sum;
      const double count_before = count;
      count += 1;
      // Not from 0 on, so that the sum of negative zeros is one, as that of float8pl is.
      sum = count_before > 0 ? before + number : number;
      if (count_before > 0) {
        const double deviation = number * count - sum;
        deviations += deviation * deviation / (count * count_before);
        if (std::isinf(sum) || std::isinf(deviations)) {
          if (!std::isinf(before) && !std::isinf(number)) overflow();
          deviations = std::numeric_limits<double>::quiet_NaN();
        }
      } else if (std::isnan(number) || std::isinf(number)) {
        deviations = std::numeric_limits<double>::quiet_NaN();
      }
    }
    accumulator.sum = sum;
    accumulator.deviations = deviations;
    accumulator.count = static_cast<std::int64_t>(count);
  }
  std::vector<Storage> saved() const override { return {Storage::int64, Storage::float64, Storage::float64}; }
  void save(const Accumulator& accumulator, Value* columns, std::pmr::memory_resource&) const override {
    columns[0] = some(to_word(accumulator.count));
    columns[1] = some(to_word(accumulator.sum));
    columns[2] = some(to_word(accumulator.deviations));
  }
  Accumulator restore(const Value* columns, std::int64_t count) const override {
    Accumulator accumulator;
    if (count == 0) return accumulator;
    accumulator.count = from_word<std::int64_t>(columns[0].word);
    accumulator.sum = from_word<double>(columns[1].word);
    accumulator.deviations = from_word<double>(columns[2].word);
    return accumulator;
  }
  void combine(Accumulator& accumulator, const Event* first, const Event* last, std::size_t column) const override {
    double sum = accumulator.sum;
    double deviations = accumulator.deviations;
    auto count = static_cast<double>(accumulator.count);
    for (; first != last; ++first) {
      const Value* saved = first->values + column;
      const auto more = static_cast<double>(from_word<std::int64_t>(saved[0].word));
      const auto more_sum = from_word<double>(saved[1].word);
      const auto more_deviations = from_word<double>(saved[2].word);
      if (more == 0) continue;
      if (count == 0) {
        count = more;
        sum = more_sum;
        deviations = more_deviations;
        continue;
      }
      const double difference = sum / count - more_sum / more;
      const double all = count + more;
      const double both = deviations + more_deviations + count * more * difference * difference / all;
      if (std::isinf(both) && !std::isinf(deviations) && !std::isinf(more_deviations)) overflow();
      const double both_sums = sum + more_sum;
      if (std::isinf(both_sums) && !std::isinf(sum) && !std::isinf(more_sum)) overflow();
      count = all;
      sum = both_sums;
      deviations = both;
    }
    accumulator.sum = sum;
    accumulator.deviations = deviations;
    accumulator.count = static_cast<std::int64_t>(count);
  }

 private:
  std::size_t column_;
};

// PostgreSQL's order of floats: NaN equals NaN and is greater than every number.
template <class Number>
[[nodiscard]] bool greater(Number a, Number b) {
  if constexpr (std::is_floating_point_v<Number>) {
    if (std::isnan(a)) return !std::isnan(b);
    if (std::isnan(b)) return false;
  }
  return a > b;
}

// Among equals the later one wins, as in float8larger and its kin: it matters for -0 and 0.
struct Smaller {
  template <class Number> static Number of(Number a, Number b) { return greater(b, a) ? a : b; }
};
struct Larger {
  template <class Number> static Number of(Number a, Number b) { return greater(a, b) ? a : b; }
};
struct BitAnd {
  template <class Number> static Number of(Number a, Number b) { return static_cast<Number>(a & b); }
};
struct BitOr {
  template <class Number> static Number of(Number a, Number b) { return static_cast<Number>(a | b); }
};
struct BitXor {
  template <class Number> static Number of(Number a, Number b) { return static_cast<Number>(a ^ b); }
};

// Values reduced to one by an associative operation.
template <class Number, class Operation>
class Reduction final : public Aggregate {
 public:
  explicit Reduction(std::size_t column) : column_(column) {}

  void fold(Accumulator& accumulator, const Event* first, const Event* last) const override {
    fold_column(accumulator, first, last, column_);
  }
  std::vector<Storage> saved() const override { return {storage_of<Number>()}; }
  void save(const Accumulator& accumulator, Value* columns, std::pmr::memory_resource&) const override {
    columns[0] = {accumulator.word, accumulator.count == 0};
  }
  Accumulator restore(const Value* columns, std::int64_t count) const override {
    Accumulator accumulator;
    if (count == 0 || columns[0].null) return accumulator;
    accumulator.count = 1;
    accumulator.word = columns[0].word;
    return accumulator;
  }
  bool combines() const override { return true; }
  bool is_plain() const override { return true; }
  bool is_saved(const Value*) const override { return true; }
  void combine(Accumulator& accumulator, const Event* first, const Event* last, std::size_t column) const override {
    fold_column(accumulator, first, last, column);
  }

 private:
  // What is saved is NULL where there was no value, so that it is taken in as a value is.
  static void fold_column(Accumulator& accumulator, const Event* first, const Event* last, std::size_t column) {
    auto result = from_word<Number>(accumulator.word);
    bool found = accumulator.count != 0;
    for (; first != last; ++first) {
      const Value& value = first->values[column];
      if (value.null) continue;
      const auto number = from_word<Number>(value.word);
      result = found ? Operation::of(result, number) : number;
      found = true;
    }
    accumulator.word = to_word(result);
    accumulator.count = found;
  }

  std::size_t column_;
};

// The value of the first event, or of the last.
template <bool last_one>
class EdgeValue final : public Aggregate {
 public:
  EdgeValue(Storage storage, std::size_t column) : storage_(storage), column_(column) {}

  void fold(Accumulator& accumulator, const Event* first, const Event* last) const override {
    take_edge(accumulator, first, last, column_);
  }
  std::vector<Storage> saved() const override { return {storage_}; }
  void save(const Accumulator& accumulator, Value* columns, std::pmr::memory_resource& memory) const override {
    columns[0] = {accumulator.word, accumulator.count != 1};
    if (storage_ == Storage::bytes && !columns[0].null) {
      const Blob& blob = Blob::of(accumulator.word);
      columns[0].word = Blob::make(memory, blob.data, blob.size);
    }
  }
  Accumulator restore(const Value* columns, std::int64_t count) const override {
    Accumulator accumulator;
    if (count > 0) set(accumulator, columns[0]);
    return accumulator;
  }
  bool combines() const override { return true; }
  bool depends_on_order() const override { return true; }
  bool is_saved(const Value*) const override { return true; }
  void combine(Accumulator& accumulator, const Event* first, const Event* last, std::size_t column) const override {
    take_edge(accumulator, first, last, column);
  }

 private:
  static void take_edge(Accumulator& accumulator, const Event* first, const Event* last, std::size_t column) {
    if (first == last) return;
    if (last_one) {
      set(accumulator, last[-1].values[column]);
    } else if (accumulator.count == 0) {
      set(accumulator, first->values[column]);
    }
  }
  static void set(Accumulator& accumulator, const Value& value) {
    accumulator.count = value.null ? -1 : 1;
    accumulator.word = value.word;
  }

  Storage storage_;
  std::size_t column_;
};

// Events come in order, so a time is new when it differs from the one before.
class DistinctTimes final : public Combining {
 public:
  bool depends_on_order() const override { return true; }
  void fold(Accumulator& accumulator, const Event* first, const Event* last) const override {
    for (; first != last; ++first) {
      const auto time = static_cast<Word>(first->time.time_since_epoch().count());
      take_in(accumulator, 1, time, time);
    }
  }
  std::vector<Storage> saved() const override { return {Storage::int64, Storage::int64, Storage::int64}; }
  void save(const Accumulator& accumulator, Value* columns, std::pmr::memory_resource&) const override {
    columns[0] = some(to_word(accumulator.count));
    columns[1] = some(accumulator.word);
    columns[2] = some(accumulator.first);
  }
  Accumulator restore(const Value* columns, std::int64_t count) const override {
    Accumulator accumulator;
    if (count == 0) return accumulator;
    accumulator.count = from_word<std::int64_t>(columns[0].word);
    accumulator.word = columns[1].word;
    accumulator.first = columns[2].word;
    return accumulator;
  }
  void combine(Accumulator& accumulator, const Event* first, const Event* last, std::size_t column) const override {
    for (; first != last; ++first) {
      const Value* saved = first->values + column;
      take_in(accumulator, from_word<std::int64_t>(saved[0].word), saved[2].word, saved[1].word);
    }
  }

 private:
  // So many times, the oldest and the newest of which are these.
  static void take_in(Accumulator& accumulator, std::int64_t count, Word oldest, Word newest) {
    if (accumulator.count == 0) accumulator.first = oldest;
    if (accumulator.count != 0 && accumulator.word == oldest) --count;
    accumulator.count += count;
    accumulator.word = newest;
  }
};

template <template <class> class Kind>
std::unique_ptr<Aggregate> make_integer(Storage storage, std::size_t column) {
  switch (storage) {
    case Storage::int8: return std::make_unique<Kind<std::int8_t>>(column);
    case Storage::int16: return std::make_unique<Kind<std::int16_t>>(column);
    case Storage::int32: return std::make_unique<Kind<std::int32_t>>(column);
    case Storage::int64: return std::make_unique<Kind<std::int64_t>>(column);
    case Storage::float32:
    case Storage::float64:
    case Storage::bytes: break;
  }
  return nullptr;
}

template <template <class> class Kind>
std::unique_ptr<Aggregate> make_float(Storage storage, std::size_t column) {
  if (storage == Storage::float32) return std::make_unique<Kind<float>>(column);
  if (storage == Storage::float64) return std::make_unique<Kind<double>>(column);
  return nullptr;
}

template <class Number> using Minimum = Reduction<Number, Smaller>;
template <class Number> using Maximum = Reduction<Number, Larger>;
template <class Integer> using AllBits = Reduction<Integer, BitAnd>;
template <class Integer> using AnyBits = Reduction<Integer, BitOr>;
template <class Integer> using OddBits = Reduction<Integer, BitXor>;

template <template <class> class Kind>
std::unique_ptr<Aggregate> make_number(Storage storage, std::size_t column) {
  auto made = make_integer<Kind>(storage, column);
  return made ? std::move(made) : make_float<Kind>(storage, column);
}

}  // namespace

std::unique_ptr<Aggregate> make_aggregate(Fold fold, Storage storage, std::size_t column) {
  std::unique_ptr<Aggregate> made;
  switch (fold) {
    case Fold::count: made = std::make_unique<Count>(column); break;
    case Fold::sum:
      made = make_integer<IntegerSum>(storage, column);
      if (!made) made = make_float<FloatSum>(storage, column);
      break;
    case Fold::moments: made = make_float<Moments>(storage, column); break;
    case Fold::min: made = make_number<Minimum>(storage, column); break;
    case Fold::max: made = make_number<Maximum>(storage, column); break;
    case Fold::bit_and: made = make_integer<AllBits>(storage, column); break;
    case Fold::bit_or: made = make_integer<AnyBits>(storage, column); break;
    case Fold::bit_xor: made = make_integer<OddBits>(storage, column); break;
    case Fold::distinct_times: made = std::make_unique<DistinctTimes>(); break;
    case Fold::first_value: made = std::make_unique<EdgeValue<false>>(storage, column); break;
    case Fold::last_value: made = std::make_unique<EdgeValue<true>>(storage, column); break;
    case Fold::distinct: made = std::make_unique<DistinctCount>(storage, column); break;
    case Fold::quantile:
      if (storage == Storage::float64) made = std::make_unique<Quantile>(column);
      break;
  }
  if (!made) throw std::logic_error("no such aggregate for this storage");
  return made;
}

}  // namespace feature
