// The command line. What parse_options returns is consistent: whoever uses Options checks nothing again.
#pragma once

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "generator.hpp"

namespace loadgen {

enum class InsertMode { single, batch, copy };
enum class ProgressLines { on_terminal, always, never };

struct Options {
  bool help = false;

  // Target.
  std::string conninfo;
  std::string table = "transactions";                  // SQL text
  std::string feature_table = "transaction_features";  // SQL text

  // Load.
  std::uint64_t clients = 1;
  std::uint64_t rows = 0;                 // 0: no end
  std::chrono::microseconds duration{0};  // 0: no end
  double rate = 0;                        // 0: closed loop
  InsertMode mode = InsertMode::single;
  std::uint64_t rows_per_statement = 0;   // at least 1 once parsed
  bool in_turn = false;                   // never with a span
  double read_share = 0;
  std::chrono::microseconds read_window = std::chrono::hours(1);

  // Trouble.
  std::uint64_t retries = 10;
  std::chrono::microseconds reconnect_for = std::chrono::seconds(30);

  // Rows.
  GeneratorOptions generator;
  std::string id_prefix;

  // Output; a file name of "-" is standard output.
  std::string csv_file;
  std::string json_file;
  ProgressLines progress = ProgressLines::on_terminal;
};

// A mistake of the user; what() is the message.
struct BadOption : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// What defaults are taken from when an option is not given.
struct Defaults {
  std::uint64_t seed;
  EventTime now;
};

// `arguments` without the program's name. Throws BadOption.
[[nodiscard]] Options parse_options(const std::vector<std::string_view>& arguments, const Defaults& defaults);

[[nodiscard]] std::string help_text();

[[nodiscard]] std::string_view name_of(InsertMode mode);

}  // namespace loadgen
