// See feature_rows.hpp. The rows stand in tuplestores that SQL statements read as tables, as triggers read their
// transition tables: so PostgreSQL itself finds, locks and changes the feature rows, by whatever plan is good for their
// number.

#include "pg/feature_rows.hpp"

#include <algorithm>
#include <map>

#include "pg/boundary.hpp"
#include "pg/catalogue.hpp"
#include "pg/columns.hpp"
#include "pg/shown_rows.hpp"

extern "C" {
#include <access/genam.h>
#include <access/table.h>
#include <catalog/pg_type.h>
#include <executor/executor.h>
#include <nodes/makefuncs.h>
#include <nodes/nodeFuncs.h>
#include <utils/lsyscache.h>
#include <utils/rel.h>
}

namespace feature {
namespace {

constexpr long rows_at_once = 1000;

std::string column_name(std::size_t column) { return "c" + std::to_string(column + 1); }

// A number, and a column of the feature table for each of these columns of the definition.
template <class Columns>
TupleDesc numbered(const Program& program, const Columns& columns) {
  TupleDesc made = CreateTemplateTupleDesc(static_cast<int>(columns.size()) + 1);
  TupleDescInitEntry(made, 1, "number", INT8OID, -1, 0);
  AttrNumber attribute = 1;
  for (const std::size_t column : columns) {
    Oid type, collation;
    std::int32_t modifier;
    get_atttypetypmodcoll(program.table.relation, program.table.attributes[column], &type, &modifier, &collation);
    char name[NAMEDATALEN];
    snprintf(name, sizeof name, "c%zu", column + 1);
    TupleDescInitEntry(made, ++attribute, name, type, modifier, 0);
    TupleDescInitEntryCollation(made, attribute, collation);
  }
  return made;
}

// Whether a column of the definition still has its place in the feature table.
bool is_kept(const Program& program, std::size_t column) {
  const AttrNumber attribute = program.table.attributes[column];
  return attribute > 0 &&
         call([&] { return OidIsValid(get_atttype(program.table.relation, attribute)); });
}

// The feature table's columns that are in its primary key, and those that are in any index.
struct Indexed {
  std::vector<AttrNumber> key, any;
};

Indexed indexed_columns(Oid relation) {
  Indexed found;
  AttrNumber key[INDEX_MAX_KEYS];
  int in_key = 0;
  Bitmapset* indexed = nullptr;
  call([&] {
    Relation table = table_open(relation, AccessShareLock);
    ::List* indexes = RelationGetIndexList(table);
    ListCell* cell;
    foreach (cell, indexes) {
      Relation index = index_open(lfirst_oid(cell), AccessShareLock);
      for (int i = 0; i < IndexRelationGetNumberOfKeyAttributes(index); ++i) {
        const AttrNumber attribute = index->rd_index->indkey.values[i];
        if (attribute > 0) indexed = bms_add_member(indexed, attribute);
        if (RelationGetRelid(index) == table->rd_pkindex && index->rd_index->indimmediate) key[in_key++] = attribute;
      }
      index_close(index, AccessShareLock);
    }
    table_close(table, NoLock);
  });
  found.key.assign(key, key + in_key);
  for (int attribute = -1; (attribute = bms_next_member(indexed, attribute)) >= 0;) {
    found.any.push_back(static_cast<AttrNumber>(attribute));
  }
  return found;
}

template <class Value>
bool contains(const std::vector<Value>& values, Value value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

}  // namespace

FeatureRows::FeatureRows(const Program& program, std::size_t numbers)
    : program_(program),
      context_(CurrentMemoryContext, "feature_ext feature rows"),
      has_old_(numbers),
      has_new_(numbers) {
  find_known_columns();
  std::vector<std::size_t> known, all;
  for (const Known& column : known_) known.push_back(column.column);
  for (std::size_t column = 0; column < program.table.attributes.size(); ++column) {
    if (is_kept(program, column)) all.push_back(column);
  }
  kept_ = all;
  const InContext here(context_.get());
  call([&] {
    old_columns_ = numbered(program, known);
    new_columns_ = numbered(program, all);
    ::List* targets = NIL;
    for (const std::size_t column : known) {
      targets = lappend(targets, makeTargetEntry(program.plan().stateless[column],
                                                 static_cast<AttrNumber>(list_length(targets) + 1), nullptr, false));
    }
    identity_ = MakeSingleTupleTableSlot(ExecTypeFromTL(targets), &TTSOpsVirtual);
    identify_ = ExecBuildProjectionInfo(targets, program.expressions, identity_, nullptr,
                                        program.source_row->tts_tupleDescriptor);
    row_ = static_cast<Datum*>(palloc(sizeof(Datum) * (all.size() + 2)));
    nulls_ = static_cast<bool*>(palloc(sizeof(bool) * (all.size() + 2)));
    old_ = new_tuplestore();
    new_ = new_tuplestore();
  });
}

void FeatureRows::find_known_columns() {
  const Indexed indexed = indexed_columns(program_.table.relation);
  const std::vector<Expr*>& stateless = program_.plan().stateless;
  std::vector<Known> key;
  for (std::size_t column = 0; column < stateless.size(); ++column) {
    if (stateless[column] == nullptr || !is_kept(program_, column)) continue;
    const AttrNumber attribute = program_.table.attributes[column];
    Known known;
    known.column = column;
    known.in_index = contains(indexed.any, attribute);
    known.is_time = IsA(stateless[column], Var) &&
                    reinterpret_cast<const Var*>(stateless[column])->varattno == program_.plan().time.attribute;
    struct { const char* name; Oid type; } has = call([&]() -> decltype(has) {
      return {get_attname(program_.table.relation, attribute, false), get_atttype(program_.table.relation, attribute)};
    });
    known.name = has.name;
    known.equals = equality_operator(has.type);
    known_.push_back(known);
    if (contains(indexed.key, attribute)) key.push_back(known);
  }
  by_key_ = !indexed.key.empty() && key.size() == indexed.key.size();
  if (by_key_) known_ = std::move(key);
}

void FeatureRows::take_back(std::size_t number) {
  MemoryContext previous = MemoryContextSwitchTo(program_.expressions->ecxt_per_tuple_memory);
  ExecProject(identify_);
  row_[0] = Int64GetDatum(static_cast<std::int64_t>(number));
  nulls_[0] = false;
  for (int i = 0; i < identity_->tts_tupleDescriptor->natts; ++i) {
    row_[i + 1] = identity_->tts_values[i];
    nulls_[i + 1] = identity_->tts_isnull[i];
  }
  tuplestore_putvalues(old_, old_columns_, row_, nulls_);
  MemoryContextSwitchTo(previous);
  has_old_[number] = true;
  ++old_rows_;
}

void FeatureRows::add(std::size_t number, const Datum* values, const bool* nulls) {
  row_[0] = Int64GetDatum(static_cast<std::int64_t>(number));
  nulls_[0] = false;
  for (std::size_t i = 0; i < kept_.size(); ++i) {
    row_[i + 1] = values[kept_[i]];
    nulls_[i + 1] = nulls[kept_[i]];
  }
  tuplestore_putvalues(new_, new_columns_, row_, nulls_);
  has_new_[number] = true;
}

void FeatureRows::clear() {
  call([&] {
    tuplestore_clear(old_);
    tuplestore_clear(new_);
  });
  std::fill(has_old_.begin(), has_old_.end(), false);
  std::fill(has_new_.begin(), has_new_.end(), false);
  old_rows_ = 0;
}

// How a feature row f is that of an old version o. What the key or an index can find, and without a key all else.
std::string FeatureRows::condition() const {
  std::string sql, stored, given;
  for (const Known& known : known_) {
    const std::string left = "f." + quoted(known.name);
    const std::string right = "o." + column_name(known.column);
    if (!by_key_) {
      stored += (stored.empty() ? "" : ", ") + left;
      given += (given.empty() ? "" : ", ") + right;
      if (known.equals.empty() || !(known.in_index || known.is_time)) continue;
    }
    sql += sql.empty() ? "" : " AND ";
    if (by_key_ || known.is_time) {
      sql += left + known.equals + right;
    } else {
      sql += "(" + left + known.equals + right + " OR " + left + " IS NULL AND " + right + " IS NULL)";
    }
  }
  if (by_key_) return sql;
  return sql + (sql.empty() ? "" : " AND ") + "pg_catalog.record_image_eq(ROW(" + stored + "), ROW(" + given + "))";
}

// Locks the feature rows that are those of old versions; without a key there may be several for one.
std::vector<FeatureRows::Found> FeatureRows::find() {
  if (known_.empty()) {
    throw SqlError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                   "rows of feature view \"" + program_.identity().name + "\" cannot be told from each other")
        .detail("Each of its columns reads a window.")
        .hint("Keep the source's primary key in the definition.");
  }
  Spi spi;
  call([&] { show_rows("old_rows", old_columns_, old_); });
  const std::string sql = "SELECT o.number, f.ctid FROM old_rows o JOIN ONLY " +
                          qualified_name(program_.table.relation) + " f ON " + condition() + " FOR UPDATE OF f";
  Portal portal = call([&] {
    SPIPlanPtr plan = SPI_prepare_cursor(sql.c_str(), 0, nullptr, CURSOR_OPT_NO_SCROLL);
    if (plan == nullptr) elog(ERROR, "SPI_prepare_cursor failed: %s", SPI_result_code_string(SPI_result));
    return SPI_cursor_open(nullptr, plan, nullptr, nullptr, false);
  });
  std::vector<Found> found;
  for (;;) {
    const std::uint64_t fetched = call([&] {
      SPI_cursor_fetch(portal, true, rows_at_once);
      return SPI_processed;
    });
    if (fetched == 0) break;
    for (std::uint64_t i = 0; i < fetched; ++i) {
      bool null;
      const HeapTuple row = SPI_tuptable->vals[i];
      Found one;
      one.number = DatumGetInt64(SPI_getbinval(row, SPI_tuptable->tupdesc, 1, &null));
      one.row = *reinterpret_cast<ItemPointer>(DatumGetPointer(SPI_getbinval(row, SPI_tuptable->tupdesc, 2, &null)));
      found.push_back(one);
    }
    call([] { SPI_freetuptable(SPI_tuptable); });
  }
  call([&] { SPI_cursor_close(portal); });
  spi.close();
  return by_key_ ? found : choose(std::move(found));
}

// One row for each old version. Versions that the same rows match are alike in what is known of them: the rows are
// dealt out among them, and any that are left over must be no others than those.
std::vector<FeatureRows::Found> FeatureRows::choose(std::vector<Found> candidates) const {
  const auto before = [](const ItemPointerData& a, const ItemPointerData& b) {
    return ItemPointerCompare(const_cast<ItemPointer>(&a), const_cast<ItemPointer>(&b)) < 0;
  };
  std::sort(candidates.begin(), candidates.end(), [&](const Found& a, const Found& b) {
    return a.number != b.number ? a.number < b.number : before(a.row, b.row);
  });
  std::map<ItemPointerData, std::size_t, decltype(before)> dealt(before);  // by the first of the rows that match
  std::map<ItemPointerData, std::vector<Found>, decltype(before)> groups(before);
  std::vector<Found> chosen;
  for (std::size_t first = 0, last; first < candidates.size(); first = last) {
    for (last = first; last < candidates.size() && candidates[last].number == candidates[first].number;) ++last;
    std::size_t& taken = dealt[candidates[first].row];
    if (last - first > 1 && taken == 0) {
      groups[candidates[first].row].assign(candidates.begin() + static_cast<std::ptrdiff_t>(first),
                                           candidates.begin() + static_cast<std::ptrdiff_t>(last));
    }
    if (taken < last - first) chosen.push_back({candidates[first].number, candidates[first + taken].row});
    ++taken;
  }
  for (const auto& [row, group] : groups) {
    if (dealt[row] < group.size()) check_alike(group);
  }
  return chosen;
}

void FeatureRows::check_alike(const std::vector<Found>& candidates) const {
  std::string rows;
  for (const Found& one : candidates) {
    rows += (rows.empty() ? "'(" : ", '(") + std::to_string(ItemPointerGetBlockNumber(&one.row)) + "," +
            std::to_string(ItemPointerGetOffsetNumber(&one.row)) + ")'";
  }
  const std::string table = qualified_name(program_.table.relation);
  const std::string chosen = ".ctid = ANY (ARRAY[" + rows + "]::pg_catalog.tid[])";
  Spi spi;
  const bool differ = spi.execute("SELECT FROM ONLY " + table + " a, ONLY " + table + " b WHERE a" + chosen + " AND b" +
                                  chosen + " AND pg_catalog.record_image_ne(a, b) LIMIT 1") > 0;
  spi.close();
  if (!differ) return;
  throw SqlError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                 "rows of feature view \"" + program_.identity().name + "\" cannot be told from each other")
      .detail(std::to_string(candidates.size()) +
              " of them are alike in all columns that read no window, and have "
              "different features.")
      .hint(
          "Give the source a primary key and keep it in the definition, or change all of these rows in one statement.");
}

void FeatureRows::apply() {
  const InContext here(context_.get());
  const bool inserts = has_inserts();
  change(inserts);
  if (inserts) {
    FeatureWriter writer;
    const FeatureTable& table = program_.table;
    call([&] {
      CommandCounterIncrement();
      writer.open(table.relation, table.attributes.data(), static_cast<int>(table.attributes.size()), true);
    });
    insert(writer);
    call([&] { writer.finish(); });
  }
  call([&] { tuplestore_end(new_); });
  statements_.reset();
}

void FeatureRows::change_for_insert() {
  const InContext here(context_.get());
  change(true);
}

void FeatureRows::change(bool insert_follows) {
  std::vector<Found> gone;
  std::vector<ItemPointerData> places(has_new_.size());
  bool replaces = false;
  for (const Found& one : old_rows_ > 0 ? find() : std::vector<Found>()) {
    const auto number = static_cast<std::size_t>(one.number);
    if (!has_new_[number]) {
      gone.push_back(one);
    } else {
      places[number] = one.row;
      replaces = !kept_.empty();
    }
  }
  statements_.emplace(program_.table.relation, !gone.empty() + replaces + insert_follows, insert_follows);
  if (!gone.empty()) {
    statements_->next();
    remove(gone);
  }
  if (replaces) {
    statements_->next();
    replace(places);
  }
  if (insert_follows) statements_->next();
  call([&] { tuplestore_end(old_); });
}

void FeatureRows::remove(const std::vector<Found>& rows) {
  struct { TupleDesc columns; Tuplestorestate* rows; } gone = call([&]() -> decltype(gone) {
    TupleDesc columns = CreateTemplateTupleDesc(1);
    TupleDescInitEntry(columns, 1, "feature_row", TIDOID, -1, 0);
    Tuplestorestate* store = new_tuplestore();
    for (const Found& one : rows) {
      CHECK_FOR_INTERRUPTS();
      Datum value = PointerGetDatum(&one.row);
      bool null = false;
      tuplestore_putvalues(store, columns, &value, &null);
    }
    return {columns, store};
  });
  Spi spi;
  call([&] { show_rows("gone_rows", gone.columns, gone.rows); });
  spi.execute("DELETE FROM ONLY " + qualified_name(program_.table.relation) +
              " f USING gone_rows o WHERE f.ctid = o.feature_row");
  spi.close();
  call([&] { tuplestore_end(gone.rows); });
}

// `places`: by number, where the feature row is; invalid if there is none.
void FeatureRows::replace(const std::vector<ItemPointerData>& places) {
  struct { TupleDesc columns; Tuplestorestate* rows; } changed = call([&]() -> decltype(changed) {
    TupleDesc columns = CreateTemplateTupleDesc(new_columns_->natts + 1);
    for (AttrNumber i = 1; i <= new_columns_->natts; ++i) TupleDescCopyEntry(columns, i, new_columns_, i);
    TupleDescInitEntry(columns, columns->natts, "feature_row", TIDOID, -1, 0);
    Tuplestorestate* store = new_tuplestore();
    TupleTableSlot* slot = MakeSingleTupleTableSlot(new_columns_, &TTSOpsMinimalTuple);
    tuplestore_rescan(new_);
    while (tuplestore_gettupleslot(new_, true, false, slot)) {
      CHECK_FOR_INTERRUPTS();
      slot_getallattrs(slot);
      const ItemPointerData& place = places[static_cast<std::size_t>(DatumGetInt64(slot->tts_values[0]))];
      if (!ItemPointerIsValid(&place)) continue;
      std::copy_n(slot->tts_values, new_columns_->natts, row_);
      std::copy_n(slot->tts_isnull, new_columns_->natts, nulls_);
      row_[new_columns_->natts] = PointerGetDatum(&place);
      nulls_[new_columns_->natts] = false;
      tuplestore_putvalues(store, columns, row_, nulls_);
    }
    ExecDropSingleTupleTableSlot(slot);
    return {columns, store};
  });
  std::string set;
  for (const std::size_t column : kept_) {
    const char* name =
        call([&] { return get_attname(program_.table.relation, program_.table.attributes[column], false); });
    set += (set.empty() ? "" : ", ") + quoted(name) + " = n." + column_name(column);
  }
  Spi spi;
  call([&] { show_rows("changed_rows", changed.columns, changed.rows); });
  {
    // In the order in which the source was changed, so that a key that moves from row to row is free when it comes to
    // the next: only a nested loop keeps the order.
    const PinnedSettings one_by_one(
        {{"enable_hashjoin", "off"}, {"enable_mergejoin", "off"}, {"enable_seqscan", "off"}});
    spi.execute("UPDATE ONLY " + qualified_name(program_.table.relation) + " f SET " + set +
                " FROM (SELECT * FROM changed_rows ORDER BY number) n WHERE f.ctid = n.feature_row");
  }
  spi.close();
  call([&] { tuplestore_end(changed.rows); });
}

// Whether there are new rows whose old versions the view did not have.
bool FeatureRows::has_inserts() const {
  for (std::size_t number = 0; number < has_new_.size(); ++number) {
    if (has_new_[number] && !has_old_[number]) return true;
  }
  return false;
}

void FeatureRows::insert(FeatureWriter& writer) {
  std::vector<Datum> values(program_.table.attributes.size());
  const std::unique_ptr<bool[]> nulls(new bool[values.size()]());
  call([&] {
    TupleTableSlot* slot = MakeSingleTupleTableSlot(new_columns_, &TTSOpsMinimalTuple);
    tuplestore_rescan(new_);
    while (tuplestore_gettupleslot(new_, true, false, slot)) {
      CHECK_FOR_INTERRUPTS();
      slot_getallattrs(slot);
      if (has_old_[static_cast<std::size_t>(DatumGetInt64(slot->tts_values[0]))]) continue;
      for (std::size_t i = 0; i < kept_.size(); ++i) {
        values[kept_[i]] = slot->tts_values[i + 1];
        nulls[kept_[i]] = slot->tts_isnull[i + 1];
      }
      writer.add(values.data(), nulls.get());
      writer.catch_up();
    }
    ExecDropSingleTupleTableSlot(slot);
  });
}

}  // namespace feature
