// The error log; everything else of the shared state is atomic.
#include "run_state.hpp"

#include <cstdio>

namespace loadgen {

void ErrorLog::add(const Outcome& outcome) {
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_[outcome.sqlstate];
  if (entry.count++ > 0) return;
  entry.first_message = outcome.message;
  std::fprintf(stderr, "feature-loadgen: error %s: %s\n", outcome.sqlstate.c_str(), outcome.message.c_str());
}

std::map<std::string, ErrorLog::Entry> ErrorLog::entries() const {
  const std::lock_guard lock(mutex_);
  return entries_;
}

}  // namespace loadgen
