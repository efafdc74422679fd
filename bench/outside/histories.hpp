// Users' histories in Redis: of each user a sorted set of events by time, and a hash of running totals.
//
//   events:USER   score: microseconds since 1970; member: TIME AMOUNT LATITUDE LONGITUDE ADDRESS
//   totals:USER   count, changes, sum, max
//
// All that a batch has to read is asked for at once, and what it writes is sent without waiting: the answers are taken
// when the next batch reads. That is right as long as one client alone has a user.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "features.hpp"

struct redisContext;

namespace outside {

class Histories {
 public:
  // Throws std::runtime_error, as all of it.
  explicit Histories(const std::string& socket);

  // What is known of the users of these transactions: for each as it was before its first one.
  [[nodiscard]] std::unordered_map<std::string_view, History> read(const Transaction* first, const Transaction* last);

  // Adds the transactions to their users' sets, and puts down the totals that follow from them.
  void write(const Transaction* first, const Transaction* last,
             const std::unordered_map<std::string_view, History>& histories);
  // Until all that was written has been confirmed.
  void finish();

  // How often a client has waited for Redis.
  [[nodiscard]] std::size_t waits() const { return waits_; }

 private:
  struct Closer {
    void operator()(redisContext* context) const;
  };
  struct Freer {
    void operator()(void* reply) const;
  };

  void send(const std::vector<std::string_view>& command);
  [[nodiscard]] std::unique_ptr<void, Freer> answer();
  void take_confirmations();

  std::unique_ptr<redisContext, Closer> context_;
  std::size_t unconfirmed_ = 0;
  std::size_t waits_ = 0;
};

}  // namespace outside
