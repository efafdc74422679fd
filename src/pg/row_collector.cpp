// See row_collector.hpp.

#include "pg/row_collector.hpp"

#include <algorithm>

#include "pg/boundary.hpp"
#include "pg/changed_again.hpp"

extern "C" {
#include <access/xact.h>
#include <executor/executor.h>
#include <utils/resowner.h>
}

namespace feature {
namespace {

struct Collection {
  std::int32_t view;
  SubTransactionId subtransaction;
  CommandId command;
  std::optional<std::uint64_t> parts;
  std::unique_ptr<RowChanges> changes;
  // Kinds of changes that have begun and not ended; but for the INSERT of an ordinary source, see one_statement.hpp.
  int left = 1;
};

std::vector<Collection>& collections() {
  static std::vector<Collection> open;
  return open;
}

std::vector<Collection>::reverse_iterator innermost(std::int32_t view) {
  const SubTransactionId current = GetCurrentSubTransactionId();
  return std::find_if(collections().rbegin(), collections().rend(), [&](const Collection& collection) {
    return collection.view == view && collection.subtransaction == current;
  });
}

// That of the query whose triggers fire, if it has opened one. It need not be the innermost: a cascading foreign key's
// BEFORE triggers open one while the outer query's AFTER triggers fire.
std::vector<Collection>::reverse_iterator of_command(std::int32_t view) {
  const SubTransactionId current = GetCurrentSubTransactionId();
  const CommandId command = current_command();
  return std::find_if(collections().rbegin(), collections().rend(), [&](const Collection& collection) {
    return collection.view == view && collection.subtransaction == current && collection.command == command &&
           !collection.parts;
  });
}

std::vector<Collection>::reverse_iterator nearest(std::int32_t view) {
  const auto found = of_command(view);
  return found != collections().rend() && found->left > 0 ? found : innermost(view);
}

// Numbers of subtransactions grow: what was opened in one that is undone, or in those within it, has no smaller one.
void subtransaction_ended(SubXactEvent event, SubTransactionId ended, SubTransactionId, void*) {
  if (event != SUBXACT_EVENT_ABORT_SUB) return;
  auto& open = collections();
  open.erase(std::remove_if(open.begin(), open.end(),
                            [&](const Collection& collection) { return collection.subtransaction >= ended; }),
             open.end());
  forget_inserts(ended);
}

void transaction_ended(XactEvent event, void*) {
  switch (event) {
    case XACT_EVENT_COMMIT:
    case XACT_EVENT_ABORT:
    case XACT_EVENT_PREPARE:
    case XACT_EVENT_PARALLEL_COMMIT:
    case XACT_EVENT_PARALLEL_ABORT:
      collections().clear();
      forget_inserts(InvalidSubTransactionId);
      forget_later_changes();
      break;
    case XACT_EVENT_PRE_COMMIT:
    case XACT_EVENT_PARALLEL_PRE_COMMIT:
    case XACT_EVENT_PRE_PREPARE: break;
  }
}

// Both the memory and the files behind it belong to the subtransaction. Backend code.
void append(Tuplestorestate*& rows, TupleTableSlot* row) {
  if (rows == nullptr) {
    MemoryContext context = MemoryContextSwitchTo(CurTransactionContext);
    ResourceOwner owner = CurrentResourceOwner;
    CurrentResourceOwner = CurTransactionResourceOwner;
    rows = tuplestore_begin_heap(true, false, work_mem);
    CurrentResourceOwner = owner;
    MemoryContextSwitchTo(context);
  }
  tuplestore_puttupleslot(rows, row);
}

}  // namespace

void RowChanges::put(Tuplestorestate*& rows, Relation relation, TupleTableSlot* row) {
  row = partitions_.in_source_type(relation, row);
  call([&] { append(rows, row); });
}

void RowChanges::add_inserted(Relation relation, TupleTableSlot* row) {
  put(new_, relation, row);
  changes_.push_back({false, true, RelationGetRelid(relation), row->tts_tid});
}

void RowChanges::add_updated(Relation relation, TupleTableSlot* old_row, TupleTableSlot* new_row) {
  put(old_, relation, old_row);
  put(new_, relation, new_row);
  changes_.push_back({true, true, RelationGetRelid(relation), new_row->tts_tid});
  ++old_rows_;
}

void RowChanges::add_deleted(Relation relation, TupleTableSlot* row) {
  put(old_, relation, row);
  changes_.push_back({true, false, InvalidOid, {}});
  ++old_rows_;
}

void RowChanges::add_inserted(Tuplestorestate* rows, TupleDesc columns) {
  first_of_table_ = changes_.size();
  const std::int64_t count = call([&] {
    const int pointer = tuplestore_alloc_read_pointer(rows, EXEC_FLAG_REWIND);
    tuplestore_select_read_pointer(rows, pointer);
    tuplestore_rescan(rows);
    TupleTableSlot* slot = MakeSingleTupleTableSlot(columns, &TTSOpsMinimalTuple);
    while (tuplestore_gettupleslot(rows, true, false, slot)) {
      CHECK_FOR_INTERRUPTS();
      append(new_, slot);
    }
    ExecDropSingleTupleTableSlot(slot);
    return tuplestore_tuple_count(rows);
  });
  changes_.insert(changes_.end(), static_cast<std::size_t>(count), RowChange{false, true, InvalidOid, {}});
}

void RowChanges::release() {
  call([&] {
    if (old_ != nullptr) tuplestore_end(old_);
    if (new_ != nullptr) tuplestore_end(new_);
  });
  old_ = new_ = nullptr;
}

ChangedRows::ChangedRows(const RowChanges& changes, bool old, std::size_t from, std::size_t to)
    : changes_(changes),
      rows_(old ? changes.old_ : changes.new_),
      old_(old),
      from_(from),
      to_(std::min(to, changes.changes().size())),
      next_(from) {
  if (rows_ == nullptr) return;
  const std::int64_t before = count(0, from);
  call([&] {
    pointer_ = tuplestore_alloc_read_pointer(rows_, EXEC_FLAG_REWIND);
    tuplestore_select_read_pointer(rows_, pointer_);
    tuplestore_rescan(rows_);
    if (before > 0) (void)tuplestore_skiptuples(rows_, before, true);
  });
}

std::int64_t ChangedRows::count(std::size_t from, std::size_t to) const {
  const auto begin = changes_.changes().begin();
  return std::count_if(begin + static_cast<std::ptrdiff_t>(from), begin + static_cast<std::ptrdiff_t>(to),
                       [&](const RowChange& change) { return change.has(old_); });
}

bool ChangedRows::has_more() const {
  const auto begin = changes_.changes().begin();
  return std::any_of(begin + static_cast<std::ptrdiff_t>(next_), begin + static_cast<std::ptrdiff_t>(to_),
                     [&](const RowChange& change) { return change.has(old_); });
}

bool ChangedRows::begins_batch() const { return !old_ && next_ > from_ && next_ == changes_.first_of_table(); }

bool ChangedRows::next(TupleTableSlot* slot) {
  const std::vector<RowChange>& changes = changes_.changes();
  while (next_ < to_ && !changes[next_].has(old_)) ++next_;
  if (next_ == to_) return false;
  ++next_;
  tuplestore_select_read_pointer(rows_, pointer_);
  return tuplestore_gettupleslot(rows_, true, false, slot);
}

void open_collection(std::int32_t view, Oid source, std::optional<std::uint64_t> parts) {
  const auto open = parts ? innermost(view) : of_command(view);
  if (open != collections().rend() && open->parts == parts) {
    ++open->left;
    return;
  }
  const CommandId command = current_command();
  collections().push_back({view, GetCurrentSubTransactionId(), command, parts,
                           std::make_unique<RowChanges>(source, parts ? std::optional(command) : std::nullopt)});
}

bool has_unprocessed_inserts(std::int32_t view) {
  const auto is_insert = [](const RowChange& change) { return change.has_new && !change.has_old; };
  const auto waits = [&](const Collection& collection) {
    const std::vector<RowChange>& changes = collection.changes->changes();
    return collection.view == view && std::any_of(changes.begin(), changes.end(), is_insert);
  };
  return is_inserting(view) || std::any_of(collections().begin(), collections().end(), waits);
}

RowChanges* outermost_changes(std::int32_t view) {
  const auto found = std::find_if(collections().begin(), collections().end(),
                                  [&](const Collection& collection) { return collection.view == view; });
  return found == collections().end() ? nullptr : found->changes.get();
}

bool is_unprocessed(std::int32_t view, CommandId command) {
  return is_inserting(view, command) ||
         std::any_of(collections().begin(), collections().end(), [&](const Collection& collection) {
           return collection.view == view && collection.command == command;
         });
}

RowChanges* collection_of(std::int32_t view) {
  const auto found = nearest(view);
  return found == collections().rend() ? nullptr : found->changes.get();
}

bool let_inserted_wait(std::int32_t view, Tuplestorestate* rows) {
  const auto found = of_command(view);
  if (found == collections().rend() || found->left == 0) return false;
  found->changes->let_wait(rows);
  return true;
}

std::unique_ptr<RowChanges> close_collection(std::int32_t view, bool is_insert) {
  auto found = innermost(view);
  if (found != collections().rend() && found->parts) {
    if (!ends(*found->parts, is_insert)) return nullptr;
  } else {
    found = is_insert ? of_command(view) : nearest(view);
    if (found == collections().rend()) return nullptr;
    if (!is_insert) --found->left;
    const bool insert_follows =
        !is_insert && is_inserting(view, found->command) && found->changes->waiting() == nullptr;
    if (found->left > 0 || insert_follows) return nullptr;
  }
  std::unique_ptr<RowChanges> changes = std::move(found->changes);
  collections().erase(std::prev(found.base()));
  return changes;
}

void watch_transactions() {
  RegisterXactCallback(transaction_ended, nullptr);
  RegisterSubXactCallback(subtransaction_ended, nullptr);
}

}  // namespace feature
