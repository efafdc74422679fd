// A shared entity: eight slots of 1,000 events each, one of which is written.

#include "kernel/shared_entity.hpp"

#include <memory>

#include "workload.hpp"

namespace feature {

void count_shared() {
  constexpr std::size_t slots = 8;
  constexpr std::int64_t slot_events = 1'000;
  constexpr std::int64_t events = 200;
  const auto sum = make_aggregate(Fold::moments, Storage::float64, 0);
  ListPlan plan;
  plan.layout.event = {Storage::float64};
  add_partial(plan, add_measure(plan, *sum));
  SegmentWriters writers(plan);
  Events source(4);
  std::vector<Store> stores(slots);
  for (Store& store : stores) {
    std::pmr::monotonic_buffer_resource memory;
    Entity entity(plan, memory, store);
    for (std::int64_t i = 0; i < slot_events; ++i)
      static_cast<void>(entity.add(source.event(i * second, {source.cents()})));
    entity.store(writers, store, std::nullopt);
  }
  std::vector<Event> added;
  for (std::int64_t i = 0; i < events; ++i) added.push_back(source.event((slot_events + i) * second, {source.cents()}));
  const Frame all;
  const Frame minutes{{Bound::Kind::range, 0}, {Bound::Kind::current_row, 0}};
  {
    const Counted counted("shared entity, many events in a statement", events);
    std::pmr::monotonic_buffer_resource memory;
    std::vector<std::unique_ptr<Entity>> entities;
    for (Store& store : stores) {
      entities.push_back(std::make_unique<Entity>(plan, memory, store));
      store.open(*entities.back());
    }
    SharedEntity entity(plan, memory, *entities.front());
    for (std::size_t i = 1; i < slots; ++i) entity.add_slot(*entities[i]);
    for (const Event& event : added) {
      const EventTime bound = event.time - Duration(300 * second);
      entity.add(event);
      for (const Frame& frame : {all, minutes}) {
        const SharedEntity::Parts parts = entity.locate(frame, &bound);
        use(SharedEntity::count(parts));
        use(entity.aggregate(0, 0, parts));
      }
    }
    entities.front()->store(writers, stores.front(), std::nullopt);
  }
}

}  // namespace feature
