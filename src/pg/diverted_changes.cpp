// See diverted_changes.hpp.
//
// Another session may be replaying the rows: it has their entries then, and whoever wants them waits for its end. The
// row may be an ordinary one afterwards; or it has failed again, and has got another entry. So entries are looked for
// until all that are found can be taken out.

#include "pg/diverted_changes.hpp"

#include <unordered_map>
#include <unordered_set>

#include "pg/as_user.hpp"
#include "pg/catalogue.hpp"
#include "pg/diverted_rows.hpp"
#include "pg/memory.hpp"

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
    for_each_old([&](std::size_t number, MinimalTuple row) {
      hashes[number] = RowImages::hash_of(images_.key_of(row));
    });
    while (find(hashes)) {
      std::unordered_map<std::int64_t, std::size_t> numbers;  // of the rows whose entries they are
      for_each_old([&](std::size_t number, MinimalTuple row) {
        if (diverted_[number] || entries_.count(hashes[number]) == 0) return;
        if (const std::optional<std::int64_t> entry = take(hashes[number], row)) numbers[*entry] = number;
      });
      if (numbers.empty()) break;
      for (const std::int64_t entry : remove(numbers)) diverted_[numbers.at(entry)] = true;
    }
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
  static std::uint64_t execute(const std::string& sql, const std::vector<std::int64_t>& numbers) {
    const Datum array = array_of(numbers);
    return call([&] {
      Oid type = INT8ARRAYOID;
      Datum value = array;
      const int result = SPI_execute_with_args(sql.c_str(), 1, &type, &value, nullptr, false, 0);
      if (result < 0) elog(ERROR, "SPI_execute_with_args failed: %s", SPI_result_code_string(result));
      return SPI_processed;
    });
  }

  static std::int64_t number_in(std::uint64_t row, int column) {
    bool null;
    return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &null));
  }

  // The entries that may be those of the rows; false if there are none.
  bool find(const std::vector<std::int64_t>& hashes) {
    std::unordered_set<std::int64_t> wanted;
    for (std::size_t number = 0; number < hashes.size(); ++number) {
      if (changes_.changes()[number].has_old && !diverted_[number]) wanted.insert(hashes[number]);
    }
    entries_.clear();
    const AsUser owner(state_schema_owner(), false);
    Spi spi;
    const std::uint64_t count = execute("SELECT id, row_hash, \"row\" FROM feature_state.error WHERE view = " +
                                            std::to_string(program_.identity().id) +
                                            " AND row_hash = ANY ($1) ORDER BY id",
                                        {wanted.begin(), wanted.end()});
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
    spi.close();
    return count > 0;
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

  // Returns those that were there.
  static std::vector<std::int64_t> remove(const std::unordered_map<std::int64_t, std::size_t>& entries) {
    std::vector<std::int64_t> ids;
    for (const auto& [id, number] : entries) ids.push_back(id);
    const AsUser owner(state_schema_owner(), false);
    Spi spi;
    const std::uint64_t count = execute("DELETE FROM feature_state.error WHERE id = ANY ($1) RETURNING id", ids);
    std::vector<std::int64_t> removed;
    for (std::uint64_t i = 0; i < count; ++i) removed.push_back(call([&] { return number_in(i, 1); }));
    spi.close();
    return removed;
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
