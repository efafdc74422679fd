// See partition_rows.hpp.

#include "pg/partition_rows.hpp"

#include "pg/boundary.hpp"
#include "pg/compat.hpp"

extern "C" {
#include <access/table.h>
#include <access/tupconvert.h>
#include <catalog/partition.h>
#include <utils/memutils.h>
}

namespace feature {

TupleTableSlot* PartitionRows::in_source_type(Relation relation, TupleTableSlot* row) {
  if (RelationGetRelid(relation) == source_) return row;
  const AttrMap* columns = columns_of(relation);
  if (columns == nullptr) return row;
  return call([&] { return execute_attr_map_slot(const_cast<AttrMap*>(columns), row, converted_); });
}

const AttrMap* PartitionRows::columns_of(Relation relation) {
  const Oid partition = RelationGetRelid(relation);
  if (const auto known = partitions_.find(partition); known != partitions_.end()) return known->second;
  const bool belongs = call([&] {
    return relation->rd_rel->relispartition && list_member_oid(get_partition_ancestors(partition), source_);
  });
  if (!belongs) {
    throw SqlError(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
                   "table \"" + std::string(RelationGetRelationName(relation)) +
                       "\" is not a partition of the source of the trigger's feature view");
  }
  if (!context_) context_.emplace(CurTransactionContext, "feature_ext rows of partitions");
  const InContext here(context_->get());
  const AttrMap* columns = call([&] {
    Relation source = table_open(source_, AccessShareLock);
    const TupleDesc type = RelationGetDescr(source);
    AttrMap* map = compat::build_attrmap_by_name_if_req(RelationGetDescr(relation), type);
    if (map != nullptr && converted_ == nullptr) {
      converted_ = MakeSingleTupleTableSlot(CreateTupleDescCopy(type), &TTSOpsVirtual);
    }
    table_close(source, NoLock);
    return map;
  });
  partitions_.emplace(partition, columns);
  return columns;
}

}  // namespace feature
