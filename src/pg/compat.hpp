// Everything that differs between PostgreSQL 15, 16, 17 and 18. No other file looks at PG_VERSION_NUM,
// but for postgres.hpp, which has to know where the varlena macros are.
#pragma once

#include "pg/postgres.hpp"

extern "C" {
#include <access/attmap.h>
#include <access/genam.h>
#include <access/htup_details.h>
#include <access/stratnum.h>
#include <access/tableam.h>
#include <catalog/pg_class.h>
#include <catalog/pg_proc.h>
#include <commands/trigger.h>
#include <executor/executor.h>
#include <nodes/nodeFuncs.h>
#include <parser/parse_relation.h>
#include <rewrite/rewriteHandler.h>
#include <storage/buffile.h>
#include <storage/lmgr.h>
#include <utils/acl.h>
#include <utils/lsyscache.h>
#include <utils/rel.h>
#include <utils/snapshot.h>
#include <utils/tuplesort.h>
}

namespace feature::compat {

// Tree walkers and mutators are typed from 16 on.
#if PG_VERSION_NUM >= 160000
using TreeWalker = tree_walker_callback;
using TreeMutator = tree_mutator_callback;
#else
using TreeWalker = bool (*)();
using TreeMutator = Node* (*)();
#endif

inline TreeWalker walker(bool (*function)(Node*, void*)) {
  return reinterpret_cast<TreeWalker>(reinterpret_cast<void (*)()>(function));
}
inline TreeMutator mutator(Node* (*function)(Node*, void*)) {
  return reinterpret_cast<TreeMutator>(reinterpret_cast<void (*)()>(function));
}

// 18 counts index searches for EXPLAIN.
inline IndexScanDesc index_beginscan(Relation table, Relation index, Snapshot snapshot, int keys) {
#if PG_VERSION_NUM >= 180000
  return ::index_beginscan(table, index, snapshot, nullptr, keys, 0);
#else
  return ::index_beginscan(table, index, snapshot, keys, 0);
#endif
}

// 17 can also look for stronger locks.
inline bool LockHeldByMe(const LOCKTAG& tag, LOCKMODE mode) {
#if PG_VERSION_NUM >= 170000
  return ::LockHeldByMe(&tag, mode, false);
#else
  return ::LockHeldByMe(&tag, mode);
#endif
}

// 16 tells apart indexes that only summarise; whether any index needs a new entry is all we ask.
inline TM_Result table_tuple_update(Relation table, ItemPointer old, TupleTableSlot* slot, CommandId command,
                                    Snapshot snapshot, bool wait, TM_FailureData* failure, LockTupleMode* mode,
                                    bool* update_indexes) {
#if PG_VERSION_NUM >= 160000
  TU_UpdateIndexes indexes = TU_None;
  const TM_Result result =
      ::table_tuple_update(table, old, slot, command, snapshot, InvalidSnapshot, wait, failure, mode, &indexes);
  *update_indexes = indexes == TU_All;
  return result;
#else
  return ::table_tuple_update(table, old, slot, command, snapshot, InvalidSnapshot, wait, failure, mode,
                              update_indexes);
#endif
}

inline ::List* ExecInsertIndexTuples(ResultRelInfo* relation, TupleTableSlot* slot, EState* executor) {
#if PG_VERSION_NUM >= 160000
  return ::ExecInsertIndexTuples(relation, slot, executor, false, false, nullptr, NIL, false);
#else
  return ::ExecInsertIndexTuples(relation, slot, executor, false, false, nullptr, NIL);
#endif
}

// 18 can leave out one row of the table.
inline bool ExecCheckIndexConstraints(ResultRelInfo* relation, TupleTableSlot* slot, EState* executor,
                                      ItemPointer conflict, ::List* indexes) {
#if PG_VERSION_NUM >= 180000
  ItemPointerData none;
  ItemPointerSetInvalid(&none);
  return ::ExecCheckIndexConstraints(relation, slot, executor, conflict, &none, indexes);
#else
  return ::ExecCheckIndexConstraints(relation, slot, executor, conflict, indexes);
#endif
}

// Evaluates a projection into its slot, which is not emptied before. 18 has expressions that return nothing.
inline void evaluate(ProjectionInfo* projection) {
#if PG_VERSION_NUM >= 180000
  ExecEvalExprNoReturn(&projection->pi_state, projection->pi_exprContext);
#else
  bool null;
  ExecEvalExpr(&projection->pi_state, projection->pi_exprContext, &null);
#endif
}

// The next of sorted values that are none by reference. 16 asks whether to copy it.
inline bool tuplesort_getdatum(Tuplesortstate* sort, Datum* value) {
  bool null;
#if PG_VERSION_NUM >= 160000
  return ::tuplesort_getdatum(sort, true, false, value, &null, nullptr);
#else
  return ::tuplesort_getdatum(sort, true, value, &null, nullptr);
#endif
}

// A range table of one relation that is inserted into. 16 keeps permissions apart from it.
inline void init_range_table(EState* executor, Relation relation) {
  auto* entry = makeNode(RangeTblEntry);
  entry->rtekind = RTE_RELATION;
  entry->relid = RelationGetRelid(relation);
  entry->relkind = relation->rd_rel->relkind;
  entry->rellockmode = RowExclusiveLock;
#if PG_VERSION_NUM >= 160000
  ::List* permissions = NIL;
  addRTEPermissionInfo(&permissions, entry);
#if PG_VERSION_NUM >= 180000
  ExecInitRangeTable(executor, list_make1(entry), permissions, bms_make_singleton(1));
#else
  ExecInitRangeTable(executor, list_make1(entry), permissions);
#endif
#else
  ExecInitRangeTable(executor, list_make1(entry));
#endif
}

// 16 made the ownership and privilege checks of each kind of object one.
inline bool class_ownercheck(Oid relation, Oid role) {
#if PG_VERSION_NUM >= 160000
  return object_ownercheck(RelationRelationId, relation, role);
#else
  return pg_class_ownercheck(relation, role);
#endif
}

inline AclResult function_aclcheck(Oid function, Oid role) {
#if PG_VERSION_NUM >= 160000
  return object_aclcheck(ProcedureRelationId, function, role, ACL_EXECUTE);
#else
  return pg_proc_aclcheck(function, role, ACL_EXECUTE);
#endif
}

// 16 has SQL/JSON constructors that wrap an aggregate, and are printed by what kind it is.
inline WindowFunc* window_of_json_constructor([[maybe_unused]] Node* node) {
#if PG_VERSION_NUM >= 160000
  if (IsA(node, JsonConstructorExpr)) {
    Expr* function = reinterpret_cast<JsonConstructorExpr*>(node)->func;
    if (function != nullptr && IsA(function, WindowFunc)) return reinterpret_cast<WindowFunc*>(function);
  }
#endif
  return nullptr;
}
inline Node* with_function(Node* constructor, [[maybe_unused]] Node* function) {
#if PG_VERSION_NUM >= 160000
  auto* changed = static_cast<JsonConstructorExpr*>(copyObjectImpl(constructor));
  changed->func = reinterpret_cast<Expr*>(function);
  return reinterpret_cast<Node*>(changed);
#else
  return constructor;
#endif
}

// 16 can let columns be missing.
inline AttrMap* build_attrmap_by_name_if_req(TupleDesc from, TupleDesc to) {
#if PG_VERSION_NUM >= 160000
  return ::build_attrmap_by_name_if_req(from, to, false);
#else
  return ::build_attrmap_by_name_if_req(from, to);
#endif
}

// 18 can leave room in front of a minimal tuple.
inline MinimalTuple heap_form_minimal_tuple(TupleDesc description, Datum* values, bool* nulls) {
#if PG_VERSION_NUM >= 180000
  return ::heap_form_minimal_tuple(description, values, nulls, 0);
#else
  return ::heap_form_minimal_tuple(description, values, nulls);
#endif
}

// 16 looks itself whether all was read, and leaves what it writes as it is.
inline void BufFileReadExact(BufFile* file, void* bytes, std::size_t size) {
#if PG_VERSION_NUM >= 160000
  ::BufFileReadExact(file, bytes, size);
#else
  const std::size_t read = BufFileRead(file, bytes, size);
  if (read == size) return;
  ereport(ERROR, (errcode_for_file_access(),
                  errmsg("could not read from temporary file: read only %zu of %zu bytes", read, size)));
#endif
}
inline void BufFileWrite(BufFile* file, const void* bytes, std::size_t size) {
  ::BufFileWrite(file, const_cast<void*>(bytes), size);
}

// 18 knows itself that a query is run once.
inline void run_to_end(QueryDesc* query) {
#if PG_VERSION_NUM >= 180000
  ExecutorRun(query, ForwardScanDirection, 0);
#else
  ExecutorRun(query, ForwardScanDirection, 0, true);
#endif
}

// 18 has generated columns that are computed when they are read, and lie in no row.
inline bool is_virtual([[maybe_unused]] Form_pg_attribute attribute) {
#if PG_VERSION_NUM >= 180000
  return attribute->attgenerated == ATTRIBUTE_GENERATED_VIRTUAL;
#else
  return false;
#endif
}
inline Node* expand_virtual_columns(Node* node, [[maybe_unused]] Relation table, [[maybe_unused]] int index) {
#if PG_VERSION_NUM >= 180000
  return expand_generated_columns_in_expr(node, table, index);
#else
  return node;
#endif
}

// Whether an ordering operator is a btree's greater-than. 18 speaks of comparisons instead of btree strategies.
inline bool is_greater_than(Oid ordering_operator) {
  Oid family, type;
#if PG_VERSION_NUM >= 180000
  CompareType comparison;
  return get_ordering_op_properties(ordering_operator, &family, &type, &comparison) && comparison == COMPARE_GT;
#else
  std::int16_t strategy;
  return get_ordering_op_properties(ordering_operator, &family, &type, &strategy) &&
         strategy == BTGreaterStrategyNumber;
#endif
}

}  // namespace feature::compat
