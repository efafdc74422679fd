// See datum.hpp.

#include "pg/datum.hpp"

#include <algorithm>

extern "C" {
#include <access/htup_details.h>
#include <catalog/pg_type.h>
#include <funcapi.h>
#include <utils/builtins.h>
#include <utils/datum.h>
#include <utils/lsyscache.h>
#include <utils/typcache.h>
}

namespace feature {

Storage storage_of_type(Oid type, std::int16_t length, bool by_value) {
  if (!by_value) return Storage::bytes;
  if (type == FLOAT4OID) return Storage::float32;
  if (type == FLOAT8OID) return Storage::float64;
  switch (length) {
    case 1: return Storage::int8;
    case 2: return Storage::int16;
    case 4: return Storage::int32;
    default: return Storage::int64;
  }
}

Word to_normal_word(Datum datum, Storage storage) {
  switch (storage) {
    case Storage::int8: return to_word(from_word<std::int8_t>(datum));
    case Storage::int16: return to_word(from_word<std::int16_t>(datum));
    case Storage::int32: return to_word(from_word<std::int32_t>(datum));
    case Storage::float32: return datum & 0xFFFFFFFF;
    default: return datum;
  }
}

namespace {

[[nodiscard]] Word blob_in(MemoryContext memory, const void* bytes, std::size_t size, char** data) {
  auto* blob = static_cast<Blob*>(MemoryContextAllocHuge(memory, sizeof(Blob) + size));
  blob->size = size;
  *data = reinterpret_cast<char*>(blob->data);
  if (bytes != nullptr) std::memcpy(blob->data, bytes, size);
  return reinterpret_cast<Word>(blob->data);
}

}  // namespace

Value to_value(Datum datum, bool null, std::int16_t length, bool by_value, MemoryContext memory) {
  if (null) return {};
  if (by_value) return {datum, false};
  char* data;
  if (length > 0) return {blob_in(memory, DatumGetPointer(datum), static_cast<std::size_t>(length), &data), false};
  if (length == -2) {
    const char* text = DatumGetCString(datum);
    return {blob_in(memory, text, strlen(text) + 1, &data), false};
  }
  auto* flat = reinterpret_cast<struct varlena*>(DatumGetPointer(datum));
  // What says that it is short may be a pointer to where the value is stored.
  if (VARATT_IS_EXTERNAL(flat) || VARATT_IS_COMPRESSED(flat)) flat = pg_detoast_datum_packed(flat);
  if (VARATT_IS_SHORT(flat) || !VARATT_CAN_MAKE_SHORT(flat)) {
    return {blob_in(memory, flat, VARSIZE_ANY(flat), &data), false};
  }
  const std::size_t size = VARATT_CONVERTED_SHORT_SIZE(flat);
  const Word word = blob_in(memory, nullptr, size, &data);
  SET_VARSIZE_SHORT(data, size);
  std::memcpy(data + VARHDRSZ_SHORT, VARDATA(flat), size - VARHDRSZ_SHORT);
  return {word, false};
}

// The server does this for fields that are stored elsewhere, not for those that are compressed in place.
Datum to_flat_composite(Datum datum) {
  HeapTupleHeader header = DatumGetHeapTupleHeader(datum);
  TupleDesc columns = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header), HeapTupleHeaderGetTypMod(header));
  const auto count = static_cast<std::size_t>(columns->natts);
  auto* values = static_cast<Datum*>(palloc(sizeof(Datum) * std::max<std::size_t>(count, 1)));
  auto* nulls = static_cast<bool*>(palloc(sizeof(bool) * std::max<std::size_t>(count, 1)));
  HeapTupleData tuple{};
  tuple.t_len = HeapTupleHeaderGetDatumLength(header);
  ItemPointerSetInvalid(&tuple.t_self);
  tuple.t_data = header;
  heap_deform_tuple(&tuple, columns, values, nulls);
  for (std::size_t i = 0; i < count; ++i) {
    const Form_pg_attribute column = TupleDescAttr(columns, i);
    if (nulls[i] || column->attlen != -1) continue;
    values[i] = type_is_rowtype(column->atttypid) ? to_flat_composite(values[i])
                                                  : PointerGetDatum(PG_DETOAST_DATUM_PACKED(values[i]));
  }
  const Datum flat = HeapTupleGetDatum(heap_form_tuple(columns, values, nulls));
  ReleaseTupleDesc(columns);
  return flat;
}

std::size_t kept_size(Datum datum, std::int16_t length) {
  const char* bytes = DatumGetPointer(datum);
  if (length > 0) return static_cast<std::size_t>(length);
  if (length == -1 && VARATT_IS_SHORT(bytes) && !VARATT_IS_EXTERNAL(bytes)) return VARSIZE_SHORT(bytes);
  return 0;
}

}  // namespace feature
