// See history.hpp.

#include "pg/history.hpp"

#include "pg/boundary.hpp"
#include "pg/catalogue.hpp"
#include "pg/columns.hpp"
#include "pg/frame_bounds.hpp"
#include "pg/row_intake.hpp"

extern "C" {
#include <access/xact.h>
#include <executor/executor.h>
#include <nodes/primnodes.h>
#include <utils/snapmgr.h>
}

namespace feature {

// Key columns narrow the search; whether a row is the member's is decided by the key's own functions.
std::string History::conditions(const Member& member, Parameters& parameters) const {
  const PartitionList& list = program_.plan().lists[member.list];
  const TupleDesc source = program_.source_row->tts_tupleDescriptor;
  const auto name = [&](AttrNumber attribute) {
    return quoted(NameStr(TupleDescAttr(source, attribute - 1)->attname));
  };
  std::string sql = name(program_.plan().time.attribute) + " <= $1";
  for (std::size_t i = 0; i < list.keys.size(); ++i) {
    const Key& key = list.keys[i];
    if (!IsA(key.expression, Var)) continue;
    const std::string column = name(reinterpret_cast<const Var*>(key.expression)->varattno);
    if (member.keys[i].isnull) {
      sql += " AND " + column + " IS NULL";
      continue;
    }
    const std::string equality = equality_operator(key.type);
    if (equality.empty()) continue;
    parameters.types.push_back(key.type);
    parameters.values.push_back(member.keys[i].value);
    sql += " AND " + column + equality + "$" + std::to_string(parameters.types.size());
  }
  if (new_places_ != nullptr) sql += " AND " + is_elsewhere(*new_places_, parameters);
  return sql;
}

std::vector<Event> History::read(const Member& member, EventTime until) {
  const TimeColumn& time = program_.plan().time;
  const char* time_name = NameStr(TupleDescAttr(program_.source_row->tts_tupleDescriptor, time.attribute - 1)->attname);
  Parameters parameters{{time.type}, {call([&] { return from_event_time(time.type, until); })}};
  Spi spi;
  call([&] {
    // What has left slots of others is in the source as it was when those were read.
    PushCopiedSnapshot(member.snapshot != nullptr     ? member.snapshot
                       : IsolationUsesXactSnapshot() ? GetTransactionSnapshot()
                                                     : GetLatestSnapshot());
    GetActiveSnapshot()->curcid = new_places_ != nullptr ? GetCurrentCommandId(false) : before_;
  });
  const Oid source = program_.identity().source;
  SourceRows rows("SELECT * FROM " + from_source(source) + " WHERE " + conditions(member, parameters) + " ORDER BY " +
                      quoted(time_name) + ", " + physical_order(source),
                  parameters);
  DivertedKeys diverted(program_.identity(), program_.source_row->tts_tupleDescriptor);
  call([] { PopActiveSnapshot(); });
  // Inside the scope of the cursor's own safe search path.
  std::optional<PinnedSettings> settings;
  if (program_.plan().needs_settings) settings.emplace(program_.identity().settings);
  std::vector<Event> events;
  for (bool end = false; !end;) {
    Event event{};
    if (take(rows, diverted, member, &event, &end)) events.push_back(event);
  }
  settings.reset();
  rows.close();
  spi.close();
  return events;
}

// The next row: false if there is none, or if it is not the member's.
bool History::take(RowSource& rows, DivertedKeys& diverted, const Member& member, Event* event, bool* end) {
  const PartitionList& list = program_.plan().lists[member.list];
  const MinimalTuple row = call([&] { return next_row(program_, rows); });
  *end = row == nullptr;
  if (row == nullptr) return false;
  {
    const InContext here(program_.expressions->ecxt_per_tuple_memory);
    if (diverted.take_out(row)) return false;
  }
  const bool is_candidate = call([&] {
    MemoryContext previous = MemoryContextSwitchTo(program_.expressions->ecxt_per_tuple_memory);
    const bool counts = prepare(program_);
    MemoryContextSwitchTo(previous);
    return counts;
  });
  if (!is_candidate) return false;
  {
    const InContext here(program_.expressions->ecxt_per_tuple_memory);
    if (!entities_.has_keys(member, program_.prepared)) return false;
  }
  const std::size_t columns = std::max<std::size_t>(1, list.arguments.size());
  auto* values = static_cast<Value*>(entities_.memory(member.list).allocate(sizeof(Value) * columns, alignof(Value)));
  std::uninitialized_value_construct_n(values, columns);
  call([&] {
    MemoryContext previous = MemoryContextSwitchTo(program_.expressions->ecxt_per_tuple_memory);
    ExecProject(program_.know);
    MemoryContextSwitchTo(previous);
  });
  std::size_t column = program_.lists[member.list].first_known;
  for (const std::size_t argument : program_.lists[member.list].known) {
    values[argument] = entities_.keep(member.list, program_.known->tts_values[column],
                                      program_.known->tts_isnull[column], list.arguments[argument]);
    ++column;
  }
  *event = {call([&] { return to_event_time(program_.plan().time.type, program_.prepared->tts_values[0]); }), values};
  return true;
}

}  // namespace feature
