// Parameters are sent without types: the server takes those of the columns, so the table may as well use numeric or
// varchar where the usual one has float8 or text.
#include "connection.hpp"

#include <libpq-fe.h>

#include <algorithm>

#include "row_text.hpp"

namespace loadgen {

namespace {

constexpr const char* insert_name = "loadgen_insert";
constexpr const char* read_name = "loadgen_read";

struct ResultCloser {
  void operator()(PGresult* result) const { PQclear(result); }
};
using Result = std::unique_ptr<PGresult, ResultCloser>;

std::string first_line(const char* text) {
  const std::string_view all(text);
  return std::string(all.substr(0, all.find('\n')));
}

Outcome lost(PGconn* connection) {
  return {Verdict::lost, "08000", first_line(PQerrorMessage(connection)), 0};
}

Verdict verdict_of(std::string_view sqlstate) {
  if (sqlstate == "40001" || sqlstate == "40P01") return Verdict::conflict;
  // The server says goodbye before it closes, and libpq may not have seen the end of the connection yet.
  if (sqlstate == "57P01" || sqlstate == "57P02" || sqlstate == "57P03" || sqlstate == "57P05") return Verdict::lost;
  return sqlstate.substr(0, 2) == "08" ? Verdict::lost : Verdict::failed;
}

Outcome outcome_of(PGconn* connection, const PGresult* result) {
  switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK: return {};
    case PGRES_TUPLES_OK: return {Verdict::succeeded, "", "", static_cast<std::uint64_t>(PQntuples(result))};
    default: break;
  }
  const char* sqlstate = result == nullptr ? nullptr : PQresultErrorField(result, PG_DIAG_SQLSTATE);
  if (sqlstate == nullptr) {
    if (PQstatus(connection) == CONNECTION_BAD) return lost(connection);
    return {Verdict::failed, "XX000", first_line(PQerrorMessage(connection)), 0};
  }
  const char* primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  const Verdict verdict = PQstatus(connection) == CONNECTION_BAD ? Verdict::lost : verdict_of(sqlstate);
  return {verdict, sqlstate, primary == nullptr ? "" : first_line(primary), 0};
}

// A trigger may raise a notice for every row; they are not what is measured.
void ignore_notice(void*, const PGresult*) {}

}  // namespace

std::string insert_sql(std::string_view table, std::uint64_t rows) {
  std::string sql = "INSERT INTO ";
  sql.append(table).append(" (").append(column_list()).append(") VALUES ");
  std::size_t parameter = 0;
  for (std::uint64_t row = 0; row < rows; ++row) {
    sql += row == 0 ? "(" : ", (";
    for (std::size_t column = 0; column < column_names.size(); ++column) {
      sql.append(column == 0 ? "$" : ", $").append(std::to_string(++parameter));
    }
    sql += ')';
  }
  return sql;
}

Statements::Statements(const Options& options)
    : insert(insert_sql(options.table, options.rows_per_statement)),
      copy("COPY " + options.table + " (" + column_list() + ") FROM STDIN WITH (FORMAT csv)") {
  const std::string window = "interval '" + std::to_string(options.read_window.count()) + " microseconds'";
  read = "SELECT * FROM " + options.feature_table + " WHERE user_id = $1 AND ";
  read += options.generator.span
              ? "\"timestamp\" > $2::timestamptz - " + window + " AND \"timestamp\" <= $2::timestamptz"
              : "\"timestamp\" > now() - " + window;
}

Connection::Connection(const Options& options) : options_(options), statements_(options) {}

void Connection::Closer::operator()(pg_conn* connection) const { PQfinish(connection); }

Outcome Connection::prepare(const char* name, const std::string& sql) {
  const Result result(PQprepare(connection_.get(), name, sql.c_str(), 0, nullptr));
  return outcome_of(connection_.get(), result.get());
}

Outcome Connection::open() {
  const char* const keywords[] = {"fallback_application_name", "dbname", nullptr};
  const char* const values[] = {"feature-loadgen", options_.conninfo.c_str(), nullptr};
  connection_.reset();  // the server may be short of connections
  connection_.reset(PQconnectdbParams(keywords, values, 1));
  if (PQstatus(connection_.get()) != CONNECTION_OK) return lost(connection_.get());
  PQsetNoticeReceiver(connection_.get(), ignore_notice, nullptr);

  Outcome outcome;
  if (options_.mode != InsertMode::copy && options_.read_share < 1) outcome = prepare(insert_name, statements_.insert);
  if (outcome.verdict == Verdict::succeeded && options_.read_share > 0) outcome = prepare(read_name, statements_.read);
  return outcome;
}

Outcome Connection::insert(const std::vector<const char*>& values) {
  const std::uint64_t rows = values.size() / column_names.size();
  const int count = static_cast<int>(values.size());
  PGconn* const connection = connection_.get();
  // Only the last statement of a run is shorter than the others.
  const Result result(
      rows == options_.rows_per_statement
          ? PQexecPrepared(connection, insert_name, count, values.data(), nullptr, nullptr, 0)
          : PQexecParams(connection, insert_sql(options_.table, rows).c_str(), count, nullptr, values.data(), nullptr,
                         nullptr, 0));
  return outcome_of(connection, result.get());
}

Outcome Connection::copy(std::string_view csv) {
  constexpr std::size_t piece = 1 << 20;  // libpq counts in int
  PGconn* const connection = connection_.get();
  const Result begun(PQexec(connection, statements_.copy.c_str()));
  if (PQresultStatus(begun.get()) != PGRES_COPY_IN) return outcome_of(connection, begun.get());

  bool sent = true;
  for (; sent && !csv.empty(); csv.remove_prefix(std::min(piece, csv.size()))) {
    sent = PQputCopyData(connection, csv.data(), static_cast<int>(std::min(piece, csv.size()))) == 1;
  }
  if (sent) PQputCopyEnd(connection, nullptr);

  // An error that came while data was being sent is reported here as well. All results must be fetched before the
  // connection can be used again.
  Outcome outcome = lost(connection);
  for (bool first = true;; first = false) {
    const Result result(PQgetResult(connection));
    if (!result) return outcome;
    // After a broken connection libpq may go on to report a COPY under way for ever.
    if (PQresultStatus(result.get()) == PGRES_COPY_IN) return lost(connection);
    if (first) outcome = outcome_of(connection, result.get());
  }
}

Outcome Connection::read(const std::string& user, const std::string& time) {
  const char* const values[] = {user.c_str(), time.c_str()};
  const Result result(
      PQexecPrepared(connection_.get(), read_name, time.empty() ? 1 : 2, values, nullptr, nullptr, 0));
  return outcome_of(connection_.get(), result.get());
}

}  // namespace loadgen
