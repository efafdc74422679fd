// What a run came to, for people and for programs.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include "latency.hpp"
#include "options.hpp"
#include "run_state.hpp"

namespace loadgen {

struct Balance {
  std::uint64_t scheduled = 0;
  std::uint64_t succeeded = 0;
  std::uint64_t failed = 0;
  std::uint64_t skipped = 0;

  [[nodiscard]] bool holds() const { return scheduled == succeeded + failed + skipped; }
};

struct Summary {
  std::chrono::duration<double> elapsed{0};
  Balance rows;
  Balance reads;
  std::uint64_t rows_read = 0;
  std::uint64_t retries = 0;
  std::uint64_t reconnects = 0;
  std::uint64_t confirmed = 0;
  LatencySummary inserts;        // one latency a statement, whatever its number of rows
  LatencySummary read_latency;
  std::map<std::string, ErrorLog::Entry> errors;
  bool interrupted = false;
  bool gave_up = false;
};

[[nodiscard]] std::string summary_text(const Options& options, const Summary& summary);
[[nodiscard]] std::string summary_json(const Options& options, const Summary& summary);

// As told by --help.
[[nodiscard]] int exit_status(const Summary& summary);

}  // namespace loadgen
