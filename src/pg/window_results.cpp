// See window_results.hpp.

#include "pg/window_results.hpp"

#include "pg/catalogue_aggregate.hpp"
#include "pg/finish.hpp"

namespace feature {

void WindowResults::compute(const LevelList& used, const Member& member, EventTime time, std::int64_t position,
                            Results results) {
  const PartitionList& list = program_.plan().lists[used.list];
  const EventTime* bounds = bounds_.resolve(list, time);
  const InContext here(program_.expressions->ecxt_per_tuple_memory);
  folded_ = nullptr;
  if (member.shared != nullptr) {
    compute_shared(list, used, *member.shared, bounds, results);
  } else {
    compute(list, used, *member.entity, position, bounds, results);
  }
}

void WindowResults::compute(const PartitionList& list, const LevelList& used, Entity& entity, std::int64_t position,
                            const EventTime* bounds, Results results) {
  located_.assign(list.frames.size(), std::nullopt);
  const auto frame_of = [&](const WindowFunction& function) -> const Positions& {
    std::optional<Positions>& known = located_[function.frame];
    if (!known) known = entity.locate(list.frames[function.frame], position, bounds);
    return *known;
  };
  for (const WindowFunction& function : used.functions) {
    Datum& value = results.values[function.result];
    bool& null = results.nulls[function.result];
    null = false;
    switch (function.kind) {
      case WindowFunction::Kind::row_number: value = Int64GetDatum(position + 1); break;
      case WindowFunction::Kind::rank: value = Int64GetDatum(entity.first_peer(position) + 1); break;
      case WindowFunction::Kind::has_lag: value = BoolGetDatum(position >= function.offset); break;
      case WindowFunction::Kind::lag: set_value(function, entity.at(position - function.offset), &value, &null); break;
      case WindowFunction::Kind::count_rows: value = Int64GetDatum(frame_of(function).count()); break;
      case WindowFunction::Kind::nth_value: {
        const Positions& frame = frame_of(function);
        const std::int64_t nth = function.offset <= frame.last - frame.first ? frame.first + function.offset - 1
                                 : function.offset == frame.count()          ? position
                                                                             : -1;
        set_value(function, entity.at(nth), &value, &null);
        break;
      }
      case WindowFunction::Kind::last_value: {
        const Positions& frame = frame_of(function);
        const std::int64_t last = frame.self ? position : frame.count() == 0 ? -1 : frame.last - 1;
        set_value(function, entity.at(last), &value, &null);
        break;
      }
      case WindowFunction::Kind::aggregate:
        aggregate(
            function, [&] { return accumulate(used.list, entity, function, frame_of(function), position); }, &value,
            &null);
        break;
    }
  }
}

// Of a list whose functions are such that can be computed over several slots, see shared_lists.hpp.
void WindowResults::compute_shared(const PartitionList& list, const LevelList& used, SharedEntity& entity,
                                   const EventTime* bounds, Results results) {
  entities_.use_context(used.list, CurrentMemoryContext);
  parts_.assign(list.frames.size(), std::nullopt);
  const auto parts_of = [&](const WindowFunction& function) -> const SharedEntity::Parts& {
    std::optional<SharedEntity::Parts>& known = parts_[function.frame];
    if (!known) known = entity.locate(list.frames[function.frame], bounds);
    return *known;
  };
  for (const WindowFunction& function : used.functions) {
    Datum& value = results.values[function.result];
    bool& null = results.nulls[function.result];
    null = false;
    switch (function.kind) {
      case WindowFunction::Kind::row_number: value = Int64GetDatum(entity.count_until()); break;
      case WindowFunction::Kind::rank: value = Int64GetDatum(entity.count_before() + 1); break;
      case WindowFunction::Kind::count_rows: value = Int64GetDatum(SharedEntity::count(parts_of(function))); break;
      case WindowFunction::Kind::aggregate:
        aggregate(
            function, [&] { return entity.aggregate(function.measure, function.partial, parts_of(function)); }, &value,
            &null);
        break;
      case WindowFunction::Kind::has_lag:
      case WindowFunction::Kind::lag:
      case WindowFunction::Kind::nth_value:
      case WindowFunction::Kind::last_value: throw std::logic_error("a shared list cannot have this function");
    }
  }
}

// `fold` gives the accumulator of the function's frame.
template <class Fold>
void WindowResults::aggregate(const WindowFunction& function, Fold&& fold, Datum* value, bool* null) {
  place_.at_feature(function.feature);
  if (!is_folded(function)) {
    accumulator_ = fold();
    folded_ = &function;
  }
  check_interrupts();
  const auto finished = [&] { return finish(function, accumulator_, null); };
  *value = needs_backend(function.finish) ? call(finished) : finished();
  place_.at_feature(nullptr);
}

// Whether the accumulator is that of this function, too.
bool WindowResults::is_folded(const WindowFunction& function) const {
  return folded_ != nullptr && folded_->measure == function.measure && folded_->frame == function.frame;
}

Accumulator WindowResults::accumulate(std::size_t list, Entity& entity, const WindowFunction& function,
                                      const Positions& frame, std::int64_t position) const {
  Accumulator accumulator;
  const auto* catalogue =
      function.finish == Finish::catalogue ? static_cast<const CatalogueAggregate*>(function.aggregate) : nullptr;
  if (program_.plan().lists[list].frames[function.frame].unbounded()) {
    // Its states are kept from row to row.
    if (catalogue != nullptr) catalogue->use_context(entities_.context(list));
    accumulator = entity.running_aggregate(function.partial, function.running, frame.last);
  } else if (function.sliding != WindowFunction::no_sliding) {
    accumulator = entity.sliding_aggregate(function.measure, function.sliding, frame);
  } else {
    if (catalogue != nullptr) catalogue->use_context(CurrentMemoryContext);
    accumulator = entity.aggregate(function.measure, frame);
  }
  if (frame.self) entity.fold(function.measure, position, position + 1, accumulator);
  return accumulator;
}

void WindowResults::set_value(const WindowFunction& function, const Event* event, Datum* value, bool* null) const {
  *null = true;
  if (event == nullptr) return;
  if (function.column == WindowFunction::time_column) {
    *value = from_event_time(program_.plan().time.type, event->time);
    *null = false;
    return;
  }
  *value = event->values[function.column].word;
  *null = event->values[function.column].null;
}

}  // namespace feature
