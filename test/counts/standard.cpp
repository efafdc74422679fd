// A user in the standard catalogue: five arguments an event, and for each event lags, counts, and aggregates of all
// that was before and of the last 50.

#include "workload.hpp"

namespace feature {
namespace {

enum Column : std::size_t { address, latitude, longitude, amount, address_changed };
enum FrameNumber : std::size_t { all, last_hour, last_ten_minutes, past, last_50 };
enum MeasureNumber : std::size_t { amount_moments, amount_max, changes };

class Users {
 public:
  Users() : writers_(with_measures(plan_, *moments_, *max_, *sum_)) {}

  // A day of events of one user.
  [[nodiscard]] std::vector<Event> events(Events& events, std::size_t count) const {
    std::vector<Event> made;
    std::int64_t time = 0;
    for (std::size_t i = 0; i < count; ++i) {
      time += second + static_cast<std::int64_t>(events.below(1'000 * second));
      made.push_back(events.event(time, {events.text(events.below(8) == 0 ? "203.0.113.77" : "198.51.100.8"),
                                         degrees(events, 48), degrees(events, 11), events.cents(), Events::number(0)}));
    }
    return made;
  }

  // What a statement does that has these events of the user.
  void process(Store& store, const Event* first, const Event* last) {
    std::pmr::monotonic_buffer_resource memory(first_block_, sizeof first_block_);
    Entity entity(plan_, memory, store);
    store.open(entity);
    for (; first != last; ++first) add(entity, *first);
    entity.store(writers_, store, std::nullopt);
  }

 private:
  static ListPlan& with_measures(ListPlan& plan, const Aggregate& moments, const Aggregate& max, const Aggregate& sum) {
    plan.layout.event = {Storage::bytes, Storage::float64, Storage::float64, Storage::float64, Storage::int32};
    for (const Aggregate* aggregate : {&moments, &max, &sum}) add_partial(plan, add_measure(plan, *aggregate));
    plan.rows_needed = 50;
    return plan;
  }

  static Value degrees(Events& events, int whole) {
    return Events::number(whole + static_cast<double>(events.below(1'000'000)) / 1e6);
  }

  void add(Entity& entity, const Event& event) {
    const std::int64_t position = entity.add(event);
    const EventTime bounds[] = {event.time - Duration(hour), event.time - Duration(hour / 6)};
    const Positions before = entity.locate(frames_[past], position, bounds);
    use(entity.locate(frames_[all], position, bounds).count());
    use(entity.locate(frames_[last_hour], position, bounds).count());
    use(entity.locate(frames_[last_ten_minutes], position, bounds).count());
    const Positions latest = entity.locate(frames_[last_50], position, bounds);
    use(latest.count());
    use(entity.running_aggregate(amount_moments, amount_moments, before.last));
    use(entity.running_aggregate(amount_max, amount_max, before.last));
    use(entity.aggregate(amount_moments, latest));
    bool changed = false;
    for (const std::size_t column : {address, latitude, longitude}) {
      if (const Event* previous = entity.at(position - 1)) {
        use(previous->values[column]);
        changed = changed || (column == address &&
                              !is_same(Storage::bytes, previous->values[address].word, event.values[address].word));
      }
    }
    // The next level's argument is known now.
    event.values[address_changed] = Events::number(changed ? 1 : 0);
    use(entity.running_aggregate(changes, changes, position + 1));
  }

  const std::unique_ptr<Aggregate> moments_ = make_aggregate(Fold::moments, Storage::float64, amount);
  const std::unique_ptr<Aggregate> max_ = make_aggregate(Fold::max, Storage::float64, amount);
  const std::unique_ptr<Aggregate> sum_ = make_aggregate(Fold::sum, Storage::int32, address_changed);
  const std::vector<Frame> frames_ = {{{Bound::Kind::unbounded, 0}, {Bound::Kind::current_row, 0}},
                                      {{Bound::Kind::range, 0}, {Bound::Kind::current_row, 0}},
                                      {{Bound::Kind::range, 1}, {Bound::Kind::current_row, 0}},
                                      {{Bound::Kind::unbounded, 0}, {Bound::Kind::rows, 1}},
                                      {{Bound::Kind::rows, 50}, {Bound::Kind::rows, 1}}};
  ListPlan plan_;
  SegmentWriters writers_;
  std::byte first_block_[8192];
};

}  // namespace

void count_standard() {
  constexpr std::size_t users = 32;
  constexpr std::size_t known = 60;
  constexpr std::size_t in_batch = 100;
  constexpr std::size_t singly = 100;
  Users list;
  Events source(1);
  std::vector<std::vector<Event>> events;
  std::vector<Store> stores(users);
  for (Store& store : stores) {
    events.push_back(list.events(source, known + in_batch + singly));
    list.process(store, events.back().data(), events.back().data() + known);
  }
  {
    const Counted counted("standard catalogue, many events of a user in a statement", users * in_batch);
    for (std::size_t user = 0; user < users; ++user) {
      const Event* first = events[user].data() + known;
      list.process(stores[user], first, first + in_batch);
    }
  }
  {
    const Counted counted("standard catalogue, one event of a user in a statement", users * singly);
    for (std::size_t i = known + in_batch; i < known + in_batch + singly; ++i) {
      for (std::size_t user = 0; user < users; ++user) {
        list.process(stores[user], events[user].data() + i, events[user].data() + i + 1);
      }
    }
  }
}

}  // namespace feature
