// See one_statement.hpp.

#include "pg/one_statement.hpp"

extern "C" {
#include <utils/builtins.h>
#include <utils/snapmgr.h>
}

namespace feature {
namespace {

// Of the statement whose triggers fire: its snapshot is the active one, and no other statement of the transaction has
// the same. Triggers that a cascading foreign key has left to an outer statement see that one's.
CommandId current_command() { return ActiveSnapshotSet() ? GetActiveSnapshot()->curcid : InvalidCommandId; }

struct {
  Oid table = InvalidOid;
  CommandId command = InvalidCommandId;
} latest_insert;

const Parts*& innermost() {
  static const Parts* parts = nullptr;
  return parts;
}

int trigger_depth() { return DatumGetInt32(DirectFunctionCall1(pg_trigger_depth, 0)); }

std::uint64_t& last_number() {
  static std::uint64_t number = 0;
  return number;
}

}  // namespace

void insert_begins(Oid table) { latest_insert = {table, current_command()}; }

void forget_insert() { latest_insert = {}; }

std::optional<Part> part_of_whole(Oid table) {
  const Parts* parts = innermost();
  while (parts != nullptr && (parts->table_ != table || parts->depth_ != trigger_depth() - 1)) parts = parts->outer_;
  if (parts != nullptr) {
    return Part{{Whole::Kind::of_parts, InvalidCommandId, parts->number_}, parts->ends_with_insert_};
  }
  if (latest_insert.table != table || latest_insert.command != current_command()) return std::nullopt;
  return Part{{Whole::Kind::of_command, latest_insert.command, 0}, true};
}

bool ends(const Whole& whole, bool is_insert) {
  if (whole.kind == Whole::Kind::of_command) return is_insert && whole.command == current_command();
  for (const Parts* parts = innermost(); parts != nullptr; parts = parts->outer_) {
    if (parts->number_ == whole.number) return parts->left_ == 0 && parts->ends_with_insert_ == is_insert;
  }
  return true;
}

Parts::Parts(Oid table, int count, bool ends_with_insert)
    : table_(table),
      depth_(trigger_depth()),
      left_(count),
      ends_with_insert_(ends_with_insert),
      number_(++last_number()),
      outer_(innermost()) {
  innermost() = this;
}

Parts::~Parts() { innermost() = outer_; }

}  // namespace feature
