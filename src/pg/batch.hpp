// Some rows of a run, processed together: read, put in the order of event time, and taken one after the other through
// all levels of the definition.
//
// All entities that the rows tell of are locked and loaded in between, in one order for all sessions. A row's event
// takes its place in its entities before its frames are computed; so a row sees those before it in the batch, as it
// sees earlier batches.
//
// Rows live in one memory context that is reset between batches, so nothing is freed singly.
#pragma once

#include "pg/attempts.hpp"
#include "pg/recall.hpp"
#include "pg/retraction.hpp"
#include "pg/row_streams.hpp"
#include "pg/stopwatch.hpp"
#include "pg/window_results.hpp"

namespace feature {

// What the batches of a run work with.
struct Work {
  Program& program;
  Place& place;
  EntityCache& entities;
  History& history;
  RowSink& sink;
  Diversion* diversion;            // of rows that fail; null where an error aborts
  std::optional<EventTime> since;  // earlier rows are processed, but do not go to the sink
  bool states_have_old;            // of old rows; else they are only told to the sink
  Stopwatch& watch;
};

class Batch {
 public:
  // `memory` is the batch's alone, which never gives any back.
  Batch(const Work& work, Arena& memory);

  // Takes rows from the source until it has `most`, or most_bytes of them, or as many as there is room for their
  // entities; false if there were none.
  [[nodiscard]] bool read(RowSource& source, std::int64_t most);

  // False if an old row's event cannot be told from others; then the states are half done.
  [[nodiscard]] bool process();

  // The same for the only row of a statement: its entities are written before it goes to the sink. Throws EntityTaken
  // before anything is written if one that was only read (StateStore::read_first) is not as it was.
  void process_alone();

  // Rows that have gone to the sink.
  [[nodiscard]] std::int64_t written() const { return written_; }

 private:
  static constexpr std::size_t most_bytes = std::size_t{64} << 20;

  struct Row {
    MinimalTuple tuple;
    EventTime time;
    Member** members;  // by list; null where the list's keys are not known yet
    std::size_t number;
  };
  struct Added {
    Member* member;
    std::int64_t position;  // which a shared entity knows itself
  };

  template <class T>
  [[nodiscard]] T* array(std::size_t count);
  [[nodiscard]] Value* event_values(std::size_t list);

  [[nodiscard]] MinimalTuple next(RowSource& source);
  [[nodiscard]] bool take(Row* row);
  [[nodiscard]] MinimalTuple copy_of(MinimalTuple tuple);
  [[nodiscard]] bool take_old(Row* row);
  void find_members(Row& row);
  void load_entities();

  void process_row(const Row& row);
  [[nodiscard]] bool compute(const Row& row);
  void finish(const Row& row);
  void evaluate(const Row& row, const Program::Level& level);
  void add_event(const Row& row, std::size_t list, const Program::Level& level);
  void undo();
  void project(ProjectionInfo* projection, std::size_t first, const std::vector<const char*>& features);
  void collect();

  Program& program_;
  Place& place_;
  EntityCache& entities_;
  RowSink& sink_;
  Attempts attempts_;
  Retraction retraction_;
  Recall recall_;
  WindowResults window_results_;
  std::optional<EventTime> since_;
  bool states_have_old_;
  Stopwatch& watch_;

  Arena& memory_;
  std::pmr::vector<Row> rows_;
  bool any_ = false;
  std::int64_t written_ = 0;

  // Of the current row:
  std::int64_t* positions_;  // of its event, by list
  Value** values_;           // likewise
  Datum* finished_;          // columns of the finished row
  bool* finished_nulls_;
  std::vector<Added> added_;  // to take back if it fails
};

}  // namespace feature
