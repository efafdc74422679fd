// See database.hpp.

#include "database.hpp"

#include <libpq-fe.h>

#include <stdexcept>

namespace outside {
namespace {

// ($1, $2, ..)
[[nodiscard]] std::string parameters(std::size_t count) {
  std::string text;
  for (std::size_t i = 1; i <= count; ++i) text += (i == 1 ? "($" : ", $") + std::to_string(i);
  return text + ")";
}

}  // namespace

void Database::Closer::operator()(pg_conn* connection) const { PQfinish(connection); }

Database::Database(const std::string& name) : connection_(PQconnectdb(("dbname=" + name).c_str())) {
  if (PQstatus(connection_.get()) != CONNECTION_OK) throw std::runtime_error(PQerrorMessage(connection_.get()));
  const std::string raw = "INSERT INTO public.transactions VALUES " + parameters(Transaction::columns);
  const std::string finished = "WITH raw AS (INSERT INTO floor.transactions VALUES " +
                               parameters(Transaction::columns) + ") INSERT INTO floor.transaction_features VALUES " +
                               parameters(Transaction::columns + feature_columns);
  take(PQprepare(connection_.get(), "raw", raw.c_str(), 0, nullptr), PGRES_COMMAND_OK);
  take(PQprepare(connection_.get(), "finished", finished.c_str(), 0, nullptr), PGRES_COMMAND_OK);
}

void Database::insert_raw(const Transaction& transaction) {
  add_values(transaction);
  execute_prepared("raw", values_);
}

void Database::insert_finished(const Transaction& transaction, const std::vector<std::string>& features) {
  add_values(transaction);
  for (const std::string& value : features) values_.push_back(value == null_text ? nullptr : value.c_str());
  execute_prepared("finished", values_);
}

void Database::copy_raw(const Transaction* first, const Transaction* last) {
  std::string data;
  for (; first != last; ++first) data += first->line;
  copy("COPY public.transactions FROM STDIN WITH (FORMAT csv)", data);
  ++waits_;
}

void Database::copy_finished(const Transaction* first, const Transaction* last,
                             const std::vector<std::vector<std::string>>& features) {
  std::string raw, finished;
  for (const Transaction* one = first; one != last; ++one) {
    raw += one->line;
    for (const std::string_view text : one->text) finished.append(text.empty() ? null_text : text).append("\t");
    for (const std::string& text : features[static_cast<std::size_t>(one - first)]) finished.append(text).append("\t");
    finished.back() = '\n';
  }
  execute("BEGIN");
  copy("COPY floor.transactions FROM STDIN WITH (FORMAT csv)", raw);
  copy("COPY floor.transaction_features FROM STDIN", finished);
  execute("COMMIT");
  ++waits_;
}

void Database::take(pg_result* result, int expected) {
  const std::unique_ptr<pg_result, void (*)(pg_result*)> owned(result, PQclear);
  if (PQresultStatus(result) != expected) throw std::runtime_error(PQerrorMessage(connection_.get()));
}

void Database::execute(const char* sql) { take(PQexec(connection_.get(), sql), PGRES_COMMAND_OK); }

void Database::copy(const char* sql, const std::string& data) {
  take(PQexec(connection_.get(), sql), PGRES_COPY_IN);
  if (PQputCopyData(connection_.get(), data.data(), static_cast<int>(data.size())) != 1 ||
      PQputCopyEnd(connection_.get(), nullptr) != 1) {
    throw std::runtime_error(PQerrorMessage(connection_.get()));
  }
  take(PQgetResult(connection_.get()), PGRES_COMMAND_OK);
  if (PQgetResult(connection_.get()) != nullptr) throw std::runtime_error("more than one result of a COPY");
}

void Database::execute_prepared(const char* name, const std::vector<const char*>& values) {
  take(PQexecPrepared(connection_.get(), name, static_cast<int>(values.size()), values.data(), nullptr, nullptr, 0),
       PGRES_COMMAND_OK);
  ++waits_;
}

// The raw row's values, in the place of those of the row before.
void Database::add_values(const Transaction& transaction) {
  texts_.clear();
  texts_.reserve(transaction.line.size() + Transaction::columns);
  values_.clear();
  for (const std::string_view text : transaction.text) {
    values_.push_back(text.empty() ? nullptr : texts_.data() + texts_.size());
    texts_.append(text).push_back('\0');
  }
}

}  // namespace outside
