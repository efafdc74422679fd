// A state or chunk table that is read whole, past the store: what its images say of themselves.
#pragma once

#include "kernel/event.hpp"
#include "pg/boundary.hpp"
#include "pg/memory.hpp"

extern "C" {
#include <access/tableam.h>
#include <utils/rel.h>
#include <utils/snapmgr.h>
}

namespace feature {

// After an error the transaction closes what is open.
class StateImages {
 public:
  // Waits for whoever computes the view's states anew.
  explicit StateImages(Oid table);
  // Lets go of the table as well: views are read in an order that is not that in which statements compute their states
  // anew.
  void close();

  // Whether there is an image in the last column; and so many columns before it.
  [[nodiscard]] bool has_image() const;
  [[nodiscard]] bool has_columns(int before_image) const;

  // Reads all rows that the active snapshot sees: `read` is called with each row's image, which is in `row`.
  template <class Read>
  void each(const OwnedContext& row, Read&& read) {
    TableScanDesc scan = call([&] {
      slot_ = table_slot_create(table_, nullptr);
      return table_beginscan(table_, GetActiveSnapshot(), 0, nullptr);
    });
    for (;;) {
      const varlena* image = call([&]() -> const varlena* {
        CHECK_FOR_INTERRUPTS();
        MemoryContextReset(row.get());
        if (!table_scan_getnextslot(scan, ForwardScanDirection, slot_)) return nullptr;
        bool null;
        const Datum datum = slot_getattr(slot_, RelationGetDescr(table_)->natts, &null);
        MemoryContext previous = MemoryContextSwitchTo(row.get());
        const varlena* flat = PG_DETOAST_DATUM_PACKED(datum);
        MemoryContextSwitchTo(previous);
        return flat;
      });
      if (image == nullptr) break;
      read(reinterpret_cast<const std::byte*>(VARDATA_ANY(image)), VARSIZE_ANY_EXHDR(image));
    }
    call([&] {
      table_endscan(scan);
      ExecDropSingleTupleTableSlot(slot_);
    });
  }

  // The row whose image is being read.
  [[nodiscard]] TupleTableSlot* row() const { return slot_; }

  [[nodiscard]] TupleTableSlot* make_slot() const;

  // Tables, indexes and TOAST, free space included.
  [[nodiscard]] std::int64_t total_bytes() const;

 private:
  Relation table_;
  TupleTableSlot* slot_ = nullptr;
};

// What a head says, read whole. Throws CorruptState.
struct Head {
  std::int64_t events;  // all that were ever added, but for those that were taken out
  std::int64_t late;
  EventTime newest;  // if there are events
};
[[nodiscard]] Head read_head(const std::byte* image, std::size_t size);

}  // namespace feature
