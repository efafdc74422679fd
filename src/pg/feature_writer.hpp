// Puts finished rows into a feature table, as COPY does: in bulk, past its indexes, constraints and triggers.
//
// Runs backend code: only inside call. Like the state store it releases nothing on errors; finish() does on success.
#pragma once

#include "pg/index_entries.hpp"
#include "pg/postgres.hpp"

extern "C" {
#include <access/heapam.h>
#include <access/tableam.h>
#include <commands/trigger.h>
#include <nodes/bitmapset.h>
#include <nodes/execnodes.h>
#include <utils/rel.h>
#include <utils/resowner.h>
}

namespace feature {

class FeatureWriter {
 public:
  // Rows of `columns` values go to these attributes of the table; a value whose attribute is 0 or dropped is left out.
  // `fire_triggers`: whether triggers on the feature table see the rows. A rebuild goes without.
  void open(Oid relation, const AttrNumber* attributes, int columns, bool fire_triggers);

  // From here on add() raises all errors that a row meets in indexes, too. `rows_differ`: no two rows that are added
  // have the same primary key. What AFTER triggers and foreign keys say is still only known at the end.
  void attribute_errors(bool rows_differ);

  // Adds a row, copying it; other columns of the table get their defaults. Most rows wait to be written together. One
  // that may not fit its page or an index is written at once, so that an error is this row's and no other's.
  void add(const Datum* values, const bool* nulls);

  // What is due after a row, if anything: its AFTER triggers, if it was written at once, and the rows that wait, once
  // they are many.
  [[nodiscard]] bool is_due() const { return alone_.pending || used_ >= most_waiting_ || bytes_ > most_bytes; }
  void catch_up();

  void finish();

 private:
  static constexpr int most_rows = 1000;
  static constexpr std::size_t most_bytes = 512 * 1024;

  void push_snapshot() const;
  [[nodiscard]] TupleTableSlot* make_slot() const;
  void flush();
  [[nodiscard]] bool lets_entries_wait();
  void add_default(TupleTableSlot* slot, int column);
  void check(TupleTableSlot* slot);
  void find_wide_keys();
  [[nodiscard]] bool may_not_fit(TupleTableSlot* slot) const;
  [[nodiscard]] bool may_not_fit_page(HeapTuple row) const;
  [[nodiscard]] bool may_not_fit_index(TupleTableSlot* slot, const Bitmapset* key) const;
  [[nodiscard]] bool may_fail_in_index(TupleTableSlot* slot);
  void write_alone(TupleTableSlot* slot);
  [[nodiscard]] ::List* insert_index_entries(TupleTableSlot* slot);
  void after_insert(TupleTableSlot* slot, ::List* recheck);

  ResourceOwner owner_ = nullptr;
  Relation relation_ = nullptr;
  EState* executor_ = nullptr;
  ResultRelInfo* result_ = nullptr;
  TransitionCaptureState* transition_ = nullptr;
  BulkInsertState bulk_ = nullptr;
  IndexEntries entries_;  // of rows that are written, if there are many
  MemoryContext rows_ = nullptr;
  int* column_of_ = nullptr;        // by attribute: the row's value that goes there, or -1
  ExprState** defaults_ = nullptr;  // of columns beyond the definition's, when there are any
  ::List* wide_keys_ = NIL;         // Bitmapsets: attributes of an index's columns, if some have values of any length
  TupleTableSlot* slots_[most_rows] = {};
  int made_ = 0;
  int used_ = 0;
  int most_waiting_ = most_rows;
  std::size_t bytes_ = 0;
  bool attributes_errors_ = false;
  bool has_odd_index_ = false;    // one that can fail for other reasons than size and uniqueness
  ::List* unique_indexes_ = NIL;  // OIDs of those that are checked at once
  struct {
    TupleTableSlot* slot = nullptr;
    ::List* recheck = NIL;
    bool pending = false;  // its AFTER triggers are to be queued
  } alone_;
};

}  // namespace feature
