// feature.list_stats: what a feature view keeps of each partition list's entities.
//
// All of it stands in the state tables already: a head says how many events came before those that it holds, and how
// many came late; the root of a tree says how many of them have left (kernel/segment.hpp). So inserts count nothing,
// and nothing is written here, which makes it work on a read replica. Every image is read whole, so a damaged one is
// found.

#include <algorithm>
#include <array>
#include <set>

#include "kernel/segment.hpp"
#include "pg/as_user.hpp"
#include "pg/boundary.hpp"
#include "pg/catalogue.hpp"
#include "pg/compile.hpp"
#include "pg/definition.hpp"
#include "pg/describe.hpp"
#include "pg/frame_bounds.hpp"
#include "pg/state_images.hpp"

extern "C" {
#include <access/table.h>
#include <catalog/namespace.h>
#include <catalog/pg_authid.h>
#include <catalog/pg_type.h>
#include <funcapi.h>
#include <utils/acl.h>
#include <utils/array.h>
#include <utils/builtins.h>
#include <utils/fmgrprotos.h>
#include <utils/lsyscache.h>
#include <utils/snapmgr.h>
#include <utils/syscache.h>
#include <utils/typcache.h>

PGDLLEXPORT Datum feature_list_stats(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(feature_list_stats);
}

namespace feature {
namespace {

// key_hash and slot come before the keys, the image after them; see state_store.hpp.
constexpr int columns_before_keys = 2;

struct Stats {
  std::int64_t entities = 0;
  std::int64_t events = 0;  // all that were ever added
  std::int64_t left = 0;    // those that are no longer kept
  std::int64_t late = 0;
  std::int64_t chunks = 0;
  std::int64_t head_bytes = 0;
  std::int64_t chunk_bytes = 0;
  std::int64_t total_bytes = 0;
  std::int64_t largest = 0;    // events of the largest entity
  Datum largest_key = 0;       // text[], or 0 if the caller may not see it
  std::optional<EventTime> newest;
};

SqlError no_state(const ViewIdentity& view) {
  return SqlError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                  "feature view \"" + view.name + "\" has no state for its definition")
      .hint("Drop the feature view and create it again.");
}

// As the engine compiles it: as the view's owner, under the view's settings.
std::unique_ptr<Plan> compile_as_owner(const ViewIdentity& view, Query* definition) {
  const AsUser owner(view.owner, true);
  const PinnedSettings settings(view.settings);
  return compile(definition, nullptr);
}

// A view whose definition is locked, so that nobody alters or drops it. Waits for whoever does: then it is another one.
ViewIdentity lock_definition(Oid relation) {
  for (ViewIdentity view = view_by_relation(relation);;) {
    const bool locked = call([&] {
      Relation definition = try_table_open(view.definition, AccessShareLock);
      if (definition != nullptr) table_close(definition, NoLock);
      return definition != nullptr;
    });
    if (locked) return view;
    const Oid gone = view.definition;
    view = view_by_relation(relation);
    if (view.definition == gone) throw no_state(view);
  }
}

// The key columns of a state row as their types print them.
Datum key_text(TupleTableSlot* row) {
  return call([&] {
    const TupleDesc description = row->tts_tupleDescriptor;
    const int keys = description->natts - columns_before_keys - 1;
    if (keys == 0) return PointerGetDatum(construct_empty_array(TEXTOID));
    auto* texts = static_cast<Datum*>(palloc0(static_cast<Size>(keys) * sizeof(Datum)));
    auto* nulls = static_cast<bool*>(palloc0(static_cast<Size>(keys) * sizeof(bool)));
    for (int i = 0; i < keys; ++i) {
      const int column = columns_before_keys + i;
      const Datum key = slot_getattr(row, static_cast<AttrNumber>(column + 1), &nulls[i]);
      if (nulls[i]) continue;
      Oid output;
      bool varies;
      getTypeOutputInfo(TupleDescAttr(description, column)->atttypid, &output, &varies);
      texts[i] = CStringGetTextDatum(OidOutputFunctionCall(output, key));
    }
    int dimensions[1] = {keys};
    int bounds[1] = {1};
    return PointerGetDatum(construct_md_array(texts, nulls, 1, dimensions, bounds, TEXTOID, -1, false, TYPALIGN_INT));
  });
}

struct HashAndSlot {
  std::int64_t hash;
  std::int16_t slot;
};

HashAndSlot hash_and_slot(TupleTableSlot* row) {
  return call([&] {
    bool null;
    return HashAndSlot{DatumGetInt64(slot_getattr(row, 1, &null)), DatumGetInt16(slot_getattr(row, 2, &null))};
  });
}

bool same_keys(const PartitionList& list, TupleTableSlot* a, TupleTableSlot* b) {
  return call([&] {
    for (std::size_t i = 0; i < list.keys.size(); ++i) {
      const auto column = static_cast<AttrNumber>(columns_before_keys + i + 1);
      bool a_null, b_null;
      const Datum a_key = slot_getattr(a, column, &a_null);
      const Datum b_key = slot_getattr(b, column, &b_null);
      if (a_null != b_null) return false;
      TypeCacheEntry* type = lookup_type_cache(list.keys[i].type, TYPECACHE_EQ_OPR_FINFO);
      if (!a_null && !DatumGetBool(FunctionCall2Coll(&type->eq_opr_finfo, list.keys[i].collation, a_key, b_key))) {
        return false;
      }
    }
    return true;
  });
}

// An entity of a shared list that has several slots, or may have: its rows have a hash that others have, too.
struct Slotted {
  TupleTableSlot* row;
  std::int64_t hash;
  std::int64_t events;
};

// Makes one of entities that were counted slot by slot. They are few, only those that sessions write side by side.
void count_once(StateImages& heads, const OwnedContext& row, const PartitionList& list, const std::set<std::int64_t>& hashes,
                TupleTableSlot* largest, Stats& stats) {
  std::vector<Slotted> entities;
  heads.each(row, [&](const std::byte* image, std::size_t size) {
    const std::int64_t hash = hash_and_slot(heads.row()).hash;
    if (hashes.count(hash) == 0) return;
    const std::int64_t events = read_head(image, size).events;
    const auto known = std::find_if(entities.begin(), entities.end(), [&](const Slotted& entity) {
      return entity.hash == hash && same_keys(list, entity.row, heads.row());
    });
    if (known != entities.end()) {
      known->events += events;
      --stats.entities;
      return;
    }
    entities.push_back({heads.make_slot(), hash, events});
    call([&] { ExecCopySlot(entities.back().row, heads.row()); });
  });
  for (const Slotted& entity : entities) {
    if (entity.events > stats.largest) {
      stats.largest = entity.events;
      call([&] { ExecCopySlot(largest, entity.row); });
    }
    call([&] { ExecDropSingleTupleTableSlot(entity.row); });
  }
}

void read_heads(StateImages& heads, const OwnedContext& row, const ViewIdentity& view, const PartitionList& list,
                bool shared, bool with_key, Stats& stats) {
  TupleTableSlot* largest = heads.make_slot();
  std::set<std::int64_t> with_slots;
  heads.each(row, [&](const std::byte* image, std::size_t size) {
    const Head head = read_head(image, size);
    ++stats.entities;
    stats.events += head.events;
    stats.late += head.late;
    stats.head_bytes += static_cast<std::int64_t>(size);
    if (head.events > 0) stats.newest = std::max(stats.newest.value_or(head.newest), head.newest);
    if (shared) {
      const HashAndSlot place = hash_and_slot(heads.row());
      if (place.slot > 0) with_slots.insert(place.hash);
    }
    if (head.events <= stats.largest) return;
    stats.largest = head.events;
    call([&] { ExecCopySlot(largest, heads.row()); });
  });
  if (!with_slots.empty()) {
    // The keys' equality may be anybody's function.
    const AsUser owner(view.owner, true);
    count_once(heads, row, list, with_slots, largest, stats);
  }
  if (with_key && stats.largest > 0) stats.largest_key = key_text(largest);
  call([&] { ExecDropSingleTupleTableSlot(largest); });
}

void read_chunks(StateImages& chunks, const OwnedContext& row, Stats& stats) {
  chunks.each(row, [&](const std::byte* image, std::size_t size) {
    std::array<std::byte, 4096> room;
    std::pmr::monotonic_buffer_resource memory(room.data(), room.size());
    const Layout layout = layout_of(image, size);
    const SegmentReader node(layout, image, size, memory);
    ++stats.chunks;
    stats.left += node.prefix().position;  // 0 but of a root
    stats.chunk_bytes += static_cast<std::int64_t>(size);
  });
}

Stats read_list(const ViewIdentity& view, const ViewIdentity::Tables& tables, const PartitionList& list,
                bool with_key) {
  Stats stats;
  const auto keys = static_cast<int>(list.keys.size());
  StateImages heads(tables.states);
  StateImages chunks(tables.chunks);
  if (!heads.has_columns(columns_before_keys + keys) || !chunks.has_columns(columns_before_keys + 1)) {
    throw no_state(view);
  }
  // Taken behind the locks, so that one who has waited sees what was waited for.
  call([] { PushActiveSnapshot(GetTransactionSnapshot()); });
  const OwnedContext row(CurrentMemoryContext, "feature_ext image");
  read_heads(heads, row, view, list, tables.shared, with_key, stats);
  read_chunks(chunks, row, stats);
  call([] { PopActiveSnapshot(); });
  stats.total_bytes = heads.total_bytes() + chunks.total_bytes();
  heads.close();
  chunks.close();
  return stats;
}

// One partition list; `stats` is empty for a caller who may not see them.
struct ListStats {
  std::string entity;
  std::optional<Stats> stats;
  Oid time_type;
};

std::vector<ListStats> read_view(const ViewIdentity& view) {
  check_catalogue(view);
  Query* definition = stored_definition(view.definition);
  const std::unique_ptr<Plan> plan = compile_as_owner(view, definition);
  if (plan->lists.size() != view.lists.size() || plan->source != view.source) throw no_state(view);
  const std::vector<std::string> entities = entities_of(definition, *plan);
  std::vector<ListStats> result;
  for (std::size_t i = 0; i < view.lists.size(); ++i) {
    // Who may read the states may see all of it; a key is data, what else is there is as in PostgreSQL's own
    // statistics.
    struct { bool states, statistics; } may_read = call([&] {
      const bool states = pg_class_aclcheck(view.lists[i].states, GetUserId(), ACL_SELECT) == ACLCHECK_OK;
      return decltype(may_read){states, states || has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS)};
    });
    result.push_back({entities[i], std::nullopt, plan->time.type});
    if (!may_read.statistics) continue;
    result.back().stats = read_list(view, view.lists[i], plan->lists[i], may_read.states);
  }
  return result;
}

Datum time_text(Oid type, EventTime time) {
  return call([&] {
    Oid output;
    bool varies;
    getTypeOutputInfo(type, &output, &varies);
    return CStringGetTextDatum(OidOutputFunctionCall(output, from_event_time(type, time)));
  });
}

void put_row(ReturnSetInfo* result, std::size_t number, const ListStats& list) {
  constexpr int columns = 13;
  Datum values[columns] = {};
  bool nulls[columns];
  std::fill(std::begin(nulls), std::end(nulls), true);
  int column = 0;
  const auto put = [&](Datum value) {
    values[column] = value;
    nulls[column++] = false;
  };
  put(Int32GetDatum(static_cast<std::int32_t>(number)));
  put(call([&] { return CStringGetTextDatum(list.entity.c_str()); }));
  if (list.stats) {
    const Stats& stats = *list.stats;
    for (const std::int64_t value : {stats.entities, stats.events, stats.events - stats.left, stats.late, stats.chunks,
                                     stats.head_bytes, stats.chunk_bytes, stats.total_bytes, stats.largest}) {
      put(Int64GetDatum(value));
    }
    if (stats.largest_key != 0) {
      put(stats.largest_key);
    } else {
      ++column;
    }
    if (stats.newest) put(time_text(list.time_type, *stats.newest));
  }
  call([&] { tuplestore_putvalues(result->setResult, result->setDesc, values, nulls); });
}

Datum list_stats(FunctionCallInfo fcinfo) {
  const std::vector<ListStats> lists = read_view(lock_definition(PG_GETARG_OID(0)));
  call([&] { InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC); });
  auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
  for (std::size_t i = 0; i < lists.size(); ++i) put_row(result, i + 1, lists[i]);
  return 0;
}

}  // namespace
}  // namespace feature

Datum feature_list_stats(PG_FUNCTION_ARGS) {
  return feature::guard([&] { return feature::list_stats(fcinfo); });
}
