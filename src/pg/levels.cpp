// See levels.hpp.

#include "pg/levels.hpp"

#include "pg/compat.hpp"
#include "pg/definition.hpp"

extern "C" {
#include <nodes/makefuncs.h>
#include <nodes/nodeFuncs.h>
#include <rewrite/rewriteManip.h>
}

namespace feature {
namespace {

// Puts the columns of the levels below in place of Vars, down to the source.
struct Substitution {
  const Levels* levels;
  std::size_t level;
  bool stop_at_windows;
  bool stopped;
};

Node* substitute(Node* node, void* context) {
  auto* substitution = static_cast<Substitution*>(context);
  if (node == nullptr) return nullptr;
  if (IsA(node, WindowFunc)) {
    if (substitution->stop_at_windows) {
      substitution->stopped = true;
      return node;
    }
    node = expression_tree_mutator(node, compat::mutator(substitute), context);
    auto* function = reinterpret_cast<WindowFunc*>(node);
    function->winref = Levels::window_of_level(substitution->level, function->winref);
    return node;
  }
  if (IsA(node, Var) && substitution->level > 0) {
    const auto* var = reinterpret_cast<Var*>(node);
    if (var->varattno <= 0) {
      substitution->stopped = true;
      return node;
    }
    ::List* below = substitution->levels->targets(substitution->level - 1);
    const auto* target = static_cast<TargetEntry*>(list_nth(below, var->varattno - 1));
    --substitution->level;
    Node* found = substitute(reinterpret_cast<Node*>(copyObjectImpl(target->expr)), context);
    ++substitution->level;
    return found;
  }
  return expression_tree_mutator(node, compat::mutator(substitute), context);
}

Expr* run(const Levels& levels, std::size_t level, Expr* expression, bool stop_at_windows) {
  Substitution substitution{&levels, level, stop_at_windows, false};
  auto* result = call([&] { return substitute(reinterpret_cast<Node*>(copyObjectImpl(expression)), &substitution); });
  return substitution.stopped ? nullptr : reinterpret_cast<Expr*>(result);
}

}  // namespace

Levels::Levels(Query* definition) {
  for (Query* query : levels_of(definition)) {
    int index;
    const RangeTblEntry* entry = source_of_level(query, &index);
    if (levels_.empty()) {
      if (entry->rtekind != RTE_RELATION) {
        throw SqlError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "stored definition of a feature view was changed")
            .hint("Drop the feature view and create it again.");
      }
      source_ = entry->relid;
    }
    levels_.push_back(call([&] {
      auto* targets = static_cast<::List*>(copyObjectImpl(query->targetList));
      ChangeVarNodes(reinterpret_cast<Node*>(targets), index, 1, 0);
      return One{query, targets};
    }));
    if (levels_.size() > 1 || query->jointree->quals == nullptr) continue;
    filter_ = call([&] {
      Node* condition = static_cast<Node*>(copyObjectImpl(query->jointree->quals));
      ChangeVarNodes(condition, index, 1, 0);
      return reinterpret_cast<Expr*>(condition);
    });
  }
}

Expr* Levels::over_source(std::size_t level, Expr* expression) const { return run(*this, level, expression, true); }

Expr* Levels::expanded(std::size_t level, Expr* expression) const { return run(*this, level, expression, false); }

}  // namespace feature
