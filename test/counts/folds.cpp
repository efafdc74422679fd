// Frames of 1,000 events that are folded whole: what the events of a ring or of a leaf cost, and aggregates that
// nothing summarises.

#include "kernel/holistic.hpp"

#include <string>

#include "workload.hpp"

namespace feature {
namespace {

constexpr std::size_t frame_events = 1'000;
constexpr std::size_t frames = 50;

template <class Fold>
void count(const char* name, Fold fold) {
  fold();  // its scratch grows once
  const Counted counted(name, frames * frame_events);
  for (std::size_t i = 0; i < frames; ++i) fold();
}

}  // namespace

void count_folds() {
  Events source(6);
  std::vector<Event> events;
  for (std::size_t i = 0; i < frame_events; ++i) {
    const auto merchant = static_cast<std::int64_t>(source.below(300));
    events.push_back(
        source.event(static_cast<std::int64_t>(i) * second,
                     {source.cents(), Events::number(merchant), source.text("merchant_" + std::to_string(merchant))}));
  }
  const auto fold = [&](const Aggregate& aggregate) {
    Accumulator accumulator;
    aggregate.fold(accumulator, events.data(), events.data() + events.size());
    use(accumulator);
    return accumulator;
  };

  const auto sum = make_aggregate(Fold::sum, Storage::float64, 0);
  const auto moments = make_aggregate(Fold::moments, Storage::float64, 0);
  const auto max = make_aggregate(Fold::max, Storage::float64, 0);
  const auto integers = make_aggregate(Fold::sum, Storage::int64, 1);
  const DistinctCount distinct_numbers(Storage::int64, 1);
  const DistinctCount distinct_texts(Storage::bytes, 2);
  const Quantile quantile(0);
  count("folded, sum of floats", [&] { fold(*sum); });
  count("folded, moments of floats", [&] { fold(*moments); });
  count("folded, greatest of floats", [&] { fold(*max); });
  count("folded, sum of integers", [&] { fold(*integers); });
  count("folded, distinct integers", [&] { fold(distinct_numbers); });
  count("folded, distinct texts", [&] { fold(distinct_texts); });
  count("folded, two percentiles", [&] {
    const Accumulator values = fold(quantile);
    use(quantile.quantile(values, 0.5));
    use(quantile.quantile(values, 0.95));
  });
}

}  // namespace feature
