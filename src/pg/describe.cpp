// feature.describe: what each column of a feature view is computed from, in terms of source columns.

#include "pg/describe.hpp"

#include "pg/boundary.hpp"
#include "pg/catalogue.hpp"
#include "pg/columns.hpp"
#include "pg/compat.hpp"
#include "pg/definition.hpp"
#include "pg/levels.hpp"

extern "C" {
#include <catalog/pg_aggregate.h>
#include <funcapi.h>
#include <nodes/makefuncs.h>
#include <nodes/nodeFuncs.h>
#include <optimizer/optimizer.h>
#include <parser/parse_node.h>
#include <parser/parsetree.h>
#include <utils/builtins.h>
#include <utils/lsyscache.h>
#include <utils/ruleutils.h>

PGDLLEXPORT Datum feature_describe(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(feature_describe);
}

namespace feature {
namespace {

struct Text {
  std::string expression, window, entity;
};

// The calls of window functions in an expanded expression, each before those that read it, without their OVER clauses:
// PostgreSQL prints these only as part of the whole query. Parameters stand in their places.
struct WindowCalls {
  ::List* calls = NIL;
  ::List* windows = NIL;  // the window of each, see Levels::window_of_level

  // Numbers that no query uses, and equally long, so that none begins another one.
  static constexpr int first_parameter = 1 << 30;

  static Node* take(Node* node, void* context) {
    if (node == nullptr) return nullptr;
    WindowFunc* function = IsA(node, WindowFunc) ? reinterpret_cast<WindowFunc*>(node)
                                                 : compat::window_of_json_constructor(node);
    if (function == nullptr) return expression_tree_mutator(node, compat::mutator(take), context);
    auto* taken = static_cast<WindowCalls*>(context);
    auto* inner = reinterpret_cast<WindowFunc*>(
        expression_tree_mutator(reinterpret_cast<Node*>(function), compat::mutator(take), context));
    Node* made = inner->winagg ? as_aggregate(inner) : as_function(inner);
    if (reinterpret_cast<Node*>(function) != node) made = compat::with_function(node, made);
    auto* parameter = makeNode(Param);
    parameter->paramkind = PARAM_EXTERN;
    parameter->paramid = first_parameter + list_length(taken->calls);
    parameter->paramtype = exprType(node);
    parameter->paramtypmod = exprTypmod(node);
    parameter->paramcollid = exprCollation(node);
    parameter->location = -1;
    taken->calls = lappend(taken->calls, made);
    taken->windows = lappend_int(taken->windows, static_cast<int>(function->winref));
    return reinterpret_cast<Node*>(parameter);
  }

 private:
  static Node* as_aggregate(const WindowFunc* function) {
    auto* aggregate = makeNode(Aggref);
    aggregate->aggfnoid = function->winfnoid;
    aggregate->aggtype = function->wintype;
    aggregate->aggcollid = function->wincollid;
    aggregate->inputcollid = function->inputcollid;
    aggregate->aggfilter = function->aggfilter;
    aggregate->aggstar = function->winstar;
    aggregate->aggkind = AGGKIND_NORMAL;
    aggregate->location = -1;
    ListCell* cell;
    foreach (cell, function->args) {
      auto* argument = static_cast<Expr*>(lfirst(cell));
      const auto number = static_cast<AttrNumber>(list_length(aggregate->args) + 1);
      aggregate->args = lappend(aggregate->args, makeTargetEntry(argument, number, nullptr, false));
      aggregate->aggargtypes = lappend_oid(aggregate->aggargtypes, exprType(reinterpret_cast<Node*>(argument)));
    }
    return reinterpret_cast<Node*>(aggregate);
  }

  static Node* as_function(const WindowFunc* function) {
    return reinterpret_cast<Node*>(makeFuncExpr(function->winfnoid, function->wintype, function->args,
                                                function->wincollid, function->inputcollid, COERCE_EXPLICIT_CALL));
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
    Text text;
    text.expression = print(levels_.expanded(levels_.count() - 1, target), &text);
    return text;
  }

  // The PARTITION BY list of a level's window, () if it has none.
  [[nodiscard]] std::string entity(std::size_t level, const WindowClause* window) const {
    const std::string list = clause(level, window->partitionClause);
    return list.empty() ? "()" : list;
  }

  [[nodiscard]] std::vector<KeyText> keys(std::size_t level, const WindowClause* window) const {
    std::vector<KeyText> keys;
    ListCell* cell;
    foreach (cell, window->partitionClause) {
      Node* expression = get_sortgroupclause_expr(lfirst_node(SortGroupClause, cell), levels_.targets(level));
      Expr* key = levels_.over_source(level, reinterpret_cast<Expr*>(expression));
      KeyText text;
      if (key != nullptr) text.sql = deparse(reinterpret_cast<Node*>(key));
      text.name = text.sql;
      if (key != nullptr && IsA(key, Var)) {
        text.name =
            call([&] { return get_attname(levels_.source(), reinterpret_cast<const Var*>(key)->varattno, false); });
      }
      keys.push_back(text);
    }
    return keys;
  }

  [[nodiscard]] ::List* targets() const { return levels_.targets(levels_.count() - 1); }

 private:
  [[nodiscard]] std::string deparse(Node* node) const {
    return call([&] { return deparse_expression(node, context_, false, false); });
  }

  // Prints an expanded expression; notes its windows in `text`, unless that is null.
  [[nodiscard]] std::string print(Expr* expanded, Text* text) const {
    WindowCalls windows;
    Node* rest = call([&] {
      return WindowCalls::take(static_cast<Node*>(copyObjectImpl(expanded)), &windows);
    });
    std::vector<std::string> printed;
    for (int i = 0; i < list_length(windows.calls); ++i) {
      const std::string function = put_in(printed, deparse(static_cast<Node*>(list_nth(windows.calls, i))));
      printed.push_back(function + " OVER " + over(static_cast<Index>(list_nth_int(windows.windows, i)), text));
    }
    return put_in(printed, deparse(rest));
  }

  // Window functions in the places of the parameters that stand for them.
  [[nodiscard]] static std::string put_in(const std::vector<std::string>& printed, std::string text) {
    for (std::size_t i = 0; i < printed.size(); ++i) {
      const std::string parameter = "$" + std::to_string(WindowCalls::first_parameter + static_cast<int>(i));
      for (std::size_t at = 0; (at = text.find(parameter, at)) != std::string::npos; at += printed[i].size()) {
        text.replace(at, parameter.size(), printed[i]);
      }
    }
    return text;
  }

  [[nodiscard]] std::string clause(std::size_t level, ::List* sort_clauses) const {
    std::string text;
    ListCell* cell;
    foreach (cell, sort_clauses) {
      Node* node = get_sortgroupclause_expr(lfirst_node(SortGroupClause, cell), levels_.targets(level));
      Expr* whole = levels_.expanded(level, reinterpret_cast<Expr*>(node));
      text += (text.empty() ? "" : ", ") + (whole == nullptr ? deparse(node) : print(whole, nullptr));
    }
    return text;
  }

  // What follows OVER: the window's name, or its text.
  [[nodiscard]] std::string over(Index winref, Text* text) const {
    const std::size_t level = winref >> 16;
    ListCell* cell;
    foreach (cell, levels_.query(level)->windowClause) {
      const auto* window = lfirst_node(WindowClause, cell);
      if (Levels::window_of_level(level, window->winref) != winref) continue;
      std::string spec = window->partitionClause == NIL ? "" : "PARTITION BY " + entity(level, window) + " ";
      spec += "ORDER BY " + clause(level, window->orderClause);
      if ((window->frameOptions & FRAMEOPTION_NONDEFAULT) != 0) spec += " " + frame(window);
      spec = "(" + spec + ")";
      const std::string name = window->name == nullptr ? "" : quoted(window->name);
      if (text != nullptr) {
        append_once(text->window, name.empty() ? spec : name + " AS " + spec);
        append_once(text->entity, entity(level, window));
      }
      return name.empty() ? spec : name;
    }
    return "(?)";
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
  call([&] { InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC); });
  const Description description(stored_definition(view.definition), view.source);
  const std::vector<AttrNumber> attributes = attributes_of(view, description.targets());
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
      const AttrNumber attribute = attributes[static_cast<std::size_t>(position - 1)];
      Datum values[5] = {Int32GetDatum(position), datum(text.expression), 0, 0, Int16GetDatum(attribute)};
      bool nulls[5] = {false, false, text.window.empty(), text.entity.empty(), attribute == InvalidAttrNumber};
      if (!nulls[2]) values[2] = datum(text.window);
      if (!nulls[3]) values[3] = datum(text.entity);
      tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    });
  }
  return 0;
}

}  // namespace

std::vector<std::string> entities_of(Query* definition, const Plan& plan) {
  const Description description(definition, plan.source);
  std::vector<std::string> entities;
  for (const PartitionList& list : plan.lists) entities.push_back(description.entity(list.level, list.window));
  return entities;
}

std::vector<KeyText> keys_of(Query* definition, const PartitionList& list, Oid source) {
  return Description(definition, source).keys(list.level, list.window);
}

}  // namespace feature

Datum feature_describe(PG_FUNCTION_ARGS) {
  return feature::guard([&] { return feature::describe(fcinfo); });
}
