// Inserts and reads are interleaved by arithmetic, not by chance: of the first k operations, ceil(k * share) are
// inserts. So the rows of an operation follow from its number alone.
#include "schedule.hpp"

#include <algorithm>
#include <cmath>

namespace loadgen {

namespace {

constexpr std::uint64_t million = 1'000'000;

void add(Amounts& amounts, const Operation& operation) {
  switch (operation.kind) {
    case Operation::Kind::insert: amounts.rows += operation.rows; break;
    case Operation::Kind::read: ++amounts.reads; break;
  }
}

}  // namespace

Schedule::Schedule(const ScheduleOptions& options)
    : options_(options),
      row_limit_(options.rows > 0 ? options.rows : std::numeric_limits<std::uint64_t>::max()),
      insert_millionths_(static_cast<std::uint64_t>(std::llround((1 - options.read_share) * 1e6))) {
  if (options.rate > 0) {
    const double rows_per_operation =
        insert_millionths_ == 0
            ? 1
            : static_cast<double>(options.rows_per_statement) * static_cast<double>(insert_millionths_) / 1e6;
    interval_ns_ = 1e9 * rows_per_operation / options.rate;
  }
}

std::uint64_t Schedule::inserts_before(std::uint64_t operation) const {
  return static_cast<std::uint64_t>(
      (static_cast<unsigned __int128>(operation) * insert_millionths_ + million - 1) / million);
}

std::optional<Operation> Schedule::operation(std::uint64_t number) const {
  const std::uint64_t inserts = inserts_before(number);
  Operation operation{Operation::Kind::read, number, inserts * options_.rows_per_statement, 0, std::nullopt};
  if (operation.first_row >= row_limit_) return std::nullopt;
  if (inserts_before(number + 1) > inserts) {
    operation.kind = Operation::Kind::insert;
    operation.rows = std::min(options_.rows_per_statement, row_limit_ - operation.first_row);
  }
  if (interval_ns_ > 0) {
    operation.due = RunTime(std::llround(static_cast<double>(number) * interval_ns_));
    if (options_.duration > RunTime(0) && *operation.due >= options_.duration) return std::nullopt;
  }
  return operation;
}

std::optional<Operation> Schedule::next() {
  const std::lock_guard lock(mutex_);
  if (closed_) return std::nullopt;
  const std::optional<Operation> taken = operation(next_);
  if (!taken) return std::nullopt;
  ++next_;
  add(scheduled_, *taken);
  return taken;
}

Amounts Schedule::close(RunTime now) {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  Amounts overdue;
  // In a closed loop nothing is ever due: the rest of the rows was not scheduled.
  if (interval_ns_ > 0) {
    for (auto waiting = operation(next_); waiting && *waiting->due <= now; waiting = operation(++next_)) {
      add(overdue, *waiting);
    }
  }
  scheduled_.rows += overdue.rows;
  scheduled_.reads += overdue.reads;
  return overdue;
}

Amounts Schedule::scheduled() const {
  const std::lock_guard lock(mutex_);
  return scheduled_;
}

}  // namespace loadgen
