// Rows that row triggers see are collected until their statement ends, so that all of a statement is processed
// together.
//
//   BEFORE .. FOR EACH STATEMENT   open_collection
//   AFTER .. FOR EACH ROW          add_inserted, add_updated, add_deleted to collection_of the view
//   AFTER .. FOR EACH STATEMENT    close_collection gives what there is to be processed
//
// Where several kinds of changes belong together there is one collection for all: see one_statement.hpp. What a trigger
// AFTER INSERT .. FOR EACH STATEMENT then gets as a transition table is added behind the other rows; if it fires before
// the others, the table waits for them.
//
// Statements nest, by triggers and functions that write to the same source: collections are a stack, and rows go to the
// innermost one. Row triggers may fire where no statement trigger has, as in the apply worker of logical replication or
// for a partition that is written to directly: then there is no collection, and one is to be opened; see query_end.hpp.
//
// A collection ends with the subtransaction in which it was opened. Rows are kept in memory up to work_mem and on disk
// beyond it.
#pragma once

#include <algorithm>

#include "pg/known_rows.hpp"
#include "pg/one_statement.hpp"
#include "pg/partition_rows.hpp"
#include "pg/row_streams.hpp"

extern "C" {
#include <executor/tuptable.h>
#include <utils/tuplestore.h>
}

namespace feature {

// What has happened to a row of the source.
struct RowChange {
  bool has_old, has_new;
  // Where the new version is, if there is one; InvalidOid if that is not known, as of the rows of a transition table.
  Oid new_relation;
  ItemPointerData new_tid;

  [[nodiscard]] bool has(bool old) const { return old ? has_old : has_new; }
};

// The changes of one statement, in the order in which it has made them. Each is of a row of the source, or of a
// partition of it: `relation`; SqlError is thrown if it is of none of these.
class RowChanges {
 public:
  // `changed_by`: if several commands make the changes, as they are parts of a whole, the first of them.
  explicit RowChanges(Oid source, std::optional<CommandId> changed_by = std::nullopt)
      : partitions_(source), changed_by_(changed_by) {}

  void add_inserted(Relation relation, TupleTableSlot* row);
  void add_updated(Relation relation, TupleTableSlot* old_row, TupleTableSlot* new_row);
  void add_deleted(Relation relation, TupleTableSlot* row);
  // Rows of a transition table of the source. They are processed behind what was added before, as a batch of their own.
  void add_inserted(Tuplestorestate* rows, TupleDesc columns);
  // Such a table that is to be added once all else is; null if there is none. It lives until the query has ended.
  void let_wait(Tuplestorestate* rows) { waiting_ = rows; }
  [[nodiscard]] Tuplestorestate* waiting() const { return waiting_; }

  [[nodiscard]] Oid source() const { return partitions_.source(); }
  [[nodiscard]] std::optional<CommandId> changed_by() const { return changed_by_; }

  [[nodiscard]] const std::vector<RowChange>& changes() const { return changes_; }
  [[nodiscard]] std::size_t old_rows() const { return old_rows_; }
  // With which change a transition table's rows begin; they are the last. As many as there are if there is none.
  [[nodiscard]] std::size_t first_of_table() const { return std::min(first_of_table_, changes_.size()); }

  // What the states knew of before the first statement within this one had them computed anew, if any has.
  [[nodiscard]] std::optional<KnownRows>& known() { return known_; }

  // Gives memory and files back; after an error the end of the transaction does.
  void release();

 private:
  friend class ChangedRows;
  void put(Tuplestorestate*& rows, Relation relation, TupleTableSlot* row);

  PartitionRows partitions_;
  std::optional<CommandId> changed_by_;
  std::optional<KnownRows> known_;
  std::vector<RowChange> changes_;
  std::size_t old_rows_ = 0;
  std::size_t first_of_table_ = SIZE_MAX;
  Tuplestorestate* old_ = nullptr;
  Tuplestorestate* new_ = nullptr;
  Tuplestorestate* waiting_ = nullptr;
};

// The old or the new versions of the rows of all changes, or of those from one to before another.
class ChangedRows final : public RowSource {
 public:
  ChangedRows(const RowChanges& changes, bool old, std::size_t from = 0, std::size_t to = SIZE_MAX);

  bool next(TupleTableSlot* slot) override;
  bool has_more() const override;
  bool begins_batch() const override;
  std::unique_ptr<RowSource> again() override { return std::make_unique<ChangedRows>(changes_, old_, from_, to_); }
  std::int64_t count() const override { return count(from_, to_); }
  // The place among the changes of the row that next() has given last.
  [[nodiscard]] std::size_t number() const { return next_ - 1; }

 private:
  [[nodiscard]] std::int64_t count(std::size_t from, std::size_t to) const;

  const RowChanges& changes_;
  Tuplestorestate* rows_;
  int pointer_ = 0;
  bool old_;
  std::size_t from_, to_;
  std::size_t next_;
};

// A kind of change begins, but for the INSERT of an ordinary source. All of one query have one collection, and so have
// those that are `parts` of a whole, see one_statement.hpp.
void open_collection(std::int32_t view, Oid source, std::optional<std::uint64_t> parts = std::nullopt);
// Whether rows that an INSERT has put into a view's source have still to be processed. What is being processed is no
// longer in a collection.
[[nodiscard]] bool has_unprocessed_inserts(std::int32_t view);
// Of the outermost statement that has begun to change rows of a view's source, and not ended; null if there is none.
// Likewise not that of what is being processed.
[[nodiscard]] RowChanges* outermost_changes(std::int32_t view);
// Whether a command has written rows to a view's source that have still to be processed.
[[nodiscard]] bool is_unprocessed(std::int32_t view, CommandId command);
// Null if none was opened by a statement of the current subtransaction.
[[nodiscard]] RowChanges* collection_of(std::int32_t view);
// At the end of an INSERT: whether its query changes rows otherwise and has not ended with that. Then its rows wait.
[[nodiscard]] bool let_inserted_wait(std::int32_t view, Tuplestorestate* rows);
// At the end of a kind of change, an INSERT or another: null if there is none, or others are to end.
[[nodiscard]] std::unique_ptr<RowChanges> close_collection(std::int32_t view, bool is_insert);

// Once a session: lets collections end with their transactions.
void watch_transactions();

}  // namespace feature
