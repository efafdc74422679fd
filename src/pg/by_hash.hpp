// Values by the hash of what they belong to. Open addressing, so that a look-up reads one place in memory before the
// value.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace feature {

// `Value{}` is none.
template <class Value>
class ByHash {
 public:
  struct Entry {
    std::uint64_t hash;
    Value value;
  };

  // The first value of this hash that `matches`, which may change it; null if there is none.
  template <class Matches>
  [[nodiscard]] Value* find(std::uint64_t hash, Matches&& matches) {
    if (entries_.empty()) return nullptr;
    for (std::size_t place = first_place(hash);; place = (place + 1) & (entries_.size() - 1)) {
      Entry& entry = entries_[place];
      if (entry.value == Value{}) return nullptr;
      if (entry.hash == hash && matches(entry.value)) return &entry.value;
    }
  }

  // Has the processor fetch what a look-up of the hash reads first, while it does something else.
  void fetch(std::uint64_t hash) const {
    if (!entries_.empty()) __builtin_prefetch(&entries_[first_place(hash)]);
  }
  // What stands where a look-up of the hash begins, whatever its hash; none if nothing does.
  [[nodiscard]] Value at_first_place(std::uint64_t hash) const {
    return entries_.empty() ? Value{} : entries_[first_place(hash)].value;
  }

  template <class Visit>
  void for_each(std::uint64_t hash, Visit&& visit) {
    (void)find(hash, [&](Value& value) {
      visit(value);
      return false;
    });
  }

  void add(std::uint64_t hash, Value value) {
    if ((count_ + 1) * 4 > entries_.size() * 3) grow();
    put({hash, value});
    ++count_;
  }

  // All of them, and places that have none.
  [[nodiscard]] std::vector<Entry>& entries() { return entries_; }

  void clear() {
    entries_ = {};
    count_ = 0;
  }

  [[nodiscard]] std::size_t bytes() const { return entries_.size() * sizeof(Entry); }

 private:
  // Multiplied by the golden ratio, so that hashes that differ in few bits lie apart.
  [[nodiscard]] std::size_t first_place(std::uint64_t hash) const { return hash * 0x9e3779b97f4a7c15u >> shift_; }

  void put(const Entry& entry) {
    std::size_t place = first_place(entry.hash);
    while (!(entries_[place].value == Value{})) place = (place + 1) & (entries_.size() - 1);
    entries_[place] = entry;
  }

  void grow() {
    const std::vector<Entry> old = std::move(entries_);
    entries_.assign(std::max<std::size_t>(16, old.size() * 2), Entry{});
    shift_ = 64 - __builtin_ctzll(entries_.size());
    for (const Entry& entry : old) {
      if (!(entry.value == Value{})) put(entry);
    }
  }

  std::vector<Entry> entries_;  // a power of two of them
  int shift_ = 0;
  std::size_t count_ = 0;
};

}  // namespace feature
