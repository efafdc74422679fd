// Milliseconds with three places everywhere: a statement takes tens of microseconds at least.
#include "summary.hpp"

#include <cstdarg>
#include <cstdio>

namespace loadgen {

namespace {

__attribute__((format(printf, 2, 3))) void append(std::string& out, const char* format, ...) {
  char buffer[256];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(buffer, sizeof buffer, format, arguments);
  va_end(arguments);
  out += buffer;
}

unsigned long long shown(std::uint64_t number) { return number; }

double milliseconds_of(Latency latency) { return std::chrono::duration<double, std::milli>(latency).count(); }

double per_second(std::uint64_t count, std::chrono::duration<double> elapsed) {
  return elapsed.count() > 0 ? static_cast<double>(count) / elapsed.count() : 0;
}

std::string statement_name(const Options& options) {
  const std::string rows = std::to_string(options.rows_per_statement);
  switch (options.mode) {
    case InsertMode::single: return "INSERT";
    case InsertMode::batch: return "INSERT of " + rows;
    case InsertMode::copy: return "COPY of " + rows;
  }
  return "";
}

void append_balance(std::string& out, const char* name, const Balance& balance) {
  append(out, "%-16s%12llu%12llu%12llu%12llu\n", name, shown(balance.scheduled), shown(balance.succeeded),
         shown(balance.failed), shown(balance.skipped));
}

void append_latency(std::string& out, const std::string& name, const LatencySummary& latency) {
  append(out, "%-16s%12zu%12.3f%12.3f%12.3f%12.3f%12.3f\n", name.c_str(), latency.count, milliseconds_of(latency.p50),
         milliseconds_of(latency.p95), milliseconds_of(latency.p99), milliseconds_of(latency.p999),
         milliseconds_of(latency.max));
}

std::string json_string(const std::string& text) {
  std::string out = "\"";
  for (const char letter : text) {
    if (letter == '"' || letter == '\\') {
      out += '\\';
      out += letter;
    } else if (static_cast<unsigned char>(letter) < 0x20) {
      append(out, "\\u%04x", static_cast<unsigned>(letter));
    } else {
      out += letter;
    }
  }
  return out + '"';
}

void append_json_balance(std::string& out, const char* name, const Balance& balance) {
  append(out, "  \"%s\": {\"scheduled\": %llu, \"succeeded\": %llu, \"failed\": %llu, \"skipped\": %llu},\n", name,
         shown(balance.scheduled), shown(balance.succeeded), shown(balance.failed), shown(balance.skipped));
}

void append_json_latency(std::string& out, const char* name, const LatencySummary& latency) {
  append(out, "  \"%s\": {\"count\": %zu, \"p50\": %.6f, \"p95\": %.6f, ", name, latency.count,
         milliseconds_of(latency.p50), milliseconds_of(latency.p95));
  append(out, "\"p99\": %.6f, \"p99.9\": %.6f, \"max\": %.6f},\n", milliseconds_of(latency.p99),
         milliseconds_of(latency.p999), milliseconds_of(latency.max));
}

const char* json_bool(bool value) { return value ? "true" : "false"; }

}  // namespace

std::string summary_text(const Options& options, const Summary& summary) {
  std::string out = "seed " + std::to_string(options.generator.seed);
  append(out, ", %llu client%s, ", shown(options.clients), options.clients == 1 ? "" : "s");
  if (options.rate > 0) {
    append(out, "open loop at %g %s a second", options.rate, options.read_share == 1 ? "reads" : "rows");
  } else {
    out += "closed loop";
  }
  out += summary.interrupted ? ", interrupted" : "";
  append(out, "\n\n%-16s%12s%12s%12s%12s\n", "", "scheduled", "succeeded", "failed", "skipped");
  append_balance(out, "rows", summary.rows);
  if (options.read_share > 0) append_balance(out, "reads", summary.reads);
  append(out, "\n%.2f s, %.1f rows/s", summary.elapsed.count(), per_second(summary.rows.succeeded, summary.elapsed));
  if (options.read_share > 0) {
    append(out, ", %.1f reads/s that found %llu rows", per_second(summary.reads.succeeded, summary.elapsed),
           shown(summary.rows_read));
  }
  append(out, "; %llu retries, %llu reconnects", shown(summary.retries), shown(summary.reconnects));
  if (summary.confirmed > 0) append(out, ", %llu statements committed as they were cut off", shown(summary.confirmed));

  append(out, "\n\n%-16s%12s%12s%12s%12s%12s%12s\n", "latency, ms", "statements", "p50", "p95", "p99", "p99.9", "max");
  if (options.read_share < 1) append_latency(out, statement_name(options), summary.inserts);
  if (options.read_share > 0) append_latency(out, "read", summary.read_latency);

  for (const auto& [sqlstate, entry] : summary.errors) {
    out += "\nerror " + sqlstate + ", " + std::to_string(entry.count) + " times: " + entry.first_message;
  }
  if (!summary.errors.empty()) out += '\n';
  if (options.rate > 0 && summary.rows.skipped + summary.reads.skipped > 0 && !summary.interrupted) {
    out += "\nThe rate was not reached: what was skipped waited longer than anything above says.\n";
  }
  if (!summary.rows.holds() || !summary.reads.holds()) {
    out += "\nThe identity scheduled = succeeded + failed + skipped is violated: do not trust these numbers.\n";
  }
  return out;
}

std::string summary_json(const Options& options, const Summary& summary) {
  std::string out = "{\n";
  append(out, "  \"seed\": %llu,\n  \"clients\": %llu,\n", shown(options.generator.seed), shown(options.clients));
  out += "  \"mode\": " + json_string(std::string(name_of(options.mode))) + ",\n";
  append(out, "  \"rows_per_statement\": %llu,\n  \"rate\": %.3f,\n  \"read_share\": %.6f,\n",
         shown(options.rows_per_statement), options.rate, options.read_share);
  append(out, "  \"elapsed_s\": %.6f,\n", summary.elapsed.count());
  append_json_balance(out, "rows", summary.rows);
  append_json_balance(out, "reads", summary.reads);
  append(out, "  \"rows_per_s\": %.3f,\n  \"reads_per_s\": %.3f,\n  \"rows_read\": %llu,\n",
         per_second(summary.rows.succeeded, summary.elapsed), per_second(summary.reads.succeeded, summary.elapsed),
         shown(summary.rows_read));
  append(out, "  \"retries\": %llu,\n  \"reconnects\": %llu,\n  \"confirmed\": %llu,\n", shown(summary.retries),
         shown(summary.reconnects), shown(summary.confirmed));
  append_json_latency(out, "insert_ms", summary.inserts);
  append_json_latency(out, "read_ms", summary.read_latency);
  out += "  \"errors\": [";
  const char* separator = "";
  for (const auto& [sqlstate, entry] : summary.errors) {
    out += separator;
    out += "{\"sqlstate\": " + json_string(sqlstate) + ", \"count\": " + std::to_string(entry.count) +
           ", \"first_message\": " + json_string(entry.first_message) + "}";
    separator = ", ";
  }
  append(out, "],\n  \"interrupted\": %s,\n  \"gave_up\": %s,\n", json_bool(summary.interrupted),
         json_bool(summary.gave_up));
  append(out, "  \"identity_holds\": %s\n}\n", json_bool(summary.rows.holds() && summary.reads.holds()));
  return out;
}

int exit_status(const Summary& summary) {
  if (!summary.rows.holds() || !summary.reads.holds()) return 3;
  return summary.gave_up || summary.rows.failed > 0 || summary.reads.failed > 0 ? 1 : 0;
}

}  // namespace loadgen
