// A run against a database: clients, threads, progress.
#pragma once

#include <atomic>
#include <stdexcept>

#include "options.hpp"
#include "summary.hpp"

namespace loadgen {

// The run could not begin; what() says why.
struct CannotRun : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Connects all clients, then starts the clock. Returns when the run has come to its end or `interrupted` has been set
// and the statements under way are done. Throws CannotRun if a client cannot connect or prepare at the start.
[[nodiscard]] Summary run_load(const Options& options, const std::atomic<bool>& interrupted);

}  // namespace loadgen
