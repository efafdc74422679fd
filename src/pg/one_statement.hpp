// What belongs to one statement, though PostgreSQL fires triggers as if there were several: the kinds of changes of an
// INSERT .. ON CONFLICT DO UPDATE or a MERGE; and what a correction does to a feature table, which views on it are to
// take as one. Their rows are processed together when the last part ends, so that all entities are locked in one order.
//
// BEFORE triggers of a statement fire in the order of INSERT, UPDATE, DELETE; AFTER triggers in that of DELETE, UPDATE,
// INSERT.
#pragma once

#include "pg/postgres.hpp"

namespace feature {

// Parts that belong together. Those of one statement of the client's have its command in common.
struct Whole {
  enum class Kind { of_command, of_parts } kind;
  CommandId command;     // of_command
  std::uint64_t number;  // of_parts

  [[nodiscard]] bool operator==(const Whole& other) const {
    return kind == other.kind && command == other.command && number == other.number;
  }
};

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

// Of the statement whose triggers fire: no other statement of the transaction has the same.
[[nodiscard]] CommandId current_command();
// The whole of that statement, if an INSERT of it has begun.
[[nodiscard]] std::optional<Whole> whole_with_insert(std::int32_t view);

// An UPDATE or DELETE on a view's source begins: what it is a part of, if another part comes last, or has come before;
// and whether that may be an INSERT.
struct Part {
  Whole whole;
  bool insert_follows;
};
[[nodiscard]] std::optional<Part> part_of_whole(std::int32_t view, Oid table);

// Whether the statement whose AFTER trigger fires is the last part: an INSERT, or not.
[[nodiscard]] bool ends(const Whole& whole, bool is_insert);

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
  friend std::optional<Part> part_of_whole(std::int32_t view, Oid table);
  friend bool ends(const Whole& whole, bool is_insert);

  Oid table_;
  int depth_;
  int left_;
  bool ends_with_insert_;
  std::uint64_t number_;
  const Parts* outer_;
};

}  // namespace feature
