// What belongs to one statement, though PostgreSQL fires triggers as if there were several: the kinds of changes of an
// INSERT .. ON CONFLICT DO UPDATE, a MERGE, or a query with several in its WITH; and what a correction does to a
// feature table, which views on it are to take as one. Their rows are processed together when the last part ends, so
// that all entities are locked in one order.
//
// The parts of one query have its command in common. For each kind of change PostgreSQL fires BEFORE STATEMENT triggers
// once in a query, when it begins, and AFTER STATEMENT triggers once, when the query has run to its end: all parts have
// begun when the first one ends, in whichever order they do.
#pragma once

#include "pg/postgres.hpp"

namespace feature {

// The triggers BEFORE and AFTER an INSERT fire for a view. In between rows stand in its source that it has not
// processed; statements that a trigger or function runs meanwhile can see them.
void insert_begins(std::int32_t view);
void insert_ends(std::int32_t view);
[[nodiscard]] bool is_inserting(std::int32_t view);
// While it lives, an INSERT into a view's source has rows left that the view has still to process.
class UnprocessedInsert {
 public:
  explicit UnprocessedInsert(std::int32_t view) : view_(view) { insert_begins(view); }
  UnprocessedInsert(const UnprocessedInsert&) = delete;
  UnprocessedInsert& operator=(const UnprocessedInsert&) = delete;
  ~UnprocessedInsert() { insert_ends(view_); }

 private:
  std::int32_t view_;
};
// Those of a subtransaction that was undone are over; and all with the transaction, as the next one has the same
// commands.
void forget_inserts(SubTransactionId undone);

// Whether an INSERT of the command has begun whose rows have not been processed.
[[nodiscard]] bool is_inserting(std::int32_t view, CommandId command);
// Whether one is running that has begun before the command.
[[nodiscard]] bool was_inserting_before(std::int32_t view, CommandId command);

// Of the statement whose triggers fire: no other statement of the transaction has the same.
[[nodiscard]] CommandId current_command();

// A statement on a view's source that is one of several that are run here, see below: which those are, and whether an
// INSERT comes last.
struct Part {
  std::uint64_t parts;
  bool insert_follows;
};
[[nodiscard]] std::optional<Part> part_of(Oid table);
// Whether the statement whose AFTER trigger fires is the last of them: an INSERT, or not.
[[nodiscard]] bool ends(std::uint64_t parts, bool is_insert);

// Makes several statements on a table parts of a whole: those that are run where it lives, not those that their
// triggers run.
class Parts {
 public:
  // `count`: how many there are; an INSERT comes last if there is one.
  Parts(Oid table, int count, bool ends_with_insert);
  Parts(const Parts&) = delete;
  Parts& operator=(const Parts&) = delete;
  ~Parts();

  // The next one begins.
  void next() { --left_; }

 private:
  friend std::optional<Part> part_of(Oid table);
  friend bool ends(std::uint64_t parts, bool is_insert);

  Oid table_;
  int depth_;
  int left_;
  bool ends_with_insert_;
  std::uint64_t number_;
  const Parts* outer_;
};

}  // namespace feature
