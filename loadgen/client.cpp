// Retries are done here, on the whole statement, since a statement is a transaction: a failed one has left nothing.
#include "client.hpp"

#include <algorithm>
#include <thread>

#ifdef __linux__
#include <sys/prctl.h>
#endif

namespace loadgen {

namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr std::string_view unique_violation = "23505";

// Linux wakes a sleeper up to 50 microseconds late to save wake-ups. In an open loop that would count as latency.
void ask_for_exact_wake_ups() {
#ifdef __linux__
  prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
#endif
}

// In the unit of the operation's counter.
std::uint64_t amount_of(const Operation& operation) {
  return operation.kind == Operation::Kind::insert ? operation.rows : 1;
}

}  // namespace

Client::Client(RunState& state, std::uint64_t number)
    : state_(state),
      options_(state.options),
      connection_(state.options),
      generator_(state.options.generator),
      backoff_(state.options.generator.seed, Purpose::backoff, number) {}

void Client::run() {
  ask_for_exact_wake_ups();
  while (!state_.stopping() && !state_.out_of_time()) {
    const std::optional<Operation> operation = state_.schedule.next();
    if (!operation) return;
    make_rows(*operation);
    if (operation->due && !wait_for(state_.began + *operation->due)) {
      skip(*operation);
      return;
    }
    Turns::Held held;
    if (options_.in_turn) held = state_.turns.take(rows_);
    stamp_rows();
    encode(*operation);
    const Clock::time_point begin = operation->due ? state_.began + *operation->due : Clock::now();
    const Outcome outcome = carry_out(*operation);
    record(*operation, outcome, Clock::now() - begin);
  }
}

// Returns false if the run stops before.
bool Client::wait_for(Clock::time_point time) const {
  constexpr milliseconds attention(50);  // how long an interrupt may go unnoticed
  while (!state_.stopping()) {
    const Clock::time_point now = Clock::now();
    if (now >= time) return true;
    std::this_thread::sleep_until(std::min(time, now + attention));
  }
  return false;
}

void Client::make_rows(const Operation& operation) {
  rows_.clear();
  for (std::uint64_t i = 0; i < operation.rows; ++i) rows_.push_back(generator_.row(operation.first_row + i));
}

// Rows without a span are stamped when they are sent. Times of one client differ, even within a statement.
void Client::stamp_rows() {
  if (options_.generator.span) return;
  const EventTime now = std::chrono::time_point_cast<microseconds>(std::chrono::system_clock::now());
  for (Row& row : rows_) {
    last_time_ = std::max(now, last_time_ + microseconds(1));
    row.time = last_time_ - row.lateness;
  }
}

void Client::encode(const Operation& operation) {
  text_.clear();
  read_time_.clear();
  parameters_.clear();
  switch (operation.kind) {
    case Operation::Kind::insert:
      for (const Row& row : rows_) {
        if (options_.mode == InsertMode::copy) {
          append_csv(text_, row, options_.id_prefix);
        } else {
          parameters_.append(row, options_.id_prefix);
        }
      }
      break;
    case Operation::Kind::read:
      text_ = user_key(generator_.user_of_read(operation.number));
      if (options_.generator.span) append_time(read_time_, generator_.time_in_span(operation.first_row));
      break;
  }
}

Outcome Client::send(const Operation& operation) {
  if (operation.kind == Operation::Kind::read) return connection_.read(text_, read_time_);
  return options_.mode == InsertMode::copy ? connection_.copy(text_) : connection_.insert(parameters_.values());
}

Outcome Client::carry_out(const Operation& operation) {
  bool may_be_committed = false;
  for (std::uint64_t attempt = 0;; ++attempt) {
    const Outcome outcome = send(operation);
    switch (outcome.verdict) {
      case Verdict::succeeded: return outcome;
      case Verdict::failed:
        if (may_be_committed && outcome.sqlstate == unique_violation) {
          ++state_.confirmed;
          return {};
        }
        return outcome;
      case Verdict::conflict:
        if (attempt == options_.retries) return outcome;
        ++state_.retries;
        back_off(attempt);
        break;
      case Verdict::lost:
        may_be_committed = operation.kind == Operation::Kind::insert;
        // Connected again even if this operation has no try left: there are more to come.
        if (Outcome opened = reconnect(); opened.verdict != Verdict::succeeded) return opened;
        if (attempt == options_.retries) return outcome;
        break;
    }
  }
}

// Conflicting clients that come back at the same moment would conflict again, hence the random wait.
void Client::back_off(std::uint64_t attempt) {
  const std::uint64_t doublings = std::min<std::uint64_t>(attempt, 7);
  const double longest_ms = std::min(100.0, static_cast<double>(std::uint64_t{1} << doublings));
  std::this_thread::sleep_for(duration_cast<microseconds>(
      std::chrono::duration<double, std::milli>(longest_ms * backoff_.uniform())));
}

Outcome Client::reconnect() {
  const Clock::time_point deadline = Clock::now() + options_.reconnect_for;
  for (milliseconds pause(10);; pause = std::min(2 * pause, milliseconds(1'000))) {
    Outcome opened = connection_.open();
    if (opened.verdict == Verdict::succeeded) {
      ++state_.reconnects;
      return opened;
    }
    if (Clock::now() >= deadline) state_.gave_up = true;
    if (!wait_for(std::min(Clock::now() + pause, deadline))) return opened;
  }
}

void Client::skip(const Operation& operation) { counter_of(operation).skipped += amount_of(operation); }

void Client::record(const Operation& operation, const Outcome& outcome, Latency latency) {
  Counter& counter = counter_of(operation);
  if (outcome.verdict != Verdict::succeeded) {
    counter.failed += amount_of(operation);
    state_.errors.add(outcome);
    return;
  }
  counter.succeeded += amount_of(operation);
  state_.rows_read += outcome.rows_read;
  ++state_.statements;
  state_.latency_ns += static_cast<std::uint64_t>(latency.count());
  (operation.kind == Operation::Kind::insert ? insert_latencies_ : read_latencies_).push_back(latency);
}

Counter& Client::counter_of(const Operation& operation) {
  return operation.kind == Operation::Kind::insert ? state_.rows : state_.reads;
}

}  // namespace loadgen
