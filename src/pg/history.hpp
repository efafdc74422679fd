// The events of an entity that its state no longer keeps, read from the source table again: for a row that is later
// than the view's lateness allows.
//
// What has left had been processed before the current statement, so that it stands in the source as it was: the rows
// that the statement itself has inserted are not read, nor those that were diverted, and their number tells whether it
// is still all there. What the statement has added to a shared entity is known apart for as long as that stays loaded.
#pragma once

#include "pg/diverted_rows.hpp"
#include "pg/entity_cache.hpp"
#include "pg/source_rows.hpp"

namespace feature {

class History {
 public:
  // `before`: the command that has inserted the rows which are being processed. Or, if `new_places` is not null, the
  // states were made anew from the source as it is now without the rows in these places, see is_elsewhere. It is
  // borrowed.
  History(Program& program, EntityCache& entities, CommandId before, const Parameters* new_places)
      : program_(program), entities_(entities), before_(before), new_places_(new_places) {}

  // Brings the events that have left a member's entity, or the shared one that it is a slot of, back into it. Of a list
  // whose events are in the source. Throws EventsLeft, nothing being changed, if the source no longer has them as they
  // were. Clobbers the program's source row and what is evaluated from it. O(rows of the source); O(rows of the member)
  // where an index on its key columns and the event time helps.
  template <class AnyEntity>
  void bring_back(const Member& member, AnyEntity& entity) {
    const std::vector<Event> events = read(member, entity.left_until());
    entities_.use_context(member.list, entities_.context(member.list));
    const InContext here(program_.expressions->ecxt_per_tuple_memory);
    entity.recall(events);
  }

 private:
  // All events of a member that are not later than `until`, in order, in the entities' memory.
  [[nodiscard]] std::vector<Event> read(const Member& member, EventTime until);
  [[nodiscard]] std::string conditions(const Member& member, Parameters& parameters) const;
  [[nodiscard]] bool take(RowSource& rows, DivertedKeys& diverted, const Member& member, Event* event, bool* end);

  Program& program_;
  EntityCache& entities_;
  CommandId before_;
  const Parameters* new_places_;
};

}  // namespace feature
