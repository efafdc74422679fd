// Entities that have one event, as most pairs of the wide catalogue do: made, counted, stored.

#include "workload.hpp"

namespace feature {

void count_pairs() {
  constexpr std::size_t pairs = 2'000;
  ListPlan plan;
  plan.running = 0;
  SegmentWriters writers(plan);
  const Frame all;
  Events source(2);
  std::vector<Event> events;
  for (std::size_t i = 0; i < pairs; ++i) events.push_back(source.event(static_cast<std::int64_t>(i) * second, {}));
  std::vector<Store> stores(pairs);
  std::pmr::monotonic_buffer_resource memory(std::size_t{1} << 20);
  {
    const Counted counted("new entities of one event", pairs);
    for (std::size_t i = 0; i < pairs; ++i) {
      Entity entity(plan, memory, stores[i]);
      const std::int64_t position = entity.add(events[i]);
      use(entity.locate(all, position, nullptr).count());
      entity.store(writers, stores[i], std::nullopt);
    }
  }
}

}  // namespace feature
