// Brings events that have left an entity's state back into it, for a row that comes later than the view's lateness
// allows.
#pragma once

#include "pg/history.hpp"
#include "pg/range_bounds.hpp"

namespace feature {

class Recall {
 public:
  Recall(Program& program, EntityCache& entities, History& history)
      : program_(program), entities_(entities), history_(history), bounds_(program.plan()) {}

  // To be called before a row of this time is put in its place: brings back what its frames need and what has left.
  // Also a row that is not late may need events that have left: those that were later, for which they have left, may
  // have been taken out since. Throws SqlError if the source does not have them any more.
  void before(const Member& member, EventTime time) {
    if (member.shared != nullptr) {
      if (may_be_needed(member, *member.shared, time)) if_needed(member, *member.shared, time);
    } else {
      if (may_be_needed(member, *member.entity, time)) if_needed(member, *member.entity, time);
    }
  }

 private:
  // The entity is the member's, or the shared one that it is a slot of.
  template <class AnyEntity>
  [[nodiscard]] bool may_be_needed(const Member& member, const AnyEntity& entity, EventTime time) const {
    return program_.lists[member.list].kept_for || entity.is_late(time);
  }
  template <class AnyEntity>
  void if_needed(const Member& member, AnyEntity& entity, EventTime time);
  [[noreturn]] void throw_too_much(EventTime time) const;
  [[noreturn]] void throw_too_late(EventTime time, EventTime until, std::int64_t left) const;

  Program& program_;
  EntityCache& entities_;
  History& history_;
  RangeBounds bounds_;
};

}  // namespace feature
