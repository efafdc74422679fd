// See definition_rows.hpp.

#include "pg/definition_rows.hpp"

#include "pg/compat.hpp"
#include "pg/definition.hpp"
#include "pg/diverted_rows.hpp"
#include "pg/shown_rows.hpp"

extern "C" {
#include <access/relation.h>
#include <access/table.h>
#include <catalog/pg_type.h>
#include <executor/executor.h>
#include <executor/tstoreReceiver.h>
#include <nodes/makefuncs.h>
#include <parser/parse_func.h>
#include <rewrite/rewriteHandler.h>
#include <tcop/tcopprot.h>
#include <utils/rel.h>
#include <utils/snapmgr.h>

PGDLLEXPORT Datum feature_was_processed(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(feature_was_processed);
}

namespace feature {
namespace {

// Tells rows that were processed from those that were diverted.
class Sieve {
 public:
  Sieve(const ViewIdentity& view, TupleDesc source)
      : memory_(CurrentMemoryContext, "feature_ext row of a definition"),
        slot_(call([&] { return MakeSingleTupleTableSlot(source, &TTSOpsMinimalTuple); })),
        diverted_(view, source) {}

  [[nodiscard]] bool lets_all_pass() const { return diverted_.empty(); }

  [[nodiscard]] bool lets_pass(HeapTupleHeader row) {
    const InContext here(memory_.get());
    const MinimalTuple tuple = call([&] {
      ExecClearTuple(slot_);
      MemoryContextReset(memory_.get());
      HeapTupleData heap{};
      heap.t_len = HeapTupleHeaderGetDatumLength(row);
      heap.t_data = row;
      ExecForceStoreHeapTuple(&heap, slot_, false);
      bool copied;
      return ExecFetchSlotMinimalTuple(slot_, &copied);
    });
    return !diverted_.take_out(tuple);
  }

 private:
  OwnedContext memory_;
  TupleTableSlot* slot_;
  DivertedKeys diverted_;
};

// Has the rows of the definition's source go through a sieve, which the query borrows.
void put_in(Query* definition, Sieve& sieve) {
  int index;
  RangeTblEntry* source = source_of_level(levels_of(definition).front(), &index);
  call([&] {
    const Oid types[] = {INTERNALOID, RECORDOID};
    const Oid function = LookupFuncName(
        list_make2(makeString(pstrdup("feature_state")), makeString(pstrdup("was_processed"))), 2, types, false);
    Const* given = makeConst(INTERNALOID, -1, InvalidOid, sizeof(Datum), PointerGetDatum(&sieve), false, true);
    Var* row = makeWholeRowVar(source, index, 0, false);
    source->securityQuals = list_make1(makeFuncExpr(function, BOOLOID, list_make2(given, row), InvalidOid, InvalidOid,
                                                    COERCE_EXPLICIT_CALL));
  });
}

// Backend code.
Tuplestorestate* run(Query* query) {
  AcquireRewriteLocks(query, true, false);
  ::List* rewritten = QueryRewrite(query);
  PlannedStmt* plan = pg_plan_query(linitial_node(Query, rewritten), "", 0, nullptr);
  Tuplestorestate* rows = new_tuplestore();
  DestReceiver* receiver = CreateDestReceiver(DestTuplestore);
  SetTuplestoreDestReceiverParams(receiver, rows, CurrentMemoryContext, false, nullptr, nullptr);
  QueryDesc* running = CreateQueryDesc(plan, "", GetActiveSnapshot(), InvalidSnapshot, receiver, nullptr, nullptr, 0);
  ExecutorStart(running, 0);
  compat::run_to_end(running);
  ExecutorFinish(running);
  ExecutorEnd(running);
  FreeQueryDesc(running);
  return rows;
}

}  // namespace

std::optional<DefinitionRows> rows_without_diverted(const ViewIdentity& view) {
  const TupleDesc source = call([&] {
    Relation relation = table_open(view.source, AccessShareLock);
    TupleDesc columns = CreateTupleDescCopyConstr(RelationGetDescr(relation));
    table_close(relation, NoLock);
    return columns;
  });
  Sieve sieve(view, source);
  if (sieve.lets_all_pass()) return std::nullopt;
  Query* definition = stored_definition(view.definition);
  put_in(definition, sieve);
  const TupleDesc columns = call([&] {
    Relation relation = relation_open(view.definition, AccessShareLock);
    TupleDesc copied = CreateTupleDescCopy(RelationGetDescr(relation));
    relation_close(relation, NoLock);
    return copied;
  });
  const PinnedSettings settings(view.settings);
  return DefinitionRows{columns, call([&] { return run(definition); })};
}

}  // namespace feature

// Arguments of type internal cannot be given in SQL: only put_in() can call it.
Datum feature_was_processed(PG_FUNCTION_ARGS) {
  return feature::guard([&] {
    auto* sieve = reinterpret_cast<feature::Sieve*>(PG_GETARG_POINTER(0));
    const HeapTupleHeader row = feature::call([&] { return PG_GETARG_HEAPTUPLEHEADER(1); });
    return BoolGetDatum(sieve->lets_pass(row));
  });
}
