// Takes rows that have been changed or deleted out of their entities, as if they had never come.
//
// An event is found by its time and by the values that were kept with it. Of several it does not matter which goes, if
// no other event of that time is between them, or nothing tells in which order these are. What a window over windows
// keeps is the inner window's result as it was when the row came, which the row alone does not tell: then the event is
// taken whose other values are the row's, if they are all alike.
#pragma once

#include "pg/entity_cache.hpp"
#include "pg/history.hpp"

namespace feature {

// An entity that is going as a whole: nothing needs to be taken out of it.
struct ForgottenEntity {
  std::size_t list;
  std::vector<NullableDatum> keys;
};

// Lets corrections know while it lives: those of the view, and all that follow from them. Borrows what it is given.
//
// They are made in a subtransaction that may be undone, and then nobody is to wait for it any more. So they make none of
// their own: whoever waits for one waits for the whole transaction once it is released.
class Forgetting {
 public:
  // `anew`: views whose states are to be computed anew at once.
  Forgetting(std::int32_t view, const std::vector<ForgottenEntity>& entities, std::vector<std::int32_t>& anew);
  Forgetting(const Forgetting&) = delete;
  Forgetting& operator=(const Forgetting&) = delete;
  ~Forgetting();

  // Of a view; null if there are none.
  [[nodiscard]] static const std::vector<ForgottenEntity>* of(std::int32_t view);
  // The one that is under way; null if there is none.
  [[nodiscard]] static const Forgetting* current();

  [[nodiscard]] bool computes_anew(std::int32_t view) const;
  // From the next attempt on; this one ends here, by an error.
  [[noreturn]] void compute_anew(const ViewIdentity& view) const;

 private:
  std::int32_t view_;
  const std::vector<ForgottenEntity>& entities_;
  std::vector<std::int32_t>& anew_;
  const Forgetting* outer_;
};

class Retraction {
 public:
  // What is noted is kept in the entities' memory.
  Retraction(Program& program, EntityCache& entities, History& history)
      : program_(program), entities_(entities), history_(history) {}

  // Whether a row of the view's source tells which entities it was in, and each of these is in one place: not in the
  // slots of several sessions.
  [[nodiscard]] static bool is_possible(const Program& program);

  // Whether apply() cannot say no: each event is known by its row alone, and it does not show which of several goes.
  [[nodiscard]] static bool is_certain(const Program& program);

  // Notes the row in the program's source slot, whose time and keys are prepared. Before the entities are loaded.
  void note(EventTime time);

  // Takes out what was noted; false if an event cannot be told from others. Throws SqlError if one is not there, and
  // cannot be brought back from the source.
  [[nodiscard]] bool apply();

 private:
  struct Row {
    EventTime time;
    std::vector<Member*> members;  // by list
    std::vector<Value*> values;    // likewise
  };

  [[nodiscard]] bool is_forgotten(const Member& member) const;
  [[nodiscard]] bool take_out(const Row& row, std::size_t list);
  struct Likeness {
    bool known, all;
  };
  [[nodiscard]] Likeness likeness(const Event& a, const Event& b, std::size_t list) const;
  [[nodiscard]] bool are_alike(Entity& entity, std::int64_t position, std::size_t list) const;
  [[nodiscard]] bool are_neighbours(Entity& entity, std::int64_t position, std::size_t list) const;
  [[noreturn]] void throw_not_there(EventTime time, std::size_t list, bool left) const;

  Program& program_;
  EntityCache& entities_;
  History& history_;
  std::vector<Row> rows_;
};

}  // namespace feature
