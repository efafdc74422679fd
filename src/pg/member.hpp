// An entity of a partition list while a statement works on it.
#pragma once

#include "kernel/shared_entity.hpp"
#include "pg/program.hpp"

namespace feature {

// The nodes of an entity through the store of its list: those of a locked row, or of one that a snapshot sees. A row
// that was only read is locked when one is needed. Images are made in `context`.
class Nodes final : public NodeSource {
 public:
  Nodes(StateStore& store, StateRow& row, MemoryContext context, bool checks_values, Snapshot snapshot = nullptr)
      : store_(store), row_(row), context_(context), checks_values_(checks_values), snapshot_(snapshot) {}
  [[nodiscard]] Image load(std::uint32_t number) override;
  void pause() override;

 private:
  StateStore& store_;
  StateRow& row_;
  MemoryContext context_;
  bool checks_values_;
  Snapshot snapshot_;
};

// `entity` is null until its state row is locked and loaded.
struct Member {
  std::size_t list;
  std::uint64_t hash;
  const NullableDatum* keys;
  bool has_twin;  // another member has this hash
  StateRow row{};
  Entity* entity = nullptr;

  // Of a shared list:
  SharedEntity* shared = nullptr;     // the entity with the slots of others, if there are any
  Snapshot snapshot = nullptr;        // by which those are read, and the source
  StateRow* merged = nullptr;         // a slot whose events this one takes over
  Entity* rest = nullptr;             // what that slot has left of them; null if nothing
};

}  // namespace feature
