// Model: ExecInsertIndexTuples in execIndexing.c.

#include "pg/index_entries.hpp"

#include <algorithm>
#include <cstring>

extern "C" {
#include <access/genam.h>
#include <catalog/index.h>
#include <catalog/pg_am.h>
#include <executor/executor.h>
#include <miscadmin.h>
#include <utils/memutils.h>
}

namespace feature {
namespace {

struct Bytes {
  const char* first;
  std::size_t size;
};

// Those of a value that lies somewhere.
Bytes bytes_of(Datum value, std::int16_t length) {
  const char* const at = DatumGetPointer(value);
  if (length == -1) return {VARDATA_ANY(at), VARSIZE_ANY_EXHDR(at)};
  return {at, length > 0 ? static_cast<std::size_t>(length) : std::strlen(at)};
}

std::size_t common(Bytes a, Bytes b, std::size_t most) {
  most = std::min({most, a.size, b.size});
  return static_cast<std::size_t>(std::mismatch(a.first, a.first + most, b.first).first - a.first);
}

// Eight bytes as a number of their order; less than eight sort before all that go on.
std::uint64_t key_of(Bytes bytes, std::size_t skip) {
  std::uint64_t key = 0;
  for (std::size_t i = 0; i < sizeof(key); ++i) {
    key = key << 8 | (skip + i < bytes.size ? static_cast<std::uint8_t>(bytes.first[skip + i]) : 0);
  }
  return key;
}

}  // namespace

bool IndexEntries::can_wait(const ResultRelInfo* table) {
  if (table->ri_TrigDesc != nullptr) return false;
  for (int i = 0; i < table->ri_NumIndices; ++i) {
    const IndexInfo* info = table->ri_IndexRelationInfo[i];
    const Form_pg_index form = table->ri_IndexRelationDescs[i]->rd_index;
    if (table->ri_IndexRelationDescs[i]->rd_rel->relam != BTREE_AM_OID || info->ii_Expressions != NIL ||
        info->ii_Predicate != NIL || info->ii_ExclusionOps != nullptr || !info->ii_ReadyForInserts ||
        (form->indisunique && !form->indimmediate)) {
      return false;
    }
  }
  return true;
}

void IndexEntries::open(ResultRelInfo* table, EState* executor) {
  table_ = table;
  executor_ = executor;
}

// What one batch has had the next one has again: the context keeps its first block, which is only used as far as it has
// to.
void IndexEntries::make_room() {
  MemoryContext statement = executor_->es_query_cxt;
  const auto indexes = static_cast<Size>(table_->ri_NumIndices);
  const Size used = sizeof(IndexTuple) * static_cast<Size>(room_);
  room_ = std::max(1024, 2 * room_);
  const Size bytes = sizeof(IndexTuple) * static_cast<Size>(room_);
  if (context_ == nullptr) {
    context_ = AllocSetContextCreate(statement, "feature_ext index entries", most_bytes, most_bytes, most_bytes);
    entries_ = static_cast<IndexTuple**>(MemoryContextAllocZero(statement, sizeof(IndexTuple*) * indexes));
  } else {
    pfree(keys_);
  }
  keys_ = static_cast<Key*>(MemoryContextAlloc(statement, sizeof(Key) * static_cast<Size>(room_)));
  for (int i = 0; i < table_->ri_NumIndices; ++i) {
    auto* more = static_cast<IndexTuple*>(MemoryContextAlloc(statement, bytes));
    if (entries_[i] != nullptr) {
      std::memcpy(more, entries_[i], used);
      pfree(entries_[i]);
    }
    entries_[i] = more;
  }
}

void IndexEntries::add(TupleTableSlot* row) {
  if (rows_ == room_) make_room();
  Datum values[INDEX_MAX_KEYS];
  bool nulls[INDEX_MAX_KEYS];
  MemoryContext previous = MemoryContextSwitchTo(context_);
  for (int i = 0; i < table_->ri_NumIndices; ++i) {
    FormIndexDatum(table_->ri_IndexRelationInfo[i], row, executor_, values, nulls);
    IndexTuple entry = index_form_tuple(RelationGetDescr(table_->ri_IndexRelationDescs[i]), values, nulls);
    entry->t_tid = row->tts_tid;
    entries_[i][rows_] = entry;
    bytes_ += IndexTupleSize(entry);
  }
  MemoryContextSwitchTo(previous);
  ++rows_;
}

void IndexEntries::insert() {
  if (rows_ == 0) return;
  for (int i = 0; i < table_->ri_NumIndices; ++i) insert(i);
  MemoryContextReset(context_);
  rows_ = 0;
  bytes_ = 0;
}

// NULLs come first. Values that lie somewhere count from where they begin to differ.
void IndexEntries::find_keys(const IndexTuple* entries, int rows, TupleDesc index, Key* keys) {
  const Form_pg_attribute attribute = TupleDescAttr(index, 0);
  bool null;
  if (attribute->attbyval) {
    for (int row = 0; row < rows; ++row) {
      const Datum value = index_getattr(entries[row], 1, index, &null);
      keys[row] = {null ? 0 : static_cast<std::uint64_t>(value), row};
    }
    return;
  }
  Bytes first{nullptr, 0};
  std::size_t skip = 0;
  for (int row = 0; row < rows; ++row) {
    const Datum value = index_getattr(entries[row], 1, index, &null);
    if (null) continue;
    const Bytes bytes = bytes_of(value, attribute->attlen);
    skip = first.first == nullptr ? bytes.size : common(first, bytes, skip);
    if (first.first == nullptr) first = bytes;
  }
  for (int row = 0; row < rows; ++row) {
    const Datum value = index_getattr(entries[row], 1, index, &null);
    keys[row] = {null ? 0 : key_of(bytes_of(value, attribute->attlen), skip), row};
  }
}

void IndexEntries::insert(int index) {
  const Relation relation = table_->ri_IndexRelationDescs[index];
  const TupleDesc description = RelationGetDescr(relation);
  const IndexUniqueCheck check = relation->rd_index->indisunique ? UNIQUE_CHECK_YES : UNIQUE_CHECK_NO;
  find_keys(entries_[index], rows_, description, keys_);
  std::sort(keys_, keys_ + rows_,
            [](const Key& a, const Key& b) { return a.bytes != b.bytes ? a.bytes < b.bytes : a.row < b.row; });
  Datum values[INDEX_MAX_KEYS];
  bool nulls[INDEX_MAX_KEYS];
  MemoryContext previous = MemoryContextSwitchTo(GetPerTupleMemoryContext(executor_));
  for (int i = 0; i < rows_; ++i) {
    CHECK_FOR_INTERRUPTS();
    IndexTuple entry = entries_[index][keys_[i].row];
    index_deform_tuple(entry, description, values, nulls);
    index_insert(relation, values, nulls, &entry->t_tid, table_->ri_RelationDesc, check, false,
                 table_->ri_IndexRelationInfo[index]);
    ResetPerTupleExprContext(executor_);
  }
  MemoryContextSwitchTo(previous);
}

}  // namespace feature
