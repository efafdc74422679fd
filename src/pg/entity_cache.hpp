// The entities that a statement works on: found by key, their state rows locked and loaded once, written back once.
//
// Entities stay loaded from batch to batch of a statement until they take more memory than they may. Then the states of
// those of some lists are set aside, and taken back when they are met again: of the lists first that give most memory
// for each entity that will be. A merchant whose thousand events have gone into its tree is a few of them when it is
// loaded again.
#pragma once

#include <algorithm>
#include <deque>

#include "pg/by_hash.hpp"
#include "pg/memory.hpp"
#include "pg/met_entities.hpp"
#include "pg/shared_members.hpp"
#include "pg/spilled_states.hpp"

namespace feature {

class EntityCache {
 public:
  // Stores are those of the program's lists, open.
  EntityCache(Program& program, std::vector<StateStore>& stores);

  // The member for the keys that stand in a slot's columns, made if they are new. Evaluates hash and equality functions
  // in the current memory context.
  [[nodiscard]] Member* find(std::size_t list, const TupleTableSlot* slot);
  // The same for all lists whose keys the source has, at their places in `members`: what their look-ups read is fetched
  // from memory for all at once.
  void find_all(const TupleTableSlot* slot, Member** members);

  // Whether the keys in a slot's columns are a member's.
  [[nodiscard]] bool has_keys(const Member& member, const TupleTableSlot* slot);
  [[nodiscard]] bool has_keys(const Member& member, const NullableDatum* keys);

  // Before members are loaded: no row that is to be processed is earlier, or there is none. What such rows do not need
  // of an entity is not read.
  void expect_rows_from(std::optional<EventTime> time) { rows_from_ = time; }

  // Locks and loads all members that are not loaded yet, in one order for all sessions, so that single statements
  // cannot wait for each other in a circle. Throws EntityTaken, as whatever loads and writes does; from then on it is
  // thrown rather than waited, if all can be repeated.
  void load_new();
  void load(Member& member);

  // Of lists whose keys are results of windows: makes those members that an attempt before this one has met, so that
  // they are locked with the others if they are there, and tells of those that this one has met.
  void expect(const MetEntities& met);
  void tell(MetEntities& met) const;

  // Where the values of a list's events go: they live as long as its entities.
  [[nodiscard]] std::pmr::memory_resource& memory(std::size_t list) { return *lists_[list].memory; }
  [[nodiscard]] MemoryContext context(std::size_t list) const { return lists_[list].context.get(); }

  // An argument's value in the kernel's form, with a copy of its bytes that lives as long.
  [[nodiscard]] Value keep(std::size_t list, Datum datum, bool null, const Argument& argument);

  // Where the list's catalogue aggregates make their transition states.
  void use_context(std::size_t list, MemoryContext context) const;

  // Whether the members take all the memory that they may, or will once all are loaded, as far as those that are tell.
  [[nodiscard]] bool full() const { return bytes() > most_bytes_; }
  // Between batches: sets states aside if they take all the memory that they may. No member is valid any more.
  void make_room();
  // Whether the statement has let go of shared entities, and read them anew: what it has added to them itself is not
  // known apart from what was there any more.
  [[nodiscard]] bool let_shared_go() const { return let_shared_go_; }
  // Writes every entity back, as the statement is done: events that it has made too old may leave.
  void write();
  // Forgets all that were written.
  void forget();

 private:
  // The members of one list.
  struct Loaded {
    explicit Loaded(const std::vector<KeyFunctions>& keys) : spilled(keys) { memory.emplace(context); }

    // What the members take of the operating system, by now or once all are loaded.
    [[nodiscard]] std::size_t bytes() const {
      return by_hash.bytes() + std::max(members.size() * member_bytes, loaded_bytes());
    }
    [[nodiscard]] std::size_t loaded_bytes() const { return context.bytes() - memory->allocated() + memory->used(); }
    // What forgetting the members gives, in bytes for each that will be loaded again: as many as have been met before.
    [[nodiscard]] double worth_forgetting() const {
      const auto all = static_cast<double>(members.size());
      const double again = all * (1 - all / std::max({static_cast<double>(finds), all, 1.0}));
      return (static_cast<double>(bytes()) - again * static_cast<double>(fresh_bytes)) / std::max(again, 1.0);
    }

    WarmContext context;
    std::optional<Arena> memory;  // ends with what it has of the context
    std::vector<Member*> members;
    std::vector<Member*> new_members;
    ByHash<Member*> by_hash;
    SpilledStates spilled;
    std::size_t member_bytes = first_guess;
    std::size_t fresh_bytes = first_guess;  // of a member when it has just been loaded
    std::size_t finds = 0;
  };

  [[nodiscard]] Member* find(std::size_t list, std::uint64_t hash, const NullableDatum* keys);
  [[nodiscard]] const NullableDatum* keys_in(std::size_t list, const TupleTableSlot* slot);
  [[nodiscard]] std::optional<EventTime> keep_from(const Member& member) const;
  [[nodiscard]] EventTime wanted_from(std::size_t list) const;
  [[nodiscard]] Member* add(std::size_t list, std::uint64_t hash, const NullableDatum* keys);
  void load_if_there(Member& member);
  [[nodiscard]] std::optional<StateRow> take_spilled(const Member& member, std::int16_t& behind_pending);
  void open_locked(Member& member, StateRow row);
  void open(Member& member, const StateRow& row);
  [[nodiscard]] const NullableDatum* copy_of(std::size_t list, const NullableDatum* keys,
                                             std::pmr::memory_resource& memory, MemoryContext context) const;
  [[nodiscard]] std::int16_t behind_pending(const Member& member);
  [[nodiscard]] std::size_t bytes() const;
  [[nodiscard]] std::vector<std::size_t> all_lists() const;
  void begin_to_write();
  void spill(std::size_t list);
  void write_loaded(std::size_t list);
  template <class Store>
  void store(std::size_t list, Store&& store);
  void write_most_spilled();
  void write_spilled(std::size_t list);
  void insert_waiting(std::size_t list);
  void forget(const std::vector<std::size_t>& lists);
  void forget(std::size_t list);

  // Of a member, before any has been loaded.
  static constexpr std::size_t first_guess = 2048;

  Program& program_;
  std::vector<StateStore>& stores_;
  std::deque<Loaded> lists_;
  const std::size_t most_bytes_;
  SharedMembers shared_;
  bool let_shared_go_ = false;
  std::optional<EventTime> rows_from_;
  std::vector<NullableDatum> keys_;  // those that were looked at last
  std::vector<std::uint64_t> hashes_;  // of a row's keys, by list
};

}  // namespace feature
