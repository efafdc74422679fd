// Definition to plan. Three steps a level: refuse what no level may hold, turn each window function into what the
// engine computes, and leave the rest to PostgreSQL with the results in the window functions' places.
//
// C++ exceptions must not cross PostgreSQL's tree walkers, so walkers only collect; decisions are made in between.

#include "pg/compile.hpp"

#include <algorithm>
#include <tuple>

#include "pg/catalogue_aggregate.hpp"
#include "pg/columns.hpp"
#include "pg/compat.hpp"
#include "pg/datum.hpp"
#include "pg/frame_bounds.hpp"
#include "pg/levels.hpp"
#include "pg/native_aggregates.hpp"
#include "pg/partition_lists.hpp"
#include "pg/refusals.hpp"

extern "C" {
#include <access/htup_details.h>
#include <access/transam.h>
#include <catalog/pg_language.h>
#include <catalog/pg_proc.h>
#include <catalog/pg_type.h>
#include <miscadmin.h>
#include <nodes/makefuncs.h>
#include <nodes/nodeFuncs.h>
#include <optimizer/optimizer.h>
#include <parser/parse_coerce.h>
#include <utils/builtins.h>
#include <utils/fmgroids.h>
#include <utils/lsyscache.h>
#include <utils/syscache.h>
#include <utils/typcache.h>
}

namespace feature {
namespace {

// A function that the kernel computes once, whatever frames it is used over.
struct Folded {
  const Aggregate* aggregate = nullptr;
  Finish finish = Finish::value;
  double fraction = 0;
};

struct Replacement {
  WindowFunc* function;
  Node* by;
};

struct Replacements {
  std::vector<Replacement> all;
};

Node* replace_windows(Node* node, void* context) {
  if (node == nullptr) return nullptr;
  if (IsA(node, WindowFunc)) {
    for (const Replacement& replacement : static_cast<Replacements*>(context)->all) {
      if (equal(replacement.function, node)) return replacement.by;
    }
  }
  return expression_tree_mutator(node, compat::mutator(replace_windows), context);
}

// Whether an expression calls a function that is not plain C, or an aggregate that somebody has defined.
bool is_procedure(Oid function, void*) {
  HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
  if (!HeapTupleIsValid(tuple)) elog(ERROR, "cache lookup failed for function %u", function);
  const auto* procedure = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
  const bool plain = procedure->prokind == PROKIND_AGGREGATE || procedure->prokind == PROKIND_WINDOW
                         ? function < FirstNormalObjectId
                         : procedure->prolang == INTERNALlanguageId || procedure->prolang == ClanguageId;
  ReleaseSysCache(tuple);
  return !plain;
}

bool find_dependence(Node* node, void* context) {
  if (node == nullptr) return false;
  // Casts through text show floats and times in the session's formats.
  return IsA(node, CoerceViaIO) || IsA(node, ArrayCoerceExpr) || check_functions_in_node(node, is_procedure, nullptr) ||
         (IsA(node, WindowFunc) && is_procedure(reinterpret_cast<WindowFunc*>(node)->winfnoid, nullptr)) ||
         expression_tree_walker(node, compat::walker(find_dependence), context);
}

bool depends_on_settings(Node* tree) {
  return call([&] { return find_dependence(tree, nullptr) || contain_mutable_functions(tree); });
}

class Compiler {
 public:
  Compiler(Query* definition, const char* text)
      : levels_(definition),
        refuse_(text),
        plan_(std::make_unique<Plan>()),
        lists_(levels_, refuse_, plan_->lists) {}

  std::unique_ptr<Plan> run() {
    plan_->source = levels_.source();
    if (levels_.filter() != nullptr) {
      refuse_.unfit_expression(reinterpret_cast<Node*>(levels_.filter()));
      plan_->needs_settings = depends_on_settings(reinterpret_cast<Node*>(levels_.filter()));
      plan_->filter = call([&] {
        return make_ands_implicit(expression_planner(levels_.filter()));
      });
    }
    for (std::size_t level = 0; level < levels_.count(); ++level) compile_level(level);
    for (Level& level : plan_->levels) {
      for (LevelList& used : level.lists) plan_aggregates(used);
    }
    lists_.finish();
    for (const DefinitionColumn& column : columns_of(levels_)) {
      Expr* source = column.source;
      if (source != nullptr) source = call([&] { return expression_planner(source); });
      plan_->stateless.push_back(source);
    }
    return std::move(plan_);
  }

 private:
  void compile_level(std::size_t level) {
    plan_->levels.emplace_back();
    level_ = level;
    ::List* targets = levels_.targets(level);
    refuse_.unfit_expression(reinterpret_cast<Node*>(targets));
    plan_->needs_settings = plan_->needs_settings || depends_on_settings(reinterpret_cast<Node*>(targets));

    Replacements replacements;
    ListCell* cell;
    foreach (cell, targets) {
      const auto* target = lfirst_node(TargetEntry, cell);
      feature_ = target->resname;
      for (WindowFunc* function : window_functions(target->expr)) {
        const bool known = std::any_of(replacements.all.begin(), replacements.all.end(),
                                       [&](const Replacement& earlier) { return equal(earlier.function, function); });
        if (!known) replacements.all.push_back({function, compile_function(function)});
      }
    }
    refuse_inlined(targets);
    plan_->levels[level].output = call([&] {
      ::List* output = NIL;
      ListCell* of_target;
      foreach (of_target, targets) {
        const auto* target = lfirst_node(TargetEntry, of_target);
        if (target->resjunk) continue;
        Node* expression = static_cast<Node*>(copyObjectImpl(target->expr));
        expression = replace_windows(expression, &replacements);
        // Of the column that the definition has, though what folding leaves of it may be of another modifier.
        const std::int32_t modifier = exprTypmod(expression);
        auto* planned = expression_planner(reinterpret_cast<Expr*>(expression));
        auto* node = reinterpret_cast<Node*>(planned);
        if (exprTypmod(node) != modifier) {
          planned = reinterpret_cast<Expr*>(
              makeRelabelType(planned, exprType(node), modifier, exprCollation(node), COERCE_IMPLICIT_CAST));
        }
        output = lappend(output, makeTargetEntry(planned, target->resno, target->resname, false));
      }
      return output;
    });
  }

  // SQL functions show what they hold only once they are inlined.
  void refuse_inlined(::List* targets) const {
    ListCell* cell;
    foreach (cell, targets) {
      auto* copy = static_cast<Expr*>(call([&] { return copyObjectImpl(lfirst_node(TargetEntry, cell)->expr); }));
      refuse_.unfit_expression(reinterpret_cast<Node*>(call([&] { return expression_planner(copy); })));
    }
  }

  [[nodiscard]] static std::vector<WindowFunc*> window_functions(Expr* expression) {
    struct Collected {
      ::List* found;
      static bool walk(Node* node, void* context) {
        if (node == nullptr) return false;
        if (IsA(node, WindowFunc)) {
          auto* self = static_cast<Collected*>(context);
          self->found = lappend(self->found, node);
          return false;
        }
        return expression_tree_walker(node, compat::walker(walk), context);
      }
    } collected{NIL};
    call([&] { return Collected::walk(reinterpret_cast<Node*>(expression), &collected); });
    std::vector<WindowFunc*> functions;
    ListCell* cell;
    foreach (cell, collected.found) functions.push_back(lfirst_node(WindowFunc, cell));
    return functions;
  }

  [[nodiscard]] WindowClause* window_of(const WindowFunc* function) const {
    ListCell* cell;
    foreach (cell, levels_.query(level_)->windowClause) {
      auto* window = lfirst_node(WindowClause, cell);
      if (window->winref == function->winref) return window;
    }
    throw SqlError(ERRCODE_INTERNAL_ERROR, "window function without a window");
  }

  // What stands in the output in place of a window function.
  Node* compile_function(WindowFunc* function) {
    const WindowClause* window = window_of(function);
    // The executor, which does not run it, would check this.
    call([&] { check_execute(function->winfnoid, GetUserId()); });
    compiled_ = function;
    check_time(function, window);
    list_ = lists_.enter(level_, window, feature_);
    switch (function->winfnoid) {
      case F_ROW_NUMBER: return compile_row_number(function);
      case F_LAG_ANYELEMENT:
      case F_LAG_ANYELEMENT_INT4:
      case F_LAG_ANYCOMPATIBLE_INT4_ANYCOMPATIBLE: return compile_lag(function);
      case F_RANK_: return compile_rank(function);
      case F_DENSE_RANK_: return compile_dense_rank(function);
      case F_FIRST_VALUE:
      case F_NTH_VALUE:
      case F_LAST_VALUE: return compile_edge(function, window);
      default: break;
    }
    if (!function->winagg) refuse_.unsupported_function(function);
    return compile_aggregate(function, window);
  }

  [[nodiscard]] PartitionList& list() { return lists_.current(); }

  // Every window has the same event time: one ascending column of the source.
  void check_time(const WindowFunc* function, const WindowClause* window) {
    if (window->orderClause == NIL) refuse_.window_without_time(function);
    if (list_length(window->orderClause) > 1) refuse_.several_times(function);
    const auto* sort = linitial_node(SortGroupClause, window->orderClause);
    auto* expression = reinterpret_cast<Expr*>(get_sortgroupclause_expr(
        const_cast<SortGroupClause*>(sort), levels_.targets(level_)));
    const Expr* source = levels_.over_source(level_, expression);
    if (source == nullptr || !IsA(source, Var)) refuse_.time_not_a_column(reinterpret_cast<Node*>(expression));
    const auto* column = reinterpret_cast<const Var*>(source);
    const Oid type = call([&] { return getBaseType(column->vartype); });
    if (!is_time_type(type)) refuse_.time_type(reinterpret_cast<Node*>(expression), type);
    if (is_descending(sort->sortop)) refuse_.descending_time(reinterpret_cast<Node*>(expression));
    TimeColumn& time = plan_->time;
    if (time.attribute == InvalidAttrNumber) {
      time.attribute = column->varattno;
      time.type = type;
    } else if (time.attribute != column->varattno) {
      refuse_.different_times(reinterpret_cast<Node*>(expression));
    }
  }

  // The event time needs no column of its own where just its value is asked for.
  [[nodiscard]] int column_or_time(Expr* expression) {
    const Expr* source = levels_.over_source(level_, expression);
    if (source != nullptr && IsA(source, Var) &&
        reinterpret_cast<const Var*>(source)->varattno == plan_->time.attribute) {
      return WindowFunction::time_column;
    }
    return static_cast<int>(lists_.add_argument(expression));
  }

  [[nodiscard]] std::size_t add_frame(const WindowFunc* function, const WindowClause* window) {
    const std::size_t frame = FrameBounds(refuse_, plan_->time.type).add(list(), function, window);
    // What a day or month before a time is depends on the time zone.
    for (const TimeOffset& offset : list().offsets) plan_->needs_settings = plan_->needs_settings || offset.calendar;
    return frame;
  }

  // Adds a window result of this type; equal functions share it.
  [[nodiscard]] Node* add_result(WindowFunction function, Oid type, Oid collation) {
    Level& level = plan_->levels[level_];
    auto found = std::find_if(level.lists.begin(), level.lists.end(),
                              [&](const LevelList& used) { return used.list == list_; });
    if (found == level.lists.end()) found = level.lists.insert(level.lists.end(), LevelList{list_, {}});
    function.result = level.results.size();
    function.feature = feature_;
    function.call = compiled_;
    found->functions.push_back(function);
    Var* var = call([&] {
      return makeVar(INNER_VAR, static_cast<AttrNumber>(function.result + 1), type, -1, collation, 0);
    });
    level.results.push_back(reinterpret_cast<Expr*>(var));
    return reinterpret_cast<Node*>(var);
  }

  Node* compile_row_number(const WindowFunc* function) {
    WindowFunction made{};
    made.kind = WindowFunction::Kind::row_number;
    return add_result(made, function->wintype, function->wincollid);
  }

  Node* compile_lag(WindowFunc* function) {
    std::int64_t offset = 1;
    if (list_length(function->args) > 1) {
      auto* given = static_cast<Node*>(lsecond(function->args));
      Node* folded = call([&] { return eval_const_expressions(nullptr, static_cast<Node*>(copyObjectImpl(given))); });
      if (!IsA(folded, Const)) refuse_.row_number("lag", given, "must be a constant");
      const auto* constant = reinterpret_cast<Const*>(folded);
      if (constant->constisnull) {
        return call([&] { return reinterpret_cast<Node*>(makeNullConst(function->wintype, -1, function->wincollid)); });
      }
      offset = DatumGetInt32(constant->constvalue);
      if (offset < 0) refuse_.row_number("lag", given, "must not be negative: it would look ahead");
    }
    WindowFunction made{};
    made.kind = WindowFunction::Kind::lag;
    made.column = column_or_time(static_cast<Expr*>(linitial(function->args)));
    made.offset = offset;
    list().kernel.rows_needed = std::max(list().kernel.rows_needed, offset);
    Node* value = add_result(made, function->wintype, function->wincollid);
    if (list_length(function->args) < 3) return value;
    made.kind = WindowFunction::Kind::has_lag;
    Node* exists = add_result(made, BOOLOID, InvalidOid);
    return call([&] {
      auto* when = makeNode(CaseWhen);
      when->expr = reinterpret_cast<Expr*>(exists);
      when->result = reinterpret_cast<Expr*>(value);
      auto* choice = makeNode(CaseExpr);
      choice->casetype = function->wintype;
      choice->casecollid = function->wincollid;
      choice->args = list_make1(when);
      choice->defresult = static_cast<Expr*>(lthird(function->args));
      return reinterpret_cast<Node*>(choice);
    });
  }

  Node* compile_rank(const WindowFunc* function) {
    WindowFunction made{};
    made.kind = WindowFunction::Kind::rank;
    return add_result(made, function->wintype, function->wincollid);
  }

  // The number of different times up to the row's own.
  Node* compile_dense_rank(const WindowFunc* function) {
    list().frames.push_back({{Bound::Kind::unbounded, 0}, {Bound::Kind::current_row, 0}});
    const std::size_t frame = list().frames.size() - 1;
    return add_aggregate({lists_.native(Fold::distinct_times, PartitionLists::no_column), Finish::count}, frame,
                         function);
  }

  Node* compile_edge(const WindowFunc* function, const WindowClause* window) {
    auto* argument = static_cast<Expr*>(linitial(function->args));
    const std::size_t frame = add_frame(function, window);
    const bool unbounded = list().frames[frame].unbounded();
    if (unbounded &&
        (function->winfnoid == F_FIRST_VALUE ? list().frames[frame].exclude == Exclude::nothing
                                             : function->winfnoid == F_LAST_VALUE && may_end_anywhere(frame))) {
      const Fold fold = function->winfnoid == F_FIRST_VALUE ? Fold::first_value : Fold::last_value;
      const auto column = static_cast<int>(lists_.add_argument(argument));
      return add_aggregate({lists_.native(fold, column), Finish::value}, frame, function);
    }
    WindowFunction made{};
    made.frame = frame;
    made.kind = WindowFunction::Kind::last_value;
    if (function->winfnoid != F_LAST_VALUE) {
      made.kind = WindowFunction::Kind::nth_value;
      made.offset = function->winfnoid == F_FIRST_VALUE ? 1 : nth_offset(function);
      if (made.offset == 0) {
        return call([&] { return reinterpret_cast<Node*>(makeNullConst(function->wintype, -1, function->wincollid)); });
      }
      if (unbounded) made.frame = lists_.whole_history(frame);
    }
    made.column = column_or_time(argument);
    return add_result(made, function->wintype, function->wincollid);
  }

  // Whether the last event of a frame is none that is known by its number to be kept: it may be any time ago.
  [[nodiscard]] bool may_end_anywhere(std::size_t number) {
    const Frame& frame = list().frames[number];
    if (frame.end.kind == Bound::Kind::range) return true;
    if (frame.exclude == Exclude::ties) return frame.end.kind == Bound::Kind::rows;
    return frame.exclude != Exclude::nothing;
  }

  // The constant n of nth_value; 0 for NULL.
  [[nodiscard]] std::int64_t nth_offset(const WindowFunc* function) const {
    auto* given = static_cast<Node*>(lsecond(function->args));
    Node* folded = call([&] { return eval_const_expressions(nullptr, static_cast<Node*>(copyObjectImpl(given))); });
    if (!IsA(folded, Const)) refuse_.row_number("nth_value", given, "must be a constant");
    const auto* constant = reinterpret_cast<Const*>(folded);
    if (constant->constisnull) return 0;
    const std::int64_t offset = DatumGetInt32(constant->constvalue);
    if (offset <= 0) refuse_.row_number("nth_value", given, "must be greater than zero");
    return offset;
  }

  // An argument under FILTER: NULL where the filter is not true. Right for every aggregate that ignores NULL.
  [[nodiscard]] static Expr* filtered(Expr* argument, Expr* filter) {
    if (filter == nullptr) return argument;
    return call([&] {
      auto* when = makeNode(CaseWhen);
      when->expr = filter;
      when->result = argument;
      auto* choice = makeNode(CaseExpr);
      choice->casetype = exprType(reinterpret_cast<Node*>(argument));
      choice->casecollid = exprCollation(reinterpret_cast<Node*>(argument));
      choice->args = list_make1(when);
      choice->defresult = reinterpret_cast<Expr*>(makeNullConst(choice->casetype, -1, choice->casecollid));
      return reinterpret_cast<Expr*>(choice);
    });
  }

  [[nodiscard]] static Expr* truth() {
    return call([] { return reinterpret_cast<Expr*>(makeBoolConst(true, false)); });
  }

  // What count(x) needs to keep of x: the value where it is small and may serve others, else only that there is one.
  [[nodiscard]] static Expr* presence(Expr* argument) {
    return call([&] {
      std::int16_t length;
      bool by_value;
      get_typlenbyval(exprType(reinterpret_cast<Node*>(argument)), &length, &by_value);
      if (by_value) return argument;
      auto* test = makeNode(NullTest);
      test->arg = argument;
      test->nulltesttype = IS_NOT_NULL;
      test->argisrow = false;
      test->location = -1;
      return filtered(truth(), reinterpret_cast<Expr*>(test));
    });
  }

  Node* compile_aggregate(WindowFunc* function, const WindowClause* window) {
    const std::size_t frame = add_frame(function, window);
    Expr* first = function->args == NIL ? nullptr : static_cast<Expr*>(linitial(function->args));
    const bool always = function->winfnoid == F_COUNT_ANY && IsA(first, Const) &&
                        !reinterpret_cast<Const*>(first)->constisnull;
    if (function->winfnoid == F_COUNT_ || always) {
      if (function->aggfilter == nullptr) {
        WindowFunction made{};
        made.kind = WindowFunction::Kind::count_rows;
        made.frame = frame;
        return add_result(made, function->wintype, function->wincollid);
      }
      const auto column = static_cast<int>(lists_.add_argument(filtered(truth(), function->aggfilter)));
      return add_aggregate({lists_.native(Fold::count, column), Finish::count}, frame, function);
    }
    if (const auto native = native_aggregate(function, !list().frames[frame].unbounded())) {
      Expr* argument = native->fold == Fold::count ? presence(first) : first;
      const auto column = static_cast<int>(lists_.add_argument(filtered(argument, function->aggfilter)));
      return add_aggregate({lists_.native(native->fold, column), native->finish, native->fraction}, frame, function);
    }
    return add_aggregate({catalogue(function), Finish::catalogue}, frame, function);
  }

  [[nodiscard]] const Aggregate* catalogue(WindowFunc* function) {
    try {
      return lists_.catalogue(function);
    } catch (const SqlError&) {
      refuse_.unsupported_function(function);
    }
  }

  Node* add_aggregate(Folded folded, std::size_t frame, const WindowFunc* function) {
    WindowFunction made{};
    made.kind = WindowFunction::Kind::aggregate;
    made.frame = frame;
    made.aggregate = folded.aggregate;
    made.finish = folded.finish;
    made.fraction = folded.fraction;
    if (list().frames[frame].unbounded()) {
      const auto* catalogue = dynamic_cast<const CatalogueAggregate*>(folded.aggregate);
      // States of catalogue aggregates cannot be copied, so the row's own event cannot be added behind a gap.
      const bool gap = list().frames[frame].exclude == Exclude::ties;
      if (catalogue != nullptr && (gap || !catalogue->saveable())) made.frame = lists_.whole_history(frame);
    }
    return add_result(made, function->wintype, function->wincollid);
  }

  // Once all of a level's functions on a list are known: what is kept for its aggregates.
  void plan_aggregates(LevelList& used) {
    lists_.select(used.list);
    std::vector<WindowFunction>& functions = used.functions;
    const auto is_aggregate = [](const WindowFunction& function) {
      return function.kind == WindowFunction::Kind::aggregate;
    };
    // A sum of floats is among the moments, if these are asked for over the same frame.
    for (WindowFunction& function : functions) {
      if (!is_aggregate(function) || function.finish != Finish::float8_sum) continue;
      const Aggregate* moments = lists_.moments_beside(function.aggregate);
      const bool asked_for =
          moments != nullptr && std::any_of(functions.begin(), functions.end(), [&](const auto& other) {
            return is_aggregate(other) && other.frame == function.frame && other.aggregate == moments;
          });
      if (asked_for) function.aggregate = moments;
    }
    for (WindowFunction& function : functions) {
      if (!is_aggregate(function)) continue;
      function.measure = lists_.add_measure(function.aggregate, list().frames[function.frame]);
      const Frame& frame = list().frames[function.frame];
      if (!frame.unbounded()) {
        // Without ties the row's own event would come behind a gap.
        if (function.aggregate->slides() && frame.exclude != Exclude::ties) {
          function.sliding = lists_.add_sliding(function.measure, function.frame);
        }
        continue;
      }
      function.partial = lists_.add_partial(function.measure);
      function.running = lists_.add_running(function.partial, function.frame);
    }
    // What is read from the same accumulator, or from the same events, comes one after the other.
    std::stable_sort(functions.begin(), functions.end(), [&](const WindowFunction& a, const WindowFunction& b) {
      return std::make_tuple(is_aggregate(a), a.frame, a.measure) <
             std::make_tuple(is_aggregate(b), b.frame, b.measure);
    });
  }

  Levels levels_;
  Refusals refuse_;
  std::unique_ptr<Plan> plan_;
  PartitionLists lists_;
  std::size_t level_ = 0;
  std::size_t list_ = 0;
  const char* feature_ = nullptr;  // the column that is being compiled
  const WindowFunc* compiled_ = nullptr;
};

}  // namespace

std::unique_ptr<Plan> compile(Query* definition, const char* text) { return Compiler(definition, text).run(); }

}  // namespace feature
