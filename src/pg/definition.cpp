// Checks on the form of a definition. The raw parse tree is checked first, because it still knows where things stand in
// the text; what needs types and catalogues is left to compile.cpp.

#include "pg/definition.hpp"

#include <cstring>

#include "pg/catalogue.hpp"
#include "pg/compat.hpp"

extern "C" {
#include <access/sysattr.h>
#include <access/table.h>
#include <catalog/catalog.h>
#include <catalog/pg_class.h>
#include <catalog/pg_inherits.h>
#include <nodes/nodeFuncs.h>
#include <optimizer/optimizer.h>
#include <parser/analyze.h>
#include <parser/parse_node.h>
#include <rewrite/rewriteHandler.h>
#include <tcop/tcopprot.h>
#include <utils/lsyscache.h>
#include <utils/rel.h>
}

namespace feature {
namespace {

class Form {
 public:
  explicit Form(const char* text) : text_(text) {}

  void check(::List* statements) const {
    if (statements == NIL) {
      refuse(0, ERRCODE_SYNTAX_ERROR, "definition must be one SELECT query", "It is empty.",
             "Write SELECT .. FROM table, with window functions.");
    }
    if (list_length(statements) > 1) {
      refuse(location_of(lsecond_node(RawStmt, statements)), ERRCODE_SYNTAX_ERROR,
             "definition must be one SELECT query", "Only a single SELECT can be kept up to date.",
             "Call feature.create_view() once for each definition.");
    }
    Node* statement = linitial_node(RawStmt, statements)->stmt;
    if (!IsA(statement, SelectStmt)) {
      refuse(location_of(linitial_node(RawStmt, statements)), ERRCODE_SYNTAX_ERROR,
             "definition must be one SELECT query", "Other statements have no rows to keep.",
             "Write SELECT .. FROM table, with window functions.");
    }
    check_level(reinterpret_cast<SelectStmt*>(statement));
  }

 private:
  [[noreturn]] void refuse(int location, int sqlstate, const char* message, const char* detail,
                           const char* hint) const {
    throw SqlError(sqlstate, message).detail(detail).hint(hint).at(text_, location < 0 ? 0 : location);
  }
  [[noreturn]] void refuse(int location, const char* message, const char* detail, const char* hint) const {
    refuse(location, ERRCODE_FEATURE_NOT_SUPPORTED, message, detail, hint);
  }

  // Before PostgreSQL 18 a statement begins right behind the semicolon of the one before.
  [[nodiscard]] int location_of(const RawStmt* statement) const {
    return statement->stmt_location +
           static_cast<int>(std::strspn(text_ + statement->stmt_location, " \t\n\v\f\r"));
  }

  static int location_of(::List* list) { return list == NIL ? -1 : exprLocation(static_cast<Node*>(linitial(list))); }

  // SelectStmt nodes have no location of their own.
  static int location_of(SelectStmt* select) {
    while (select->op != SETOP_NONE) select = select->larg;
    if (select->valuesLists != NIL) return location_of(static_cast<::List*>(linitial(select->valuesLists)));
    return location_of(select->targetList);
  }

  void check_level(SelectStmt* select) const {
    const char* const once = "A feature row is computed from its own source row and windows that look back.";
    if (select->withClause != nullptr) {
      refuse(select->withClause->location, "WITH is not supported in a definition",
             "A definition is a stack of SELECT levels over one table.",
             "Write the query in FROM as a nested SELECT instead.");
    }
    if (select->op != SETOP_NONE) {
      refuse(location_of(select->rarg), "set operations are not supported in a definition",
             "Each feature row belongs to exactly one source row.", "Create one feature view for each branch.");
    }
    if (select->valuesLists != NIL) {
      refuse(location_of(select), ERRCODE_SYNTAX_ERROR, "definition must be one SELECT query",
             "A VALUES list has no source table.", "Write SELECT .. FROM table, with window functions.");
    }
    if (select->intoClause != nullptr) {
      refuse(select->intoClause->rel->location, ERRCODE_SYNTAX_ERROR, "INTO is not supported in a definition",
             "The rows go to the feature view.", "Leave out the INTO clause.");
    }
    if (select->distinctClause != NIL) {
      refuse(location_of(select), "DISTINCT is not supported in a definition",
             "Each source row has its own feature row.", "Leave out DISTINCT, or apply it when reading the view.");
    }
    if (select->groupClause != NIL) {
      refuse(location_of(select->groupClause), "GROUP BY is not supported in a definition", once,
             "Use an aggregate with OVER (PARTITION BY .. ORDER BY time).");
    }
    if (select->havingClause != nullptr) {
      refuse(exprLocation(select->havingClause), "HAVING is not supported in a definition", once,
             "Filter when reading the feature view.");
    }
    if (select->limitCount != nullptr || select->limitOffset != nullptr) {
      Node* limit = select->limitCount != nullptr ? select->limitCount : select->limitOffset;
      refuse(exprLocation(limit), "LIMIT is not supported in a definition",
             "Every source row has a feature row.", "Apply LIMIT when reading the feature view.");
    }
    if (select->lockingClause != NIL) {
      refuse(location_of(select), "FOR UPDATE is not supported in a definition", once, "Leave out the locking clause.");
    }
    if (select->sortClause != NIL) {
      refuse(exprLocation(linitial_node(SortBy, select->sortClause)->node),
             "ORDER BY of the rows is not supported in a definition",
             "A feature view is a table; its rows have no order.", "Order the rows when reading the feature view.");
    }
    refuse_sub_selects(reinterpret_cast<Node*>(select->targetList));
    refuse_sets(reinterpret_cast<Node*>(select->targetList));
    refuse_sub_selects(select->whereClause);
    refuse_sub_selects(reinterpret_cast<Node*>(select->windowClause));
    check_from(select);
  }

  void check_from(SelectStmt* select) const {
    const char* const detail = "A definition reads one source table, whose inserts keep the feature view up to date.";
    if (select->fromClause == NIL) {
      refuse(location_of(select), "definition has no source table", detail, "Add FROM with the table of raw events.");
    }
    auto* from = static_cast<Node*>(linitial(select->fromClause));
    if (list_length(select->fromClause) > 1) {
      refuse(location_of_from(static_cast<Node*>(lsecond(select->fromClause))),
             "joins are not supported in a definition", detail,
             "Join when reading the feature view, or write the joined columns into the source table.");
    }
    if (IsA(from, JoinExpr)) {
      refuse(location_of_from(reinterpret_cast<JoinExpr*>(from)->rarg), "joins are not supported in a definition",
             detail, "Join when reading the feature view, or write the joined columns into the source table.");
    }
    if (IsA(from, RangeVar)) return;
    if (!IsA(from, RangeSubselect)) {
      refuse(location_of_from(from), "source of a definition must be a table", detail, "Name the table of raw events.");
    }
    if (select->whereClause != nullptr) {
      refuse(exprLocation(select->whereClause), "WHERE is supported only at the level that reads the source table",
             "A row that is filtered above it has been counted in the windows below.",
             "Move the condition to the innermost SELECT, or into the features as FILTER or CASE.");
    }
    Node* subquery = reinterpret_cast<RangeSubselect*>(from)->subquery;
    check_level(reinterpret_cast<SelectStmt*>(subquery));
  }

  static int location_of_from(Node* from) {
    while (IsA(from, JoinExpr)) from = reinterpret_cast<JoinExpr*>(from)->larg;
    if (IsA(from, RangeVar)) return reinterpret_cast<RangeVar*>(from)->location;
    if (IsA(from, RangeTableSample)) return reinterpret_cast<RangeTableSample*>(from)->location;
    if (IsA(from, RangeSubselect)) {
      return location_of(reinterpret_cast<SelectStmt*>(reinterpret_cast<RangeSubselect*>(from)->subquery));
    }
    if (IsA(from, RangeFunction)) {
      auto* functions = reinterpret_cast<RangeFunction*>(from)->functions;
      return location_of(static_cast<::List*>(linitial(functions)));
    }
    return exprLocation(from);
  }

  void refuse_sub_selects(Node* tree) const {
    int location = -1;
    if (finds_sub_select(tree, &location)) {
      refuse(location, "sub-selects are not supported in a definition",
             "What a sub-select reads can change without an insert into the source table.",
             "Look the value up when reading the feature view, or write it into the source table.");
    }
  }

  // PostgreSQL refuses these itself, without a word about what there is instead.
  void refuse_sets(Node* tree) const {
    const FuncCall* call = nullptr;
    if (!finds_set(tree, &call)) return;
    if (call->agg_distinct) {
      refuse(call->location, "DISTINCT is not implemented for window functions",
             "PostgreSQL has no aggregates of different values over windows.",
             "Use feature.count_distinct() in place of count(DISTINCT ..).");
    }
    refuse(call->location, "ordered-set aggregates are not supported over windows",
           "PostgreSQL has none that take OVER.",
           "Use feature.percentile(), feature.median() or feature.mode(), with the value as an argument.");
  }

  static bool finds_set(Node* node, void* found) {
    if (node == nullptr) return false;
    if (IsA(node, FuncCall)) {
      const auto* call = reinterpret_cast<FuncCall*>(node);
      if (call->over != nullptr && (call->agg_distinct || call->agg_within_group)) {
        *static_cast<const FuncCall**>(found) = call;
        return true;
      }
    }
    return raw_expression_tree_walker(node, compat::walker(finds_set), found);
  }

  static bool finds_sub_select(Node* node, void* location) {
    if (node == nullptr) return false;
    if (IsA(node, SubLink)) {
      *static_cast<int*>(location) = reinterpret_cast<SubLink*>(node)->location;
      return true;
    }
    return raw_expression_tree_walker(node, compat::walker(finds_sub_select), location);
  }

  const char* text_;
};

// The parser reports positions for the statement that the client sent; here they belong to the definition in it.
void move_position(void* text) {
  const int position = geterrposition();
  if (position > 0) {
    errposition(0);
    internalerrposition(position);
    internalerrquery(static_cast<const char*>(text));
  }
}

class PositionInDefinition {
 public:
  explicit PositionInDefinition(const char* text) {
    callback_.callback = move_position;
    callback_.arg = const_cast<char*>(text);
    callback_.previous = error_context_stack;
    error_context_stack = &callback_;
  }
  PositionInDefinition(const PositionInDefinition&) = delete;
  PositionInDefinition& operator=(const PositionInDefinition&) = delete;
  ~PositionInDefinition() { error_context_stack = callback_.previous; }

 private:
  ErrorContextCallback callback_{};
};

void check_columns(Query* query, const char* text) {
  ListCell* cell;
  bool any = false;
  foreach (cell, query->targetList) any = any || !lfirst_node(TargetEntry, cell)->resjunk;
  if (!any) {
    throw SqlError(ERRCODE_FEATURE_NOT_SUPPORTED, "definition has no columns")
        .detail("The columns of the definition become the columns of the feature view.")
        .hint("Name at least one column.")
        .at(text, 0);
  }
  foreach (cell, query->targetList) {
    const auto* column = lfirst_node(TargetEntry, cell);
    if (column->resjunk) continue;
    ListCell* other;
    foreach (other, query->targetList) {
      const auto* earlier = lfirst_node(TargetEntry, other);
      if (earlier == column) break;
      if (!earlier->resjunk && strcmp(earlier->resname, column->resname) == 0) {
        throw SqlError(ERRCODE_DUPLICATE_COLUMN,
                       "column \"" + std::string(column->resname) + "\" is specified more than once")
            .detail("Each column of the definition becomes a column of the feature view.")
            .hint("Give it another name with AS.")
            .at(text, std::max(0, exprLocation(reinterpret_cast<Node*>(column->expr))));
      }
    }
  }
}

// What stands in the way of keeping features for inserts into a relation; message and hint, or nulls.
struct Unsuitable {
  const char* kind = nullptr;
  const char* hint = nullptr;
};

Unsuitable unsuitable_source(Relation source) {
  switch (source->rd_rel->relkind) {
    case RELKIND_RELATION:
    case RELKIND_PARTITIONED_TABLE: break;
    case RELKIND_VIEW: return {"a view", "Name the table that the rows are inserted into."};
    case RELKIND_MATVIEW: return {"a materialized view", "Name the table that the rows are inserted into."};
    case RELKIND_FOREIGN_TABLE: return {"a foreign table", "Insert the rows into a local table."};
    default: return {"not a table", "Name the table that the rows are inserted into."};
  }
  if (source->rd_rel->relpersistence == RELPERSISTENCE_TEMP) {
    return {"a temporary table", "A feature view outlives the session; use an ordinary table."};
  }
  if (IsCatalogRelation(source)) return {"a system catalog", "Name the table that the rows are inserted into."};
  if (source->rd_rel->relnamespace == state_schema()) {
    return {"a table of the extension", "Name the table that the rows are inserted into."};
  }
  if (source->rd_rel->relispartition) {
    return {"a partition", "Name the partitioned table that it belongs to; WHERE in the definition can choose rows."};
  }
  if (source->rd_rel->relkind == RELKIND_PARTITIONED_TABLE) return {};
  // pg_class.relhassubclass stays set when the last child is gone.
  if (find_inheritance_children(RelationGetRelid(source), NoLock) != NIL) {
    return {"a table with inheritance children",
            "Rows inserted into a child would be missed; use a table without children."};
  }
  return {};
}

int location_of_source(SelectStmt* select) {
  auto* from = static_cast<Node*>(linitial(select->fromClause));
  if (IsA(from, RangeVar)) return reinterpret_cast<RangeVar*>(from)->location;
  return location_of_source(reinterpret_cast<SelectStmt*>(reinterpret_cast<RangeSubselect*>(from)->subquery));
}

void check_source(Query* base, int location, const char* text) {
  int index;
  const RangeTblEntry* entry = source_of_level(base, &index);
  struct { Unsuitable unsuitable; const char* name; } found{};
  found = call([&] {
    decltype(found) result{};
    if (entry->rtekind != RTE_RELATION) {
      result.unsuitable = {"not a table", "Name the table that the rows are inserted into."};
      result.name = entry->eref->aliasname;
      return result;
    }
    Relation source = table_open(entry->relid, AccessShareLock);
    result.unsuitable = unsuitable_source(source);
    result.name = pstrdup(RelationGetRelationName(source));
    table_close(source, NoLock);
    return result;
  });
  if (found.unsuitable.kind != nullptr) {
    throw SqlError(ERRCODE_WRONG_OBJECT_TYPE,
                   "\"" + std::string(found.name) + "\" cannot be the source of a feature view")
        .detail("It is " + std::string(found.unsuitable.kind) + ".")
        .hint(found.unsuitable.hint)
        .at(text, location);
  }
}

// Rows do not have virtual columns: their expressions take their places, as they are now.
void expand_virtual_columns(Query* base) {
  int index;
  const RangeTblEntry* entry = source_of_level(base, &index);
  call([&] {
    Relation source = table_open(entry->relid, NoLock);
    base->targetList = reinterpret_cast<::List*>(
        compat::expand_virtual_columns(reinterpret_cast<Node*>(base->targetList), source, index));
    base->jointree->quals = compat::expand_virtual_columns(base->jointree->quals, source, index);
    table_close(source, NoLock);
  });
}

}  // namespace

RangeTblEntry* source_of_level(Query* level, int* index) {
  if (level->commandType != CMD_SELECT || list_length(level->jointree->fromlist) != 1 ||
      !IsA(linitial(level->jointree->fromlist), RangeTblRef)) {
    // create_view refuses such a query, so somebody has put another in its place.
    throw SqlError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "stored definition of a feature view was changed")
        .hint("Drop the feature view and create it again.");
  }
  *index = linitial_node(RangeTblRef, level->jointree->fromlist)->rtindex;
  return static_cast<RangeTblEntry*>(list_nth(level->rtable, *index - 1));
}

Query* stored_definition(Oid view) {
  return call([&] {
    Relation stored = table_open(view, AccessShareLock);
    if (stored->rd_rel->relkind != RELKIND_VIEW) {
      ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                      errmsg("\"%s\" is not the definition of a feature view", RelationGetRelationName(stored))));
    }
    auto* query = static_cast<Query*>(copyObjectImpl(get_view_query(stored)));
    table_close(stored, NoLock);
    return query;
  });
}

std::vector<Query*> levels_of(Query* definition) {
  std::vector<Query*> levels;
  for (Query* level = definition; level != nullptr;) {
    levels.insert(levels.begin(), level);
    int index;
    const RangeTblEntry* entry = source_of_level(level, &index);
    level = entry->rtekind == RTE_SUBQUERY ? entry->subquery : nullptr;
  }
  return levels;
}

std::vector<AttrNumber> columns_read(Query* definition) {
  Query* base = levels_of(definition).front();
  int index;
  (void)source_of_level(base, &index);
  const Bitmapset* read = call([&] {
    Bitmapset* attributes = nullptr;
    pull_varattnos(reinterpret_cast<Node*>(base->targetList), static_cast<Index>(index), &attributes);
    pull_varattnos(base->jointree->quals, static_cast<Index>(index), &attributes);
    return attributes;
  });
  std::vector<AttrNumber> columns;
  for (int member = -1; (member = bms_next_member(read, member)) >= 0;) {
    columns.push_back(static_cast<AttrNumber>(member + FirstLowInvalidHeapAttributeNumber));
  }
  return columns;
}

Query* analyse_definition(const char* text) {
  ::List* statements = call([&] {
    const PositionInDefinition position(text);
    return pg_parse_query(text);
  });
  Form(text).check(statements);
  auto* statement = linitial_node(RawStmt, statements);
  // Analysis scribbles on the raw tree.
  const int source_location = location_of_source(reinterpret_cast<SelectStmt*>(statement->stmt));
  Query* query = call([&] {
    const PositionInDefinition position(text);
    return parse_analyze_fixedparams(statement, text, nullptr, 0, nullptr);
  });
  Query* base = levels_of(query).front();
  check_source(base, source_location, text);
  // As with ONLY: rows of a child that is attached later are not inserts into the source. Those of partitions are.
  int index;
  RangeTblEntry* source = source_of_level(base, &index);
  source->inh = source->relkind == RELKIND_PARTITIONED_TABLE;
  expand_virtual_columns(base);
  check_columns(query, text);
  return query;
}

}  // namespace feature
