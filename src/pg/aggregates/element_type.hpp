// The type of an anyelement argument: how its values are copied, compared, hashed and stored. Values that are kept are
// detoasted copies.
//
// Runs the type's own functions, which may raise an ERROR.
#pragma once

#include "pg/aggregates/state.hpp"

extern "C" {
#include <utils/datum.h>
#include <utils/typcache.h>
}

namespace feature {

class ElementType {
 public:
  // The type of the call's argument, under the call's collation. Reports an ERROR if its values cannot be compared for
  // equality. The look-up is kept in the call site's fn_extra.
  [[nodiscard]] static ElementType of_argument(FunctionCallInfo fcinfo, int number);

  // What write() has written. Reports damage.
  [[nodiscard]] static ElementType read(ImageReader& image);
  void write(ImageWriter& image) const;

  [[nodiscard]] bool operator==(const ElementType& other) const {
    return entry_ == other.entry_ && collation_ == other.collation_;
  }
  [[nodiscard]] bool operator!=(const ElementType& other) const { return !(*this == other); }

  // An ERROR unless the type has a hash function, an order.
  void require_hash() const;
  void require_order() const;

  [[nodiscard]] uint32 hash(Datum value) const {
    return DatumGetUInt32(FunctionCall1Coll(&entry_->hash_proc_finfo, collation_, value));
  }
  [[nodiscard]] bool equal(Datum a, Datum b) const {
    return DatumGetBool(FunctionCall2Coll(&entry_->eq_opr_finfo, collation_, a, b));
  }
  [[nodiscard]] int compare(Datum a, Datum b) const {
    return DatumGetInt32(FunctionCall2Coll(&entry_->cmp_proc_finfo, collation_, a, b));
  }

  // Equal values can be written differently, as 1.0 and 1.00, or 0 and -0. These tell such images apart and order them;
  // the order means nothing, but does not depend on the order of input.
  [[nodiscard]] bool same_image(Datum a, Datum b) const {
    return datum_image_eq(a, b, entry_->typbyval, entry_->typlen);
  }
  [[nodiscard]] bool image_before(Datum a, Datum b) const;

  // A value as it can be looked at: not compressed, not out of line.
  [[nodiscard]] Datum flat(Datum value) const {
    return entry_->typlen == -1 ? PointerGetDatum(PG_DETOAST_DATUM_PACKED(value)) : value;
  }
  [[nodiscard]] Datum copy(Datum value, MemoryContext context) const;
  // Frees what copy() has made.
  void release(Datum value) const {
    if (!entry_->typbyval) pfree(DatumGetPointer(value));
  }

  void write(ImageWriter& image, Datum value) const;
  // Made in the current memory context. Reports damage; but what lies within a value is trusted, as it is in a table.
  [[nodiscard]] Datum read_value(ImageReader& image) const;

  [[nodiscard]] Datum make_array(const Datum* values, int count) const;

 private:
  ElementType(TypeCacheEntry* entry, Oid collation) : entry_(entry), collation_(collation) {}

  TypeCacheEntry* entry_;  // never freed, as all entries of the type cache
  Oid collation_;
};

}  // namespace feature
