// feature.describe: what each column of a feature view is computed from, in terms of source columns.

#include <algorithm>

#include "pg/boundary.hpp"
#include "pg/catalogue.hpp"
#include "pg/compat.hpp"
#include "pg/definition.hpp"
#include "pg/levels.hpp"

extern "C" {
#include <access/table.h>
#include <funcapi.h>
#include <nodes/nodeFuncs.h>
#include <optimizer/optimizer.h>
#include <parser/parse_node.h>
#include <parser/parsetree.h>
#include <rewrite/rewriteHandler.h>
#include <utils/builtins.h>
#include <utils/lsyscache.h>
#include <utils/rel.h>
#include <utils/ruleutils.h>

PGDLLEXPORT Datum feature_describe(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(feature_describe);
}

namespace feature {
namespace {

struct Text {
  std::string expression, window, entity;
};

// The window functions of an expanded expression, in the order in which their OVER clauses are printed.
struct Windows {
  ::List* found = NIL;

  static bool walk(Node* node, void* context) {
    if (node == nullptr) return false;
    if (expression_tree_walker(node, compat::walker(walk), context)) return true;
    if (IsA(node, WindowFunc)) {
      auto* windows = static_cast<Windows*>(context);
      windows->found = lappend(windows->found, node);
    }
    return false;
  }
};

void append_once(std::string& list, const std::string& item) {
  if (("; " + list + "; ").find("; " + item + "; ") != std::string::npos) return;
  list += (list.empty() ? "" : "; ") + item;
}

class Description {
 public:
  Description(Query* definition, Oid source) : levels_(definition) {
    context_ = call([&] { return deparse_context_for(get_rel_name(source), source); });
  }

  [[nodiscard]] Text column(Expr* target) const {
    const std::size_t top = levels_.count() - 1;
    Expr* whole = levels_.expanded(top, target);
    Text text;
    text.expression = deparse(reinterpret_cast<Node*>(whole));
    Windows windows;
    call([&] { return Windows::walk(reinterpret_cast<Node*>(whole), &windows); });
    ListCell* cell;
    std::size_t from = 0;
    foreach (cell, windows.found) add_window(lfirst_node(WindowFunc, cell), text, &from);
    return text;
  }

  [[nodiscard]] ::List* targets() const { return levels_.targets(levels_.count() - 1); }

 private:
  [[nodiscard]] std::string deparse(Node* node) const {
    return call([&] { return deparse_expression(node, context_, false, false); });
  }

  [[nodiscard]] std::string clause(std::size_t level, ::List* sort_clauses) const {
    std::string text;
    ListCell* cell;
    foreach (cell, sort_clauses) {
      Node* node = get_sortgroupclause_expr(lfirst_node(SortGroupClause, cell), levels_.targets(level));
      Expr* whole = levels_.expanded(level, reinterpret_cast<Expr*>(node));
      text += (text.empty() ? "" : ", ") + deparse(whole == nullptr ? node : reinterpret_cast<Node*>(whole));
    }
    return text;
  }

  // PostgreSQL prints OVER (?) for a window that it is not told; from the left, each is given its name or its text.
  void add_window(const WindowFunc* function, Text& text, std::size_t* from) const {
    const std::size_t level = function->winref >> 16;
    ListCell* cell;
    foreach (cell, levels_.query(level)->windowClause) {
      const auto* window = lfirst_node(WindowClause, cell);
      if (Levels::window_of_level(level, window->winref) != function->winref) continue;
      const std::string entity = clause(level, window->partitionClause);
      std::string spec = entity.empty() ? "" : "PARTITION BY " + entity + " ";
      spec += "ORDER BY " + clause(level, window->orderClause);
      if ((window->frameOptions & FRAMEOPTION_NONDEFAULT) != 0) spec += " " + frame(window);
      spec = "(" + spec + ")";
      const std::string name = window->name == nullptr ? "" : quoted(window->name);
      append_once(text.window, name.empty() ? spec : name + " AS " + spec);
      append_once(text.entity, entity.empty() ? "()" : entity);
      const std::string unknown = "OVER (?)";
      const std::size_t at = text.expression.find(unknown, *from);
      if (at == std::string::npos) return;
      const std::string known = "OVER " + (name.empty() ? spec : name);
      text.expression.replace(at, unknown.size(), known);
      *from = at + known.size();
    }
  }

  [[nodiscard]] std::string frame(const WindowClause* window) const {
    const int options = window->frameOptions;
    const auto bound = [&](int unbounded, int current, Node* offset) -> std::string {
      if ((options & unbounded) != 0) return "UNBOUNDED PRECEDING";
      if ((options & current) != 0) return "CURRENT ROW";
      return deparse(offset) + " PRECEDING";
    };
    return std::string((options & FRAMEOPTION_ROWS) != 0 ? "ROWS" : "RANGE") + " BETWEEN " +
           bound(FRAMEOPTION_START_UNBOUNDED_PRECEDING, FRAMEOPTION_START_CURRENT_ROW, window->startOffset) + " AND " +
           bound(0, FRAMEOPTION_END_CURRENT_ROW, window->endOffset);
  }

  Levels levels_;
  ::List* context_;
};

Datum describe(FunctionCallInfo fcinfo) {
  const ViewIdentity view = view_by_relation(PG_GETARG_OID(0));
  Query* definition = call([&] {
    InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
    Relation stored = table_open(view.definition, AccessShareLock);
    auto* query = static_cast<Query*>(copyObjectImpl(get_view_query(stored)));
    table_close(stored, NoLock);
    return query;
  });
  const Description description(definition, view.source);
  auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
  ListCell* cell;
  std::int32_t position = 0;
  foreach (cell, description.targets()) {
    const auto* target = lfirst_node(TargetEntry, cell);
    if (target->resjunk) continue;
    const Text text = description.column(target->expr);
    ++position;
    call([&] {
      const auto datum = [](const std::string& value) { return CStringGetTextDatum(value.c_str()); };
      Datum values[4] = {Int32GetDatum(position), datum(text.expression), 0, 0};
      bool nulls[4] = {false, false, text.window.empty(), text.entity.empty()};
      if (!nulls[2]) values[2] = datum(text.window);
      if (!nulls[3]) values[3] = datum(text.entity);
      tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    });
  }
  return 0;
}

}  // namespace
}  // namespace feature

Datum feature_describe(PG_FUNCTION_ARGS) {
  return feature::guard([&] { return feature::describe(fcinfo); });
}
