// See folds.hpp.

#include "kernel/folds.hpp"

#include <algorithm>
#include <limits>

namespace feature {

Folds::Folds(const ListPlan& plan, std::pmr::memory_resource& memory, NodeSource& source, Tree& tree,
             const EventRing& ring)
    : plan_(plan),
      memory_(memory),
      source_(source),
      tree_(tree),
      ring_(ring),
      known_(memory),
      totals_(&memory),
      running_(plan.running, &memory),
      sliding_(&memory) {}

void Folds::forget(std::int64_t position) {
  forget_runs();
  for (Running& running : running_) {
    if (running.end > position) running.end = -1;
  }
  for (Sliding& sliding : sliding_) {
    if (sliding.last > position) sliding.last = -1;
  }
  totals_.clear();
}

void Folds::forget_running() {
  for (Running& running : running_) running.end = -1;
}

// Whether the ring's part of a frame can be had as the measure's total.
bool Folds::can_total(std::size_t number, std::int64_t first, std::int64_t last) const {
  const Measure& measure = plan_.measures[number];
  if (measure.summary == Measure::not_summarised || !measure.aggregate->is_plain()) return false;
  if (first >= tree_.size() || last <= tree_.size()) return false;
  return totals_.empty() || totals_[number].first != tree_.size() || totals_[number].end <= last;
}

// False if the events of the ring overflow what the measure can hold, though together with others they may not.
bool Folds::total_ring(std::size_t number, std::int64_t last) {
  if (totals_.empty()) totals_.resize(plan_.measures.size());
  if (ring_record_.values == nullptr) {
    const std::size_t columns = plan_.summaries.event.size();
    ring_record_.values = static_cast<Value*>(memory_.allocate(sizeof(Value) * columns, alignof(Value)));
    std::uninitialized_fill_n(ring_record_.values, columns, Value{});
  }
  const Measure& measure = plan_.measures[number];
  Total& total = totals_[number];
  const std::int64_t start = tree_.size();
  if (total.first != start) total = {start, start, {}};
  try {
    ring_.visit(static_cast<std::size_t>(total.end - start), static_cast<std::size_t>(last - start),
                [&](const Event* from, const Event* to) { measure.aggregate->fold(total.accumulator, from, to); });
  } catch (const OutOfRange&) {
    total.end = std::numeric_limits<std::int64_t>::max();
    return false;
  }
  total.end = last;
  measure.aggregate->save(total.accumulator, ring_record_.values + measure.summary, memory_);
  return true;
}

// What of the events [first, last) is in the ring.
template <class Visit>
void Folds::visit_ring(std::int64_t first, std::int64_t last, Visit&& visit) const {
  if (last <= tree_.size()) return;
  ring_.visit(static_cast<std::size_t>(std::max<std::int64_t>(first - tree_.size(), 0)),
              static_cast<std::size_t>(last - tree_.size()), visit);
}

// The records that make up the events [first, last).
const Runs& Folds::runs(std::size_t number, std::int64_t first, std::int64_t last) {
  const Measure& measure = plan_.measures[number];
  const bool summarised = measure.summary != Measure::not_summarised;
  const bool totalled = can_total(number, first, last) && total_ring(number, last);
  if (known_.first == first && known_.last == last && known_.totalled == totalled && known_.measure != nullptr &&
      (known_.measure == &measure ||
       (known_.shared && summarised == (known_.measure->summary != Measure::not_summarised)))) {
    return known_.runs;
  }
  known_.last = -1;  // should this throw
  known_.runs.clear();
  known_.shared = tree_.collect(first, std::min(last, tree_.size()), measure, known_.runs);
  known_.first = first;
  known_.last = last;
  known_.measure = &measure;
  known_.totalled = totalled;
  if (totalled) {
    known_.runs.push_back({&ring_record_, &ring_record_ + 1, true});
  } else {
    visit_ring(first, last, [&](const Event* from, const Event* to) { known_.runs.push_back({from, to, false}); });
  }
  return known_.runs;
}

void Folds::fold(std::size_t number, std::int64_t first, std::int64_t last, Accumulator& accumulator) {
  if (first >= last) return;
  const Measure& measure = plan_.measures[number];
  constexpr std::size_t runs_between_pauses = 16;
  std::size_t folded = 0;
  for (const Run& run : runs(number, first, last)) {
    if (++folded % runs_between_pauses == 0) source_.pause();
    if (run.summaries) {
      measure.aggregate->combine(accumulator, run.first, run.last, measure.summary);
    } else {
      measure.aggregate->fold(accumulator, run.first, run.last);
    }
  }
}

template <class Visit>
void Folds::visit_events(std::int64_t first, std::int64_t last, Visit&& visit) {
  if (first < tree_.size()) {
    Runs runs;
    static_cast<void>(tree_.collect(first, std::min(last, tree_.size()), Measure{nullptr}, runs));
    for (const Run& run : runs) {
      source_.pause();
      visit(run.first, run.last);
    }
  }
  visit_ring(first, last, visit);
}

Accumulator Folds::sliding_aggregate(std::size_t number, std::size_t sliding, std::int64_t first, std::int64_t last) {
  // What is quicker folded anew.
  constexpr std::int64_t few_events = 16;
  const Measure& measure = plan_.measures[number];
  Accumulator accumulator;
  if (last - first < few_events) {
    fold(number, first, last, accumulator);
    return accumulator;
  }
  if (sliding_.empty()) sliding_.resize(plan_.sliding);
  Sliding& known = sliding_[sliding];
  const Sliding before = known;
  const bool follows = before.first <= first && before.last <= last && first < before.last &&
                       first - before.first + last - before.last < last - first;
  known.last = -1;  // should this throw
  if (!follows) {
    fold(number, first, last, accumulator);
    known.is_filled = false;
  } else {
    if (known.values == nullptr) known.values = measure.aggregate->make_slide(memory_);
    Slide& values = *known.values;
    const auto insert = [&](const Event* from, const Event* to) { values.insert(from, to); };
    if (before.is_filled) {
      visit_events(before.first, first, [&](const Event* from, const Event* to) { values.erase(from, to); });
      visit_events(before.last, last, insert);
    } else {
      values.clear();
      visit_events(first, last, insert);
    }
    known.is_filled = true;
    accumulator = values.result();
  }
  known.first = first;
  known.last = last;
  return accumulator;
}

const Accumulator& Folds::running_aggregate(std::size_t number, std::size_t running, std::int64_t last) {
  Running& known = running_[running];
  const Partial& partial = plan_.partials[number];
  // A late event whose values are not all filled in is never asked for what lies behind the tree: it is in it itself.
  const bool behind_tree = last >= tree_.size();
  if (behind_tree) tree_.settle();
  if (known.end < 0 || known.end > last || (behind_tree && known.end < tree_.size())) {
    const Prefix& start = behind_tree ? tree_.prefix() : tree_.left();
    const Aggregate& aggregate = *plan_.measures[partial.measure].aggregate;
    if (start.position > last) throw EventsLeft("events of the frame are no longer kept in the entity's state");
    known.end = start.position;
    known.accumulator = aggregate.restore(start.before.values + partial.column, start.position);
  }
  fold(partial.measure, known.end, last, known.accumulator);
  known.end = last;
  return known.accumulator;
}

// As in running_aggregate(), nothing that is asked for here is unsettled.
void Folds::fold_from_start(std::size_t number, std::int64_t last, Accumulator& accumulator) {
  const Partial& partial = plan_.partials[number];
  const Prefix& start = last >= tree_.size() ? tree_.prefix() : tree_.left();
  if (start.position > last) throw EventsLeft("events of the frame are no longer kept in the entity's state");
  if (start.position > 0) {
    const Event& before = start.before;
    plan_.measures[partial.measure].aggregate->combine(accumulator, &before, &before + 1, partial.column);
  }
  fold(partial.measure, start.position, last, accumulator);
}

}  // namespace feature
