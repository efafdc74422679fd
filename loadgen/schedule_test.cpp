// Proves that a schedule hands out every row once, when it is due, and that the identity holds and is really checked.
#include "schedule.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "summary.hpp"

namespace loadgen {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

ScheduleOptions closed_loop(std::uint64_t rows, std::uint64_t rows_per_statement, double read_share) {
  ScheduleOptions options;
  options.rows = rows;
  options.rows_per_statement = rows_per_statement;
  options.read_share = read_share;
  return options;
}

TEST(schedule, every_row_is_handed_out_once_and_the_last_statement_is_shorter) {
  Schedule schedule(closed_loop(1'050, 100, 0));
  std::uint64_t rows = 0;
  while (const auto operation = schedule.next()) {
    EXPECT_EQ(operation->first_row, rows);
    EXPECT_EQ(operation->rows, rows < 1'000 ? 100U : 50U);
    EXPECT_FALSE(operation->due);
    rows += operation->rows;
  }
  EXPECT_EQ(rows, 1'050U);
  EXPECT_EQ(schedule.scheduled().rows, 1'050U);
}

TEST(schedule, threads_share_the_rows_without_gap_or_overlap) {
  constexpr std::uint64_t rows = 20'000;
  Schedule schedule(closed_loop(rows, 1, 0.5));
  std::vector<std::vector<std::uint64_t>> taken(4);
  std::vector<std::thread> threads;
  for (auto& mine : taken) {
    threads.emplace_back([&schedule, &mine] {
      while (const auto operation = schedule.next()) {
        if (operation->kind == Operation::Kind::insert) mine.push_back(operation->first_row);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<int> count(rows);
  for (const auto& mine : taken) {
    for (const std::uint64_t row : mine) ++count.at(row);
  }
  for (const int times : count) ASSERT_EQ(times, 1);
}

TEST(schedule, reads_have_their_share) {
  Schedule schedule(closed_loop(3'000, 10, 0.75));
  std::uint64_t inserts = 0;
  std::uint64_t reads = 0;
  while (const auto operation = schedule.next()) {
    ++(operation->kind == Operation::Kind::insert ? inserts : reads);
    EXPECT_LE(operation->first_row, 3'000U);
  }
  EXPECT_EQ(inserts, 300U);
  EXPECT_NEAR(static_cast<double>(reads), 900, 4);
}

TEST(schedule, open_loop_keeps_the_rate_of_rows) {
  ScheduleOptions options = closed_loop(0, 20, 0.5);
  options.rate = 1'000;
  options.duration = seconds(10);
  Schedule schedule(options);
  std::uint64_t rows = 0;
  RunTime last(-1);
  while (const auto operation = schedule.next()) {
    ASSERT_GT(*operation->due, last);
    ASSERT_LT(*operation->due, seconds(10));
    last = *operation->due;
    rows += operation->rows;
  }
  EXPECT_EQ(rows, 10'000U);
}

TEST(schedule, what_is_overdue_at_the_end_counts_as_scheduled) {
  ScheduleOptions options = closed_loop(0, 1, 0);
  options.rate = 1'000;
  options.duration = seconds(10);
  Schedule schedule(options);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(schedule.next());
  const Amounts overdue = schedule.close(milliseconds(500));  // due so far: those at 0, 1, .. 500 ms
  EXPECT_EQ(overdue.rows, 401U);
  EXPECT_EQ(schedule.scheduled().rows, 501U);
  EXPECT_FALSE(schedule.next());
}

TEST(schedule, rows_never_taken_in_a_closed_loop_were_not_scheduled) {
  Schedule schedule(closed_loop(1'000, 1, 0));
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(schedule.next());
  EXPECT_EQ(schedule.close(seconds(5)).rows, 0U);
  EXPECT_EQ(schedule.scheduled().rows, 10U);
}

TEST(summary, violated_identity_is_an_exit_status_of_its_own) {
  Summary summary;
  summary.rows = {10, 7, 0, 3};
  EXPECT_EQ(exit_status(summary), 0);
  summary.rows = {10, 6, 1, 3};
  EXPECT_EQ(exit_status(summary), 1);
  summary.rows = {10, 6, 0, 3};
  EXPECT_EQ(exit_status(summary), 3);
  summary.rows = {};
  summary.reads = {1, 2, 0, 0};
  EXPECT_EQ(exit_status(summary), 3);
  EXPECT_NE(summary_text(Options{}, summary).find("violated"), std::string::npos);
  EXPECT_NE(summary_json(Options{}, summary).find("\"identity_holds\": false"), std::string::npos);
}

}  // namespace
}  // namespace loadgen
