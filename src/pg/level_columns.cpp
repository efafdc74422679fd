// See level_columns.hpp.

#include "pg/level_columns.hpp"

#include "pg/boundary.hpp"
#include "pg/compat.hpp"

extern "C" {
#include <nodes/makefuncs.h>
#include <nodes/nodeFuncs.h>
}

namespace feature {
namespace {

struct Placing {
  const std::vector<const Var*>* input;  // of the level; null if that is the source
  std::size_t first_result;
};

// A copy of an expression with each Var in its place.
Node* place(Node* node, void* context) {
  if (node == nullptr) return nullptr;
  if (!IsA(node, Var)) return expression_tree_mutator(node, compat::mutator(place), context);
  const auto* placing = static_cast<const Placing*>(context);
  const auto* var = reinterpret_cast<const Var*>(node);
  const bool is_result = var->varno == INNER_VAR;
  const Var* at =
      is_result || placing->input == nullptr ? var : (*placing->input)[static_cast<std::size_t>(var->varattno - 1)];
  auto* placed = static_cast<Var*>(copyObjectImpl(at));
  if (is_result) placed->varattno = static_cast<AttrNumber>(placed->varattno + placing->first_result);
  return reinterpret_cast<Node*>(placed);
}

// The number of a column behind so many others of its tuple.
AttrNumber next_number(int columns) {
  if (columns >= MaxAttrNumber) {
    throw SqlError(ERRCODE_PROGRAM_LIMIT_EXCEEDED, "definition has too many expressions")
        .detail("Its levels may have " + std::to_string(MaxAttrNumber) +
                " columns that are computed, and as many window functions.");
  }
  return static_cast<AttrNumber>(columns + 1);
}

}  // namespace

LevelColumns::LevelColumns(const Plan& plan) {
  int computed = 0;
  for (std::size_t level = 0; level < plan.levels.size(); ++level) {
    first_result_.push_back(static_cast<std::size_t>(list_length(results_)));
    std::vector<const Var*> places;
    ::List* targets = NIL;
    ListCell* cell;
    foreach (cell, plan.levels[level].output) {
      const auto* target = lfirst_node(TargetEntry, cell);
      Expr* expression = placed(level, target->expr);
      if (!IsA(expression, Var)) {
        const AttrNumber number = next_number(computed++);
        call([&] {
          const Node* node = reinterpret_cast<const Node*>(expression);
          targets = lappend(targets, makeTargetEntry(expression, number, target->resname, false));
          expression = reinterpret_cast<Expr*>(
              makeVar(OUTER_VAR, number, exprType(node), exprTypmod(node), exprCollation(node), 0));
        });
      }
      places.push_back(reinterpret_cast<const Var*>(expression));
    }
    for (Expr* result : plan.levels[level].results) {
      const AttrNumber number = next_number(list_length(results_));
      call([&] { results_ = lappend(results_, makeTargetEntry(result, number, nullptr, false)); });
    }
    places_.push_back(std::move(places));
    computed_.push_back(targets);
  }
}

Expr* LevelColumns::placed(std::size_t level, Expr* expression) const {
  Placing placing{level == 0 ? nullptr : &places_[level - 1], first_result_[level]};
  return call([&] { return reinterpret_cast<Expr*>(place(reinterpret_cast<Node*>(expression), &placing)); });
}

::List* LevelColumns::all_computed() const {
  return call([&] {
    ::List* all = NIL;
    for (::List* of_level : computed_) all = list_concat(all, of_level);
    return all;
  });
}

}  // namespace feature
