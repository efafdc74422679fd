// A row of a source as jsonb and back, so that it can be kept and processed later.
//
// Numbers and booleans are such in jsonb; every other value is the text that its type gives. So (row ->> 'column')::type is
// the value again, whatever the type is. Columns are found by name.
#pragma once

#include "pg/pinned_settings.hpp"
#include "pg/program.hpp"

extern "C" {
#include <utils/jsonb.h>
}

namespace feature {

class RowImages {
 public:
  explicit RowImages(const Program& program);

  // The image of a row, in the current memory context.
  [[nodiscard]] Datum of(MinimalTuple row) const;
  // Backend code: puts the row of an image into a slot; it lives in the current memory context.
  void restore(Jsonb* image, TupleTableSlot* slot) const;

  // What tells rows apart: the source's primary key, without one all columns. Equal for a row and its image.
  [[nodiscard]] std::string key_of(MinimalTuple row) const;
  [[nodiscard]] std::string key_of(Jsonb* image) const;

 private:
  struct Column {
    AttrNumber attribute;
    const char* name;
    Oid base_type;
    FmgrInfo output;
    FmgrInfo input;
    Oid input_parameter;
    std::int32_t modifier;
    bool is_key;
  };

  [[nodiscard]] const char* text_of(const Column& column, HeapTuple row) const;
  [[nodiscard]] const char* text_of(const Column& column, Jsonb* image) const;
  [[nodiscard]] const char* missing_text(const Column& column) const;

  TupleDesc source_;
  std::vector<Column> columns_;
};

}  // namespace feature
