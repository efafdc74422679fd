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

bool is_inserting(std::int32_t view, CommandId command) {
  return std::any_of(inserts().begin(), inserts().end(),
                     [&](const Insert& one) { return one.view == view && one.command == command; });
}

bool was_inserting_before(std::int32_t view, CommandId command) {
  return std::any_of(inserts().begin(), inserts().end(),
                     [&](const Insert& one) { return one.view == view && one.command < command; });
}

// Numbers of subtransactions grow, see row_collector.cpp.
void forget_inserts(SubTransactionId undone) {
  auto& begun = inserts();
  begun.erase(std::remove_if(begun.begin(), begun.end(),
                             [&](const Insert& one) { return one.subtransaction >= undone; }),
              begun.end());
}

std::optional<Part> part_of(Oid table) {
  const Parts* parts = innermost();
  while (parts != nullptr && (parts->table_ != table || parts->depth_ != trigger_depth() - 1)) parts = parts->outer_;
  return parts == nullptr ? std::nullopt : std::optional<Part>({parts->number_, parts->ends_with_insert_});
}

bool ends(std::uint64_t parts, bool is_insert) {
  for (const Parts* one = innermost(); one != nullptr; one = one->outer_) {
    if (one->number_ == parts) return one->left_ == 0 && one->ends_with_insert_ == is_insert;
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
