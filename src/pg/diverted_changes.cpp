// See diverted_changes.hpp.
//
// Another session may be replaying the rows: it has their entries then, and whoever wants them waits for its end. The
// row may be an ordinary one afterwards; or it has failed again, and has got another entry. So all are locked once more
// if others have come meanwhile.

#include "pg/diverted_changes.hpp"

#include <unordered_map>
#include <unordered_set>

#include "pg/as_user.hpp"
#include "pg/catalogue.hpp"
#include "pg/diverted_rows.hpp"
#include "pg/memory.hpp"
#include "pg/retraction.hpp"
#include "pg/subtransaction.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <executor/executor.h>
#include <executor/spi.h>
#include <utils/array.h>
}

namespace feature {
namespace {

class Search {
 public:
  Search(const Program& program, const RowChanges& changes)
      : program_(program),
        changes_(changes),
        context_(CurrentMemoryContext, "feature_ext diverted changes"),
        images_(program.identity(), program.source_row->tts_tupleDescriptor),
        diverted_(changes.changes().size()) {}

  std::vector<bool> run() {
    const InContext here(context_.get());
    std::vector<std::int64_t> hashes(diverted_.size());
    std::unordered_set<std::int64_t> wanted;
    for_each_old([&](std::size_t number, MinimalTuple row) {
      hashes[number] = RowImages::hash_of(images_.key_of(row));
      wanted.insert(hashes[number]);
    });
    const Datum array = array_of({wanted.begin(), wanted.end()});
    if (!is_any(array)) return std::move(diverted_);
    while (!lock(array)) {
    }
    std::vector<std::int64_t> taken;
    for_each_old([&](std::size_t number, MinimalTuple row) {
      if (entries_.count(hashes[number]) == 0) return;
      const std::optional<std::int64_t> entry = take(hashes[number], row);
      if (!entry) return;
      taken.push_back(*entry);
      diverted_[number] = true;
    });
    if (!taken.empty()) remove(taken);
    return std::move(diverted_);
  }

 private:
  struct Entry {
    std::int64_t id;
    Jsonb* row;
  };

  template <class Body>
  void for_each_old(Body&& body) {
    ChangedRows rows(changes_, true);
    for (;;) {
      const MinimalTuple row = call([&]() -> MinimalTuple {
        CHECK_FOR_INTERRUPTS();
        ResetExprContext(program_.expressions);
        bool copied;
        return rows.next(program_.source_row) ? ExecFetchSlotMinimalTuple(program_.source_row, &copied) : nullptr;
      });
      if (row == nullptr) return;
      const InContext here(program_.expressions->ecxt_per_tuple_memory);
      body(rows.number(), row);
    }
  }

  static Datum array_of(const std::vector<std::int64_t>& numbers) {
    std::vector<Datum> elements;
    for (const std::int64_t number : numbers) elements.push_back(Int64GetDatum(number));
    return call([&] {
      return PointerGetDatum(construct_array(elements.data(), static_cast<int>(elements.size()), INT8OID,
                                             sizeof(std::int64_t), true, TYPALIGN_DOUBLE));
    });
  }

  // Runs a query with an array as its parameter, under a snapshot of its own.
  static std::uint64_t execute(const std::string& sql, Datum array) {
    return call([&] {
      Oid type = INT8ARRAYOID;
      const int result = SPI_execute_with_args(sql.c_str(), 1, &type, &array, nullptr, false, 0);
      if (result < 0) elog(ERROR, "SPI_execute_with_args failed: %s", SPI_result_code_string(result));
      return SPI_processed;
    });
  }

  static std::int64_t number_in(std::uint64_t row, int column) {
    bool null;
    return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &null));
  }

  // The entries that may be those of the rows: $1 has their hashes.
  [[nodiscard]] std::string candidates() const {
    return "FROM feature_state.error WHERE view = " + std::to_string(program_.identity().id) +
           " AND row_hash = ANY ($1)";
  }

  [[nodiscard]] bool is_any(Datum hashes) const {
    const AsUser owner(state_schema_owner(), false);
    Spi spi;
    const bool any = execute("SELECT " + candidates() + " LIMIT 1", hashes) > 0;
    spi.close();
    return any;
  }

  // Locks them and reads them. False, and none locked, if there are others by then: those of a replay's that was waited
  // for would come out of the order.
  [[nodiscard]] bool lock(Datum hashes) {
    entries_.clear();
    std::optional<Subtransaction> attempt;
    if (Forgetting::current() == nullptr) attempt.emplace();
    bool all;
    {
      const AsUser owner(state_schema_owner(), false);
      Spi spi;
      const std::uint64_t count =
          execute("SELECT id, row_hash, \"row\" " + candidates() + " ORDER BY id FOR UPDATE", hashes);
      for (std::uint64_t i = 0; i < count; ++i) {
        struct { std::int64_t id, hash; Jsonb* row; } found = call([&]() -> decltype(found) {
          bool null;
          const Datum row = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 3, &null);
          MemoryContext spi_context = MemoryContextSwitchTo(context_.get());
          Jsonb* image = DatumGetJsonbPCopy(row);
          MemoryContextSwitchTo(spi_context);
          return {number_in(i, 1), number_in(i, 2), image};
        });
        entries_[found.hash].push_back({found.id, found.row});
      }
      all = execute("SELECT " + candidates(), hashes) == count;
      spi.close();
    }
    if (attempt) all ? attempt->release() : attempt->roll_back();
    return all;
  }

  // An entry of a row: if there are several, rather the one that is the same in the other columns, too.
  std::optional<std::int64_t> take(std::int64_t hash, MinimalTuple row) {
    std::vector<Entry>& candidates = entries_.at(hash);
    const std::string key = images_.key_of(row);
    auto found = candidates.end();
    for (auto entry = candidates.begin(); entry != candidates.end(); ++entry) {
      if (images_.key_of(entry->row) != key) continue;
      if (found == candidates.end()) found = entry;
      if (candidates.size() == 1 || !is_image(row, entry->row)) continue;
      found = entry;
      break;
    }
    if (found == candidates.end()) return std::nullopt;
    const std::int64_t id = found->id;
    candidates.erase(found);
    return id;
  }

  [[nodiscard]] bool is_image(MinimalTuple row, Jsonb* image) const {
    const Datum own = images_.of(row);
    return call([&] { return compareJsonbContainers(&DatumGetJsonbP(own)->root, &image->root) == 0; });
  }

  static void remove(const std::vector<std::int64_t>& entries) {
    const Datum array = array_of(entries);
    const AsUser owner(state_schema_owner(), false);
    Spi spi;
    execute("DELETE FROM feature_state.error WHERE id = ANY ($1)", array);
    spi.close();
  }

  const Program& program_;
  const RowChanges& changes_;
  OwnedContext context_;
  RowImages images_;
  std::vector<bool> diverted_;
  std::unordered_map<std::int64_t, std::vector<Entry>> entries_;  // by hash
};

}  // namespace

std::vector<bool> take_out_diverted(const Program& program, const RowChanges& changes) {
  if (!has_diverted(program.identity())) return std::vector<bool>(changes.changes().size());
  return Search(program, changes).run();
}

}  // namespace feature
