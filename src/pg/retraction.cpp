// See retraction.hpp.

#include "pg/retraction.hpp"

#include <algorithm>

#include "pg/boundary.hpp"
#include "pg/frame_bounds.hpp"
#include "pg/row_collector.hpp"

extern "C" {
#include <executor/executor.h>
}

namespace feature {

namespace {

const Forgetting*& innermost() {
  static const Forgetting* forgetting = nullptr;
  return forgetting;
}

}  // namespace

Forgetting::Forgetting(std::int32_t view, const std::vector<ForgottenEntity>& entities, std::vector<std::int32_t>& anew)
    : view_(view), entities_(entities), anew_(anew), outer_(innermost()) {
  innermost() = this;
}

Forgetting::~Forgetting() { innermost() = outer_; }

const std::vector<ForgottenEntity>* Forgetting::of(std::int32_t view) {
  for (const Forgetting* one = innermost(); one != nullptr; one = one->outer_) {
    if (one->view_ == view) return &one->entities_;
  }
  return nullptr;
}

const Forgetting* Forgetting::current() { return innermost(); }

bool Forgetting::computes_anew(std::int32_t view) const {
  return std::find(anew_.begin(), anew_.end(), view) != anew_.end();
}

void Forgetting::compute_anew(const ViewIdentity& view) const {
  anew_.push_back(view.id);
  throw SqlError(ERRCODE_T_R_SERIALIZATION_FAILURE,
                 "states of feature view \"" + view.name + "\" have to be computed anew");
}

bool Retraction::is_possible(const Program& program) {
  const std::vector<PartitionList>& lists = program.plan().lists;
  return std::all_of(lists.begin(), lists.end(), [](const PartitionList& list) { return list.from_source; }) &&
         std::none_of(program.lists.begin(), program.lists.end(),
                      [](const Program::Entities& list) { return list.shared; });
}

bool Retraction::is_certain(const Program& program) {
  const std::vector<PartitionList>& lists = program.plan().lists;
  return std::all_of(lists.begin(), lists.end(), [](const PartitionList& list) { return list.knows_events(); }) &&
         std::none_of(program.lists.begin(), program.lists.end(),
                      [](const Program::Entities& list) { return list.shows_order; });
}

void Retraction::note(EventTime time) {
  const std::size_t lists = program_.lists.size();
  Row row{time, std::vector<Member*>(lists), std::vector<Value*>(lists)};
  call([&] {
    MemoryContext previous = MemoryContextSwitchTo(program_.expressions->ecxt_per_tuple_memory);
    ExecProject(program_.know);
    MemoryContextSwitchTo(previous);
  });
  const TupleTableSlot& known = *program_.known;
  std::size_t column = 0;
  const InContext here(program_.expressions->ecxt_per_tuple_memory);
  for (std::size_t list = 0; list < lists; ++list) {
    row.members[list] = entities_.find(list, program_.prepared);
    const std::vector<Argument>& arguments = program_.plan().lists[list].arguments;
    const std::size_t count = std::max<std::size_t>(1, arguments.size());
    auto* values = static_cast<Value*>(entities_.memory(list).allocate(sizeof(Value) * count, alignof(Value)));
    std::uninitialized_value_construct_n(values, count);
    for (const std::size_t argument : program_.lists[list].known) {
      values[argument] = entities_.keep(list, known.tts_values[column], known.tts_isnull[column], arguments[argument]);
      ++column;
    }
    row.values[list] = values;
  }
  rows_.push_back(std::move(row));
}

bool Retraction::apply() {
  for (const Row& row : rows_) {
    for (std::size_t list = 0; list < row.members.size(); ++list) {
      if (!is_forgotten(*row.members[list]) && !take_out(row, list)) return false;
    }
    call([&] {
      CHECK_FOR_INTERRUPTS();
      ResetExprContext(program_.expressions);
    });
  }
  return true;
}

bool Retraction::is_forgotten(const Member& member) const {
  const std::vector<ForgottenEntity>* entities = Forgetting::of(program_.identity().id);
  if (entities == nullptr) return false;
  const InContext here(program_.expressions->ecxt_per_tuple_memory);
  return std::any_of(entities->begin(), entities->end(), [&](const ForgottenEntity& entity) {
    return entity.list == member.list && entities_.has_keys(member, entity.keys.data());
  });
}

bool Retraction::take_out(const Row& row, std::size_t list) {
  const Member& member = *row.members[list];
  Entity& entity = *member.entity;
  const bool knows_all = program_.plan().lists[list].knows_events();
  const Event event{row.time, row.values[list]};
  const auto find = [&] { return knows_all ? entity.find(event) : entity.find(event, program_.lists[list].known); };

  entities_.use_context(list, entities_.context(list));
  std::optional<std::int64_t> position;
  {
    const InContext here(program_.expressions->ecxt_per_tuple_memory);
    position = find();
  }
  // Also one that is kept, if others of its time have left: the source still has it when it is read for those, which
  // would not be what it was without it.
  const bool left = entity.left().position > 0 && row.time <= entity.left().before.time;
  if (left) {
    try {
      history_.bring_back(member, entity);
    } catch (const EventsLeft&) {
      if (!position) throw_not_there(row.time, list, true);
    }
    const InContext here(program_.expressions->ecxt_per_tuple_memory);
    position = find();
  }
  if (!position) throw_not_there(row.time, list, false);
  const InContext here(program_.expressions->ecxt_per_tuple_memory);
  if (!knows_all && !are_alike(entity, *position, list)) return false;
  if (program_.lists[list].shows_order && !are_neighbours(entity, *position, list)) return false;
  entity.remove(*position);
  return true;
}

// Whether two events have the same known values; and whether all are the same.
Retraction::Likeness Retraction::likeness(const Event& a, const Event& b, std::size_t list) const {
  const std::vector<Storage>& columns = program_.plan().lists[list].kernel.layout.event;
  const std::vector<std::size_t>& known = program_.lists[list].known;
  const auto same = [&](std::size_t column) {
    const Value& left = a.values[column];
    const Value& right = b.values[column];
    return left.null == right.null && (left.null || is_same(columns[column], left.word, right.word));
  };
  if (!std::all_of(known.begin(), known.end(), same)) return {false, false};
  for (std::size_t column = 0; column < columns.size(); ++column) {
    if (!same(column)) return {true, false};
  }
  return {true, true};
}

// Whether all events of one time that have the same known values have the same values altogether.
bool Retraction::are_alike(Entity& entity, std::int64_t position, std::size_t list) const {
  const Event found = *entity.at(position);
  // The one that was found is the last of them.
  for (std::int64_t other = entity.first_peer(position); other < position; ++other) {
    const Likeness like = likeness(found, *entity.at(other), list);
    if (like.known && !like.all) return false;
  }
  return true;
}

// Whether events of one time that are like the one at a position have no other one between them: then it does not
// matter which of them goes.
bool Retraction::are_neighbours(Entity& entity, std::int64_t position, std::size_t list) const {
  const Event found = *entity.at(position);
  bool other_between = false;
  for (std::int64_t other = position, first = entity.first_peer(position); other-- > first;) {
    constexpr std::int64_t events_between_checks = 1024;
    if (other % events_between_checks == 0) check_interrupts();
    const bool is_like = likeness(found, *entity.at(other), list).known;
    if (is_like && other_between) return false;
    other_between = other_between || !is_like;
  }
  return true;
}

void Retraction::throw_not_there(EventTime time, std::size_t list, bool left) const {
  const TimeColumn& column = program_.plan().time;
  const std::string shown = show_time(column.type, time);
  SqlError error(
      ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
      "row of " + shown + " cannot be taken out of the states of feature view \"" + program_.identity().name + "\"");
  const std::string which = "PARTITION BY list " + std::to_string(list + 1);
  if (left) {
    throw std::move(error)
        .detail("The state of " + which + " no longer keeps events of that time, and the source no longer has those of "
                "the same entity that came before as they were.")
        .hint("feature.refresh() computes the feature view anew from what the source holds.");
  }
  if (has_unprocessed_inserts(program_.identity().id)) {
    throw std::move(error)
        .detail("An INSERT is running whose rows have still to be processed, and the row may be one of them.")
        .hint("Change it when the INSERT has ended, or in a BEFORE trigger, not from another trigger or function.");
  }
  throw std::move(error)
      .detail("The state of " + which + " has no such event: it came while the view's triggers did not fire.")
      .hint("feature.refresh() computes the feature view anew from what the source holds.");
}

}  // namespace feature
