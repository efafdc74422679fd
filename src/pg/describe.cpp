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

class Description {
 public:
  Description(Query* definition, Oid source) : levels_(definition) {
    context_ = call([&] { return deparse_context_for(get_rel_name(source), source); });
  }

  [[nodiscard]] Text column(Expr* target) const {
    const std::size_t top = levels_.count() - 1;
    Text text;
    Expr* whole = levels_.expanded(top, target);
    text.expression = deparse(reinterpret_cast<Node*>(whole == nullptr ? target : whole));
    collect_windows(top, target, text);
    return text;
  }

  [[nodiscard]] ::List* targets() const { return levels_.targets(levels_.count() - 1); }

 private:
  [[nodiscard]] std::string deparse(Node* node) const {
    return call([&] { return deparse_expression(node, context_, false, false); });
  }

  struct Nodes {
    ::List* windows = NIL;
    ::List* columns = NIL;
    static bool walk(Node* node, void* context) {
      if (node == nullptr) return false;
      auto* nodes = static_cast<Nodes*>(context);
      if (IsA(node, WindowFunc)) nodes->windows = lappend(nodes->windows, node);
      if (IsA(node, Var)) nodes->columns = list_append_unique_int(nodes->columns, reinterpret_cast<Var*>(node)->varattno);
      return expression_tree_walker(node, compat::walker(walk), context);
    }
  };

  static void append(std::string& list, const std::string& item) {
    if (("; " + list + "; ").find("; " + item + "; ") != std::string::npos) return;
    list += (list.empty() ? "" : "; ") + item;
  }

  // The windows of the functions in an expression, and of those below that it reads.
  void collect_windows(std::size_t level, Expr* expression, Text& text) const {
    Nodes nodes;
    call([&] { return Nodes::walk(reinterpret_cast<Node*>(expression), &nodes); });
    ListCell* cell;
    foreach (cell, nodes.windows) describe_window(level, lfirst_node(WindowFunc, cell), text);
    if (level == 0) return;
    foreach (cell, nodes.columns) {
      const auto* below = static_cast<TargetEntry*>(list_nth(levels_.targets(level - 1), lfirst_int(cell) - 1));
      collect_windows(level - 1, below->expr, text);
    }
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

  void describe_window(std::size_t level, const WindowFunc* function, Text& text) const {
    ListCell* cell;
    foreach (cell, levels_.query(level)->windowClause) {
      const auto* window = lfirst_node(WindowClause, cell);
      if (window->winref != function->winref) continue;
      const std::string entity = clause(level, window->partitionClause);
      std::string spec = entity.empty() ? "" : "PARTITION BY " + entity + " ";
      spec += "ORDER BY " + clause(level, window->orderClause);
      if ((window->frameOptions & FRAMEOPTION_NONDEFAULT) != 0) spec += " " + frame(window);
      append(text.window, spec);
      append(text.entity, entity.empty() ? "()" : entity);
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
