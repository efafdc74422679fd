// The columns of a definition, and where they are in the feature table.
#pragma once

#include "pg/levels.hpp"
#include "pg/program.hpp"

namespace feature {

struct DefinitionColumn {
  std::string name;
  Oid type;
  std::int32_t typmod;
  Oid collation;
  Expr* expression;  // over the top level's input
  Expr* source;      // over the source row, or null if it reads a window

  // As in CREATE TABLE: qualified, with modifier and collation.
  [[nodiscard]] std::string sql_type() const;
  // Whether it is just this column of the source.
  [[nodiscard]] bool passes(AttrNumber attribute) const;
};

// In the definition's order.
[[nodiscard]] std::vector<DefinitionColumn> columns_of(const Levels& levels);

// The first column that passes a column of the source through, or null.
[[nodiscard]] const DefinitionColumn* column_of_source(const std::vector<DefinitionColumn>& columns,
                                                       AttrNumber attribute);

// "=" of a type's default operator class as SQL, wherever it lives; empty if it has none.
[[nodiscard]] std::string equality_operator(Oid type);

[[nodiscard]] std::string sql_type(Oid type, std::int32_t typmod, Oid collation);

// The attribute of the feature table that each column is kept in, in the definition's order. `output` has the names.
//
// They are recorded by number, which follows renames; one that was dropped is still given. A dump closes the gaps of
// dropped columns, so in a restored database they are found by name and must have kept their order; 0 if one has not.
[[nodiscard]] std::vector<AttrNumber> attributes_of(const ViewIdentity& view, ::List* output);

}  // namespace feature
