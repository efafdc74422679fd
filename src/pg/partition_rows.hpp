// Rows of a source as row triggers see them. Those of a partitioned source fire in its partitions, which may have the
// same columns in another order.
#pragma once

#include <unordered_map>

#include "pg/memory.hpp"

extern "C" {
#include <access/attmap.h>
#include <executor/tuptable.h>
#include <utils/rel.h>
}

namespace feature {

// Gives rows in the row type of the source that they belong to. Lives in the current subtransaction.
class PartitionRows {
 public:
  explicit PartitionRows(Oid source) : source_(source) {}

  [[nodiscard]] Oid source() const { return source_; }

  // The row itself, or a copy that is good until the next call. `relation` is where the row is; throws SqlError if it
  // is neither the source nor a partition of it.
  [[nodiscard]] TupleTableSlot* in_source_type(Relation relation, TupleTableSlot* row);

 private:
  // Null where the columns lie as in the source.
  const AttrMap* columns_of(Relation relation);

  Oid source_;
  std::optional<OwnedContext> context_;  // from the first partition on
  std::unordered_map<Oid, const AttrMap*> partitions_;
  TupleTableSlot* converted_ = nullptr;
};

}  // namespace feature
