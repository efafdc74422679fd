// See program.hpp. Slots and expression states are made once; a statement only resets them.

#include "pg/program.hpp"

#include <algorithm>
#include <numeric>

#include "kernel/segment.hpp"
#include "pg/catalogue_aggregate.hpp"
#include "pg/columns.hpp"
#include "pg/compat.hpp"
#include "pg/frame_bounds.hpp"
#include "pg/level_columns.hpp"
#include "pg/stored_oids.hpp"
#include "pg/untrusted_states.hpp"

extern "C" {
#include <access/genam.h>
#include <access/table.h>
#include <executor/executor.h>
#include <nodes/makefuncs.h>
#include <nodes/nodeFuncs.h>
#include <utils/builtins.h>
#include <utils/lsyscache.h>
#include <utils/rel.h>
}

namespace feature {
namespace {

void add_target(::List** targets, Expr* expression) {
  const auto number = static_cast<AttrNumber>(list_length(*targets) + 1);
  *targets = lappend(*targets, makeTargetEntry(expression, number, nullptr, false));
}

TupleTableSlot* slot_for(::List* targets) { return MakeSingleTupleTableSlot(ExecTypeFromTL(targets), &TTSOpsVirtual); }

// Whether a window function tells in which order events of one time are. Numbers of rows do not: there are as many.
bool shows_order(const PartitionList& list, const WindowFunction& function) {
  switch (function.kind) {
    case WindowFunction::Kind::row_number:
    case WindowFunction::Kind::count_rows:
    case WindowFunction::Kind::has_lag:
    case WindowFunction::Kind::rank: return false;
    case WindowFunction::Kind::lag:
    case WindowFunction::Kind::nth_value:
    case WindowFunction::Kind::last_value: return true;
    case WindowFunction::Kind::aggregate:
      return function.aggregate->depends_on_order() || !list.frames[function.frame].bounded_by_times();
  }
  return true;
}

}  // namespace

Program::Program(std::unique_ptr<OwnedContext> context, std::unique_ptr<Plan> plan, ViewIdentity identity)
    : context_(std::move(context)), plan_(std::move(plan)), identity_(std::move(identity)) {
  const InContext here(context_->get());
  lists.resize(plan_->lists.size());
  call([&] {
    Relation source = table_open(plan_->source, AccessShareLock);
    source_row = MakeSingleTupleTableSlot(CreateTupleDescCopyConstr(RelationGetDescr(source)), &TTSOpsMinimalTuple);
    table_close(source, NoLock);
    expressions = CreateStandaloneExprContext();
    expressions->ecxt_scantuple = source_row;
    filter = ExecInitQual(plan_->filter, nullptr);
    image_type = state_type();
  });
  build_lists();
  build_prepare();
  build_know();
  build_levels();
  find_row_key();
  find_feature_table();
  if (identity_.restored) {
    if (const std::string oids = local_oids_in_states(*plan_, Move::dump); !oids.empty()) {
      lost = "Its states were restored from a dump, which does not keep the OIDs in " + oids + ".";
    }
  } else if (identity_.elsewhere) {
    if (const std::string oids = local_oids_in_states(*plan_, Move::upgrade); !oids.empty()) {
      lost = "Its states were made before the cluster was upgraded, which does not keep the OIDs in " + oids + ".";
    }
  }
  if (!identity_.tied && !identity_.sealed) {
    checks_values = true;
    if (const std::string values = uncheckable_values(*plan_); lost.empty() && !values.empty()) {
      lost = "Its states were restored by a role that is not superuser, and " + values + " in them cannot be checked.";
    }
  }
}

void Program::forget_row() const {
  source_row->tts_flags &= static_cast<std::uint16_t>(~TTS_FLAG_SHOULDFREE);
  call([&] { ExecClearTuple(source_row); });
}

bool Program::has_shared_list() const {
  return std::any_of(lists.begin(), lists.end(), [](const Entities& list) { return list.shared; });
}

void Program::check_states() const {
  if (lost.empty()) return;
  throw SqlError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                 "feature view \"" + identity_.name + "\" must be refreshed before its source can take rows")
      .detail(lost)
      .hint("Call feature.refresh().");
}

// The feature table is an ordinary table that its owner may alter; rows are only written to what they were made for.
void Program::find_feature_table() {
  const TupleDesc made = output;
  ::List* targets = plan_->levels.back().output;
  table = {identity_.relation, attributes_of(identity_, targets)};
  struct {
    const char* column;
    const char* type;
    const char* wanted;
  } wrong = call([&] {
    decltype(wrong) found{};
    Relation relation = table_open(identity_.relation, AccessShareLock);
    // Before PostgreSQL 16 a rule can make a view of an empty table.
    if (relation->rd_rel->relkind != RELKIND_RELATION) {
      ereport(ERROR,
              (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("\"%s\" is not a table any more", identity_.name.c_str()),
               errhint("Drop it and create the feature view again.")));
    }
    const TupleDesc stored = RelationGetDescr(relation);
    for (int i = 0; i < made->natts && found.column == nullptr; ++i) {
      const AttrNumber attribute = table.attributes[static_cast<std::size_t>(i)];
      if (attribute == InvalidAttrNumber && !identity_.restored) continue;  // is still to be added
      if (attribute <= InvalidAttrNumber || attribute > stored->natts) {
        found.column = list_nth_node(TargetEntry, targets, i)->resname;
        break;
      }
      const Form_pg_attribute ours = TupleDescAttr(made, i);
      const Form_pg_attribute theirs = TupleDescAttr(stored, attribute - 1);
      if (!theirs->attisdropped && (theirs->atttypid != ours->atttypid || theirs->atttypmod != ours->atttypmod)) {
        found = {pstrdup(NameStr(theirs->attname)), format_type_with_typemod(theirs->atttypid, theirs->atttypmod),
                 format_type_with_typemod(ours->atttypid, ours->atttypmod)};
      }
    }
    table_close(relation, NoLock);
    return found;
  });
  if (wrong.column == nullptr) return;
  if (wrong.type == nullptr) {
    throw SqlError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                   "feature view \"" + identity_.name + "\" has no column \"" + wrong.column + "\" in its place")
        .detail("A column that is dropped or renamed loses its place when the database is dumped and restored.")
        .hint("Drop the feature view and create it anew, without the column in its definition.");
  }
  throw SqlError(ERRCODE_DATATYPE_MISMATCH, "column \"" + std::string(wrong.column) + "\" of feature view \"" +
                                                identity_.name + "\" is of type " + wrong.type +
                                                " but its definition gives " + wrong.wanted)
      .hint("Change the column's type back, or create the feature view anew with a cast in its definition.");
}

void Program::find_row_key() {
  const auto add = [&](AttrNumber attribute) {
    const Oid type = TupleDescAttr(source_row->tts_tupleDescriptor, attribute - 1)->atttypid;
    row_key.push_back({attribute, call([&] { return getBaseType(type); })});
  };
  struct {
    int count;
    AttrNumber attributes[INDEX_MAX_KEYS];
  } primary = call([&] {
    decltype(primary) found{};
    Relation source = table_open(plan_->source, AccessShareLock);
    list_free(RelationGetIndexList(source));
    if (OidIsValid(source->rd_pkindex)) {
      Relation index = index_open(source->rd_pkindex, AccessShareLock);
      found.count = IndexRelationGetNumberOfKeyAttributes(index);
      for (int i = 0; i < found.count; ++i) found.attributes[i] = index->rd_index->indkey.values[i];
      index_close(index, NoLock);
    }
    table_close(source, NoLock);
    return found;
  });
  for (int i = 0; i < primary.count; ++i) add(primary.attributes[i]);
  has_primary_key = primary.count > 0;
  if (has_primary_key || plan_->time.attribute == InvalidAttrNumber) return;
  add(plan_->time.attribute);
  if (!plan_->lists.front().from_source) return;
  for (const Key& key : plan_->lists.front().keys) {
    if (IsA(key.expression, Var)) add(reinterpret_cast<const Var*>(key.expression)->varattno);
  }
}

void Program::build_lists() {
  for (std::size_t i = 0; i < lists.size(); ++i) {
    const PartitionList& planned = plan_->lists[i];
    lists[i].shared = identity_.lists[i].shared;
    lists[i].keys.reserve(planned.keys.size());
    call([&] {
      for (const Key& key : planned.keys) lists[i].keys.emplace_back(key.type, key.collation, key.length, key.by_value);
    });
    SegmentWriter writer(planned.kernel.layout);
    std::vector<Value> none(planned.kernel.layout.prefix.size());
    Prefix prefix;
    prefix.before.values = none.data();
    writer.begin(prefix);
    lists[i].empty = writer.finish(capacity_for(writer.size()));
    // What has left is read from the source again when a late row needs it.
    if (identity_.lateness && planned.knows_events()) {
      lists[i].kept_for = ticks_needed(plan_->time.type, planned, *identity_.lateness);
    }
    for (const auto& aggregate : planned.aggregates) {
      const auto* catalogue = dynamic_cast<const CatalogueAggregate*>(aggregate.get());
      if (catalogue != nullptr) lists[i].catalogue.push_back(catalogue);
    }
  }
  for (const feature::Level& level : plan_->levels) {
    for (const LevelList& used : level.lists) {
      for (const WindowFunction& function : used.functions) {
        lists[used.list].shows_order = lists[used.list].shows_order || shows_order(plan_->lists[used.list], function);
      }
    }
  }
  lock_order.resize(lists.size());
  std::iota(lock_order.begin(), lock_order.end(), std::size_t{0});
  const auto depth = [&](std::size_t list) {
    const PartitionList& planned = plan_->lists[list];
    return planned.from_source ? 0 : planned.level + 1;
  };
  std::stable_sort(lock_order.begin(), lock_order.end(),
                   [&](std::size_t a, std::size_t b) { return depth(a) < depth(b); });
}

void Program::build_prepare() {
  ::List* targets = NIL;
  std::size_t column = 0;
  if (plan_->time.attribute != InvalidAttrNumber) {
    call([&] {
      const Form_pg_attribute time = TupleDescAttr(source_row->tts_tupleDescriptor, plan_->time.attribute - 1);
      add_target(&targets, reinterpret_cast<Expr*>(
                               makeVar(1, time->attnum, time->atttypid, time->atttypmod, time->attcollation, 0)));
    });
    ++column;
  }
  for (std::size_t i = 0; i < lists.size(); ++i) {
    if (!plan_->lists[i].from_source) continue;
    for (const Key& key : plan_->lists[i].keys) {
      call([&] { add_target(&targets, key.expression); });
      lists[i].key_columns.push_back(column++);
    }
  }
  call([&] {
    prepared = slot_for(targets);
    prepare = ExecBuildProjectionInfo(targets, expressions, prepared, nullptr, source_row->tts_tupleDescriptor);
  });
}

void Program::build_know() {
  ::List* targets = NIL;
  for (std::size_t i = 0; i < lists.size(); ++i) {
    const std::vector<Argument>& arguments = plan_->lists[i].arguments;
    lists[i].first_known = static_cast<std::size_t>(list_length(targets));
    for (std::size_t a = 0; a < arguments.size(); ++a) {
      if (arguments[a].source == nullptr) continue;
      call([&] { add_target(&targets, arguments[a].source); });
      lists[i].known.push_back(a);
    }
  }
  call([&] {
    known = slot_for(targets);
    know = ExecBuildProjectionInfo(targets, expressions, known, nullptr, source_row->tts_tupleDescriptor);
  });
}

void Program::build_levels() {
  const LevelColumns placed(*plan_);
  call([&] {
    results = slot_for(placed.all_results());
    computed = slot_for(placed.all_computed());
    output = ExecTypeFromTL(plan_->levels.back().output);
    // They are written to in place.
    ExecStoreAllNullTuple(results);
    ExecStoreAllNullTuple(computed);
    expressions->ecxt_innertuple = results;
    expressions->ecxt_outertuple = computed;
  });
  for (std::size_t first = 0; first < plan_->levels.size();) {
    std::size_t end = first;
    ::List* targets = NIL;
    do {
      targets = call([&] { return list_concat(targets, placed.computed(end)); });
    } while (++end < plan_->levels.size() && plan_->levels[end].lists.empty());
    build_level(first, placed, targets);
    first = end;
  }
  for (const Var* column : placed.output()) {
    const auto index = static_cast<std::size_t>(column->varattno - 1);
    switch (column->varno) {
      case INNER_VAR: columns.push_back({results, index}); break;
      case OUTER_VAR: columns.push_back({computed, index}); break;
      default:
        columns.push_back({source_row, index});
        source_columns = std::max(source_columns, static_cast<int>(column->varattno));
    }
  }
}

void Program::build_level(std::size_t planned, const LevelColumns& columns, ::List* computes) {
  Level& level = levels.emplace_back();
  level.lists = &plan_->levels[planned].lists;
  level.first_result = columns.first_result(planned);
  ::List* targets = NIL;
  std::size_t column = 0;
  const auto evaluate = [&](Expr* expression, const char* feature) {
    Expr* placed = columns.placed(planned, expression);
    call([&] { add_target(&targets, placed); });
    level.evaluated_for.push_back(feature);
    return column++;
  };
  for (std::size_t i = 0; i < lists.size(); ++i) {
    const PartitionList& list = plan_->lists[i];
    if (list.level == planned) {
      level.starts.push_back(i);
      if (!list.from_source) {
        for (const Key& key : list.keys) lists[i].key_columns.push_back(evaluate(key.expression, nullptr));
      }
    }
    for (std::size_t a = 0; a < list.arguments.size(); ++a) {
      const Argument& argument = list.arguments[a];
      if (argument.level == planned) level.arguments.push_back({i, a, evaluate(argument.expression, argument.feature)});
    }
  }
  ListCell* cell;
  foreach (cell, computes) level.features.push_back(lfirst_node(TargetEntry, cell)->resname);
  call([&] {
    const TupleDesc source = source_row->tts_tupleDescriptor;
    if (targets != NIL) {
      level.evaluated = slot_for(targets);
      level.evaluate = ExecBuildProjectionInfo(targets, expressions, level.evaluated, nullptr, source);
    }
    if (computes != NIL) {
      level.first_computed = static_cast<std::size_t>(linitial_node(TargetEntry, computes)->resno - 1);
      level.compute = ExecBuildProjectionInfo(computes, expressions, computed, nullptr, source);
    }
  });
}

}  // namespace feature
