// What is to be done in a run, in which order, and when it is due. Clients take operations from one schedule, so that
// rows are sent in about their order however many clients there are.
//
// The identity of a run, for rows and for reads alike, is kept by two parties that count on their own:
//
//     scheduled = succeeded + failed + skipped
//
// The schedule counts the left side: what it handed out, and what had fallen due when the run was closed though no
// client came for it. The clients count the right side; what nobody came for is skipped.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <mutex>
#include <optional>

namespace loadgen {

// Time since the run began.
using RunTime = std::chrono::nanoseconds;

struct ScheduleOptions {
  std::uint64_t rows = 0;  // 0: no end
  std::uint64_t rows_per_statement = 1;
  double read_share = 0;          // of all operations
  double rate = 0;                // rows a second (reads a second if read_share is 1); 0: when a client is free
  RunTime duration = RunTime(0);  // 0: no end
};

struct Operation {
  enum class Kind { insert, read };

  Kind kind;
  std::uint64_t number;        // among all operations, from 0
  std::uint64_t first_row;     // insert: its first row; read: the number of rows that come before it
  std::uint64_t rows;          // insert: how many; read: 0
  std::optional<RunTime> due;  // open loop only
};

// Rows and reads counted apart.
struct Amounts {
  std::uint64_t rows = 0;
  std::uint64_t reads = 0;
};

// Thread-safe.
class Schedule {
 public:
  explicit Schedule(const ScheduleOptions& options);

  // The next operation, due or not; none when the run has no more of them or is closed.
  [[nodiscard]] std::optional<Operation> next();

  // Ends the run at the given time: nothing is handed out any more. Returns what is overdue at that time and was never
  // handed out. To be called once.
  [[nodiscard]] Amounts close(RunTime now);

  // What was handed out or returned by close().
  [[nodiscard]] Amounts scheduled() const;

 private:
  [[nodiscard]] std::uint64_t inserts_before(std::uint64_t operation) const;
  [[nodiscard]] std::optional<Operation> operation(std::uint64_t number) const;

  ScheduleOptions options_;
  std::uint64_t row_limit_;
  std::uint64_t insert_millionths_;  // share of operations that are inserts
  double interval_ns_ = 0;           // between operations; 0: closed loop

  mutable std::mutex mutex_;
  std::uint64_t next_ = 0;
  bool closed_ = false;
  Amounts scheduled_;
};

}  // namespace loadgen
