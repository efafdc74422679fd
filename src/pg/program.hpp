// A view ready to run in this session: its plan with PostgreSQL's expression states, slots and looked-up functions.
//
// Programs are kept between statements and dropped when a relation or function they depend on changes; see
// program_cache.hpp. All of it lives in one memory context below the cache's.
#pragma once

#include "pg/boundary.hpp"
#include "pg/memory.hpp"
#include "pg/pinned_settings.hpp"
#include "pg/plan.hpp"
#include "pg/state_store.hpp"

extern "C" {
#include <nodes/execnodes.h>
}

namespace feature {

// Who a view is: its row in the catalogue.
struct ViewIdentity {
  std::int32_t id = 0;
  Oid relation = InvalidOid;  // the feature table
  Oid source = InvalidOid;
  Oid definition = InvalidOid;  // the SQL view that holds the definition
  Oid owner = InvalidOid;       // of the feature table
  std::string name;             // of the feature table, for messages
  bool owns_objects = false;    // its objects are the ones that its number says
  bool tied = false;            // its objects depend on the feature table, as create_view has recorded
  bool sealed = false;          // its states belong to a superuser: nobody else can have written to them
  bool restored = false;        // from a dump: column numbers may have changed
  bool elsewhere = false;       // its states were made in another cluster, before a dump or pg_upgrade
  struct Tables {
    Oid states, chunks;
    bool shared;  // several sessions write one entity at once, see slots.cpp
  };
  std::vector<Tables> lists;
  std::vector<AttrNumber> columns;  // of the feature table, in the definition's order; see attributes_of
  std::vector<Setting> settings;    // of the session that created the view
  std::optional<Interval> lateness = std::nullopt;  // null: events are kept for ever
  bool diverts = false;                             // rows that cannot be processed; else they abort their statement
};

class CatalogueAggregate;
class LevelColumns;

// A table that finished rows are put into: for each column of the definition the attribute that it goes to, or 0.
struct FeatureTable {
  Oid relation = InvalidOid;
  std::vector<AttrNumber> attributes;
};

class Program {
 public:
  // Builds expression states for a plan. `context` is where the plan's nodes are; the program owns it.
  Program(std::unique_ptr<OwnedContext> context, std::unique_ptr<Plan> plan, ViewIdentity identity);

  struct Entities {
    std::vector<KeyFunctions> keys;
    std::vector<std::size_t> key_columns;  // in the prepared row, or in the level's evaluated row
    std::vector<std::byte> empty;          // image of an entity without events
    std::vector<const CatalogueAggregate*> catalogue;
    bool shared = false;                   // see slots.cpp
    bool shows_order = false;              // some function of it tells in which order events of one time are
    std::optional<std::int64_t> kept_for;  // ticks behind an entity's newest event; null: events never leave
    std::vector<std::size_t> known;        // arguments that a row of the source alone tells
    std::size_t first_known = 0;           // the first of them among those of all lists
  };
  // An argument that a level evaluates: from which column, for which list's column.
  struct Evaluated {
    std::size_t list, argument, column;
  };
  // Levels of the plan that are run in one go: one with window functions, or the first, and those above it up to the
  // next that has any. What they compute goes to `computed`, see level_columns.hpp.
  struct Level {
    const std::vector<LevelList>* lists = nullptr;  // whose window functions it computes
    std::size_t first_result = 0;                   // of these, among `results`
    ProjectionInfo* evaluate = nullptr;             // keys and arguments; null if there are none
    std::vector<const char*> evaluated_for;         // the feature of each; null for keys
    TupleTableSlot* evaluated = nullptr;
    std::vector<Evaluated> arguments;
    std::vector<std::size_t> starts;    // lists whose events begin at this level
    ProjectionInfo* compute = nullptr;  // null if there is nothing to
    std::size_t first_computed = 0;
    std::vector<const char*> features;  // names of what it computes
  };
  // A column of the finished row.
  struct Column {
    const TupleTableSlot* slot;
    std::size_t index;
  };
  // A column of the source by which messages name a row.
  struct RowKey {
    AttrNumber attribute;
    Oid type;  // under its domains
  };

  [[nodiscard]] const Plan& plan() const { return *plan_; }
  [[nodiscard]] const ViewIdentity& identity() const { return identity_; }

  // See slots.cpp.
  [[nodiscard]] bool has_shared_list() const;

  // Throws SqlError if rows cannot be processed because a dump has not kept all of the states.
  void check_states() const;

  // What has failed leaves its row behind in source_row, whose memory is gone: it must not be freed once more when the
  // next row comes. To be called before rows are taken.
  void forget_row() const;

  std::unique_ptr<OwnedContext> context_;  // first: everything below is in it
  std::unique_ptr<Plan> plan_;
  ViewIdentity identity_;
  FeatureTable table;
  std::string lost;            // why restored states cannot be gone on with, as a sentence; empty if they can
  bool checks_values = false;  // somebody may have put bytes into the states that are no values of their types
  ExprContext* expressions = nullptr;
  TupleTableSlot* source_row = nullptr;  // minimal tuples of the source
  std::vector<RowKey> row_key;           // the source's primary key; without one, time and entity
  bool has_primary_key = false;
  ExprState* filter = nullptr;
  ProjectionInfo* prepare = nullptr;  // the time, then the keys of lists that come from the source
  TupleTableSlot* prepared = nullptr;
  ProjectionInfo* know = nullptr;  // what a row of the source alone tells of its events: each list's known arguments
  TupleTableSlot* known = nullptr;
  std::vector<Entities> lists;
  std::vector<std::size_t> lock_order;  // of lists: those that a row of the source tells of, then as its levels come
  Oid image_type = InvalidOid;  // of states: looked up once a session
  std::vector<Level> levels;
  TupleTableSlot* results = nullptr;   // of all levels' window functions
  TupleTableSlot* computed = nullptr;  // by all levels
  TupleDesc output = nullptr;          // of finished rows
  std::vector<Column> columns;         // where they are
  int source_columns = 0;              // as many of the source's as have to be at hand for them

 private:
  void find_feature_table();
  void find_row_key();
  void build_lists();
  void build_prepare();
  void build_know();
  void build_levels();
  void build_level(std::size_t planned, const LevelColumns& columns, ::List* computed);
};

}  // namespace feature
