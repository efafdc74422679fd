// Members by the hash of their keys. Open addressing, so that a look-up reads one place in memory before the member.
#pragma once

#include "pg/member.hpp"

namespace feature {

class MemberTable {
 public:
  // The first member of this hash that `matches`; null if there is none.
  template <class Matches>
  [[nodiscard]] Member* find(std::uint64_t hash, Matches&& matches) const {
    if (entries_.empty()) return nullptr;
    for (std::size_t place = first_place(hash);; place = (place + 1) & (entries_.size() - 1)) {
      const Entry& entry = entries_[place];
      if (entry.member == nullptr) return nullptr;
      if (entry.hash == hash && matches(*entry.member)) return entry.member;
    }
  }

  template <class Visit>
  void for_each(std::uint64_t hash, Visit&& visit) const {
    (void)find(hash, [&](Member& member) {
      visit(member);
      return false;
    });
  }

  void add(Member* member) {
    if ((count_ + 1) * 4 > entries_.size() * 3) grow();
    put({member->hash, member});
    ++count_;
  }

  void clear() {
    entries_ = {};
    count_ = 0;
  }

  [[nodiscard]] std::size_t bytes() const { return entries_.size() * sizeof(Entry); }

 private:
  struct Entry {
    std::uint64_t hash;
    Member* member;
  };

  // Multiplied by the golden ratio, so that hashes that differ in few bits lie apart.
  [[nodiscard]] std::size_t first_place(std::uint64_t hash) const { return hash * 0x9e3779b97f4a7c15u >> shift_; }

  void put(const Entry& entry) {
    std::size_t place = first_place(entry.hash);
    while (entries_[place].member != nullptr) place = (place + 1) & (entries_.size() - 1);
    entries_[place] = entry;
  }

  void grow() {
    const std::vector<Entry> old = std::move(entries_);
    entries_.assign(std::max<std::size_t>(16, old.size() * 2), Entry{0, nullptr});
    shift_ = 64 - __builtin_ctzll(entries_.size());
    for (const Entry& entry : old) {
      if (entry.member != nullptr) put(entry);
    }
  }

  std::vector<Entry> entries_;  // a power of two of them
  int shift_ = 0;
  std::size_t count_ = 0;
};

}  // namespace feature
