// The program: options in, rows out, a summary and an exit status at the end.
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "generator.hpp"
#include "options.hpp"
#include "output_file.hpp"
#include "row_text.hpp"
#include "run.hpp"
#include "summary.hpp"

namespace loadgen {

namespace {

// A signal handler can reach nothing but a global.
std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free, "set by a signal handler");

extern "C" void on_interrupt(int) { interrupted = true; }

// The first signal asks; the handler is gone after it, so that a second one kills.
void handle_interrupts() {
  struct sigaction action = {};
  action.sa_handler = on_interrupt;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

Defaults environment_defaults() {
  std::random_device device;
  // 32 bits are enough to tell runs apart, and short enough to be typed again.
  return {device(), std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now())};
}

void write_csv(const Options& options) {
  constexpr std::size_t buffer_size = 1 << 20;
  OutputFile file(options.csv_file);
  Generator generator(options.generator);
  std::string buffer = csv_header();
  for (std::uint64_t number = 0; number < options.rows; ++number) {
    append_csv(buffer, generator.row(number), options.id_prefix);
    if (buffer.size() >= buffer_size) {
      file.write(buffer);
      buffer.clear();
    }
  }
  file.write(buffer);
  file.finish();
}

int run(const Options& options) {
  std::optional<OutputFile> json;  // opened first: an hour's run must not end in a file that cannot be written
  if (!options.json_file.empty()) json.emplace(options.json_file);
  handle_interrupts();
  const Summary summary = run_load(options, interrupted);
  // A program that reads JSON from standard output is to find nothing else there.
  std::fputs(summary_text(options, summary).c_str(), options.json_file == "-" ? stderr : stdout);
  if (json) {
    json->write(summary_json(options, summary));
    json->finish();
  }
  return exit_status(summary);
}

int main_guarded(const std::vector<std::string_view>& arguments) {
  try {
    const Options options = parse_options(arguments, environment_defaults());
    if (options.help) {
      std::fputs(help_text().c_str(), stdout);
      return 0;
    }
    if (options.csv_file.empty()) return run(options);
    write_csv(options);
    return 0;
  } catch (const BadOption& bad) {
    std::fprintf(stderr, "feature-loadgen: %s\nTry \"feature-loadgen --help\".\n", bad.what());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "feature-loadgen: %s\n", error.what());
    return 1;
  }
}

}  // namespace

}  // namespace loadgen

int main(int argc, char** argv) {
  return loadgen::main_guarded(std::vector<std::string_view>(argv + (argc > 0 ? 1 : 0), argv + argc));
}
