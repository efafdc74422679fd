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

// The BEFORE trigger of an INSERT on a table fires.
void insert_begins(Oid table);
// The transaction has ended: the next one has the same commands.
void forget_insert();
// An UPDATE or DELETE on a table begins: what it is a part of, if another part comes last, or has come before; and
// whether that may be an INSERT.
struct Part {
  Whole whole;
  bool insert_follows;
};
[[nodiscard]] std::optional<Part> part_of_whole(Oid table);

// Whether the statement whose AFTER trigger fires is the last part: an INSERT, or not.
[[nodiscard]] bool ends(const Whole& whole, bool is_insert);

// Makes several statements on a table parts of a whole: those that are run where it lives, not those that their triggers
// run.
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
  friend std::optional<Part> part_of_whole(Oid table);
  friend bool ends(const Whole& whole, bool is_insert);

  Oid table_;
  int depth_;
  int left_;
  bool ends_with_insert_;
  std::uint64_t number_;
  const Parts* outer_;
};

}  // namespace feature
