// See one_statement.hpp.

#include "pg/one_statement.hpp"

#include <algorithm>
#include <vector>

extern "C" {
#include <access/xact.h>
#include <utils/builtins.h>
#include <utils/snapmgr.h>
}

namespace feature {
namespace {

struct Insert {
  std::int32_t view;
  CommandId command;
  SubTransactionId subtransaction;
};

// Statements nest: the last one that has begun is the innermost.
std::vector<Insert>& inserts() {
  static std::vector<Insert> begun;
  return begun;
}

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

// Its snapshot is the active one. Triggers that a cascading foreign key has left to an outer statement see that one's.
CommandId current_command() { return ActiveSnapshotSet() ? GetActiveSnapshot()->curcid : InvalidCommandId; }

void insert_begins(std::int32_t view) {
  inserts().push_back({view, current_command(), GetCurrentSubTransactionId()});
}

void insert_ends(std::int32_t view) {
  const CommandId command = current_command();
  auto& begun = inserts();
  begun.erase(std::remove_if(begun.begin(), begun.end(),
                             [&](const Insert& one) { return one.view == view && one.command == command; }),
              begun.end());
}

bool is_inserting(std::int32_t view) {
  return std::any_of(inserts().begin(), inserts().end(), [&](const Insert& one) { return one.view == view; });
}

// Numbers of subtransactions grow, see row_collector.cpp.
void forget_inserts(SubTransactionId undone) {
  auto& begun = inserts();
  begun.erase(std::remove_if(begun.begin(), begun.end(),
                             [&](const Insert& one) { return one.subtransaction >= undone; }),
              begun.end());
}

std::optional<Whole> whole_with_insert(std::int32_t view) {
  const CommandId command = current_command();
  const bool begun = std::any_of(inserts().begin(), inserts().end(),
                                 [&](const Insert& one) { return one.view == view && one.command == command; });
  return begun ? std::optional<Whole>({Whole::Kind::of_command, command, 0}) : std::nullopt;
}

std::optional<Part> part_of_whole(std::int32_t view, Oid table) {
  const Parts* parts = innermost();
  while (parts != nullptr && (parts->table_ != table || parts->depth_ != trigger_depth() - 1)) parts = parts->outer_;
  if (parts != nullptr) {
    return Part{{Whole::Kind::of_parts, InvalidCommandId, parts->number_}, parts->ends_with_insert_};
  }
  if (const std::optional<Whole> whole = whole_with_insert(view)) return Part{*whole, true};
  return std::nullopt;
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
