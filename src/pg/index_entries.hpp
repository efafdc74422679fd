// The index entries of many new rows, put into each index in about the order of its keys.
//
// Rows come in the order of their event times, so that a row's entries belong elsewhere in the indexes than those of
// the row before it, and most of what an entry costs is coming to its place. In the order of keys that is near the last
// one. Eight bytes of the first column are compared, whatever they mean to the index: on their order only speed
// depends.
//
// Runs backend code: only inside call. Releases nothing on errors; the memory context that it was opened in does.
#pragma once

#include "pg/postgres.hpp"

extern "C" {
#include <access/itup.h>
#include <nodes/execnodes.h>
#include <utils/rel.h>
}

namespace feature {

class IndexEntries {
 public:
  // Whether all of a table's indexes can have their entries later than the rows: those that are btrees of plain columns
  // and check uniqueness at once, if at all. The table must have no triggers, which might look for rows.
  [[nodiscard]] static bool can_wait(const ResultRelInfo* table);

  // Borrows the table, whose indexes are open, and its executor. O(1) memory.
  void open(ResultRelInfo* table, EState* executor);

  // Has the entries of a row wait, which has its place in the table. O(indexes).
  void add(TupleTableSlot* row);
  [[nodiscard]] bool is_empty() const { return rows_ == 0; }
  [[nodiscard]] bool is_full() const { return rows_ == most_rows || bytes_ > most_bytes; }
  // Puts all that wait into their indexes. O(rows log rows) an index.
  void insert();

 private:
  // A batch's rows, usually.
  static constexpr int most_rows = 65536;
  static constexpr Size most_bytes = Size{8} << 20;

  // Where an entry goes among the others. Entries of one key stay in the order of their rows.
  struct Key {
    std::uint64_t bytes;
    int row;
  };
  static void find_keys(const IndexTuple* entries, int rows, TupleDesc index, Key* keys);
  void make_room();
  void insert(int index);

  ResultRelInfo* table_ = nullptr;
  EState* executor_ = nullptr;
  MemoryContext context_ = nullptr;  // of the entries
  IndexTuple** entries_ = nullptr;   // by index and row
  Key* keys_ = nullptr;              // of one index, while its entries are sorted
  int rows_ = 0;
  int room_ = 0;
  Size bytes_ = 0;
};

}  // namespace feature
