// Where what has changed of an entity goes.
#pragma once

#include "kernel/entity.hpp"
#include "pg/boundary.hpp"
#include "pg/entity_taken.hpp"
#include "pg/spilled_states.hpp"
#include "pg/state_store.hpp"

namespace feature {

// Through the store of its list. `row` goes along with what is written. Throws EntityTaken.
class StateChanges : public StateSink {
 public:
  StateChanges(StateStore& store, StateRow& row) : row_(row), store_(store) {}
  void remove_node(std::uint32_t number) override {
    lock();
    call([&] { store_.remove_node(row_, number); });
  }
  void add_node(std::uint32_t number, const std::vector<std::byte>& image) override {
    lock();
    if (!call([&] { return store_.add_node(row_, number, image.data(), image.size()); })) throw EntityTaken();
  }
  void replace_node(std::uint32_t number, const std::vector<std::byte>& image) override {
    lock();
    call([&] { store_.replace_node(row_, number, image.data(), image.size()); });
  }
  void set_head(const std::vector<std::byte>& image) override {
    if (!call([&] { return store_.write(row_, image.data(), image.size()); })) throw EntityTaken();
  }

 protected:
  StateRow& row_;

 private:
  // Nodes belong to whoever has the row.
  void lock() {
    if (row_.may_change && !call([&] { return store_.lock_read(row_); })) throw EntityTaken();
  }

  StateStore& store_;
};

// The same for now, but with its head set aside. Nodes are written more than once by few statements.
class SpilledChanges final : public StateChanges {
 public:
  SpilledChanges(StateStore& store, StateRow& row, SpilledStates& states) : StateChanges(store, row), states_(states) {}
  void set_head(const std::vector<std::byte>& image) override { states_.put(row_, image.data(), image.size()); }

 private:
  SpilledStates& states_;
};

}  // namespace feature
