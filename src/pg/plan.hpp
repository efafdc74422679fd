// A compiled definition: what compile makes of a query and the engine runs.
//
// A definition is a stack of levels over one source table. Level 0 reads source rows; each further level reads the rows
// of the level below. At a level, window functions are computed from the states of partition lists; everything else
// stays an ordinary PostgreSQL expression, evaluated with the level's input row as scan tuple and the results of the
// level's window functions as inner tuple. Where they are when it is run: level_columns.hpp.
//
// Nodes (Expr, List) live in the memory context that was current when the plan was compiled.
#pragma once

#include <string>

#include "kernel/frame.hpp"
#include "pg/postgres.hpp"

extern "C" {
#include <access/tupdesc.h>
#include <datatype/timestamp.h>
#include <nodes/parsenodes.h>
#include <nodes/primnodes.h>
}

namespace feature {

// How an accumulator becomes the result that PostgreSQL's aggregate gives. All but count are NULL on no input.
enum class Finish {
  count,
  integer_sum,      // int8, wrapping as sum(int4) does
  numeric_sum,      // numeric, exact
  numeric_average,  // numeric, by numeric division
  float4_sum,
  float8_sum,
  average, var_pop, var_samp, stddev_pop, stddev_samp,  // float8, from moments
  value,            // the accumulator's word
  quantile,         // float8, of a Quantile
  catalogue,        // the aggregate's own final function
};

// One window function of a level. `result` is its place among the level's results.
struct WindowFunction {
  enum class Kind {
    row_number,
    count_rows,       // count(*): the length of the frame
    aggregate,        // over a frame
    lag,              // value of the event `offset` rows before, NULL if there is none
    has_lag,          // whether there is such an event, as bool
    rank,             // number of earlier events of other times, plus one
    nth_value,        // of the frame, counted from one by `offset`; its start is not folded away
    last_value,
  };
  // The time of the event itself, which is not stored a second time as an argument.
  static constexpr int time_column = -1;
  static constexpr std::size_t no_sliding = ~std::size_t{0};

  Kind kind;
  const WindowFunc* call = nullptr;      // what it was made from, while the definition is there
  std::size_t frame = 0;                 // of its list; unused by row_number, lag, has_lag
  const Aggregate* aggregate = nullptr;
  std::size_t measure = 0;               // of its list: the aggregate
  std::size_t partial = 0;               // of its list, for an aggregate over an unbounded frame
  std::size_t running = 0;               // likewise: which of the entity's running accumulators
  std::size_t sliding = no_sliding;      // which of its sliding ones, for one whose events come and go
  int column = time_column;              // lag, nth_value, last_value
  std::int64_t offset = 0;
  Finish finish = Finish::value;
  double fraction = 0;                   // of Finish::quantile
  std::size_t result = 0;
  const char* feature = nullptr;         // the first column of its level that it was written in
};

// A RANGE bound: how far before the row's time a frame starts, or ends.
struct TimeOffset {
  std::int64_t ticks = 0;   // ticks of the event clock
  bool calendar = false;    // months, days or a date's time of day: resolved per row by PostgreSQL's own arithmetic
  Interval interval{};
  bool end = false;

  friend bool operator==(const TimeOffset& a, const TimeOffset& b) {
    return a.ticks == b.ticks && a.calendar == b.calendar && a.end == b.end && a.interval.time == b.interval.time &&
           a.interval.day == b.interval.day && a.interval.month == b.interval.month;
  }
};

// An expression whose value is kept with each event of a list.
struct Argument {
  Expr* expression;   // over the input of `level`, the first level that uses it
  Expr* source;       // the same over the source row, or null if it reads a window
  std::size_t level;
  Oid type;
  std::int16_t length;
  bool by_value;
  bool composite;  // its type, or what it is a domain over
  Storage storage;
  const char* feature;  // the first column of its level that needs it
};

// One column of PARTITION BY.
struct Key {
  Expr* expression;   // over the source row, or over the input of the list's level
  Oid type;
  Oid collation;
  std::int16_t length;
  bool by_value;
};

// The entities that share one state table, and all that is computed from them.
struct PartitionList {
  std::vector<Key> keys;
  bool from_source = true;  // keys are expressions over the source row alone
  std::size_t level = 0;    // the first level that uses it
  const WindowClause* window = nullptr;  // by which that level does, of the definition that was compiled
  bool shared = false;      // as create_view was asked; of a plan that is to be stored
  std::vector<Argument> arguments;
  std::vector<TimeOffset> offsets;
  std::vector<Frame> frames;
  std::vector<std::unique_ptr<Aggregate>> aggregates;
  ListPlan kernel;

  // Whether a row of the source alone tells what its event is, without the results of other windows.
  [[nodiscard]] bool knows_events() const {
    bool all = from_source;
    for (const Argument& argument : arguments) all = all && argument.source != nullptr;
    return all;
  }
};

struct LevelList {
  std::size_t list;
  std::vector<WindowFunction> functions;
};

struct Level {
  std::vector<LevelList> lists;
  ::List* output = NIL;             // TargetEntry nodes; window results are Vars of INNER_VAR
  std::vector<Expr*> results;       // one Var a window result, for its type
};

struct TimeColumn {
  AttrNumber attribute = InvalidAttrNumber;  // of the source; invalid if the definition has no window
  Oid type = InvalidOid;                     // under its domains
};

struct Plan {
  Oid source = InvalidOid;
  TimeColumn time;
  // Whether its expressions may depend on settings of the session: time zone, formats, search path.
  bool needs_settings = false;
  ::List* filter = NIL;             // WHERE of level 0, over the source row, as implicit AND
  std::vector<PartitionList> lists;
  std::vector<Level> levels;
  std::vector<Expr*> stateless;     // of each output column: over the source row, or null if it reads a window
};

}  // namespace feature
