#include "entity_trial.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

namespace feature {
namespace {

class RandomChoices final : public Choices {
 public:
  RandomChoices(std::uint64_t seed, int steps) : random_(seed), steps_(steps) {}
  bool more() override { return steps_-- > 0; }
  std::int64_t below(std::int64_t limit) override {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(limit));
  }

 private:
  std::mt19937_64 random_;
  int steps_;
};

TEST(Entity, answers_as_a_plain_computation_over_all_its_events) {
  std::size_t unsealed = 0;
  std::size_t chunks = 0;
  int bad = 0;
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    RandomChoices choices(seed, 20 + static_cast<int>(seed % 7) * 30);
    EntityTrial trial(choices);
    try { trial.run(); } catch (const std::exception& e) { ++bad; printf("seed %lu: %s\n", seed, e.what()); }
    unsealed += trial.unsealed();
    chunks += trial.chunks();
  }
  printf("unsealed %zu chunks %zu bad %d\n", unsealed, chunks, bad);
}

}  // namespace
}  // namespace feature
