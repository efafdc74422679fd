// See shared_members.hpp.

#include "pg/shared_members.hpp"

#include "pg/boundary.hpp"
#include "pg/catalogue_aggregate.hpp"
#include "pg/state_changes.hpp"
#include "pg/untrusted_states.hpp"

extern "C" {
#include <access/xact.h>
#include <utils/snapmgr.h>
}

namespace feature {
namespace {

// A larger slot is moved in parts, so that no insert takes long for it.
constexpr std::int64_t most_moved = 512;

StateRow* keep(const StateRow& row, std::pmr::memory_resource& memory) {
  return new (memory.allocate(sizeof(StateRow), alignof(StateRow))) StateRow(row);
}

}  // namespace

// `row` must stay where it is.
Entity* SharedMembers::open(const Member& member, StateRow& row, std::pmr::memory_resource& memory,
                            MemoryContext context, Snapshot snapshot) {
  if (program_.checks_values) check_values(row.image, row.size);
  auto* nodes = new (memory.allocate(sizeof(Nodes), alignof(Nodes)))
      Nodes(stores_[member.list], row, context, program_.checks_values, snapshot);
  const ListPlan& plan = program_.plan().lists[member.list].kernel;
  auto* entity = new (memory.allocate(sizeof(Entity), alignof(Entity))) Entity(plan, memory, *nodes);
  entity->open(row.image, row.size);
  return entity;
}

void SharedMembers::load(Member& member, const std::optional<StateRow>& spilled, std::pmr::memory_resource& memory,
                         MemoryContext context) {
  const std::vector<std::byte>& empty = program_.lists[member.list].empty;
  const StateStore::Slots slots = call([&] {
    MemoryContext previous = MemoryContextSwitchTo(context);
    const StateStore::Slots locked =
        spilled ? StateStore::Slots{*spilled, {}}
                : stores_[member.list].lock_slot(member.hash, member.keys, empty.data(), empty.size());
    MemoryContextSwitchTo(previous);
    return locked;
  });
  member.row = slots.own;
  member.entity = open(member, member.row, memory, context, nullptr);
  loaded_.push_back(&member);
  if (slots.merged.image == nullptr) return;
  StateRow* merged = keep(slots.merged, memory);
  Entity* other = open(member, *merged, memory, context, nullptr);
  const InContext here(context);
  for (const CatalogueAggregate* aggregate : program_.lists[member.list].catalogue) aggregate->use_context(context);
  const Entity::Absorbed absorbed = member.entity->absorb(*other, most_moved);
  if (absorbed == Entity::Absorbed::nothing) return;
  member.merged = merged;
  if (absorbed == Entity::Absorbed::newest) member.rest = other;
}

void SharedMembers::read_others(std::pmr::memory_resource& memory, MemoryContext context) {
  if (loaded_.empty()) return;
  const Snapshot snapshot = call([] {
    return RegisterSnapshot(IsolationUsesXactSnapshot() ? GetTransactionSnapshot() : GetLatestSnapshot());
  });
  snapshots_.push_back(snapshot);
  for (Member* member : loaded_) {
    member->snapshot = snapshot;
    read_others(*member, memory, context);
  }
  loaded_.clear();
}

void SharedMembers::add_slot(Member& member, Entity& slot, std::pmr::memory_resource& memory) {
  if (member.shared == nullptr) {
    member.shared = new (memory.allocate(sizeof(SharedEntity), alignof(SharedEntity)))
        SharedEntity(program_.plan().lists[member.list].kernel, memory, *member.entity);
  }
  member.shared->add_slot(slot);
}

void SharedMembers::read_others(Member& member, std::pmr::memory_resource& memory, MemoryContext context) {
  if (member.rest != nullptr) add_slot(member, *member.rest, memory);
  StateStore& store = stores_[member.list];
  call([&] { store.find_slots(member.hash, member.snapshot); });
  for (;;) {
    StateRow row{};
    const bool found = call([&] {
      MemoryContext previous = MemoryContextSwitchTo(context);
      const bool next = store.next_slot(member.hash, member.keys, &row);
      MemoryContextSwitchTo(previous);
      return next;
    });
    if (!found) return;
    if (row.slot == member.row.slot || (member.merged != nullptr && row.slot == member.merged->slot)) continue;
    Entity* other = open(member, *keep(row, memory), memory, context, member.snapshot);
    add_slot(member, *other, memory);
  }
}

void SharedMembers::store_merged(const Member& member, SegmentWriters& writers) {
  if (member.merged == nullptr) return;
  StateStore& store = stores_[member.list];
  if (member.rest == nullptr) {
    call([&] { store.remove(*member.merged); });
  } else {
    StateChanges changes(store, *member.merged);
    member.rest->store(writers, changes, std::nullopt);
  }
}

void SharedMembers::forget() {
  loaded_.clear();
  if (snapshots_.empty()) return;
  call([&] {
    for (StateStore& store : stores_) store.end_snapshot();
    for (const Snapshot snapshot : snapshots_) UnregisterSnapshot(snapshot);
  });
  snapshots_.clear();
}

}  // namespace feature
