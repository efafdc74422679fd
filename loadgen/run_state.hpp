// What the clients of a run share. Every member is thread-safe or constant while the run lasts.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "connection.hpp"
#include "options.hpp"
#include "schedule.hpp"
#include "turns.hpp"

namespace loadgen {

using Clock = std::chrono::steady_clock;

// The right side of the identity, for rows or for reads.
struct Counter {
  std::atomic<std::uint64_t> succeeded{0};
  std::atomic<std::uint64_t> failed{0};
  std::atomic<std::uint64_t> skipped{0};
};

// The failures of a run, by SQLSTATE.
class ErrorLog {
 public:
  struct Entry {
    std::uint64_t count = 0;
    std::string first_message;
  };

  // The first of each SQLSTATE is also shown on standard error at once, so that nobody waits for a run that is in vain.
  void add(const Outcome& outcome);

  [[nodiscard]] std::map<std::string, Entry> entries() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Entry> entries_;
};

struct RunState {
  RunState(const Options& run_options, Schedule& run_schedule, const std::atomic<bool>& run_interrupted)
      : options(run_options), schedule(run_schedule), interrupted(run_interrupted) {}

  const Options& options;
  Schedule& schedule;
  const std::atomic<bool>& interrupted;  // set by a signal
  std::atomic<bool> gave_up{false};      // set by a client that cannot get its connection back
  Clock::time_point began;               // set before the first client runs

  Turns turns;
  Counter rows;
  Counter reads;
  std::atomic<std::uint64_t> rows_read{0};
  std::atomic<std::uint64_t> retries{0};     // after 40001 and 40P01
  std::atomic<std::uint64_t> reconnects{0};
  std::atomic<std::uint64_t> confirmed{0};   // statements found to have been committed before their connection was lost
  std::atomic<std::uint64_t> statements{0};  // that succeeded; with the next one, for the progress line
  std::atomic<std::uint64_t> latency_ns{0};  // sum over them
  ErrorLog errors;

  [[nodiscard]] bool stopping() const { return interrupted || gave_up; }
  [[nodiscard]] RunTime elapsed() const { return Clock::now() - began; }
  [[nodiscard]] bool out_of_time() const {
    return options.duration.count() > 0 && elapsed() >= options.duration;
  }
};

}  // namespace loadgen
