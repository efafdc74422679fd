// See entity_cache.hpp.

#include "pg/entity_cache.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "pg/boundary.hpp"
#include "pg/catalogue_aggregate.hpp"
#include "pg/datum.hpp"
#include "pg/entity_taken.hpp"
#include "pg/frame_bounds.hpp"
#include "pg/state_changes.hpp"
#include "pg/subtransaction.hpp"
#include "pg/settings.hpp"
#include "pg/untrusted_states.hpp"

extern "C" {
#include <access/xact.h>
#include <executor/executor.h>
#include <utils/datum.h>
}

namespace feature {
namespace {

// Moves an image, which the database has given in a piece of memory of the next power of two, to where it takes as much
// as it is long without the zeros at its end.
void pack_image(StateRow& row, std::pmr::memory_resource& memory) {
  while (row.size > 0 && row.image[row.size - 1] == std::byte{0}) --row.size;
  auto* packed = static_cast<std::byte*>(memory.allocate(row.size, 1));
  std::memcpy(packed, row.image, row.size);
  call([&] { pfree(const_cast<std::byte*>(row.image)); });
  row.image = packed;
}

// Has the processor fetch a member, and its keys, which lie before it.
void fetch(const Member* member) {
  const auto* at = reinterpret_cast<const std::byte*>(member);
  for (int line = -1; line <= 1; ++line) __builtin_prefetch(at + 64 * line);
}

// In the order in which all sessions lock their rows.
void sort_by_hash(std::vector<Member*>& members) {
  std::sort(members.begin(), members.end(), [](const Member* a, const Member* b) {
    return static_cast<std::int64_t>(a->hash) < static_cast<std::int64_t>(b->hash);
  });
}

}  // namespace

NodeSource::Image Nodes::load(std::uint32_t number) {
  const InOwner here(store_.owner());
  const std::optional<StateStore::Bytes> found = call([&] {
    MemoryContext previous = MemoryContextSwitchTo(context_);
    std::optional<StateStore::Bytes> result;
    if (snapshot_ != nullptr) {
      result = store_.node(row_, number, snapshot_);
    } else if (store_.lock_read(row_)) {
      result = store_.node(row_, number);
    }
    MemoryContextSwitchTo(previous);
    return result;
  });
  if (!found) throw EntityTaken();
  const StateStore::Bytes bytes = *found;
  if (bytes.data == nullptr) throw CorruptState("a node of an entity's state is missing");
  if (checks_values_) check_values(bytes.data, bytes.size);
  return {bytes.data, bytes.size};
}

void Nodes::pause() { check_interrupts(); }

EntityCache::EntityCache(Program& program, std::vector<StateStore>& stores)
    : program_(program), stores_(stores), most_bytes_(entity_memory()), shared_(program, stores) {
  for (std::size_t list = 0; list < program_.lists.size(); ++list) {
    lists_.emplace_back(program_.lists[list].keys);
    use_context(list, context(list));
  }
}

const NullableDatum* EntityCache::keys_in(std::size_t list, const TupleTableSlot* slot) {
  const Program::Entities& known = program_.lists[list];
  keys_.clear();
  for (const std::size_t column : known.key_columns)
    keys_.push_back({slot->tts_values[column], slot->tts_isnull[column]});
  return keys_.data();
}

bool EntityCache::has_keys(const Member& member, const TupleTableSlot* slot) {
  return has_keys(member, keys_in(member.list, slot));
}

bool EntityCache::has_keys(const Member& member, const NullableDatum* keys) {
  return call([&] { return same_keys(program_.lists[member.list].keys, member.keys, keys); });
}

Member* EntityCache::find(std::size_t list, const TupleTableSlot* slot) {
  const NullableDatum* keys = keys_in(list, slot);
  return find(list, call([&] { return hash_of(program_.lists[list].keys, keys); }), keys);
}

void EntityCache::find_all(const TupleTableSlot* slot, Member** members) {
  hashes_.resize(lists_.size());
  const auto for_each_list = [&](auto&& body) {
    for (std::size_t list = 0; list < lists_.size(); ++list) {
      if (program_.plan().lists[list].from_source) body(list);
    }
  };
  for_each_list([&](std::size_t list) {
    const NullableDatum* keys = keys_in(list, slot);
    hashes_[list] = call([&] { return hash_of(program_.lists[list].keys, keys); });
    lists_[list].by_hash.fetch(hashes_[list]);
  });
  for_each_list([&](std::size_t list) { fetch(lists_[list].by_hash.at_first_place(hashes_[list])); });
  for_each_list([&](std::size_t list) { members[list] = find(list, hashes_[list], keys_in(list, slot)); });
}

Member* EntityCache::find(std::size_t list, std::uint64_t hash, const NullableDatum* keys) {
  Loaded& loaded = lists_[list];
  ++loaded.finds;
  Member* const* found = call([&] {
    return loaded.by_hash.find(
        hash, [&](const Member* member) { return same_keys(program_.lists[list].keys, member->keys, keys); });
  });
  return found != nullptr ? *found : add(list, hash, keys);
}

const NullableDatum* EntityCache::copy_of(std::size_t list, const NullableDatum* keys,
                                          std::pmr::memory_resource& memory, MemoryContext context) const {
  const std::vector<KeyFunctions>& known = program_.lists[list].keys;
  const std::size_t bytes = sizeof(NullableDatum) * std::max<std::size_t>(1, known.size());
  auto* made = static_cast<NullableDatum*>(memory.allocate(bytes, alignof(NullableDatum)));
  for (std::size_t i = 0; i < known.size(); ++i) {
    made[i] = keys[i];
    if (keys[i].isnull || known[i].by_value) continue;
    if (const std::size_t size = kept_size(keys[i].value, known[i].length); size > 0) {
      void* copy = memory.allocate(size, MAXIMUM_ALIGNOF);
      made[i].value = PointerGetDatum(std::memcpy(copy, DatumGetPointer(keys[i].value), size));
      continue;
    }
    call([&] {
      MemoryContext previous = MemoryContextSwitchTo(context);
      made[i].value = datumCopy(keys[i].value, false, known[i].length);
      MemoryContextSwitchTo(previous);
    });
  }
  return made;
}

Member* EntityCache::add(std::size_t list, std::uint64_t hash, const NullableDatum* keys) {
  Loaded& loaded = lists_[list];
  const NullableDatum* copies = copy_of(list, keys, *loaded.memory, loaded.context.get());
  auto* member = new (loaded.memory->allocate(sizeof(Member), alignof(Member))) Member{list, hash, copies, false};
  loaded.by_hash.for_each(hash, [&](Member* twin) { twin->has_twin = member->has_twin = true; });
  loaded.by_hash.add(hash, member);
  loaded.members.push_back(member);
  loaded.new_members.push_back(member);
  return member;
}

void EntityCache::expect(const MetEntities& met) {
  for (const MetEntity& entity : met.entities) (void)add(entity.list, entity.hash, entity.keys);
}

void EntityCache::tell(MetEntities& met) const {
  met.entities.clear();
  call([&] { MemoryContextReset(met.context.get()); });
  ContextResource memory(met.context.get());
  for (std::size_t list = 0; list < lists_.size(); ++list) {
    if (program_.plan().lists[list].from_source) continue;
    for (const Member* member : lists_[list].members) {
      met.entities.push_back({list, member->hash, copy_of(list, member->keys, memory, met.context.get())});
    }
  }
}

void EntityCache::load_new() {
  if (lists_.empty()) return;  // a definition without windows
  for (const std::size_t list : program_.lock_order) {
    Loaded& loaded = lists_[list];
    const bool from_source = program_.plan().lists[list].from_source;
    sort_by_hash(loaded.new_members);
    const std::size_t bytes_before = loaded.loaded_bytes();
    const std::size_t loading = loaded.new_members.size();
    for (Member* member : loaded.new_members) {
      if (member->entity != nullptr) continue;
      if (from_source) {
        load(*member);
      } else {
        load_if_there(*member);
      }
    }
    loaded.new_members.clear();
    constexpr std::size_t enough = 64;
    if (loading >= enough) loaded.fresh_bytes = (loaded.loaded_bytes() - bytes_before) / loading;
    if (loaded.members.size() >= enough) {
      // As long as the buffer is enough nobody knows how much of it is used.
      const std::size_t all = loaded.loaded_bytes() + WarmContext::buffer_bytes;
      loaded.member_bytes = all / loaded.members.size();
      if (loaded.loaded_bytes() == 0) loaded.member_bytes = std::min(loaded.member_bytes, first_guess);
    }
  }
  // They are all stored at once, so that it does not matter in whose memory they are.
  shared_.read_others(*lists_.front().memory, lists_.front().context.get());
  for (std::size_t list = 0; list < stores_.size(); ++list) {
    if (!program_.lists[list].shared) stores_[list].stop_waiting();
  }
}

// The first slot behind those of other members of this hash whose rows are still to be made.
std::int16_t EntityCache::behind_pending(const Member& member) {
  std::int16_t behind = 0;
  if (!member.has_twin) return behind;
  lists_[member.list].by_hash.for_each(member.hash, [&](const Member* other) {
    if (other->entity != nullptr) behind = std::max(behind, other->row.behind_if_pending());
  });
  return behind;
}

void EntityCache::load(Member& member) {
  const Program::Entities& known = program_.lists[member.list];
  MemoryContext context = lists_[member.list].context.get();
  std::int16_t behind = behind_pending(member);
  const std::optional<StateRow> spilled = take_spilled(member, behind);
  if (known.shared) {
    shared_.load(member, spilled, *lists_[member.list].memory, context);
    return;
  }
  if (spilled) {
    open(member, *spilled);
    return;
  }
  const std::optional<StateRow> locked = call([&] {
    MemoryContext previous = MemoryContextSwitchTo(context);
    const std::optional<StateRow> result =
        stores_[member.list].lock(member.hash, member.keys, behind, known.empty.data(), known.empty.size());
    MemoryContextSwitchTo(previous);
    return result;
  });
  if (!locked) throw EntityTaken();
  open_locked(member, *locked);
}

std::optional<StateRow> EntityCache::take_spilled(const Member& member, std::int16_t& behind_pending) {
  Loaded& loaded = lists_[member.list];
  if (loaded.spilled.empty()) return std::nullopt;
  const InContext here(program_.expressions->ecxt_per_tuple_memory);
  return loaded.spilled.take(member.hash, member.keys, *loaded.memory, behind_pending);
}

// Whether it will be needed is not known, so none is made for it.
void EntityCache::load_if_there(Member& member) {
  std::int16_t behind = 0;
  if (const std::optional<StateRow> spilled = take_spilled(member, behind)) {
    open(member, *spilled);
    return;
  }
  const std::optional<StateRow> locked = call([&] {
    MemoryContext previous = MemoryContextSwitchTo(context(member.list));
    const std::optional<StateRow> result = stores_[member.list].lock_existing(member.hash, member.keys);
    MemoryContextSwitchTo(previous);
    return result;
  });
  if (!locked) throw EntityTaken();
  if (locked->is_made()) open_locked(member, *locked);
}

void EntityCache::open_locked(Member& member, StateRow row) {
  if (row.image != program_.lists[member.list].empty.data()) pack_image(row, *lists_[member.list].memory);
  open(member, row);
}

void EntityCache::open(Member& member, const StateRow& row) {
  std::pmr::memory_resource& memory = *lists_[member.list].memory;
  MemoryContext context = lists_[member.list].context.get();
  member.row = row;
  if (program_.checks_values) check_values(member.row.image, member.row.size);
  const ListPlan& plan = program_.plan().lists[member.list].kernel;
  auto* nodes = new (memory.allocate(sizeof(Nodes), alignof(Nodes)))
      Nodes(stores_[member.list], member.row, context, program_.checks_values);
  member.entity = new (memory.allocate(sizeof(Entity), alignof(Entity))) Entity(plan, memory, *nodes);
  member.entity->open(member.row.image, member.row.size, wanted_from(member.list));
}

// The last event of an entity is always read. Where rows look at more than that by number, or at all there is, most of
// what was left unread would have to be read after all.
EventTime EntityCache::wanted_from(std::size_t list) const {
  const std::optional<std::int64_t> kept_for = program_.lists[list].kept_for;
  const ListPlan& plan = program_.plan().lists[list].kernel;
  std::int64_t ticks;
  if (!rows_from_ || !kept_for || plan.rows_needed > 1 || plan.keeps_all || !plan.partials.empty() ||
      __builtin_sub_overflow(rows_from_->time_since_epoch().count(), *kept_for, &ticks)) {
    return EventTime::min();
  }
  return EventTime(Duration(ticks));
}

Value EntityCache::keep(std::size_t list, Datum datum, bool null, const Argument& argument) {
  if (null) return {};
  if (argument.by_value) return {to_normal_word(datum, argument.storage), false};
  if (argument.composite) {
    return call([&] { return to_value(to_flat_composite(datum), false, argument.length, false, context(list)); });
  }
  if (const std::size_t size = kept_size(datum, argument.length); size > 0) {
    return {Blob::make(memory(list), DatumGetPointer(datum), size), false};
  }
  return call([&] { return to_value(datum, null, argument.length, argument.by_value, context(list)); });
}

void EntityCache::use_context(std::size_t list, MemoryContext context) const {
  for (const CatalogueAggregate* aggregate : program_.lists[list].catalogue) aggregate->use_context(context);
}

std::size_t EntityCache::bytes() const {
  return std::accumulate(lists_.begin(), lists_.end(), std::size_t{0}, [](std::size_t sum, const Loaded& loaded) {
    return sum + loaded.bytes() + loaded.spilled.bytes();
  });
}

// Expiry goes by the entity's newest event, but not ahead of now: an event from the future makes nothing old.
std::optional<EventTime> EntityCache::keep_from(const Member& member) const {
  const std::optional<std::int64_t> kept_for = program_.lists[member.list].kept_for;
  if (!kept_for || member.entity->size() == 0) return std::nullopt;
  const EventTime newest = std::min(member.entity->newest(), latest_now(program_.plan().time.type));
  std::int64_t ticks;
  if (__builtin_sub_overflow(newest.time_since_epoch().count(), *kept_for, &ticks)) return std::nullopt;
  return EventTime(Duration(ticks));
}

std::vector<std::size_t> EntityCache::all_lists() const {
  std::vector<std::size_t> lists(lists_.size());
  std::iota(lists.begin(), lists.end(), std::size_t{0});
  return lists;
}

void EntityCache::make_room() {
  if (!full()) return;
  std::vector<std::size_t> lists = all_lists();
  // What was read for shared lists is kept together, so that all go at once.
  if (!program_.has_shared_list()) {
    std::stable_sort(lists.begin(), lists.end(), [&](std::size_t a, std::size_t b) {
      return lists_[a].worth_forgetting() > lists_[b].worth_forgetting();
    });
    std::size_t count = 0;
    std::size_t left = bytes();
    for (; count < lists.size() && left > most_bytes_ / 4 * 3; ++count) left -= lists_[lists[count]].bytes();
    lists.resize(count);
    std::sort(lists.begin(), lists.end());
  } else {
    let_shared_go_ = true;
  }
  begin_to_write();
  for (const std::size_t list : lists) spill(list);
  write_most_spilled();
  forget(lists);
}

// What was only read comes first, see read_first.
void EntityCache::write() {
  begin_to_write();
  for (auto list = program_.lock_order.rbegin(); list != program_.lock_order.rend(); ++list) {
    write_loaded(*list);
    write_spilled(*list);
    insert_waiting(*list);
  }
}

void EntityCache::forget() { forget(all_lists()); }

// What this statement has written and locked so far counts as an earlier command.
void EntityCache::begin_to_write() {
  call([] { CommandCounterIncrement(); });
}

void EntityCache::forget(const std::vector<std::size_t>& lists) {
  shared_.forget();
  for (const std::size_t list : lists) forget(list);
  call([] { CommandCounterIncrement(); });
}

void EntityCache::spill(std::size_t list) {
  SpilledStates& spilled = lists_[list].spilled;
  store(list, [&](Member& member, SegmentWriters& writers) {
    SpilledChanges changes(stores_[list], member.row, spilled);
    member.entity->store(writers, changes, std::nullopt);
  });
}

void EntityCache::write_loaded(std::size_t list) {
  store(list, [&](Member& member, SegmentWriters& writers) {
    StateChanges changes(stores_[list], member.row);
    member.entity->store(writers, changes, keep_from(member));
  });
}

template <class Store>
void EntityCache::store(std::size_t list, Store&& store) {
  const InContext here(program_.expressions->ecxt_per_tuple_memory);
  SegmentWriters writers(program_.plan().lists[list].kernel);
  use_context(list, context(list));
  // As they will be met again, and as the index has them.
  sort_by_hash(lists_[list].members);
  for (Member* member : lists_[list].members) {
    if (member->entity == nullptr) continue;
    store(*member, writers);
    shared_.store_merged(*member, writers);
    // A statement's only row has values there, and in each list one entity.
    if (member != lists_[list].members.back()) call([&] { ResetExprContext(program_.expressions); });
  }
}

// What is known of states that were set aside may take a share of the memory.
void EntityCache::write_most_spilled() {
  for (;;) {
    std::size_t all = 0;
    std::size_t largest = 0;
    for (std::size_t list = 0; list < lists_.size(); ++list) {
      all += lists_[list].spilled.bytes();
      if (lists_[list].spilled.bytes() > lists_[largest].spilled.bytes()) largest = list;
    }
    if (all <= most_bytes_ / 4) return;
    write_spilled(largest);
    insert_waiting(largest);
  }
}

void EntityCache::write_spilled(std::size_t list) {
  const InContext here(program_.expressions->ecxt_per_tuple_memory);
  std::vector<std::byte> image;
  lists_[list].spilled.take_all([&](StateRow& row) {
    image.assign(row.image, row.image + row.size);
    image.resize(capacity_for(image.size()));
    const bool written = call([&] {
      const bool done = stores_[list].write(row, image.data(), image.size());
      ResetExprContext(program_.expressions);
      return done;
    });
    if (!written) throw EntityTaken();
  });
}

void EntityCache::insert_waiting(std::size_t list) {
  if (!call([&] { return stores_[list].insert_waiting(); })) throw EntityTaken();
}

void EntityCache::forget(std::size_t list) {
  Loaded& loaded = lists_[list];
  loaded.members.clear();
  loaded.new_members.clear();
  loaded.by_hash.clear();
  loaded.finds = 0;
  loaded.memory.reset();
  call([&] { MemoryContextReset(loaded.context.get()); });
  loaded.memory.emplace(loaded.context);
  use_context(list, loaded.context.get());
}

}  // namespace feature
