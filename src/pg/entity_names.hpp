// What the entities of a partition list are called in messages.
//
// Messages go to whoever inserts, who need not be able to read the source: so values of keys are only told if they may
// read the columns that the keys are, as PostgreSQL tells the key of a unique violation. Keys that are expressions can
// be made of what nobody may read, and are never told.
#pragma once

#include "pg/program.hpp"

namespace feature {

class ListNames final : public EntityNames {
 public:
  // `told`: who is told; InvalidOid for nobody.
  ListNames(const Program& program, std::size_t list, Oid told) : program_(program), list_(list), told_(told) {}

  [[nodiscard]] const char* name(const NullableDatum* keys) const override;

 private:
  [[nodiscard]] bool may_read_keys() const;

  const Program& program_;
  std::size_t list_;
  Oid told_;
};

}  // namespace feature
