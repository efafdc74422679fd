// An entity of 20,000 events in 24 hours, whose frames are mostly in its tree: count, sum, average, deviation, least
// and greatest of five windows for each event, in order, late, and after removals.

#include "workload.hpp"

namespace feature {
namespace {

constexpr std::int64_t day = 24 * hour;
constexpr std::int64_t day_events = 20'000;
constexpr std::int64_t step = day / day_events;
constexpr std::int64_t windows[] = {hour / 12, hour / 4, hour, 6 * hour, day};

class LongFrames {
 public:
  LongFrames() : writers_(with_measures(plan_, *moments_, *min_, *max_)) {}

  [[nodiscard]] Event event(std::int64_t time) { return source_.event(time, {source_.cents()}); }
  [[nodiscard]] std::int64_t random_time() {
    return static_cast<std::int64_t>(source_.below(static_cast<std::uint64_t>(day)));
  }

  // What a statement does that has these events.
  void process(const std::vector<Event>& events) {
    std::pmr::monotonic_buffer_resource memory;
    Entity entity(plan_, memory, store_);
    store_.open(entity);
    for (const Event& event : events) ask(entity, event.time, entity.add(event));
    entity.store(writers_, store_, std::nullopt);
  }

  // Without questions.
  void add(const std::vector<Event>& events) {
    std::pmr::monotonic_buffer_resource memory;
    Entity entity(plan_, memory, store_);
    store_.open(entity);
    for (const Event& event : events) static_cast<void>(entity.add(event));
    entity.store(writers_, store_, std::nullopt);
  }

  void remove(const std::vector<Event>& events) {
    std::pmr::monotonic_buffer_resource memory;
    Entity entity(plan_, memory, store_);
    store_.open(entity);
    for (const Event& event : events) {
      const auto found = entity.find(event);
      require(found.has_value(), "an event that was added is there");
      entity.remove(*found);
    }
    entity.store(writers_, store_, std::nullopt);
  }

 private:
  static ListPlan& with_measures(ListPlan& plan, const Aggregate& moments, const Aggregate& min, const Aggregate& max) {
    plan.layout.event = {Storage::float64};
    for (const Aggregate* aggregate : {&moments, &min, &max}) add_measure(plan, *aggregate);
    return plan;
  }

  void ask(Entity& entity, EventTime time, std::int64_t position) const {
    for (const std::int64_t window : windows) {
      const EventTime bound = time - Duration(window);
      const Positions frame = entity.locate({{Bound::Kind::range, 0}, {Bound::Kind::current_row, 0}}, position, &bound);
      use(frame.count());
      for (std::size_t measure = 0; measure < plan_.measures.size(); ++measure) use(entity.aggregate(measure, frame));
    }
  }

  const std::unique_ptr<Aggregate> moments_ = make_aggregate(Fold::moments, Storage::float64, 0);
  const std::unique_ptr<Aggregate> min_ = make_aggregate(Fold::min, Storage::float64, 0);
  const std::unique_ptr<Aggregate> max_ = make_aggregate(Fold::max, Storage::float64, 0);
  ListPlan plan_;
  SegmentWriters writers_;
  Store store_;
  Events source_{3};
};

}  // namespace

void count_long_frames() {
  LongFrames entity;
  std::int64_t time = 0;
  const auto next = [&](std::int64_t count) {
    std::vector<Event> events;
    for (; count > 0; --count, time += step) events.push_back(entity.event(time));
    return events;
  };
  const auto late = [&](std::int64_t count) {
    std::vector<Event> events;
    for (; count > 0; --count) events.push_back(entity.event(time - entity.random_time()));
    return events;
  };
  entity.add(next(day_events));
  {
    const std::vector<Event> events = next(1'000);
    const Counted counted("long frames, many events in a statement", events.size());
    entity.process(events);
  }
  {
    const std::vector<Event> events = next(100);
    const Counted counted("long frames, one event in a statement", events.size());
    for (const Event& event : events) entity.process({event});
  }
  const std::vector<Event> events = late(200);
  {
    const Counted counted("long frames, late events", events.size());
    entity.process(events);
  }
  {
    const Counted counted("long frames, removals", events.size());
    entity.remove(events);
  }
}

}  // namespace feature
