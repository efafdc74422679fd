// Writes what has changed of an entity through the store of its list.
#pragma once

#include "kernel/entity.hpp"
#include "pg/boundary.hpp"
#include "pg/entity_taken.hpp"
#include "pg/state_store.hpp"

namespace feature {

// `row` goes along with what is written. Throws EntityTaken.
class StateChanges final : public StateSink {
 public:
  StateChanges(StateStore& store, StateRow& row) : store_(store), row_(row) {}
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

 private:
  // Nodes belong to whoever has the row.
  void lock() {
    if (row_.may_change && !call([&] { return store_.lock_read(row_); })) throw EntityTaken();
  }

  StateStore& store_;
  StateRow& row_;
};

}  // namespace feature
