// Model: CopyFrom in copyfrom.c.

#include "pg/feature_writer.hpp"

#include <cstring>

#include "pg/compat.hpp"

extern "C" {
#include <access/detoast.h>
#include <access/heapam.h>
#include <access/heaptoast.h>
#include <catalog/index.h>
#include <catalog/pg_am.h>
#include <access/table.h>
#include <access/xact.h>
#include <executor/executor.h>
#include <executor/nodeModifyTable.h>
#include <rewrite/rewriteHandler.h>
#include <utils/snapmgr.h>
}

namespace feature {

void FeatureWriter::open(Oid relation, const AttrNumber* attributes, int columns, bool fire_triggers) {
  owner_ = CurrentResourceOwner;
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
  find_wide_keys();
  executor_->es_output_cid = GetCurrentCommandId(true);
  if (result_->ri_TrigDesc != nullptr) {
    AfterTriggerBeginQuery();
    push_snapshot();
    ExecBSInsertTriggers(executor_, result_);
    PopActiveSnapshot();
    transition_ = MakeTransitionCaptureState(result_->ri_TrigDesc, relation, CMD_INSERT);
  }
  MemoryContextSwitchTo(previous);
}

// For triggers: that of a statement which is this one, as all rows are of its command. By it views on the table know
// rows that they have still to process.
void FeatureWriter::push_snapshot() const {
  PushCopiedSnapshot(GetActiveSnapshot());
  GetActiveSnapshot()->curcid = executor_->es_output_cid;
}

// Slots outlive the subtransaction that a row may be processed in.
TupleTableSlot* FeatureWriter::make_slot() const {
  MemoryContext previous = MemoryContextSwitchTo(rows_);
  ResourceOwner current = CurrentResourceOwner;
  CurrentResourceOwner = owner_;
  TupleTableSlot* slot = table_slot_create(relation_, nullptr);
  CurrentResourceOwner = current;
  MemoryContextSwitchTo(previous);
  return slot;
}

void FeatureWriter::add(const Datum* values, const bool* nulls) {
  if (used_ == made_) slots_[made_++] = make_slot();
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
  slot->tts_tableOid = RelationGetRelid(relation_);
  const TupleConstr* constraints = relation_->rd_att->constr;
  if (constraints != nullptr && constraints->has_generated_stored) {
    ExecComputeStoredGenerated(result_, executor_, slot, CMD_INSERT);
  }
  check(slot);
  ExecMaterializeSlot(slot);
  if (may_not_fit(slot) || (attributes_errors_ && may_fail_in_index(slot))) {
    write_alone(slot);
    return;
  }
  bytes_ += ExecFetchSlotHeapTuple(slot, false, nullptr)->t_len;
  ++used_;
}

void FeatureWriter::catch_up() {
  if (alone_.pending) {
    after_insert(alone_.slot, alone_.recheck);
    alone_.pending = false;
  }
  if (used_ >= most_waiting_ || bytes_ > most_bytes) flush();
}

void FeatureWriter::attribute_errors(bool rows_differ) {
  attributes_errors_ = true;
  MemoryContext previous = MemoryContextSwitchTo(rows_);
  bool differ_in_all = true;
  for (int i = 0; i < result_->ri_NumIndices; ++i) {
    IndexInfo* info = result_->ri_IndexRelationInfo[i];
    Relation index = result_->ri_IndexRelationDescs[i];
    // A btree or hash index over plain columns fails for nothing else; a BRIN index keeps pages pinned from row to row,
    // which a row that is undone must not have done.
    const Oid method = index->rd_rel->relam;
    has_odd_index_ = has_odd_index_ || info->ii_Expressions != NIL || info->ii_Predicate != NIL ||
                     (method != BTREE_AM_OID && method != HASH_AM_OID && method != BRIN_AM_OID);
    if ((!info->ii_Unique && info->ii_ExclusionOps == nullptr) || !index->rd_index->indimmediate) continue;
    if (info->ii_Unique && info->ii_UniqueOps == nullptr) BuildSpeculativeIndexInfo(index, info);
    unique_indexes_ = lappend_oid(unique_indexes_, RelationGetRelid(index));
    differ_in_all = differ_in_all && rows_differ && index->rd_index->indisprimary;
  }
  // Rows are compared with those of the table, not with those that wait.
  if (!differ_in_all) most_waiting_ = 1;
  MemoryContextSwitchTo(previous);
}

bool FeatureWriter::may_fail_in_index(TupleTableSlot* slot) {
  if (has_odd_index_) return true;
  if (unique_indexes_ == NIL) return false;
  ItemPointerData conflict;
  const bool fits = compat::ExecCheckIndexConstraints(result_, slot, executor_, &conflict, unique_indexes_);
  ResetPerTupleExprContext(executor_);
  return !fits;
}

// Of indexes with columns of any length: which attributes, all in all.
void FeatureWriter::find_wide_keys() {
  for (int i = 0; i < result_->ri_NumIndices; ++i) {
    const IndexInfo* index = result_->ri_IndexRelationInfo[i];
    Bitmapset* attributes = nullptr;
    bool wide = false;
    for (int column = 0; column < index->ii_NumIndexAttrs; ++column) {
      const AttrNumber attribute = index->ii_IndexAttrNumbers[column];
      if (attribute <= 0) continue;
      wide = wide || TupleDescAttr(RelationGetDescr(relation_), attribute - 1)->attlen < 0;
      attributes = bms_add_member(attributes, attribute);
    }
    if (wide) wide_keys_ = lappend(wide_keys_, attributes);
  }
}

bool FeatureWriter::may_not_fit(TupleTableSlot* slot) const {
  if (may_not_fit_page(ExecFetchSlotHeapTuple(slot, false, nullptr))) return true;
  ListCell* cell;
  foreach (cell, wide_keys_) {
    if (may_not_fit_index(slot, static_cast<const Bitmapset*>(lfirst(cell)))) return true;
  }
  return false;
}

// Whether a row may be too big even once all that can be stored out of line is.
bool FeatureWriter::may_not_fit_page(HeapTuple row) const {
  if (row->t_len <= MaxHeapTupleSize) return false;
  const TupleDesc description = RelationGetDescr(relation_);
  Size least = row->t_data->t_hoff;
  for (int i = 0; i < description->natts; ++i) {
    const Form_pg_attribute attribute = TupleDescAttr(description, i);
    bool null;
    const Datum value = heap_getattr(row, i + 1, description, &null);
    if (null) continue;
    Size size = static_cast<Size>(attribute->attlen);
    if (attribute->attlen == -1) {
      size = VARSIZE_ANY(DatumGetPointer(value));
      if (attribute->attstorage != TYPSTORAGE_PLAIN) size = Min(size, TOAST_POINTER_SIZE);
    } else if (attribute->attlen == -2) {
      size = std::strlen(DatumGetCString(value)) + 1;
    }
    least += MAXALIGN(size);
  }
  return least > MaxHeapTupleSize;
}

// A btree has room for a third of a page; the least of what other access methods have is not less.
bool FeatureWriter::may_not_fit_index(TupleTableSlot* slot, const Bitmapset* key) const {
  constexpr Size least_room = 2600;
  Size size = 0;
  for (int attribute = -1; (attribute = bms_next_member(key, attribute)) >= 0;) {
    bool null;
    const Datum value = slot_getattr(slot, attribute, &null);
    if (null) continue;
    const std::int16_t length = TupleDescAttr(RelationGetDescr(relation_), attribute - 1)->attlen;
    size += MAXALIGN(length > 0     ? static_cast<Size>(length)
                     : length == -1 ? toast_raw_datum_size(value)
                                    : std::strlen(DatumGetCString(value)) + 1);
  }
  return size > least_room;
}

// Into a slot of its own: slots_ may be read again before its triggers have been queued.
void FeatureWriter::write_alone(TupleTableSlot* slot) {
  if (alone_.slot == nullptr) alone_.slot = make_slot();
  ExecCopySlot(alone_.slot, slot);
  alone_.slot->tts_tableOid = RelationGetRelid(relation_);
  table_tuple_insert(relation_, alone_.slot, executor_->es_output_cid, 0, nullptr);
  MemoryContext previous = MemoryContextSwitchTo(rows_);
  alone_.recheck = insert_index_entries(alone_.slot);
  MemoryContextSwitchTo(previous);
  alone_.pending = true;
}

::List* FeatureWriter::insert_index_entries(TupleTableSlot* slot) {
  return result_->ri_NumIndices > 0 ? compat::ExecInsertIndexTuples(result_, slot, executor_) : NIL;
}

void FeatureWriter::after_insert(TupleTableSlot* slot, ::List* recheck) {
  if (result_->ri_TrigDesc != nullptr) ExecARInsertTriggers(executor_, result_, slot, recheck, transition_);
  list_free(recheck);
  ExecClearTuple(slot);
  ResetPerTupleExprContext(executor_);
}

// Columns that the owner has added get their defaults, as in any INSERT that does not name them.
void FeatureWriter::add_default(TupleTableSlot* slot, int column) {
  slot->tts_isnull[column] = true;
  slot->tts_values[column] = 0;
  if (TupleDescAttr(slot->tts_tupleDescriptor, column)->attisdropped) return;
  if (defaults_ == nullptr) {
    MemoryContext previous = MemoryContextSwitchTo(rows_);
    defaults_ = static_cast<ExprState**>(
        palloc0(sizeof(ExprState*) * static_cast<std::size_t>(slot->tts_tupleDescriptor->natts)));
    for (int i = column; i < slot->tts_tupleDescriptor->natts; ++i) {
      const Form_pg_attribute attribute = TupleDescAttr(slot->tts_tupleDescriptor, i);
      if (column_of_[i] >= 0 || attribute->attisdropped || attribute->attgenerated != '\0') continue;
      Node* expression = build_column_default(relation_, i + 1);
      if (expression != nullptr) defaults_[i] = ExecPrepareExpr(reinterpret_cast<Expr*>(expression), executor_);
    }
    MemoryContextSwitchTo(previous);
  }
  if (defaults_[column] == nullptr) return;
  slot->tts_values[column] =
      ExecEvalExprSwitchContext(defaults_[column], GetPerTupleExprContext(executor_), &slot->tts_isnull[column]);
}

void FeatureWriter::check(TupleTableSlot* slot) {
  if (relation_->rd_att->constr != nullptr) ExecConstraints(result_, slot, executor_);
}

void FeatureWriter::flush() {
  if (used_ == 0) return;
  const CommandId command = executor_->es_output_cid;
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
  const bool later = lets_entries_wait();
  for (int i = 0; i < used_; ++i) {
    CHECK_FOR_INTERRUPTS();
    if (later) entries_.add(slots_[i]);
    after_insert(slots_[i], later ? NIL : insert_index_entries(slots_[i]));
    if (entries_.is_full()) entries_.insert();
  }
  used_ = 0;
  bytes_ = 0;
}

// Once rows have been too many to be written together. Errors that are to be a row's own are raised with it.
bool FeatureWriter::lets_entries_wait() {
  if (!entries_.is_empty()) return true;
  if (used_ < most_rows && bytes_ <= most_bytes) return false;
  if (attributes_errors_ || !IndexEntries::can_wait(result_)) return false;
  entries_.open(result_, executor_);
  return true;
}

void FeatureWriter::finish() {
  catch_up();
  flush();
  entries_.insert();
  if (bulk_ != nullptr) {
    FreeBulkInsertState(bulk_);
    table_finish_bulk_insert(relation_, 0);
  }
  if (result_->ri_TrigDesc != nullptr) {
    ExecASInsertTriggers(executor_, result_, transition_);
    push_snapshot();
    AfterTriggerEndQuery(executor_);
    PopActiveSnapshot();
  }
  for (int i = 0; i < made_; ++i) ExecDropSingleTupleTableSlot(slots_[i]);
  if (alone_.slot != nullptr) ExecDropSingleTupleTableSlot(alone_.slot);
  ExecCloseIndices(result_);
  ExecCloseResultRelations(executor_);
  ExecResetTupleTable(executor_->es_tupleTable, false);
  FreeExecutorState(executor_);
  table_close(relation_, NoLock);
}

}  // namespace feature
