// See row_image.hpp.

#include "pg/row_image.hpp"

#include <algorithm>
#include <cstring>

#include "pg/compat.hpp"
#include "pg/definition.hpp"

extern "C" {
#include <access/htup_details.h>
#include <catalog/pg_type.h>
#include <common/hashfn.h>
#include <executor/executor.h>
#include <lib/stringinfo.h>
#include <utils/builtins.h>
#include <utils/fmgrprotos.h>
#include <utils/lsyscache.h>
}

namespace feature {
namespace {

// In which values are written without loss, and names so that any session finds them.
const std::vector<Setting>& image_settings() {
  static const std::vector<Setting> settings = {{"DateStyle", "ISO, YMD"},
                                                {"IntervalStyle", "postgres"},
                                                {"extra_float_digits", "1"},
                                                {"bytea_output", "hex"},
                                                {"search_path", "pg_catalog, pg_temp"}};
  return settings;
}

bool is_number(Oid type) {
  return type == INT2OID || type == INT4OID || type == INT8OID || type == NUMERICOID || type == FLOAT4OID ||
         type == FLOAT8OID;
}

HeapTupleData tuple_of(MinimalTuple row) {
  HeapTupleData tuple{};
  tuple.t_len = row->t_len + MINIMAL_TUPLE_OFFSET;
  tuple.t_data = reinterpret_cast<HeapTupleHeader>(reinterpret_cast<char*>(row) - MINIMAL_TUPLE_OFFSET);
  return tuple;
}

JsonbValue string_value(const char* text) {
  JsonbValue value{};
  value.type = jbvString;
  value.val.string.val = const_cast<char*>(text);
  value.val.string.len = static_cast<int>(std::strlen(text));
  return value;
}

// jsonb has no NaN, no infinity and no negative zero.
JsonbValue value_of(Oid type, const char* text) {
  JsonbValue value{};
  if (text == nullptr) {
    value.type = jbvNull;
  } else if (type == BOOLOID) {
    value.type = jbvBool;
    value.val.boolean = *text == 't';
  } else if (is_number(type) && std::strpbrk(text, "NIni") == nullptr && std::strcmp(text, "-0") != 0) {
    value.type = jbvNumeric;
    value.val.numeric = DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(text),
                                                            ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
  } else {
    value = string_value(text);
  }
  return value;
}

// The text that a value has in an image.
const char* text_in_image(Oid type, const char* text) {
  if (text == nullptr || (type != FLOAT4OID && type != FLOAT8OID)) return text;
  const JsonbValue value = value_of(type, text);
  if (value.type != jbvNumeric) return text;
  return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value.val.numeric)));
}

// One part of a key: NULL differs from every text, and parts cannot run into each other.
void append_key(StringInfo key, const char* text) {
  if (text == nullptr) {
    appendStringInfoString(key, "N;");
  } else {
    appendStringInfo(key, "%zu:%s;", std::strlen(text), text);
  }
}

}  // namespace

RowImages::RowImages(const ViewIdentity& view, TupleDesc source) : source_(source) {
  const std::vector<AttrNumber> read = columns_read(stored_definition(view.definition));
  for (int i = 0; i < source_->natts; ++i) {
    const Form_pg_attribute attribute = TupleDescAttr(source_, i);
    if (attribute->attisdropped || compat::is_virtual(attribute)) continue;
    Column column{};
    column.attribute = attribute->attnum;
    column.name = NameStr(attribute->attname);
    column.modifier = attribute->atttypmod;
    column.is_read = std::find(read.begin(), read.end(), attribute->attnum) != read.end();
    call([&] {
      Oid function;
      bool varies;
      column.base_type = getBaseType(attribute->atttypid);
      getTypeOutputInfo(attribute->atttypid, &function, &varies);
      fmgr_info(function, &column.output);
      getTypeInputInfo(attribute->atttypid, &function, &column.input_parameter);
      fmgr_info(function, &column.input);
    });
    columns_.push_back(column);
  }
}

const char* RowImages::text_of(const Column& column, HeapTuple row) const {
  bool null;
  const Datum value = heap_getattr(row, column.attribute, source_, &null);
  return null ? nullptr : OutputFunctionCall(const_cast<FmgrInfo*>(&column.output), value);
}

// A column that was added after the image was made has the value that it got for all rows which were there.
const char* RowImages::missing_text(const Column& column) const {
  bool null;
  const Datum value = getmissingattr(source_, column.attribute, &null);
  return null ? nullptr : OutputFunctionCall(const_cast<FmgrInfo*>(&column.output), value);
}

const char* RowImages::text_of(const Column& column, Jsonb* image) const {
  const JsonbValue* value = getKeyJsonValueFromContainer(&image->root, column.name,
                                                         static_cast<int>(std::strlen(column.name)), nullptr);
  if (value == nullptr) return missing_text(column);
  switch (value->type) {
    case jbvNull: return nullptr;
    case jbvString: return pnstrdup(value->val.string.val, static_cast<Size>(value->val.string.len));
    case jbvNumeric:
      return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric)));
    case jbvBool: return value->val.boolean ? "t" : "f";
    default: break;
  }
  ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                  errmsg("column \"%s\" of a diverted row is neither text nor number nor boolean", column.name)));
  return nullptr;
}

Datum RowImages::of(MinimalTuple row) const {
  const PinnedSettings settings(image_settings());
  return call([&] {
    HeapTupleData tuple = tuple_of(row);
    JsonbParseState* state = nullptr;
    pushJsonbValue(&state, WJB_BEGIN_OBJECT, nullptr);
    for (const Column& column : columns_) {
      JsonbValue name = string_value(column.name);
      pushJsonbValue(&state, WJB_KEY, &name);
      JsonbValue value = value_of(column.base_type, text_of(column, &tuple));
      pushJsonbValue(&state, WJB_VALUE, &value);
    }
    return JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, nullptr)));
  });
}

void RowImages::restore(Jsonb* image, TupleTableSlot* slot) const {
  const auto width = static_cast<std::size_t>(source_->natts);
  auto* values = static_cast<Datum*>(palloc0(sizeof(Datum) * width));
  auto* nulls = static_cast<bool*>(palloc(sizeof(bool) * width));
  std::memset(nulls, true, width);
  for (const Column& column : columns_) {
    const char* text = text_of(column, image);
    if (text == nullptr) continue;
    const int index = column.attribute - 1;
    values[index] = InputFunctionCall(const_cast<FmgrInfo*>(&column.input), const_cast<char*>(text),
                                      column.input_parameter, column.modifier);
    nulls[index] = false;
  }
  ExecStoreMinimalTuple(compat::heap_form_minimal_tuple(source_, values, nulls), slot, false);
}

std::string RowImages::key_of(MinimalTuple row) const {
  const PinnedSettings settings(image_settings());
  return call([&] {
    HeapTupleData tuple = tuple_of(row);
    StringInfoData key;
    initStringInfo(&key);
    for (const Column& column : columns_) {
      if (column.is_read) append_key(&key, text_in_image(column.base_type, text_of(column, &tuple)));
    }
    return key.data;
  });
}

std::string RowImages::key_of(Jsonb* image) const {
  const PinnedSettings settings(image_settings());
  return call([&] {
    StringInfoData key;
    initStringInfo(&key);
    for (const Column& column : columns_) {
      if (column.is_read) append_key(&key, text_of(column, image));
    }
    return key.data;
  });
}

std::int64_t RowImages::hash_of(const std::string& key) {
  return static_cast<std::int64_t>(
      hash_bytes_extended(reinterpret_cast<const unsigned char*>(key.data()), static_cast<int>(key.size()), 0));
}

}  // namespace feature
