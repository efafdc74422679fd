// Holistic aggregates: those whose accumulator cannot be of bounded size (J. Gray et al. 1997, "Data Cube", Data Mining
// and Knowledge Discovery 1). What they gather lies in a scratch of the aggregate object, which is used for one frame
// after the other: a frame's result must be read before the next fresh accumulator is folded. Folding or reading an
// older accumulator is a std::logic_error.
//
// For frames that are folded anew or slide, not for what lies before a segment: nothing is saved, and restoring
// anything but nothing is a std::logic_error. Objects must not be shared by threads.
#pragma once

#include <vector>

#include "kernel/aggregate.hpp"
#include "kernel/distinct_set.hpp"

namespace feature {

class Holistic : public Aggregate {
 public:
  [[nodiscard]] std::vector<Storage> saved() const final { return {}; }
  void save(const Accumulator& accumulator, Value* columns, std::pmr::memory_resource& memory) const final;
  [[nodiscard]] Accumulator restore(const Value* columns, std::int64_t count) const final;
  [[nodiscard]] bool combines() const final { return false; }
  [[nodiscard]] bool is_saved(const Value*) const final { return false; }
  void combine(Accumulator& accumulator, const Event* first, const Event* last, std::size_t column) const final;
  [[nodiscard]] bool slides() const final { return true; }

 protected:
  // Whether a frame begins with this accumulator, which then is the one in use.
  [[nodiscard]] bool begin(Accumulator& accumulator) const;
  void check_in_use(const Accumulator& accumulator) const;

 private:
  mutable Word frame_ = 0;  // the number of the frame in the scratch; an accumulator carries it as its word
};

// The number of different non-NULL values, in the accumulator's count. Values are equal if their words or bytes are;
// floats if they are as numbers, 0 and -0 being one, and NaN another.
class DistinctCount final : public Holistic {
 public:
  DistinctCount(Storage storage, std::size_t column) : storage_(storage), column_(column) {}

  void fold(Accumulator& accumulator, const Event* first, const Event* last) const override;
  // O(1) an event, amortised.
  [[nodiscard]] Slide* make_slide(std::pmr::memory_resource& memory) const override;

 private:
  Storage storage_;
  std::size_t column_;
  mutable DistinctSet scratch_;
};

// Quantiles of a Storage::float64 column, as percentile_cont computes them. The accumulator's count is that of the
// non-NULL values.
class Quantile final : public Holistic {
 public:
  explicit Quantile(std::size_t column) : column_(column) {}

  void fold(Accumulator& accumulator, const Event* first, const Event* last) const override;
  // An event moves, in memory, the values that are greater; many are merged, O(frame).
  [[nodiscard]] Slide* make_slide(std::pmr::memory_resource& memory) const override;

  // Of a frame with at least one value; `fraction` within [0, 1]. May be asked for several fractions. O(count), of a
  // slide O(1).
  [[nodiscard]] double quantile(const Accumulator& accumulator, double fraction) const;

 private:
  std::size_t column_;
  mutable std::vector<Word> scratch_;  // keys of quantile.hpp
};

}  // namespace feature
