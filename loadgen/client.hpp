// A client: one connection that takes operations from the schedule and carries them out, one after the other.
//
// Every operation it takes is counted exactly once, as succeeded, failed or skipped.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "connection.hpp"
#include "generator.hpp"
#include "latency.hpp"
#include "row_text.hpp"
#include "run_state.hpp"
#include "schedule.hpp"

namespace loadgen {

// Used by one thread at a time.
class Client {
 public:
  // `number` tells the clients of a run apart.
  Client(RunState& state, std::uint64_t number);

  // Connects and prepares.
  [[nodiscard]] Outcome open() { return connection_.open(); }

  // Until the schedule or the time is used up or the run stops. Reports through the shared state; does not throw.
  void run();

  // Of the statements that succeeded; to be taken after run().
  [[nodiscard]] std::vector<Latency>& insert_latencies() { return insert_latencies_; }
  [[nodiscard]] std::vector<Latency>& read_latencies() { return read_latencies_; }

 private:
  void make_rows(const Operation& operation);
  void stamp_rows();
  void encode(const Operation& operation);
  [[nodiscard]] bool wait_for(Clock::time_point time) const;
  [[nodiscard]] Outcome send(const Operation& operation);
  [[nodiscard]] Outcome carry_out(const Operation& operation);
  [[nodiscard]] Outcome reconnect();
  void back_off(std::uint64_t attempt);
  void skip(const Operation& operation);
  void record(const Operation& operation, const Outcome& outcome, Latency latency);
  [[nodiscard]] Counter& counter_of(const Operation& operation);

  RunState& state_;
  const Options& options_;
  Connection connection_;
  Generator generator_;
  Random backoff_;
  EventTime last_time_{};

  // Of the operation under way.
  std::vector<Row> rows_;
  Parameters parameters_;
  std::string text_;       // COPY: the lines; read: the user
  std::string read_time_;

  std::vector<Latency> insert_latencies_;
  std::vector<Latency> read_latencies_;
};

}  // namespace loadgen
