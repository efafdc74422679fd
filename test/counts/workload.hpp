// What the workloads share. Each prepares what it needs, then does for a number of events what the kernel does for
// them in the server; only that is counted. All is fixed: seeds, sizes, and what is asked.
#pragma once

#include <valgrind/callgrind.h>

#include <cstddef>
#include <cstdio>
#include <memory_resource>
#include <random>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "kernel/entity.hpp"

namespace feature {

// Instructions are counted while it lives, and dumped under its name by callgrind; how many events they were for is
// printed. Without callgrind nothing is counted.
class Counted {
 public:
  Counted(const char* name, std::size_t events) : name_(name), events_(events) { CALLGRIND_START_INSTRUMENTATION; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() {
    CALLGRIND_STOP_INSTRUMENTATION;
    CALLGRIND_DUMP_STATS_AT(name_);
    std::printf("%s\t%zu\n", name_, events_);
  }

 private:
  const char* name_;
  std::size_t events_;
};

// Results go here, so that nothing is computed in vain.
template <class T>
inline void use(const T& result) {
  asm volatile("" : : "g"(&result) : "memory");
}

inline void require(bool holds, const char* what) {
  if (!holds) throw std::logic_error(what);
}

// What is stored of one entity.
class Store final : public NodeSource, public StateSink {
 public:
  [[nodiscard]] Image load(std::uint32_t number) override { return {nodes_.at(number).data(), nodes_[number].size()}; }
  void remove_node(std::uint32_t number) override { nodes_.at(number).clear(); }
  void add_node(std::uint32_t number, const std::vector<std::byte>& image) override {
    if (number >= nodes_.size()) nodes_.resize(number + 1);
    nodes_[number] = image;
  }
  void replace_node(std::uint32_t number, const std::vector<std::byte>& image) override { nodes_.at(number) = image; }
  void set_head(const std::vector<std::byte>& image) override { head_ = image; }

  void open(Entity& entity) const {
    if (!head_.empty()) entity.open(head_.data(), head_.size());
  }

 private:
  std::vector<std::vector<std::byte>> nodes_;
  std::vector<std::byte> head_;
};

// Makes events, whose values live as long as it does.
class Events {
 public:
  explicit Events(std::uint64_t seed) : random_(seed) {}

  [[nodiscard]] std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
  [[nodiscard]] Value cents() { return number(static_cast<double>(below(100'000)) / 100); }
  template <class T>
  [[nodiscard]] static Value number(T value) {
    return {to_word(value), false};
  }
  [[nodiscard]] Value text(std::string_view text) { return {Blob::make(memory_, text.data(), text.size()), false}; }
  [[nodiscard]] Event event(std::int64_t time, std::initializer_list<Value> values) {
    auto* kept = static_cast<Value*>(memory_.allocate(values.size() * sizeof(Value), alignof(Value)));
    std::copy(values.begin(), values.end(), kept);
    return {EventTime(Duration(time)), kept};
  }

 private:
  std::mt19937_64 random_;
  std::pmr::monotonic_buffer_resource memory_;
};

inline constexpr std::int64_t second = 1'000'000;
inline constexpr std::int64_t hour = 3600 * second;

// A measure that inner nodes summarise, as frames that may be long ask for it.
inline std::size_t add_measure(ListPlan& plan, const Aggregate& aggregate) {
  plan.measures.push_back({&aggregate});
  if (aggregate.combines()) {
    plan.measures.back().summary = plan.summaries.event.size();
    for (const Storage saved : aggregate.saved()) plan.summaries.event.push_back(saved);
  }
  return plan.measures.size() - 1;
}

// And its partial result over all that is sealed, for frames from the start.
inline void add_partial(ListPlan& plan, std::size_t measure) {
  plan.partials.push_back({measure, plan.layout.prefix.size()});
  for (const Storage saved : plan.measures[measure].aggregate->saved()) plan.layout.prefix.push_back(saved);
  plan.summaries.prefix = plan.layout.prefix;
  ++plan.running;
}

void count_standard();
void count_pairs();
void count_long_frames();
void count_shared();
void count_segments();
void count_folds();

}  // namespace feature
