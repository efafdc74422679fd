// Model: CopyFrom in copyfrom.c.

#include "pg/feature_writer.hpp"

#include "pg/compat.hpp"

extern "C" {
#include <access/heapam.h>
#include <access/table.h>
#include <access/xact.h>
#include <executor/executor.h>
#include <rewrite/rewriteHandler.h>
}

namespace feature {

void FeatureWriter::open(Oid relation, const AttrNumber* attributes, int columns, bool fire_triggers) {
  relation_ = table_open(relation, RowExclusiveLock);
  executor_ = CreateExecutorState();
  rows_ = executor_->es_query_cxt;
  MemoryContext previous = MemoryContextSwitchTo(rows_);
  const TupleDesc description = RelationGetDescr(relation_);
  column_of_ = static_cast<int*>(palloc(sizeof(int) * static_cast<std::size_t>(Max(description->natts, 1))));
  for (int i = 0; i < description->natts; ++i) column_of_[i] = -1;
  for (int i = 0; i < columns; ++i) {
    if (attributes[i] > 0 && !TupleDescAttr(description, attributes[i] - 1)->attisdropped) {
      column_of_[attributes[i] - 1] = i;
    }
  }
  compat::init_range_table(executor_, relation_);
  result_ = makeNode(ResultRelInfo);
  InitResultRelInfo(result_, relation_, 1, nullptr, 0);
  if (!fire_triggers) result_->ri_TrigDesc = nullptr;
  ExecOpenIndices(result_, false);
  executor_->es_output_cid = GetCurrentCommandId(true);
  if (result_->ri_TrigDesc != nullptr) {
    AfterTriggerBeginQuery();
    ExecBSInsertTriggers(executor_, result_);
    transition_ = MakeTransitionCaptureState(result_->ri_TrigDesc, relation, CMD_INSERT);
  }
  MemoryContextSwitchTo(previous);
}

void FeatureWriter::add(const Datum* values, const bool* nulls) {
  if (used_ == made_) {
    MemoryContext previous = MemoryContextSwitchTo(rows_);
    slots_[made_++] = table_slot_create(relation_, nullptr);
    MemoryContextSwitchTo(previous);
  }
  TupleTableSlot* slot = slots_[used_];
  ExecClearTuple(slot);
  const int width = slot->tts_tupleDescriptor->natts;
  for (int i = 0; i < width; ++i) {
    if (column_of_[i] < 0) {
      add_default(slot, i);
    } else {
      slot->tts_values[i] = values[column_of_[i]];
      slot->tts_isnull[i] = nulls[column_of_[i]];
    }
  }
  ExecStoreVirtualTuple(slot);
  if (result_->ri_TrigDesc != nullptr && result_->ri_TrigDesc->trig_insert_before_row &&
      !ExecBRInsertTriggers(executor_, result_, slot)) {
    return;
  }
  check(slot);
  ExecMaterializeSlot(slot);
  slot->tts_tableOid = RelationGetRelid(relation_);
  bytes_ += ExecFetchSlotHeapTuple(slot, false, nullptr)->t_len;
  if (++used_ == most_rows || bytes_ > most_bytes) flush();
}

// Columns that the owner has added get their defaults, as in any INSERT that does not name them.
void FeatureWriter::add_default(TupleTableSlot* slot, int column) {
  slot->tts_isnull[column] = true;
  slot->tts_values[column] = 0;
  if (TupleDescAttr(slot->tts_tupleDescriptor, column)->attisdropped) return;
  if (defaults_ == nullptr) {
    MemoryContext previous = MemoryContextSwitchTo(rows_);
    defaults_ = static_cast<ExprState**>(palloc0(sizeof(ExprState*) * static_cast<std::size_t>(slot->tts_tupleDescriptor->natts)));
    for (int i = column; i < slot->tts_tupleDescriptor->natts; ++i) {
      if (column_of_[i] >= 0 || TupleDescAttr(slot->tts_tupleDescriptor, i)->attisdropped) continue;
      Node* expression = build_column_default(relation_, i + 1);
      if (expression != nullptr) defaults_[i] = ExecPrepareExpr(reinterpret_cast<Expr*>(expression), executor_);
    }
    MemoryContextSwitchTo(previous);
  }
  if (defaults_[column] == nullptr) return;
  slot->tts_values[column] = ExecEvalExprSwitchContext(defaults_[column], GetPerTupleExprContext(executor_),
                                                       &slot->tts_isnull[column]);
}

void FeatureWriter::check(TupleTableSlot* slot) {
  if (relation_->rd_att->constr != nullptr) ExecConstraints(result_, slot, executor_);
}

void FeatureWriter::flush() {
  if (used_ == 0) return;
  const CommandId command = GetCurrentCommandId(true);
  if (used_ == 1 && bulk_ == nullptr) {
    table_tuple_insert(relation_, slots_[0], command, 0, nullptr);
  } else {
    if (bulk_ == nullptr) {
      MemoryContext previous = MemoryContextSwitchTo(rows_);
      bulk_ = GetBulkInsertState();
      MemoryContextSwitchTo(previous);
    }
    // Each insertion may leave memory behind; it is given back with the rows' expression context.
    MemoryContext previous = MemoryContextSwitchTo(GetPerTupleMemoryContext(executor_));
    table_multi_insert(relation_, slots_, used_, command, 0, bulk_);
    MemoryContextSwitchTo(previous);
  }
  for (int i = 0; i < used_; ++i) {
    ::List* recheck = NIL;
    if (result_->ri_NumIndices > 0) recheck = compat::ExecInsertIndexTuples(result_, slots_[i], executor_);
    if (result_->ri_TrigDesc != nullptr) {
      ExecARInsertTriggers(executor_, result_, slots_[i], recheck, transition_);
    }
    list_free(recheck);
    ExecClearTuple(slots_[i]);
    ResetPerTupleExprContext(executor_);
  }
  used_ = 0;
  bytes_ = 0;
}

void FeatureWriter::finish() {
  flush();
  if (bulk_ != nullptr) {
    FreeBulkInsertState(bulk_);
    table_finish_bulk_insert(relation_, 0);
  }
  if (result_->ri_TrigDesc != nullptr) {
    ExecASInsertTriggers(executor_, result_, transition_);
    AfterTriggerEndQuery(executor_);
  }
  for (int i = 0; i < made_; ++i) ExecDropSingleTupleTableSlot(slots_[i]);
  ExecCloseIndices(result_);
  ExecCloseResultRelations(executor_);
  ExecResetTupleTable(executor_->es_tupleTable, false);
  FreeExecutorState(executor_);
  table_close(relation_, NoLock);
}

}  // namespace feature
