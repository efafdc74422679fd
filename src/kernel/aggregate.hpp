// Aggregates over events. An aggregate folds events, oldest first, into an accumulator; nothing is ever taken out of
// one, so nothing drifts. Those that could take it out exactly have a Slide for that. What it knows of a run of events
// can be saved in columns, restored from them, and, by most, combined: of the events before a segment in that segment's
// prefix, of those below a node in a record of its parent.
//
// The arithmetic is PostgreSQL's own, step by step, so that results are equal and not just close: float sums add from
// the oldest on, and means and variances use the Youngs-Cramer recurrence of float8_accum
// (Youngs & Cramer 1971, "Some results relevant to choice of sum and sum-of-product algorithms", Technometrics 13).
// Combining is the arithmetic of its parallel plans: float8_combine, after Chan, Golub & LeVeque 1979, "Updating
// formulae and a pairwise algorithm for computing sample variances".
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "kernel/segment.hpp"

namespace feature {

// What an aggregate has seen so far. Which members mean something is the aggregate's business. Trivially copyable.
struct Accumulator {
  // non-NULL values seen; min, max, bits, first_value and last_value: 1 if `word` is the result
  std::int64_t count = 0;
  union {
    __int128 total = 0;                   // exact integer sum
    struct { double sum, deviations; };   // float sum; Youngs-Cramer sum of squared deviations
    // A value; distinct_times: the newest time and the oldest; quantile: the number of its frame, and of a slide the
    // address of its keys.
    struct { Word word, first; };
  };
};

// What an aggregate knows of a frame that slides: values of events come and others go. It lies in memory that is never
// given back singly, and is never destroyed.
class Slide {
 public:
  virtual void clear() = 0;
  // Takes in the events [first, last), and takes out such that were taken in. Throws std::bad_alloc, and then has to be
  // cleared.
  virtual void insert(const Event* first, const Event* last) = 0;
  virtual void erase(const Event* first, const Event* last) = 0;
  // As if what is in it had been folded, to be read before it is next changed.
  [[nodiscard]] virtual Accumulator result() = 0;

 protected:
  ~Slide() = default;
};

class Aggregate {
 public:
  virtual ~Aggregate() = default;

  // Takes in the events [first, last), which follow everything taken in before. NULL arguments are ignored unless the
  // aggregate says otherwise. O(last - first). Throws OutOfRange.
  virtual void fold(Accumulator& accumulator, const Event* first, const Event* last) const = 0;

  // The columns that save() writes.
  [[nodiscard]] virtual std::vector<Storage> saved() const = 0;
  // The accumulator as column values; blobs go to `memory`.
  virtual void save(const Accumulator& accumulator, Value* columns, std::pmr::memory_resource& memory) const = 0;
  // The inverse of save. `count` is the number of events that the saved columns stand for; with none, the result is
  // the fresh accumulator whatever the columns hold.
  [[nodiscard]] virtual Accumulator restore(const Value* columns, std::int64_t count) const = 0;

  // Whether combine() is there, and gives what fold() would, up to the rounding of floats.
  [[nodiscard]] virtual bool combines() const = 0;
  // Whether these saved columns say what the events hold: columns that are all NULL may say that nothing was saved.
  [[nodiscard]] virtual bool is_saved(const Value* columns) const = 0;
  // Whether it tells in which order events came, beyond the rounding of floats. If not, fold() and combine() may take
  // them in any order.
  [[nodiscard]] virtual bool depends_on_order() const { return false; }
  // Whether accumulators and what save() writes are plain numbers, with nothing behind them in memory.
  [[nodiscard]] virtual bool is_plain() const { return false; }
  // Takes in runs of events by what was saved of each: the records [first, last), whose columns from `column` on are
  // saved() columns of at least one event, oldest first. O(last - first). Throws OutOfRange.
  virtual void combine(Accumulator& accumulator, const Event* first, const Event* last, std::size_t column) const = 0;

  // Whether events can be taken out again, exactly; and what does it. Few aggregates can: sums of floats would drift.
  [[nodiscard]] virtual bool slides() const { return false; }
  [[nodiscard]] virtual Slide* make_slide(std::pmr::memory_resource&) const { return nullptr; }
};

enum class Fold {
  count,        // number of non-NULL values
  sum,          // integers: exact in `total`; floats: in `sum`, in the column's own precision
  moments,      // floats: count, sum and squared deviations in float8
  min, max,     // NaN is greater than every number
  bit_and, bit_or, bit_xor,  // integers
  distinct_times,  // number of different event times, whatever the arguments
  first_value, last_value,  // of that event, NULL or not: count is 1 with `word` set, or -1 for NULL
  distinct,     // number of different non-NULL values; see holistic.hpp, as for
  quantile,     // floats in float8: what quantiles are read from
};

// The aggregate for a column of this storage. Storage::bytes only with count, first_value and last_value.
[[nodiscard]] std::unique_ptr<Aggregate> make_aggregate(Fold fold, Storage storage, std::size_t column);

}  // namespace feature
