// The rules of nodeWindowAgg.c for calling an aggregate's functions, over events instead of tuples.

#include "pg/catalogue_aggregate.hpp"

#include <algorithm>

#include "pg/compat.hpp"
#include "pg/datum.hpp"
#include "pg/memory.hpp"
#include "pg/stored_oids.hpp"

extern "C" {
#include <access/htup_details.h>
#include <access/transam.h>
#include <catalog/pg_aggregate.h>
#include <catalog/pg_proc.h>
#include <catalog/pg_type.h>
#include <nodes/nodeFuncs.h>
#include <parser/parse_agg.h>
#include <utils/builtins.h>
#include <utils/datum.h>
#include <utils/expandeddatum.h>
#include <utils/fmgrprotos.h>
#include <utils/lsyscache.h>
#include <utils/syscache.h>
}

namespace feature {
namespace {

// As nodeWindowAgg.c does: what an aggregate consists of is run on behalf of the aggregate's owner.
void check_support_functions(Oid function, const FormData_pg_aggregate& aggregate) {
  HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
  if (!HeapTupleIsValid(tuple)) elog(ERROR, "cache lookup failed for function %u", function);
  const Oid owner = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple))->proowner;
  ReleaseSysCache(tuple);
  for (const Oid support : {aggregate.aggtransfn, aggregate.aggfinalfn, aggregate.aggcombinefn, aggregate.aggserialfn,
                            aggregate.aggdeserialfn}) {
    if (OidIsValid(support)) check_execute(support, owner);
  }
}

}  // namespace

void check_execute(Oid function, Oid role) {
  const AclResult allowed = compat::function_aclcheck(function, role);
  if (allowed != ACLCHECK_OK) aclcheck_error(allowed, OBJECT_FUNCTION, get_func_name(function));
}

namespace {

// Whether the order of input shows in an aggregate's result. If it may be computed by parallel workers, its author says
// that it does not; PostgreSQL's own that show it are those that any order is right for.
bool shows_order(Oid function) {
  if (func_parallel(function) != PROPARALLEL_SAFE) return true;
  if (function >= FirstNormalObjectId) return false;
  const std::string_view name = get_func_name(function);
  return name == "array_agg" || name == "string_agg" || name == "any_value";
}

}  // namespace

CatalogueAggregate::CatalogueAggregate(WindowFunc* function, std::vector<AggregateInput> inputs, int filter)
    : function_(function), inputs_(std::move(inputs)), filter_(filter) {
  const bool usable = call([&] {
    HeapTuple tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(function->winfnoid));
    if (!HeapTupleIsValid(tuple)) elog(ERROR, "cache lookup failed for aggregate %u", function->winfnoid);
    const auto* aggregate = reinterpret_cast<Form_pg_aggregate>(GETSTRUCT(tuple));
    if (aggregate->aggfinalmodify != AGGMODIFY_READ_ONLY || aggregate->aggkind != AGGKIND_NORMAL) {
      ReleaseSysCache(tuple);
      return false;
    }
    check_support_functions(function->winfnoid, *aggregate);
    Oid input_types[FUNC_MAX_ARGS];
    int count = 0;
    ListCell* cell;
    foreach (cell, function->args) input_types[count++] = exprType(static_cast<Node*>(lfirst(cell)));

    transition_type_ = resolve_aggregate_transtype(function->winfnoid, aggregate->aggtranstype, input_types, count);
    internal_ = transition_type_ == INTERNALOID;
    get_typlenbyval(transition_type_, &length_, &by_value_);
    get_typlenbyval(function->wintype, &result_length_, &result_by_value_);
    final_arguments_ = aggregate->aggfinalextra ? count + 1 : 1;

    Expr* expression;
    Expr* inverse;
    build_aggregate_transfn_expr(input_types, count, 0, false, transition_type_, function->inputcollid,
                                 aggregate->aggtransfn, InvalidOid, &expression, &inverse);
    fmgr_info(aggregate->aggtransfn, &transition_);
    fmgr_info_set_expr(reinterpret_cast<Node*>(expression), &transition_);
    if (OidIsValid(aggregate->aggfinalfn)) {
      build_aggregate_finalfn_expr(input_types, final_arguments_, transition_type_, function->wintype,
                                   function->inputcollid, aggregate->aggfinalfn, &expression);
      fmgr_info(aggregate->aggfinalfn, &final_);
      fmgr_info_set_expr(reinterpret_cast<Node*>(expression), &final_);
    }
    if (OidIsValid(aggregate->aggcombinefn)) {
      fmgr_info(aggregate->aggcombinefn, &combine_);
      build_aggregate_transfn_expr(&transition_type_, 1, 0, false, transition_type_, function->inputcollid,
                                   aggregate->aggcombinefn, InvalidOid, &expression, &inverse);
      fmgr_info_set_expr(reinterpret_cast<Node*>(expression), &combine_);
    }
    if (internal_ && OidIsValid(aggregate->aggserialfn) && OidIsValid(aggregate->aggdeserialfn) &&
        OidIsValid(aggregate->aggcombinefn)) {
      fmgr_info(aggregate->aggserialfn, &serialise_);
      fmgr_info(aggregate->aggdeserialfn, &deserialise_);
    }

    const Datum literal_text = SysCacheGetAttr(AGGFNOID, tuple, Anum_pg_aggregate_agginitval, &initial_null_);
    if (!initial_null_) {
      Oid input_function, parameter;
      getTypeInputInfo(transition_type_, &input_function, &parameter);
      char* literal = text_to_cstring(DatumGetTextPP(literal_text));
      initial_ = OidInputFunctionCall(input_function, literal, parameter, -1);
    }
    ReleaseSysCache(tuple);
    state_ = makeNode(WindowAggState);
    state_->curaggcontext = CurrentMemoryContext;
    depends_on_order_ = !combines() || shows_order(function->winfnoid);
    return true;
  });
  if (!usable) {
    throw SqlError(ERRCODE_FEATURE_NOT_SUPPORTED, "aggregate function cannot be used as a window function");
  }
}

bool CatalogueAggregate::saves_local_oids(Move move) const {
  return call([&] {
    if (!internal_) return holds_local_oids(transition_type_, move);
    if (is_local(function_->inputcollid)) return true;
    ListCell* cell;
    foreach (cell, function_->args) {
      const Oid type = exprType(static_cast<Node*>(lfirst(cell)));
      if ((move == Move::dump && is_local(type)) || holds_local_oids(type, move)) return true;
    }
    return false;
  });
}

// The first value of a transition state: the aggregate's initial one, in the context that states are made in.
void CatalogueAggregate::start(Accumulator& accumulator) const {
  if (accumulator.count != fresh || initial_null_) return;
  MemoryContext previous = MemoryContextSwitchTo(state_->curaggcontext);
  accumulator.word = datumCopy(initial_, by_value_, length_);
  accumulator.count = has_value;
  MemoryContextSwitchTo(previous);
}

void CatalogueAggregate::step(Accumulator& accumulator, const Event& event) const {
  if (filter_ >= 0 && (event.values[filter_].null || event.values[filter_].word == 0)) return;
  LOCAL_FCINFO(arguments, FUNC_MAX_ARGS);
  const auto count = static_cast<int>(inputs_.size());
  InitFunctionCallInfoData(*arguments, &transition_, count + 1, function_->inputcollid,
                           reinterpret_cast<Node*>(state_), nullptr);
  for (int i = 0; i < count; ++i) {
    const AggregateInput& input = inputs_[static_cast<std::size_t>(i)];
    NullableDatum& argument = arguments->args[i + 1];
    if (input.column >= 0) {
      argument.value = event.values[input.column].word;
      argument.isnull = event.values[input.column].null;
    } else {
      argument.value = input.constant;
      argument.isnull = input.constant_null;
    }
    if (transition_.fn_strict && argument.isnull) return;
  }
  start(accumulator);
  if (transition_.fn_strict) {
    if (accumulator.count == fresh) {
      // The first input is the first state: the two types are the same, as CREATE AGGREGATE has checked.
      take(accumulator, arguments->args[1].value);
      return;
    }
    if (accumulator.count == is_null) return;
  }
  apply(accumulator, arguments);
}

// A copy of a value as the state.
void CatalogueAggregate::take(Accumulator& accumulator, Datum given) const {
  MemoryContext previous = MemoryContextSwitchTo(state_->curaggcontext);
  accumulator.word = datumCopy(given, by_value_, length_);
  accumulator.count = has_value;
  MemoryContextSwitchTo(previous);
}

// Calls a function whose first argument is the state, and puts its result in the state's place.
void CatalogueAggregate::apply(Accumulator& accumulator, FunctionCallInfo arguments) const {
  const bool was_null = accumulator.count != has_value;
  const Datum before = accumulator.word;
  arguments->args[0].value = before;
  arguments->args[0].isnull = was_null;
  Datum after = FunctionCallInvoke(arguments);
  if (!by_value_ && DatumGetPointer(after) != DatumGetPointer(before)) {
    if (!arguments->isnull) {
      MemoryContext previous = MemoryContextSwitchTo(state_->curaggcontext);
      if (!(DatumIsReadWriteExpandedObject(after, false, length_) &&
            MemoryContextGetParent(DatumGetEOHP(after)->eoh_context) == CurrentMemoryContext)) {
        after = datumCopy(after, by_value_, length_);
      }
      MemoryContextSwitchTo(previous);
    }
    if (!was_null) {
      if (DatumIsReadWriteExpandedObject(before, false, length_)) {
        DeleteExpandedObject(before);
      } else {
        pfree(DatumGetPointer(before));
      }
    }
  }
  accumulator.word = after;
  accumulator.count = arguments->isnull ? is_null : has_value;
}

void CatalogueAggregate::fold(Accumulator& accumulator, const Event* first, const Event* last) const {
  call([&] {
    for (const Event* event = first; event != last; ++event) {
      CHECK_FOR_INTERRUPTS();
      step(accumulator, *event);
    }
  });
}

Datum CatalogueAggregate::finish(const Accumulator& given, bool* null) const {
  Accumulator accumulator = given;
  start(accumulator);
  const bool state_null = accumulator.count != has_value;
  if (final_.fn_oid == InvalidOid) {
    *null = state_null;
    return accumulator.word;
  }
  LOCAL_FCINFO(arguments, FUNC_MAX_ARGS);
  InitFunctionCallInfoData(*arguments, &final_, final_arguments_, function_->inputcollid,
                           reinterpret_cast<Node*>(state_), nullptr);
  arguments->args[0].value = MakeExpandedObjectReadOnly(accumulator.word, state_null, length_);
  arguments->args[0].isnull = state_null;
  for (int i = 1; i < final_arguments_; ++i) arguments->args[i] = {0, true};
  if (final_.fn_strict && (state_null || final_arguments_ > 1)) {
    *null = true;
    return 0;
  }
  const Datum result = FunctionCallInvoke(arguments);
  *null = arguments->isnull;
  return result;
}

std::vector<Storage> CatalogueAggregate::saved() const {
  // The state, and whether there has been one: a NULL state after inputs is not a fresh one.
  return {internal_ ? Storage::bytes : storage_of_type(transition_type_, length_, by_value_), Storage::int8};
}

void CatalogueAggregate::save(const Accumulator& accumulator, Value* columns, std::pmr::memory_resource&) const {
  columns[1] = {static_cast<Word>(accumulator.count), false};
  columns[0] = {};
  if (accumulator.count != has_value) return;
  columns[0] = call([&] {
    if (by_value_ && !internal_) {
      return Value{to_normal_word(accumulator.word, storage_of_type(transition_type_, length_, by_value_)), false};
    }
    if (!internal_) return to_value(accumulator.word, false, length_, by_value_, state_->curaggcontext);
    LOCAL_FCINFO(arguments, 1);
    InitFunctionCallInfoData(*arguments, &serialise_, 1, InvalidOid, reinterpret_cast<Node*>(state_), nullptr);
    arguments->args[0] = {accumulator.word, false};
    const Datum bytes = FunctionCallInvoke(arguments);
    return to_value(bytes, arguments->isnull, -1, false, state_->curaggcontext);
  });
}

Accumulator CatalogueAggregate::restore(const Value* columns, std::int64_t count) const {
  Accumulator accumulator;
  if (count == 0) return accumulator;
  accumulator.count = static_cast<std::int64_t>(columns[1].word);
  if (accumulator.count != has_value) return accumulator;
  if (columns[0].null) throw CorruptState("a saved aggregate state is missing");
  accumulator.word = call([&] {
    MemoryContext previous = MemoryContextSwitchTo(state_->curaggcontext);
    Datum state = deserialise(columns[0]);
    if (internal_) {
      // A deserialised state is only fit to be combined into another one: numeric's sums no squares any more.
      LOCAL_FCINFO(arguments, 2);
      InitFunctionCallInfoData(*arguments, &combine_, 2, function_->inputcollid, reinterpret_cast<Node*>(state_),
                               nullptr);
      arguments->args[0] = {0, true};
      arguments->args[1] = {state, false};
      state = FunctionCallInvoke(arguments);
      if (arguments->isnull) elog(ERROR, "aggregate state combined to null");
    }
    MemoryContextSwitchTo(previous);
    return state;
  });
  return accumulator;
}

// A saved state, as a copy of its own with a full header: functions may change or free it.
Datum CatalogueAggregate::deserialise(const Value& value) const {
  if (!internal_) {
    return !by_value_ && length_ == -1 ? PointerGetDatum(PG_DETOAST_DATUM_COPY(value.word))
                                       : datumCopy(value.word, by_value_, length_);
  }
  LOCAL_FCINFO(arguments, 2);
  InitFunctionCallInfoData(*arguments, &deserialise_, 2, InvalidOid, reinterpret_cast<Node*>(state_), nullptr);
  arguments->args[0] = {value.word, false};
  arguments->args[1] = {0, false};
  const Datum state = FunctionCallInvoke(arguments);
  if (arguments->isnull) elog(ERROR, "aggregate state deserialized to null");
  return state;
}

void CatalogueAggregate::combine(Accumulator& accumulator, const Event* first, const Event* last,
                                 std::size_t column) const {
  call([&] {
    for (; first != last; ++first) {
      CHECK_FOR_INTERRUPTS();
      combine_one(accumulator, first->values + column);
    }
  });
}

// As advance_combine_function of nodeAgg.c does.
void CatalogueAggregate::combine_one(Accumulator& accumulator, const Value* columns) const {
  const auto kind = static_cast<std::int64_t>(columns[1].word);
  if (kind == fresh || (kind == is_null && combine_.fn_strict)) return;
  MemoryContext previous = MemoryContextSwitchTo(state_->curaggcontext);
  const Datum state = kind == has_value ? deserialise(columns[0]) : 0;
  MemoryContextSwitchTo(previous);
  start(accumulator);
  if (combine_.fn_strict) {
    if (accumulator.count == fresh) {
      take(accumulator, state);
      return;
    }
    if (accumulator.count == is_null) return;
  }
  LOCAL_FCINFO(arguments, 2);
  InitFunctionCallInfoData(*arguments, &combine_, 2, function_->inputcollid, reinterpret_cast<Node*>(state_), nullptr);
  arguments->args[1] = {state, kind != has_value};
  apply(accumulator, arguments);
}

bool CatalogueAggregate::same_as(const CatalogueAggregate& other) const {
  if (function_->winfnoid != other.function_->winfnoid || function_->inputcollid != other.function_->inputcollid ||
      filter_ != other.filter_ || inputs_.size() != other.inputs_.size()) {
    return false;
  }
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    // Constants are compared by address: two spellings of one constant are kept apart, which costs room, not truth.
    if (inputs_[i].column != other.inputs_[i].column) return false;
    if (inputs_[i].column < 0 && (inputs_[i].constant != other.inputs_[i].constant ||
                                  inputs_[i].constant_null != other.inputs_[i].constant_null)) {
      return false;
    }
  }
  return true;
}

bool is_saved(const ListPlan& plan, const Aggregate* aggregate) {
  for (std::size_t i = 0; i < plan.measures.size(); ++i) {
    const Measure& measure = plan.measures[i];
    if (measure.aggregate != aggregate) continue;
    if (measure.summary != Measure::not_summarised) return true;
    if (std::any_of(plan.partials.begin(), plan.partials.end(),
                    [&](const Partial& partial) { return partial.measure == i; })) {
      return true;
    }
  }
  return false;
}

}  // namespace feature
