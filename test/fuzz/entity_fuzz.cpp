// libFuzzer harness for entities: the input is a small program, run against an entity and its naive model alike
// (test/unit/entity_trial.hpp). A difference aborts; so does an exception, as every program is a lawful use.
//
// A choice is read from the front of the input, in as few bytes as its limit needs; an input that has ended gives
// zeros.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "entity_trial.hpp"

namespace {

class ByteChoices final : public feature::Choices {
 public:
  ByteChoices(const std::uint8_t* data, std::size_t size) : at_(data), end_(data + size) {}

  [[nodiscard]] bool more() override { return at_ != end_; }
  [[nodiscard]] std::int64_t below(std::int64_t limit) override {
    std::uint64_t number = 0;
    for (std::int64_t most = limit - 1; most > 0; most >>= 8) number = number << 8 | (at_ == end_ ? 0U : *at_++);
    return static_cast<std::int64_t>(number % static_cast<std::uint64_t>(limit));
  }

 private:
  const std::uint8_t* at_;
  const std::uint8_t* end_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    ByteChoices choices(data, size);
    // Many short trials find more than few long ones.
    feature::EntityTrial(choices, {256, 20'000}).run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    std::abort();
  }
  return 0;
}
