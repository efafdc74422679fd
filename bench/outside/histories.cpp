// See histories.hpp.

#include "histories.hpp"

#include <hiredis/hiredis.h>

#include <algorithm>
#include <stdexcept>

namespace outside {
namespace {

[[nodiscard]] std::string key(const char* kind, std::string_view user) { return kind + std::string(user); }

[[nodiscard]] std::string member(const Transaction& transaction) {
  std::string text = std::to_string(transaction.time);
  // As they were given: amount, latitude, longitude, address.
  for (const std::size_t column : {4, 10, 11, 8}) text.append(" ").append(transaction.text[column]);
  return text;
}

[[nodiscard]] std::string_view text_of(const redisReply& reply) { return {reply.str, reply.len}; }

[[nodiscard]] PastEvent parse_member(std::string_view text) {
  const auto next = [&] {
    const std::string_view part = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    return part;
  };
  PastEvent event;
  event.time = parse_integer(next());
  event.amount = parse_number(next());
  event.latitude = parse_number(next());
  event.longitude = parse_number(next());
  event.ip_address = next();
  return event;
}

// The newest come first, and are put in front.
void take_events(const redisReply& reply, History& history) {
  history.events.clear();
  history.events.reserve(reply.elements + 8);
  for (std::size_t i = reply.elements; i-- > 0;) history.events.push_back(parse_member(text_of(*reply.element[i])));
}

void take_totals(const redisReply& reply, History& history) {
  if (reply.element[0]->type == REDIS_REPLY_NIL) return;
  history.count = parse_integer(text_of(*reply.element[0]));
  history.ip_changes = parse_integer(text_of(*reply.element[1]));
  history.sum = parse_number(text_of(*reply.element[2]));
  history.max = parse_number(text_of(*reply.element[3]));
}

const redisReply& reply_in(const void* reply) { return *static_cast<const redisReply*>(reply); }

}  // namespace

void Histories::Closer::operator()(redisContext* context) const { redisFree(context); }
void Histories::Freer::operator()(void* reply) const { freeReplyObject(reply); }

Histories::Histories(const std::string& socket) : context_(redisConnectUnix(socket.c_str())) {
  if (context_ == nullptr || context_->err != 0) throw std::runtime_error("cannot connect to Redis at " + socket);
}

std::unordered_map<std::string_view, History> Histories::read(const Transaction* first, const Transaction* last) {
  std::unordered_map<std::string_view, History> histories;
  std::vector<const Transaction*> asked;
  for (const Transaction* one = first; one != last; ++one) {
    if (!histories.try_emplace(one->user()).second) continue;
    asked.push_back(one);
    send({"HMGET", key("totals:", one->user()), "count", "changes", "sum", "max"});
    send({"ZREVRANGE", key("events:", one->user()), "0", std::to_string(History::latest - 1)});
  }
  take_confirmations();
  std::vector<const Transaction*> busy;
  for (const Transaction* one : asked) {
    History& history = histories[one->user()];
    take_totals(reply_in(answer().get()), history);
    take_events(reply_in(answer().get()), history);
    if (history.events.size() == History::latest && history.events.front().time >= one->time - History::window) {
      busy.push_back(one);
    }
  }
  ++waits_;
  // Of few users the last hour has more.
  for (const Transaction* one : busy) {
    send({"ZREVRANGEBYSCORE", key("events:", one->user()), "+inf", std::to_string(one->time - History::window)});
  }
  for (const Transaction* one : busy) take_events(reply_in(answer().get()), histories[one->user()]);
  if (!busy.empty()) ++waits_;
  return histories;
}

void Histories::write(const Transaction* first, const Transaction* last,
                      const std::unordered_map<std::string_view, History>& histories) {
  for (; first != last; ++first) {
    send({"ZADD", key("events:", first->user()), std::to_string(first->time), member(*first)});
    ++unconfirmed_;
  }
  for (const auto& [user, history] : histories) {
    send({"HSET", key("totals:", user), "count", std::to_string(history.count), "changes",
          std::to_string(history.ip_changes), "sum", to_text(history.sum), "max", to_text(history.max)});
    ++unconfirmed_;
  }
  int done = 0;
  while (done == 0) {
    if (redisBufferWrite(context_.get(), &done) != REDIS_OK) throw std::runtime_error(context_->errstr);
  }
}

void Histories::finish() { take_confirmations(); }

void Histories::send(const std::vector<std::string_view>& command) {
  std::vector<const char*> parts;
  std::vector<std::size_t> sizes;
  for (const std::string_view part : command) {
    parts.push_back(part.data());
    sizes.push_back(part.size());
  }
  if (redisAppendCommandArgv(context_.get(), static_cast<int>(parts.size()), parts.data(), sizes.data()) != REDIS_OK) {
    throw std::runtime_error(context_->errstr);
  }
}

std::unique_ptr<void, Histories::Freer> Histories::answer() {
  void* reply = nullptr;
  if (redisGetReply(context_.get(), &reply) != REDIS_OK) throw std::runtime_error(context_->errstr);
  std::unique_ptr<void, Freer> owned(reply);
  if (reply_in(reply).type == REDIS_REPLY_ERROR) throw std::runtime_error(std::string(text_of(reply_in(reply))));
  return owned;
}

void Histories::take_confirmations() {
  for (; unconfirmed_ > 0; --unconfirmed_) static_cast<void>(answer());
}

}  // namespace outside
