// Where the time of a feature view goes: what this session spends in the stages of computing it, while
// feature_ext.timing is on.
//
// Times are the session's own, in its memory. A row in a table would be one that all statements update and so wait for, and
// there is no memory that sessions share without preloading. Each is added up at once, whatever becomes of the statement.
//
// The clock is read when another stage begins: a few times a batch, never for a row, and not at all with the setting off.
// What computes another view within a stage, as triggers on the feature table may, is that view's time alone; so the times
// of several views can be added.
#pragma once

#include <array>
#include <cstdint>

#include "pg/postgres.hpp"

extern "C" {
#include <portability/instr_time.h>
}

namespace feature {

enum class Stage {
  reading,    // the rows, and evaluating their times and keys
  locking,    // finding, locking and loading entities
  computing,  // evaluating the definition over frames, with what that takes from the source or out of entities
  storing,    // entities
  writing,    // feature rows, and those that were diverted
};

class Stopwatch {
 public:
  static constexpr std::size_t stages = 5;
  struct Times {
    std::int64_t rows;
    std::array<instr_time, stages> spent;  // by Stage
  };

  Stopwatch(std::int32_t view, Stage first);
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;
  ~Stopwatch() {
    if (times_ != nullptr) stop();
  }

  void enter(Stage stage) {
    if (times_ == nullptr) return;
    lap();
    stage_ = stage;
  }
  // Rows whose features were computed meanwhile.
  void count(std::int64_t rows) {
    if (times_ != nullptr) times_->rows += rows;
  }

  // What the session has spent for a view since the setting was turned on; null if nothing.
  [[nodiscard]] static const Times* times_of(std::int32_t view);
  // Begins anew, as the setting is turned on; not while one is running.
  static void forget_all() noexcept;

 private:
  void lap();
  void stop();

  Times* times_ = nullptr;  // null if it does not run
  Stopwatch* outer_ = nullptr;
  Stage stage_;
  instr_time since_;
};

}  // namespace feature
