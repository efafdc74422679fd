// See recall.hpp.

#include "pg/recall.hpp"

namespace feature {

template <class AnyEntity>
void Recall::if_needed(const Member& member, AnyEntity& entity, EventTime time) {
  if (!entity.is_needed(time, bounds_.earliest(program_.plan().lists[member.list], time))) return;
  try {
    history_.bring_back(member, entity);
  } catch (const EventsLeft&) {
    if (member.shared != nullptr && entities_.let_shared_go()) throw_too_much(time);
    throw_too_late(time, entity.left_until(), entity.left_count());
  }
}

template void Recall::if_needed(const Member& member, Entity& entity, EventTime time);
template void Recall::if_needed(const Member& member, SharedEntity& entity, EventTime time);

// The source is read as it was before the statement. Other slots may have moved on, and events of the statement have
// left with others.
void Recall::throw_too_much(EventTime time) const {
  throw SqlError(ERRCODE_PROGRAM_LIMIT_EXCEEDED, "row of " + show_time(program_.plan().time.type, time) +
                                                     " is too late for a statement of so many rows")
      .detail(
          "Entities of feature view \"" + program_.identity().name +
          "\" had to be set aside, and what the statement has added to them cannot be told from what the source has.")
      .hint("Insert the row by a statement of its own, or raise feature_ext.entity_memory.");
}

void Recall::throw_too_late(EventTime time, EventTime until, std::int64_t left) const {
  const TimeColumn& column = program_.plan().time;
  const auto shown = [&](EventTime shown_time) { return show_time(column.type, shown_time); };
  throw SqlError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                 "row of " + shown(time) + " is too late for feature view \"" + program_.identity().name + "\"")
      .detail("State keeps events after " + shown(until) + ", and the source no longer has the " +
              std::to_string(left) + " that came before as they were.")
      .hint(
          "Create the feature view with a longer lateness, or keep rows in the source as they are for as long as late "
          "rows come.");
}

}  // namespace feature
