// feature-service SIDE FILE CLIENTS BATCH SOCKET DATABASE
//
// Sends the transactions of a CSV file, and waits until they are there:
//
//   outside    each client reads its users' histories from the Redis at SOCKET, computes the features of the standard
//              catalogue, writes raw and finished rows to PostgreSQL, and the histories back to Redis
//   pipeline   each client writes the raw rows to PostgreSQL, where the extension does the rest
//   history    fills Redis with what there was before, and writes no rows
//
// A transaction at a time if BATCH is 1, else that many; each has been committed when the next one begins. A user's
// transactions are all sent by one client, in the order of the file. Prints rows, seconds, and how often a client
// waited for a server.

#include <chrono>
#include <cstdio>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>

#include "database.hpp"
#include "histories.hpp"

namespace outside {
namespace {

class Client {
 public:
  Client(const std::string& side, const std::string& socket, const std::string& database) {
    if (side != "outside" && side != "pipeline" && side != "history") {
      throw std::runtime_error("there is no side \"" + side + "\"");
    }
    if (side != "pipeline") histories_.emplace(socket);
    if (side != "history") database_.emplace(database);
  }

  void send(const std::vector<Transaction>& transactions, std::size_t batch) {
    const Transaction* last = transactions.data() + transactions.size();
    for (const Transaction* first = transactions.data(); first != last;) {
      const Transaction* end = first + std::min<std::size_t>(batch, static_cast<std::size_t>(last - first));
      if (histories_) {
        send_finished(first, end);
      } else {
        send_raw(first, end);
      }
      first = end;
    }
    if (histories_) histories_->finish();
  }

  [[nodiscard]] std::size_t waits() const {
    return (histories_ ? histories_->waits() : 0) + (database_ ? database_->waits() : 0);
  }

 private:
  void send_raw(const Transaction* first, const Transaction* last) {
    if (last - first == 1) {
      database_->insert_raw(*first);
    } else {
      database_->copy_raw(first, last);
    }
  }

  void send_finished(const Transaction* first, const Transaction* last) {
    auto histories = histories_->read(first, last);
    std::vector<std::vector<std::string>> features;
    for (const Transaction* one = first; one != last; ++one) {
      features.push_back(compute_features(*one, histories.at(one->user())));
    }
    if (database_ && last - first == 1) {
      database_->insert_finished(*first, features.front());
    } else if (database_) {
      database_->copy_finished(first, last, features);
    }
    histories_->write(first, last, histories);
  }

  std::optional<Histories> histories_;
  std::optional<Database> database_;
};

// Calls work(0), .. at once, each in a thread; throws what one of them has thrown.
template <class Work>
void at_once(std::size_t count, Work work) {
  std::exception_ptr failure;
  std::mutex one_at_a_time;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < count; ++i) {
    threads.emplace_back([&, i] {
      try {
        work(i);
      } catch (...) {
        const std::lock_guard lock(one_at_a_time);
        failure = std::current_exception();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  if (failure) std::rethrow_exception(failure);
}

void run(const std::string& side, const std::string& file, std::size_t clients, std::size_t batch,
         const std::string& socket, const std::string& database) {
  const std::string text = read_file(file);
  std::vector<std::vector<Transaction>> shares(clients);
  std::size_t rows = 0;
  for (const Transaction& transaction : parse_transactions(text)) {
    shares[std::hash<std::string_view>()(transaction.user()) % clients].push_back(transaction);
    ++rows;
  }
  std::vector<std::unique_ptr<Client>> connected;
  for (std::size_t i = 0; i < clients; ++i) connected.push_back(std::make_unique<Client>(side, socket, database));
  const auto begin = std::chrono::steady_clock::now();
  at_once(clients, [&](std::size_t i) { connected[i]->send(shares[i], batch); });
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
  std::size_t waits = 0;
  for (const auto& client : connected) waits += client->waits();
  std::printf("{\"rows\": %zu, \"seconds\": %.6f, \"waits\": %zu}\n", rows, taken.count(), waits);
}

}  // namespace
}  // namespace outside

int main(int count, char** arguments) {
  try {
    if (count != 7) throw std::runtime_error("usage: feature-service SIDE FILE CLIENTS BATCH SOCKET DATABASE");
    outside::run(arguments[1], arguments[2], std::stoul(arguments[3]), std::stoul(arguments[4]), arguments[5],
                 arguments[6]);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "feature-service: %s\n", error.what());
    return 1;
  }
}
