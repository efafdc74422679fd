// See partition_lists.hpp.

#include "pg/partition_lists.hpp"

#include <algorithm>

#include "kernel/tree.hpp"
#include "pg/catalogue_aggregate.hpp"
#include "pg/datum.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <nodes/nodeFuncs.h>
#include <optimizer/optimizer.h>
#include <utils/lsyscache.h>
#include <utils/typcache.h>
}

namespace feature {

namespace {

// Of no composite type: a value refers to its columns by a number that only the session knows.
bool is_record(Oid type) { return type == RECORDOID || type == RECORDARRAYOID; }

}  // namespace

std::size_t PartitionLists::enter(std::size_t level, const WindowClause* window, const char* feature) {
  level_ = level;
  feature_ = feature;
  std::vector<Expr*> expressions;
  std::vector<Expr*> sources;
  ListCell* cell;
  foreach (cell, window->partitionClause) {
    auto* sort = lfirst_node(SortGroupClause, cell);
    auto* expression = reinterpret_cast<Expr*>(get_sortgroupclause_expr(sort, levels_.targets(level)));
    if (call([&] { return contain_mutable_functions(reinterpret_cast<Node*>(expression)); })) {
      refuse_.mutable_entity(reinterpret_cast<Node*>(expression));
    }
    expressions.push_back(expression);
    sources.push_back(levels_.over_source(level, expression));
  }
  const bool from_source = std::find(sources.begin(), sources.end(), nullptr) == sources.end();
  const std::vector<Expr*>& keys = from_source ? sources : expressions;
  for (list_ = 0; list_ < lists_.size(); ++list_) {
    const PartitionList& other = lists_[list_];
    if (other.from_source != from_source || (!from_source && other.level != level)) continue;
    const std::vector<Expr*>& known = drafts_[list_].keys;
    if (std::equal(known.begin(), known.end(), keys.begin(), keys.end(),
                   [](const Expr* a, const Expr* b) { return equal(a, b); })) {
      return list_;
    }
  }
  PartitionList made;
  made.from_source = from_source;
  made.level = level;
  made.window = window;
  for (std::size_t i = 0; i < keys.size(); ++i) made.keys.push_back(make_key(expressions[i], keys[i]));
  lists_.push_back(std::move(made));
  drafts_.emplace_back();
  drafts_.back().keys = keys;
  return list_;
}

Key PartitionLists::make_key(Expr* expression, Expr* used) const {
  Key key{};
  const bool hashable = call([&] {
    key.type = exprType(reinterpret_cast<Node*>(used));
    key.collation = exprCollation(reinterpret_cast<Node*>(used));
    get_typlenbyval(key.type, &key.length, &key.by_value);
    key.expression = expression_planner(static_cast<Expr*>(copyObjectImpl(used)));
    const TypeCacheEntry* type = lookup_type_cache(key.type, TYPECACHE_HASH_EXTENDED_PROC | TYPECACHE_EQ_OPR);
    return OidIsValid(type->hash_extended_proc) && OidIsValid(type->eq_opr);
  });
  if (is_record(key.type)) refuse_.record_type(reinterpret_cast<Node*>(expression));
  if (!hashable) refuse_.entity_type(reinterpret_cast<Node*>(expression), key.type);
  return key;
}

std::size_t PartitionLists::add_argument(Expr* expression) {
  Draft& draft = drafts_[list_];
  Expr* source = levels_.over_source(level_, expression);
  for (std::size_t i = 0; i < current().arguments.size(); ++i) {
    Expr* known = draft.argument_sources[i];
    const bool same = source != nullptr ? known != nullptr && equal(known, source)
                                        : known == nullptr && current().arguments[i].level == level_ &&
                                              equal(draft.arguments[i], expression);
    if (same) return i;
  }
  Argument argument{};
  argument.level = level_;
  argument.feature = feature_;
  call([&] {
    argument.type = exprType(reinterpret_cast<Node*>(expression));
    get_typlenbyval(argument.type, &argument.length, &argument.by_value);
    argument.composite = type_is_rowtype(argument.type);
    argument.expression = expression_planner(static_cast<Expr*>(copyObjectImpl(expression)));
    if (source != nullptr) argument.source = expression_planner(static_cast<Expr*>(copyObjectImpl(source)));
  });
  if (is_record(argument.type)) refuse_.record_type(reinterpret_cast<Node*>(expression));
  argument.storage = storage_of_type(argument.type, argument.length, argument.by_value);
  current().arguments.push_back(argument);
  draft.argument_sources.push_back(source);
  draft.arguments.push_back(expression);
  return current().arguments.size() - 1;
}

const Aggregate* PartitionLists::native(Fold fold, int column) {
  Draft& draft = drafts_[list_];
  for (const Draft::Known& known : draft.natives) {
    if (known.fold == fold && known.column == column) return known.aggregate;
  }
  const auto index = static_cast<std::size_t>(column);
  const Storage storage = column == no_column ? Storage::int64 : current().arguments[index].storage;
  current().aggregates.push_back(make_aggregate(fold, storage, index));
  draft.natives.push_back({fold, column, current().aggregates.back().get()});
  return current().aggregates.back().get();
}

const Aggregate* PartitionLists::moments_beside(const Aggregate* sum) const {
  const std::vector<Draft::Known>& natives = drafts_[list_].natives;
  const auto found = std::find_if(natives.begin(), natives.end(),
                                  [&](const Draft::Known& known) { return known.aggregate == sum; });
  if (found == natives.end()) return nullptr;
  const auto moments = std::find_if(natives.begin(), natives.end(), [&](const Draft::Known& known) {
    return known.fold == Fold::moments && known.column == found->column;
  });
  return moments == natives.end() ? nullptr : moments->aggregate;
}

const Aggregate* PartitionLists::catalogue(WindowFunc* function) {
  std::vector<AggregateInput> inputs;
  ListCell* cell;
  foreach (cell, function->args) {
    auto* expression = static_cast<Expr*>(lfirst(cell));
    AggregateInput input;
    if (IsA(expression, Const)) {
      input.constant = reinterpret_cast<Const*>(expression)->constvalue;
      input.constant_null = reinterpret_cast<Const*>(expression)->constisnull;
    } else {
      input.column = static_cast<int>(add_argument(expression));
    }
    inputs.push_back(input);
  }
  const int filter = function->aggfilter == nullptr ? -1 : static_cast<int>(add_argument(function->aggfilter));
  auto made = std::make_unique<CatalogueAggregate>(function, std::move(inputs), filter);
  for (const auto& known : current().aggregates) {
    const auto* other = dynamic_cast<const CatalogueAggregate*>(known.get());
    if (other != nullptr && other->same_as(*made)) return other;
  }
  current().aggregates.push_back(std::move(made));
  return current().aggregates.back().get();
}

std::size_t PartitionLists::whole_history(std::size_t frame) {
  Frame whole = current().frames[frame];
  whole.start = {Bound::Kind::rows, std::int64_t{1} << 62};
  current().frames.push_back(whole);
  current().kernel.keeps_all = true;
  return current().frames.size() - 1;
}

std::size_t PartitionLists::add_measure(const Aggregate* aggregate, const Frame& frame) {
  ListPlan& plan = current().kernel;
  const auto found = std::find_if(plan.measures.begin(), plan.measures.end(),
                                  [&](const Measure& known) { return known.aggregate == aggregate; });
  const auto measure = static_cast<std::size_t>(found - plan.measures.begin());
  if (found == plan.measures.end()) plan.measures.push_back({aggregate});
  // Frames of few rows hardly ever hold a whole leaf.
  constexpr std::int64_t few_rows = 2 * Tree::leaf_events;
  const bool is_short = frame.start.kind == Bound::Kind::current_row ||
                        (frame.start.kind == Bound::Kind::rows && frame.start.offset <= few_rows);
  std::size_t& summary = plan.measures[measure].summary;
  if (summary == Measure::not_summarised && !is_short && aggregate->combines()) {
    std::vector<Storage>& columns = plan.summaries.event;
    summary = columns.size();
    for (const Storage storage : aggregate->saved()) columns.push_back(storage);
  }
  return measure;
}

std::size_t PartitionLists::add_partial(std::size_t measure) {
  std::vector<Partial>& partials = current().kernel.partials;
  for (std::size_t i = 0; i < partials.size(); ++i) {
    if (partials[i].measure == measure) return i;
  }
  std::vector<Storage>& prefix = current().kernel.layout.prefix;
  partials.push_back({measure, prefix.size()});
  for (const Storage storage : current().kernel.measures[measure].aggregate->saved()) prefix.push_back(storage);
  return partials.size() - 1;
}

namespace {

// The place of a pair among those that are known, behind them if it is new.
std::size_t place_of(std::vector<std::pair<std::size_t, std::size_t>>& known, std::size_t first, std::size_t second) {
  const auto found = std::find(known.begin(), known.end(), std::make_pair(first, second));
  const auto place = static_cast<std::size_t>(found - known.begin());
  if (found == known.end()) known.emplace_back(first, second);
  return place;
}

}  // namespace

std::size_t PartitionLists::add_running(std::size_t partial, std::size_t frame) {
  return place_of(drafts_[list_].running, partial, frame);
}

std::size_t PartitionLists::add_sliding(std::size_t measure, std::size_t frame) {
  return place_of(drafts_[list_].sliding, measure, frame);
}

void PartitionLists::finish() {
  // What a segment's header can count.
  constexpr std::size_t most_columns = 65535;
  for (std::size_t i = 0; i < lists_.size(); ++i) {
    PartitionList& made = lists_[i];
    made.kernel.running = drafts_[i].running.size();
    made.kernel.sliding = drafts_[i].sliding.size();
    for (const Argument& argument : made.arguments) made.kernel.layout.event.push_back(argument.storage);
    made.kernel.summaries.prefix = made.kernel.layout.prefix;
    if (made.kernel.layout.event.size() > most_columns || made.kernel.layout.prefix.size() > most_columns ||
        made.kernel.summaries.event.size() > most_columns) {
      throw SqlError(ERRCODE_PROGRAM_LIMIT_EXCEEDED, "definition has too many window function arguments");
    }
  }
}

}  // namespace feature
