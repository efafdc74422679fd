// See key_functions.hpp.

#include "pg/key_functions.hpp"

#include <cstring>

extern "C" {
#include <common/hashfn.h>
#include <utils/fmgroids.h>
#include <utils/lsyscache.h>
#include <utils/typcache.h>
}

namespace feature {
namespace {

// Whether the bytes of a text lie there as they are, neither compressed nor elsewhere.
bool is_at_hand(Datum text) {
  const char* bytes = DatumGetPointer(text);
  return VARATT_IS_4B_U(bytes) || (VARATT_IS_SHORT(bytes) && !VARATT_IS_EXTERNAL(bytes));
}

}  // namespace

KeyFunctions::KeyFunctions(Oid type, Oid collation, std::int16_t length, bool by_value)
    : type(type), length(length), by_value(by_value), collation_(collation) {
  const TypeCacheEntry* known = lookup_type_cache(type, TYPECACHE_HASH_EXTENDED_PROC | TYPECACHE_EQ_OPR);
  const RegProcedure equal = get_opcode(known->eq_opr);
  fmgr_info_cxt(known->hash_extended_proc, &hash_, CurrentMemoryContext);
  fmgr_info_cxt(equal, &equal_, CurrentMemoryContext);
  is_text_ = known->hash_extended_proc == F_HASHTEXTEXTENDED && equal == F_TEXTEQ && OidIsValid(collation) &&
             get_collation_isdeterministic(collation);
}

std::uint64_t KeyFunctions::hash(Datum value) const {
  if (is_text_ && is_at_hand(value)) {
    const char* text = DatumGetPointer(value);
    return hash_bytes_extended(reinterpret_cast<const unsigned char*>(VARDATA_ANY(text)),
                               static_cast<int>(VARSIZE_ANY_EXHDR(text)), 0);
  }
  return DatumGetUInt64(FunctionCall2Coll(&hash_, collation_, value, 0));
}

bool KeyFunctions::equal(Datum a, Datum b) const {
  if (is_text_ && is_at_hand(a) && is_at_hand(b)) {
    const char* left = DatumGetPointer(a);
    const char* right = DatumGetPointer(b);
    const std::size_t size = VARSIZE_ANY_EXHDR(left);
    return size == VARSIZE_ANY_EXHDR(right) && std::memcmp(VARDATA_ANY(left), VARDATA_ANY(right), size) == 0;
  }
  return DatumGetBool(FunctionCall2Coll(&equal_, collation_, a, b));
}

std::uint64_t hash_of(const std::vector<KeyFunctions>& functions, const NullableDatum* keys) {
  std::uint64_t hash = 0;
  for (std::size_t i = 0; i < functions.size(); ++i) {
    hash = hash_combine64(hash, keys[i].isnull ? 0 : functions[i].hash(keys[i].value));
  }
  return hash;
}

bool same_keys(const std::vector<KeyFunctions>& functions, const NullableDatum* a, const NullableDatum* b) {
  for (std::size_t i = 0; i < functions.size(); ++i) {
    if (a[i].isnull != b[i].isnull) return false;
    if (!a[i].isnull && !functions[i].equal(a[i].value, b[i].value)) return false;
  }
  return true;
}

}  // namespace feature
