// Proves that rows of a user are never under way twice, and that rows of others do not wait for them.
#include "turns.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>

namespace loadgen {
namespace {

std::vector<Row> rows_of(const std::vector<std::uint64_t>& users) {
  std::vector<Row> rows(users.size());
  for (std::size_t i = 0; i < users.size(); ++i) rows[i].user = users[i];
  return rows;
}

TEST(turns, a_user_is_held_by_one_thread_whatever_the_order_in_which_users_are_named) {
  Turns turns;
  std::array<std::atomic<int>, 3> holders{};
  std::atomic<int> most{0};
  const auto work = [&](const std::vector<std::uint64_t>& users) {
    for (int i = 0; i < 5'000; ++i) {
      const Turns::Held held = turns.take(rows_of(users));
      for (const std::uint64_t user : users) most = std::max<int>(most, ++holders.at(user));
      for (const std::uint64_t user : users) --holders.at(user);
    }
  };
  std::thread one(work, std::vector<std::uint64_t>{0, 1});
  std::thread two(work, std::vector<std::uint64_t>{1, 2});
  std::thread three(work, std::vector<std::uint64_t>{2, 0});
  for (std::thread* thread : {&one, &two, &three}) thread->join();
  EXPECT_EQ(most, 1);
}

TEST(turns, a_user_named_twice_is_taken_once_and_others_are_free) {
  Turns turns;
  const Turns::Held held = turns.take(rows_of({7, 7}));
  EXPECT_EQ(held.size(), 1U);
  EXPECT_EQ(turns.take(rows_of({8})).size(), 1U);
}

}  // namespace
}  // namespace loadgen
