// How often each value occurs: what distinct counts, modes and entropies are computed from. Values are equal by their
// type's default equality, under the collation of the call.
#pragma once

#include "pg/aggregates/element_type.hpp"

namespace feature {

// Equal values written in one way.
struct ValueImage {
  Datum value;
  int64 count;
  ValueImage* next;
};

// Equal values. `images` holds what was written first and is still there, others follow it.
struct ValueCount {
  ValueImage images;
  int64 count;  // of all images
  uint32 hash;
  char status;  // simplehash's own
};

// PostgreSQL's own hash table, made for ValueCount: functions and types whose names begin with counts_.
#define SH_PREFIX counts
#define SH_ELEMENT_TYPE ValueCount
#define SH_KEY_TYPE Datum
#define SH_SCOPE extern
#define SH_DECLARE
#include <lib/simplehash.h>

// A hash table in the given memory context. Counts can be taken back exactly, in any order, so results over a sliding
// frame are those of the frame counted anew.
class ValueCounts {
 public:
  ValueCounts(const ElementType& type, MemoryContext context);
  ValueCounts(const ValueCounts&) = delete;
  ValueCounts& operator=(const ValueCounts&) = delete;

  [[nodiscard]] const ElementType& type() const { return type_; }

  // O(1) calls of the type's functions.
  void add(Datum value, int64 count);
  // False if the value is not there.
  [[nodiscard]] bool remove(Datum value);
  void merge(const ValueCounts& other);

  [[nodiscard]] int64 distinct() const { return table_->members; }

  // Calls `body` with each ValueCount, in no particular order.
  template <class Body>
  void for_each(Body body) const {
    counts_iterator place;
    counts_start_iterate(table_, &place);
    while (const ValueCount* counted = counts_iterate(table_, &place)) body(*counted);
  }

  // Of the images of equal values, the one that is shown: the same whatever the order of input was.
  [[nodiscard]] Datum shown(const ValueCount& counted) const;

  void write(ImageWriter& image) const;
  void read(ImageReader& image);

  // n of top_n; not used by the others.
  Limit limit;

 private:
  ElementType type_;
  MemoryContext context_;
  counts_hash* table_;
};

}  // namespace feature
