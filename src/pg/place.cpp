// See place.hpp.

#include "pg/place.hpp"

#include <cstring>

#include "pg/compat.hpp"

extern "C" {
#include <access/htup_details.h>
#include <catalog/pg_type.h>
#include <executor/executor.h>
#include <lib/stringinfo.h>
#include <utils/builtins.h>
#include <utils/date.h>
#include <utils/fmgrprotos.h>
#include <utils/timestamp.h>
#include <utils/uuid.h>
}

namespace feature {
namespace {

// In a slot's array of nulls, where a bool is 0 or 1.
constexpr unsigned char no_value = 0x7F;

constexpr int most_shown = 64;

// A value of a type whose output function neither looks anything up nor fails; null for others.
const char* shown(Oid type, Datum value) {
  switch (type) {
    case BOOLOID: return DatumGetBool(value) ? "t" : "f";
    case INT2OID: return DatumGetCString(DirectFunctionCall1(int2out, value));
    case INT4OID: return DatumGetCString(DirectFunctionCall1(int4out, value));
    case INT8OID: return DatumGetCString(DirectFunctionCall1(int8out, value));
    case DATEOID: return DatumGetCString(DirectFunctionCall1(date_out, value));
    case TIMESTAMPOID: return DatumGetCString(DirectFunctionCall1(timestamp_out, value));
    case TIMESTAMPTZOID: return DatumGetCString(DirectFunctionCall1(timestamptz_out, value));
    case UUIDOID: return DatumGetCString(DirectFunctionCall1(uuid_out, value));
    case NUMERICOID:
    case TEXTOID:
    case VARCHAROID:
    case BPCHAROID: break;
    default: return nullptr;
  }
  const auto* bytes = reinterpret_cast<const struct varlena*>(DatumGetPointer(value));
  if (VARATT_IS_EXTERNAL(bytes) || VARATT_IS_COMPRESSED(bytes)) return nullptr;  // has to be fetched
  if (type == NUMERICOID) return DatumGetCString(DirectFunctionCall1(numeric_out, value));
  const char* text = VARDATA_ANY(bytes);
  const int size = static_cast<int>(VARSIZE_ANY_EXHDR(bytes));
  if (size <= most_shown) return pnstrdup(text, static_cast<Size>(size));
  return psprintf("%.*s...", pg_mbcliplen(text, size, most_shown), text);
}

// "(id)=(5)", as constraints name a row.
const char* key_of(const Program& program, MinimalTuple row) {
  HeapTupleData tuple{};
  tuple.t_len = row->t_len + MINIMAL_TUPLE_OFFSET;
  tuple.t_data = reinterpret_cast<HeapTupleHeader>(reinterpret_cast<char*>(row) - MINIMAL_TUPLE_OFFSET);
  const TupleDesc source = program.source_row->tts_tupleDescriptor;
  StringInfoData names, values;
  initStringInfo(&names);
  initStringInfo(&values);
  for (const Program::RowKey& key : program.row_key) {
    const char* separator = names.len == 0 ? "" : ", ";
    bool null;
    const Datum value = heap_getattr(&tuple, key.attribute, source, &null);
    const char* text = null ? "null" : shown(key.type, value);
    appendStringInfo(&names, "%s%s", separator, NameStr(TupleDescAttr(source, key.attribute - 1)->attname));
    appendStringInfo(&values, "%s%s", separator, text == nullptr ? "..." : text);
  }
  return psprintf("(%s)=(%s)", names.data, values.data);
}

}  // namespace

Place::Place(const Program& program) : program_(program) {
  callback_.previous = error_context_stack;
  callback_.callback = [](void* place) { static_cast<const Place*>(place)->describe(); };
  callback_.arg = this;
  error_context_stack = &callback_;
}

Place::~Place() { error_context_stack = callback_.previous; }

void Place::project(ProjectionInfo* projection, std::size_t first, const std::vector<const char*>& features) {
  TupleTableSlot* slot = projection->pi_state.resultslot;
  nulls_ = reinterpret_cast<unsigned char*>(slot->tts_isnull + first);
  std::memset(nulls_, no_value, features.size());
  features_ = &features;
  compat::evaluate(projection);
  nulls_ = nullptr;
}

const char* Place::feature() const {
  if (nulls_ == nullptr) return feature_;
  for (std::size_t i = 0; i < features_->size(); ++i) {
    if (nulls_[i] == no_value) return (*features_)[i];
  }
  return nullptr;
}

void Place::describe() const {
  const char* view = program_.identity().name.c_str();
  const char* key = row_ == nullptr || program_.row_key.empty() ? nullptr : key_of(program_, row_);
  const char* name = feature();
  if (key != nullptr && name != nullptr) {
    errcontext("computation of feature view \"%s\", feature \"%s\", row %s", view, name, key);
  } else if (key != nullptr) {
    errcontext("computation of feature view \"%s\", row %s", view, key);
  } else if (name != nullptr) {
    errcontext("computation of feature view \"%s\", feature \"%s\"", view, name);
  } else {
    errcontext("computation of feature view \"%s\"", view);
  }
}

}  // namespace feature
