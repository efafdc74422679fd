// A row of a source as jsonb and back, so that it can be kept and processed later.
//
// Numbers and booleans are such in jsonb; every other value is the text that its type gives. So (row ->>
// 'column')::type is the value again, whatever the type is. Columns are found by name.
#pragma once

#include "pg/pinned_settings.hpp"
#include "pg/program.hpp"

extern "C" {
#include <utils/jsonb.h>
}

namespace feature {

class RowImages {
 public:
  // `source`: the type of the source's rows, which is borrowed.
  RowImages(const ViewIdentity& view, TupleDesc source);

  // The image of a row, in the current memory context.
  [[nodiscard]] Datum of(MinimalTuple row) const;
  // Backend code: puts the row of an image into a slot; it lives in the current memory context.
  void restore(Jsonb* image, TupleTableSlot* slot) const;

  // What a view knows a row by: the columns that its definition reads. Equal for a row and its image; whatever else of
  // the row is updated, it stays the same.
  [[nodiscard]] std::string key_of(MinimalTuple row) const;
  [[nodiscard]] std::string key_of(Jsonb* image) const;
  // Of a key; the same in every session and version.
  [[nodiscard]] static std::int64_t hash_of(const std::string& key);

 private:
  struct Column {
    AttrNumber attribute;
    const char* name;
    Oid base_type;
    FmgrInfo output;
    FmgrInfo input;
    Oid input_parameter;
    std::int32_t modifier;
    bool is_read;
  };

  [[nodiscard]] const char* text_of(const Column& column, HeapTuple row) const;
  [[nodiscard]] const char* text_of(const Column& column, Jsonb* image) const;
  [[nodiscard]] const char* missing_text(const Column& column) const;

  TupleDesc source_;
  std::vector<Column> columns_;
};

}  // namespace feature
