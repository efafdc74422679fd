// Computes the window functions of a row: from its place in an entity to the values among the window results.
//
// For each list that a level uses, once the row's event is in its place there. Frames are located once for all
// functions over them, and functions that read the same accumulator have it folded once.
#pragma once

#include "pg/entity_cache.hpp"
#include "pg/place.hpp"
#include "pg/range_bounds.hpp"

namespace feature {

class WindowResults {
 public:
  WindowResults(Program& program, Place& place, EntityCache& entities)
      : program_(program), place_(place), entities_(entities), bounds_(program.plan()) {}

  // Where a level's results go.
  struct Results {
    Datum* values;
    bool* nulls;
  };

  // Of the functions of one list, for the row of this time whose event was the last that was added to `member`, at
  // `position`; where there are several slots, it knows its place itself. Results stand in the row's memory or in the
  // entity's.
  void compute(const LevelList& used, const Member& member, EventTime time, std::int64_t position, Results results);

 private:
  void compute(const PartitionList& list, const LevelList& used, Entity& entity, std::int64_t position,
               const EventTime* bounds, Results results);
  void compute_shared(const PartitionList& list, const LevelList& used, SharedEntity& entity, const EventTime* bounds,
                      Results results);
  template <class Fold>
  void aggregate(const WindowFunction& function, Fold&& fold, Datum* value, bool* null);
  [[nodiscard]] bool is_folded(const WindowFunction& function) const;
  [[nodiscard]] Accumulator accumulate(std::size_t list, Entity& entity, const WindowFunction& function,
                                       const Positions& frame, std::int64_t position) const;
  void set_value(const WindowFunction& function, const Event* event, Datum* value, bool* null) const;

  Program& program_;
  Place& place_;
  EntityCache& entities_;
  RangeBounds bounds_;
  // Of the current row and list:
  std::vector<std::optional<Positions>> located_;          // frames
  std::vector<std::optional<SharedEntity::Parts>> parts_;  // the same where there are several slots
  const WindowFunction* folded_ = nullptr;                 // what was folded last: the next may be read from it, too
  Accumulator accumulator_;
};

}  // namespace feature
