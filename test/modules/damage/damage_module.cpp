// See README.md.

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstdint>
#include <cstring>

#include "../module.hpp"

#if PG_VERSION_NUM >= 160000
extern "C" {
#include <varatt.h>
}
#endif

// with_checksum(image bytea, place int): the image with the checksum of the bytes before `place` at that place, as
// src/kernel/segment.cpp computes it.
MODULE_FUNCTION(with_checksum) {
  bytea* image = PG_GETARG_BYTEA_P_COPY(0);
  const int place = PG_GETARG_INT32(1);
  const int size = static_cast<int>(VARSIZE(image) - VARHDRSZ);
  if (place < 0 || place > size - 4) ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("no room for a checksum")));
  const std::uint64_t hash = XXH3_64bits(VARDATA(image), static_cast<std::size_t>(place));
  const auto sum = static_cast<std::uint32_t>(hash ^ (hash >> 32)) | 0x80000000U;
  std::memcpy(VARDATA(image) + place, &sum, sizeof sum);
  PG_RETURN_BYTEA_P(image);
}
