// See refusals.hpp.

#include "pg/refusals.hpp"

#include <algorithm>
#include <cstring>

#include "pg/compat.hpp"

extern "C" {
#include <access/transam.h>
#include <catalog/pg_proc.h>
#include <nodes/nodeFuncs.h>
#include <utils/builtins.h>
#include <utils/fmgroids.h>
#include <utils/lsyscache.h>
}

namespace feature {
namespace {

struct Unfit {
  enum class Kind {
    none,
    whole_row,
    system_column,
    volatile_function,
    clock,
    aggregate,
    returns_set,
  } kind = Kind::none;
  int location = -1;
  Oid function = InvalidOid;
};

bool is_volatile(Oid function, void*) { return func_volatile(function) == PROVOLATILE_VOLATILE; }

// Stable functions whose answer is the moment or the session, not the row. Of PostgreSQL's own these are the ones that
// take no arguments or tell of the server; those that depend on settings of the session are covered by pinning them.
// A stable function of the user's is taken at its word.
bool reads_session(Oid function, void*) {
  if (function >= FirstNormalObjectId || func_volatile(function) != PROVOLATILE_STABLE) return false;
  switch (function) {
    case F_CURRENT_SETTING_TEXT:
    case F_CURRENT_SETTING_TEXT_BOOL:
    case F_CURRENT_SCHEMAS:
    case F_AGE_TIMESTAMPTZ:
    case F_AGE_TIMESTAMP: return true;
    default: break;
  }
  if (get_func_nargs(function) == 0) return true;
  const char* name = get_func_name(function);
  for (const char* prefix : {"pg_", "has_", "txid_", "inet_", "to_reg", "row_security"}) {
    if (name != nullptr && std::strncmp(name, prefix, std::strlen(prefix)) == 0) return true;
  }
  return false;
}

bool returns_set(Node* node) {
  return (IsA(node, FuncExpr) && reinterpret_cast<FuncExpr*>(node)->funcretset) ||
         (IsA(node, OpExpr) && reinterpret_cast<OpExpr*>(node)->opretset);
}

bool find_unfit(Node* node, void* context) {
  if (node == nullptr) return false;
  auto* unfit = static_cast<Unfit*>(context);
  if (IsA(node, Var)) {
    const auto* var = reinterpret_cast<Var*>(node);
    if (var->varattno == 0) unfit->kind = Unfit::Kind::whole_row;
    if (var->varattno < 0) unfit->kind = Unfit::Kind::system_column;
  } else if (IsA(node, Aggref) || IsA(node, GroupingFunc)) {
    unfit->kind = Unfit::Kind::aggregate;
  } else if (returns_set(node)) {
    unfit->kind = Unfit::Kind::returns_set;
  } else if (IsA(node, SQLValueFunction)) {
    unfit->kind = Unfit::Kind::clock;
  } else if (IsA(node, NextValueExpr) || check_functions_in_node(node, is_volatile, nullptr)) {
    unfit->kind = Unfit::Kind::volatile_function;
    if (IsA(node, FuncExpr)) unfit->function = reinterpret_cast<FuncExpr*>(node)->funcid;
  } else if (check_functions_in_node(node, reads_session, nullptr)) {
    unfit->kind = Unfit::Kind::clock;
  }
  if (unfit->kind != Unfit::Kind::none) {
    unfit->location = exprLocation(node);
    return true;
  }
  return expression_tree_walker(node, compat::walker(find_unfit), context);
}

std::string type_name(Oid type) {
  return call([&] { return format_type_be(type); });
}

SqlError unsupported(std::string message) { return {ERRCODE_FEATURE_NOT_SUPPORTED, std::move(message)}; }

}  // namespace

std::string function_name(Oid function) {
  const char* name = call([&] { return get_func_name(function); });
  return name == nullptr ? "?" : name;
}

SqlError Refusals::at(SqlError&& error, int location) const {
  if (text_ == nullptr) return std::move(error);
  return std::move(error).at(text_, std::max(location, 0));
}

void Refusals::unfit_expression(Node* tree) const {
  Unfit unfit;
  call([&] { return find_unfit(tree, &unfit); });
  switch (unfit.kind) {
    case Unfit::Kind::none: return;
    case Unfit::Kind::aggregate:
      throw at(unsupported("aggregates without OVER are not supported in a definition")
                   .detail("Each source row has its own feature row.")
                   .hint("Add OVER (PARTITION BY .. ORDER BY time)."),
               unfit.location);
    case Unfit::Kind::returns_set:
      throw at(unsupported("set-returning functions are not supported in a definition")
                   .detail("Each source row has exactly one feature row.")
                   .hint("Expand the set when reading the feature view."),
               unfit.location);
    case Unfit::Kind::whole_row:
      throw at(unsupported("whole-row references are not supported in a definition")
                   .detail("What a row holds changes with its table's columns.")
                   .hint("Name the columns, or select alias.*."),
               unfit.location);
    case Unfit::Kind::system_column:
      throw at(unsupported("system columns are not supported in a definition")
                   .detail("They change when the row is rewritten.")
                   .hint("Add a column of your own to the source table."),
               unfit.location);
    case Unfit::Kind::volatile_function:
      throw at(unsupported("volatile functions are not supported in a definition")
                   .detail(unfit.function == InvalidOid
                               ? "A volatile function gives another answer each time."
                               : "Function " + function_name(unfit.function) + " gives another answer each time.")
                   .hint("Compute the value when the row is inserted, as a column default of the source table."),
               unfit.location);
    case Unfit::Kind::clock:
      throw at(unsupported("functions of the current time or session are not supported in a definition")
                   .detail("The same row would give another feature at another time.")
                   .hint("Use the event time, or store the value in a column of the source table."),
               unfit.location);
  }
}

void Refusals::unsupported_function(const WindowFunc* function) const {
  throw at(unsupported("window function " + function_name(function->winfnoid) + " is not supported in a definition")
               .detail("It cannot be kept up to date from the events before a row, or is not implemented yet.")
               .hint("Use aggregates, lag, first_value, last_value, nth_value, row_number, rank or dense_rank."),
           function->location);
}

void Refusals::window_without_time(const WindowFunc* function) const {
  throw at(unsupported("window of function " + function_name(function->winfnoid) + " has no ORDER BY")
               .detail("Without an order a window holds the events to come as well.")
               .hint("Add ORDER BY with the event time column to the window."),
           function->location);
}

void Refusals::several_times(const WindowFunc* function) const {
  throw at(
      unsupported("window of function " + function_name(function->winfnoid) + " is ordered by more than one column")
          .detail("Events are ordered by their time; equal times by arrival.")
          .hint("Keep only the event time column in ORDER BY."),
      function->location);
}

void Refusals::time_not_a_column(Node* expression) const {
  throw at(
      unsupported("ORDER BY of a window must be a column of the source table")
          .detail("The event time of a row must be known before anything is computed from it.")
          .hint("Keep the time in a column of the source table, a generated one if the expression is immutable, and "
                "order by that."),
      exprLocation(expression));
}

void Refusals::time_type(Node* expression, Oid type) const {
  throw at(unsupported("type " + type_name(type) + " is not supported as event time")
               .detail("Event time is of type timestamp with time zone, timestamp, date, bigint, integer or smallint.")
               .hint("Keep the time in a column of that type in the source table, and order by that."),
           exprLocation(expression));
}

void Refusals::descending_time(Node* expression) const {
  throw at(unsupported("windows in descending order of time are not supported")
               .detail("Such a window begins with the newest event and would change with every insert.")
               .hint("Order by the time ascending and let the frame look back."),
           exprLocation(expression));
}

void Refusals::different_times(Node* expression) const {
  throw at(unsupported("all windows of a definition must be ordered by the same time column")
               .detail("An event has one place in time.")
               .hint("Create one feature view for each time column."),
           exprLocation(expression));
}

void Refusals::mutable_entity(Node* expression) const {
  throw at(unsupported("PARTITION BY expression must be immutable")
               .detail("Otherwise the entity of an event could change with a setting or with time.")
               .hint("Make the time zone or format explicit, for example with AT TIME ZONE."),
           exprLocation(expression));
}

void Refusals::entity_type(Node* expression, Oid type) const {
  throw at(unsupported("type " + type_name(type) + " is not supported in PARTITION BY")
               .detail("Entities are found by hash, and the type has no hash operator class.")
               .hint("Cast it to a type with hashing, for example text."),
           exprLocation(expression));
}

void Refusals::record_type(Node* expression) const {
  throw at(unsupported("type record is not supported in a window")
               .detail("Which columns such a value has is known only to the session that made it.")
               .hint("Name the columns one by one, or cast the row to a composite type."),
           exprLocation(expression));
}

void Refusals::row_number(const char* function, Node* expression, const char* problem) const {
  throw at(unsupported("row number of " + std::string(function) + " " + problem)
               .detail("How many events are kept of an entity is decided when the view is created.")
               .hint("Use a constant, as in " + std::string(function) + "(x, 3)."),
           exprLocation(expression));
}

void Refusals::frame(const WindowFunc* function, const char* what, const char* reason, const char* hint) const {
  throw at(unsupported(std::string(what) + " is not supported in a definition").detail(reason).hint(hint),
           function->location);
}

void Refusals::shared_list(const WindowFunc* function, const std::string& entity, const char* reason,
                           const char* hint) const {
  throw at(unsupported("function " + function_name(function->winfnoid) + " over shared PARTITION BY list \"" + entity +
                       "\" is not supported")
               .detail(reason)
               .hint(hint),
           function->location);
}

void Refusals::frame_offset(const WindowFunc* function, int sqlstate, const char* problem) const {
  throw at(SqlError(sqlstate, problem)
               .detail("The frame is that of function " + function_name(function->winfnoid) + ".")
               .hint("Write the offset as a constant, for example '1 hour' PRECEDING or 10 PRECEDING."),
           function->location);
}

}  // namespace feature
