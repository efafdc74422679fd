// The main thread watches: it prints the progress and waits until the last client is done. Only after that does anybody
// look at what the clients collected.
#include "run.hpp"

#include <unistd.h>

#include <condition_variable>
#include <cstdio>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "client.hpp"
#include "run_state.hpp"
#include "schedule.hpp"

namespace loadgen {

namespace {

// Threads that are joined whatever happens; an exception while they start stops them first.
class Threads {
 public:
  explicit Threads(std::vector<std::unique_ptr<Client>>& clients, RunState& state) : running_(clients.size()) {
    threads_.reserve(clients.size());
    try {
      for (const auto& client : clients) {
        threads_.emplace_back([this, &client] {
          client->run();
          const std::lock_guard lock(mutex_);
          --running_;
          done_.notify_all();
        });
      }
    } catch (...) {
      state.gave_up = true;
      join();
      throw;
    }
  }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;
  ~Threads() { join(); }

  // Returns true when all are done, false at the given time.
  [[nodiscard]] bool wait_until(Clock::time_point time) {
    std::unique_lock lock(mutex_);
    return done_.wait_until(lock, time, [this] { return running_ == 0; });
  }

 private:
  void join() {
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }

  std::mutex mutex_;
  std::condition_variable done_;
  std::size_t running_;
  std::vector<std::thread> threads_;
};

// One line a second: what the last second brought.
class Progress {
 public:
  explicit Progress(const Options& options)
      : shown_(options.progress == ProgressLines::always ||
               (options.progress == ProgressLines::on_terminal && isatty(STDERR_FILENO) == 1)) {}

  void print(const RunState& state) {
    if (!shown_) return;
    const Sample now{state.elapsed(), state.rows.succeeded, state.reads.succeeded, state.statements, state.latency_ns};
    const double seconds = std::chrono::duration<double>(now.time - last_.time).count();
    const auto statements = static_cast<double>(now.statements - last_.statements);
    const double mean_ms =
        statements > 0 ? static_cast<double>(now.latency_ns - last_.latency_ns) / statements / 1e6 : 0;
    std::fprintf(stderr, "%6.0f s %12llu rows %10.0f rows/s", std::chrono::duration<double>(now.time).count(),
                 static_cast<unsigned long long>(now.rows), static_cast<double>(now.rows - last_.rows) / seconds);
    if (state.options.read_share > 0) {
      std::fprintf(stderr, " %10.0f reads/s", static_cast<double>(now.reads - last_.reads) / seconds);
    }
    std::fprintf(stderr, "   mean %.3f ms, %llu retries, %llu reconnects, %llu failed\n", mean_ms,
                 static_cast<unsigned long long>(state.retries), static_cast<unsigned long long>(state.reconnects),
                 static_cast<unsigned long long>(state.rows.failed + state.reads.failed));
    last_ = now;
  }

 private:
  struct Sample {
    RunTime time{0};
    std::uint64_t rows = 0;
    std::uint64_t reads = 0;
    std::uint64_t statements = 0;
    std::uint64_t latency_ns = 0;
  };

  bool shown_;
  Sample last_;
};

ScheduleOptions schedule_options(const Options& options) {
  ScheduleOptions schedule;
  schedule.rows = options.rows;
  schedule.rows_per_statement = options.rows_per_statement;
  schedule.read_share = options.read_share;
  schedule.rate = options.rate;
  schedule.duration = options.duration;
  return schedule;
}

Balance balance(std::uint64_t scheduled, const Counter& counter, std::uint64_t never_taken) {
  return {scheduled, counter.succeeded, counter.failed, counter.skipped + never_taken};
}

LatencySummary collect(const std::vector<std::unique_ptr<Client>>& clients,
                       std::vector<Latency>& (Client::*latencies_of)()) {
  std::vector<Latency> all;
  for (const auto& client : clients) {
    const std::vector<Latency>& latencies = (client.get()->*latencies_of)();
    all.insert(all.end(), latencies.begin(), latencies.end());
  }
  return summarise(all);
}

}  // namespace

Summary run_load(const Options& options, const std::atomic<bool>& interrupted) {
  Schedule schedule(schedule_options(options));
  RunState state(options, schedule, interrupted);
  std::vector<std::unique_ptr<Client>> clients;
  for (std::uint64_t number = 0; number < options.clients; ++number) {
    clients.push_back(std::make_unique<Client>(state, number));
    const Outcome opened = clients.back()->open();
    if (opened.verdict != Verdict::succeeded) {
      throw CannotRun("client " + std::to_string(number + 1) + " cannot start: " + opened.message);
    }
  }

  state.began = Clock::now();
  {
    Threads threads(clients, state);
    Progress progress(options);
    for (Clock::time_point tick = state.began + std::chrono::seconds(1); !threads.wait_until(tick);
         tick += std::chrono::seconds(1)) {
      progress.print(state);
    }
  }

  const RunTime end = state.elapsed();
  const Amounts never_taken = schedule.close(end);
  const Amounts scheduled = schedule.scheduled();
  Summary summary;
  summary.elapsed = end;
  summary.rows = balance(scheduled.rows, state.rows, never_taken.rows);
  summary.reads = balance(scheduled.reads, state.reads, never_taken.reads);
  summary.rows_read = state.rows_read;
  summary.retries = state.retries;
  summary.reconnects = state.reconnects;
  summary.confirmed = state.confirmed;
  summary.inserts = collect(clients, &Client::insert_latencies);
  summary.read_latency = collect(clients, &Client::read_latencies);
  summary.errors = state.errors.entries();
  summary.interrupted = interrupted;
  summary.gave_up = state.gave_up;
  return summary;
}

}  // namespace loadgen
