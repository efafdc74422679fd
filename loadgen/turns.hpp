// Turns: who holds the turns of some users is the only one to send rows of theirs.
//
// A row that is stamped when its turn has come is later than all rows of its user that were sent before, and these are
// committed: rows of a user arrive in the order of their times, whatever the number of clients.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <mutex>
#include <vector>

#include "generator.hpp"

namespace loadgen {

// Thread-safe. Users share a limited number of turns, so some wait for others without need.
class Turns {
 public:
  using Held = std::vector<std::unique_lock<std::mutex>>;

  // Waits for the turns of the rows' users, which are held until the result is destroyed. Turns are taken in one order,
  // so that nobody waits in a circle; hence nobody may take turns while holding some.
  [[nodiscard]] Held take(const std::vector<Row>& rows) {
    std::vector<std::size_t> numbers;
    for (const Row& row : rows) numbers.push_back(row.user % turns_.size());
    std::sort(numbers.begin(), numbers.end());
    numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
    Held held;
    held.reserve(numbers.size());
    for (const std::size_t number : numbers) held.emplace_back(turns_[number]);
    return held;
  }

 private:
  std::array<std::mutex, 4096> turns_;
};

}  // namespace loadgen
