// One connection to PostgreSQL and the statements that a client sends over it. The only part that knows libpq.
//
// Nothing here is retried: every call makes one attempt and says how it came out.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "options.hpp"

struct pg_conn;

namespace loadgen {

enum class Verdict {
  succeeded,
  conflict,  // serialisation failure or deadlock: rolled back, worth another attempt
  lost,      // the connection is gone, and whether the statement was committed is unknown
  failed,    // rolled back, and another attempt would fail too
};

struct Outcome {
  Verdict verdict = Verdict::succeeded;
  std::string sqlstate;        // of a failure; 08000 if the server gave none
  std::string message;         // of a failure; one line
  std::uint64_t rows_read = 0;
};

// The SQL of a run.
struct Statements {
  std::string insert;  // of rows_per_statement rows, 13 parameters a row
  std::string copy;
  std::string read;  // $1: the user; with a span, $2: the time that the window ends at

  explicit Statements(const Options& options);
};

// The INSERT of `rows` rows.
[[nodiscard]] std::string insert_sql(std::string_view table, std::uint64_t rows);

class Connection {
 public:
  // Borrows the options, which must outlive it. Does not connect.
  explicit Connection(const Options& options);

  // Connects and prepares, in place of the connection there was, if any. Blocks.
  [[nodiscard]] Outcome open();

  // `values`: 13 for each row. Prepared if it is rows_per_statement rows.
  [[nodiscard]] Outcome insert(const std::vector<const char*>& values);

  // `csv`: whole lines.
  [[nodiscard]] Outcome copy(std::string_view csv);

  // `time` is empty unless there is a span.
  [[nodiscard]] Outcome read(const std::string& user, const std::string& time);

 private:
  struct Closer {
    void operator()(pg_conn* connection) const;
  };

  [[nodiscard]] Outcome prepare(const char* name, const std::string& sql);

  const Options& options_;
  Statements statements_;
  std::unique_ptr<pg_conn, Closer> connection_;
};

}  // namespace loadgen
