// The entities that an attempt to process rows has met one by one, as their keys are results of windows: what is kept
// of an attempt that was undone, so that the next one can lock them beforehand.
#pragma once

#include <vector>

#include "pg/memory.hpp"

namespace feature {

struct MetEntity {
  std::size_t list;
  std::uint64_t hash;
  const NullableDatum* keys;
};

struct MetEntities {
  OwnedContext context{CurrentMemoryContext, "feature_ext met entities"};  // of the keys
  std::vector<MetEntity> entities;
};

}  // namespace feature
