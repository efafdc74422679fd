// Brings a feature table in line with rows of the source that have changed: takes old versions and new rows by number,
// and then deletes, updates in place and inserts feature rows, one statement each, with all triggers. Views on the view
// take these statements as one.
//
// The feature row of an old version is found by the feature table's primary key, if that reads no window, and else by
// all columns that read none. Rows that are alike in these are taken for each other only if they are alike altogether.
#pragma once

#include "pg/feature_writer.hpp"
#include "pg/one_statement.hpp"
#include "pg/program.hpp"
#include "pg/row_streams.hpp"

extern "C" {
#include <executor/spi.h>
#include <utils/tuplestore.h>
}

namespace feature {

class FeatureRows final : public RowSink {
 public:
  // `numbers`: how many there are. Memory up to work_mem, files beyond it.
  FeatureRows(const Program& program, std::size_t numbers);

  void take_back(std::size_t number) override;
  void add(std::size_t number, const Datum* values, const bool* nulls) override;
  // Forgets all that was taken.
  void clear();

  // Once, when all is taken. Throws SqlError if a feature row cannot be told from others.
  void apply();
  // The same for an INSERT that has more rows: first what goes and changes, and then what comes, with others by one
  // writer. Views on the view take all as one statement, until this is destroyed.
  void change_for_insert();
  void insert(FeatureWriter& writer);

 private:
  // A column by which rows are found.
  struct Known {
    std::size_t column;  // of the definition
    std::string name;    // in the feature table
    std::string equals;  // empty if its type has no equality
    bool in_index;
    bool is_time;
  };
  struct Found {
    std::int64_t number;
    ItemPointerData row;
  };

  void find_known_columns();
  [[nodiscard]] std::string condition() const;
  [[nodiscard]] std::vector<Found> find();
  [[nodiscard]] std::vector<Found> choose(std::vector<Found> candidates) const;
  void check_alike(const std::vector<Found>& candidates) const;
  void remove(const std::vector<Found>& rows);
  void replace(const std::vector<ItemPointerData>& places);
  [[nodiscard]] bool has_inserts() const;
  void change(bool insert_follows);

  const Program& program_;
  OwnedContext context_;
  bool by_key_ = false;            // what is known is the primary key
  std::vector<Known> known_;
  std::vector<std::size_t> kept_;  // columns of the definition that the feature table still has
  ProjectionInfo* identify_;       // known columns of a source row
  TupleTableSlot* identity_;
  TupleDesc old_columns_, new_columns_;
  Datum* row_;                     // room for a number, the columns, and a place
  bool* nulls_;
  Tuplestorestate* old_;
  Tuplestorestate* new_;
  std::vector<bool> has_old_, has_new_;
  std::size_t old_rows_ = 0;
  std::optional<Parts> statements_;
};

}  // namespace feature
