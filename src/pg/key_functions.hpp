// How the keys of entities are hashed and compared: by the functions of their columns' types, looked up once a session.
#pragma once

#include <cstdint>
#include <vector>

#include "pg/postgres.hpp"

extern "C" {
#include <fmgr.h>
}

namespace feature {

// Of one column.
class KeyFunctions {
 public:
  // Of the type that a column of keys has, which can be hashed. Function states are made in the current memory context.
  // Backend code.
  KeyFunctions(Oid type, Oid collation, std::int16_t length, bool by_value);

  // Of values that are not NULL. Backend code.
  [[nodiscard]] std::uint64_t hash(Datum value) const;
  [[nodiscard]] bool equal(Datum a, Datum b) const;

  Oid type;
  std::int16_t length;
  bool by_value;

 private:
  Oid collation_;
  // Text of a collation in which only equal bytes are equal: hashed and compared here, as its functions do it.
  bool is_text_;
  mutable FmgrInfo hash_;
  mutable FmgrInfo equal_;
};

// By which an entity is found, and in whose order entities are locked, as a signed number. It is stored, and so never
// changes. Backend code.
[[nodiscard]] std::uint64_t hash_of(const std::vector<KeyFunctions>& functions, const NullableDatum* keys);

// Whether two keys are one entity's. Backend code.
[[nodiscard]] bool same_keys(const std::vector<KeyFunctions>& functions, const NullableDatum* a,
                             const NullableDatum* b);

}  // namespace feature
