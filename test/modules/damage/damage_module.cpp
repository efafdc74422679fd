// See README.md.

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstdint>
#include <cstdint>
#include <cstring>

extern "C" {
#include <postgres.h>
#include <fmgr.h>
#if PG_VERSION_NUM >= 160000
#include <varatt.h>
#endif

#define EXPORTED __attribute__((visibility("default")))
extern EXPORTED const Pg_magic_struct* PG_MAGIC_FUNCTION_NAME(void);
PG_MODULE_MAGIC;

EXPORTED Datum with_checksum(PG_FUNCTION_ARGS);
EXPORTED const Pg_finfo_record* CppConcat(pg_finfo_, with_checksum)(void);
PG_FUNCTION_INFO_V1(with_checksum);
}

// with_checksum(image bytea, place int): the image with the checksum of the bytes before `place` at that place, as
// src/kernel/segment.cpp computes it.
Datum with_checksum(PG_FUNCTION_ARGS) {
  bytea* image = PG_GETARG_BYTEA_P_COPY(0);
  const int place = PG_GETARG_INT32(1);
  const int size = static_cast<int>(VARSIZE(image) - VARHDRSZ);
  if (place < 0 || place > size - 4) ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("no room for a checksum")));
  const std::uint64_t hash = XXH3_64bits(VARDATA(image), static_cast<std::size_t>(place));
  const auto sum = static_cast<std::uint32_t>(hash ^ (hash >> 32)) | 0x80000000U;
  std::memcpy(VARDATA(image) + place, &sum, sizeof sum);
  PG_RETURN_BYTEA_P(image);
}
