// What both ways send to PostgreSQL. Connections are found by PGHOST and the like.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "features.hpp"

struct pg_conn;
struct pg_result;

namespace outside {

class Database {
 public:
  // Throws std::runtime_error, as all of it.
  explicit Database(const std::string& name);

  // One raw row into public.transactions, whose trigger computes its features; several by COPY.
  void insert_raw(const Transaction& transaction);
  void copy_raw(const Transaction* first, const Transaction* last);

  // One raw row and its finished row into the tables of schema floor, by one statement; several by COPY, in one
  // transaction.
  void insert_finished(const Transaction& transaction, const std::vector<std::string>& features);
  void copy_finished(const Transaction* first, const Transaction* last,
                     const std::vector<std::vector<std::string>>& features);

  // How often a client has waited for PostgreSQL; a COPY counts once.
  [[nodiscard]] std::size_t waits() const { return waits_; }

 private:
  struct Closer {
    void operator()(pg_conn* connection) const;
  };

  void take(pg_result* result, int expected);
  void execute(const char* sql);
  void copy(const char* sql, const std::string& data);
  void execute_prepared(const char* name, const std::vector<const char*>& values);
  void add_values(const Transaction& transaction);

  std::unique_ptr<pg_conn, Closer> connection_;
  std::vector<const char*> values_;
  std::string texts_;  // of values_, each with an end
  std::size_t waits_ = 0;
};

}  // namespace outside
