// The entities of shared lists that a statement works on: for each, the slot that it writes, and the slots of others.
#pragma once

#include "pg/member.hpp"
#include "pg/memory.hpp"

namespace feature {

class SharedMembers {
 public:
  SharedMembers(Program& program, std::vector<StateStore>& stores) : program_(program), stores_(stores) {}

  // Locks and loads a slot for a member, or takes the one that the statement has had before. If sessions have become
  // fewer, events of another slot are moved into it. What is allocated goes to `memory`, which is in `context`.
  void load(Member& member, const std::optional<StateRow>& spilled, std::pmr::memory_resource& memory,
            MemoryContext context);
  // Reads the other slots of all members that were loaded since the last time, by one snapshot.
  void read_others(std::pmr::memory_resource& memory, MemoryContext context);
  // Stores what is left of the slot whose events a member takes over, or removes it. The member itself is stored.
  void store_merged(const Member& member, SegmentWriters& writers);
  // Ends the use of snapshots. Members are no longer valid.
  void forget();

 private:
  void read_others(Member& member, std::pmr::memory_resource& memory, MemoryContext context);
  void add_slot(Member& member, Entity& slot, std::pmr::memory_resource& memory);
  [[nodiscard]] Entity* open(const Member& member, StateRow& row, std::pmr::memory_resource& memory,
                             MemoryContext context, Snapshot snapshot);

  Program& program_;
  std::vector<StateStore>& stores_;
  std::vector<Member*> loaded_;
  std::vector<Snapshot> snapshots_;
};

}  // namespace feature
