// The extension's own catalogue: tables feature_state.view, feature_state.list and feature_state.error, which only the
// extension's owner can write, and the owner of the database add to, as a restore does.
#pragma once

#include "pg/program.hpp"

extern "C" {
#include <nodes/pg_list.h>
#include <storage/lockdefs.h>
}

namespace feature {

// Owner of schema feature_state: whom the catalogue and the state tables belong to.
[[nodiscard]] Oid state_schema_owner();
[[nodiscard]] Oid state_schema();
// feature_state.error, or InvalidOid in a database whose extension is still of version 0.1.
[[nodiscard]] Oid table_of_errors();

// With id 0 if there is no such view.
[[nodiscard]] ViewIdentity view_by_id(std::int32_t id);
// Throws SqlError if the relation is not a feature view.
[[nodiscard]] ViewIdentity view_by_relation(Oid relation);
// A number for a view that is to be recorded.
[[nodiscard]] std::int32_t new_view_id();
// Writes a view and its lists down, in place of what was recorded under its number. `query` is the definition's text.
void record(const ViewIdentity& view, const std::string& query);
// Removes all that is recorded of a view, and its diverted rows.
void erase(const ViewIdentity& view);
// Of a view that was restored from a dump and whose states are made anew: writes down the numbers that its table and
// the definition's columns have here, so that it is like one that was created here.
void record_restored(const ViewIdentity& view, const std::vector<AttrNumber>& columns);
// Of a view whose states were made anew: writes down which tables they are.
void record_states(const ViewIdentity& view);
// Of a view whose states were made in another cluster, and now were made anew.
void record_here(const ViewIdentity& view);
void record_on_error(const ViewIdentity& view, bool diverts);
// Views whose source is this table, by id.
[[nodiscard]] std::vector<std::int32_t> views_on(Oid source);

// InvalidOid if there is no such relation. Backend code.
[[nodiscard]] Oid owner_of(Oid relation);

// The owner of a database may write to the catalogue, to restore a dump, and what it says must not lend one owner's
// rights to another's objects. Throws SqlError unless the view's objects are the ones that bear its number, so that no
// two views share any, and are tied to the feature table by dependencies, which only we record, or, as after a restore,
// all have its owner. States may be a superuser's: nobody else can write to them.
void check_catalogue(const ViewIdentity& view);

// Throws SqlError unless the current user owns the feature table.
void check_owner(const ViewIdentity& view);

// SPI for a scope, with names resolved in pg_catalog alone: statements run with the rights of the extension's owner,
// and a caller's operators must not get into them. Backend code around it still belongs inside call; execute() is.
class Spi {
 public:
  Spi();
  Spi(const Spi&) = delete;
  Spi& operator=(const Spi&) = delete;
  ~Spi();

  // Runs one statement; returns the number of rows.
  std::uint64_t execute(const std::string& sql);
  // The same for a query, under the active snapshot.
  std::uint64_t query(const std::string& sql);
  // A field of the last result as text, empty if NULL.
  [[nodiscard]] std::string text(std::uint64_t row, int column) const;
  [[nodiscard]] Oid oid(std::uint64_t row, int column) const;
  void close();

 private:
  std::uint64_t execute(const std::string& sql, bool read_only);

  std::optional<SafeSearchPath> path_;
  bool open_ = true;
};

[[nodiscard]] std::string quoted(const std::string& identifier);
[[nodiscard]] std::string literal(const std::string& text);
// Schema-qualified and quoted.
[[nodiscard]] std::string qualified_name(Oid relation);

// The tables that make up a source, itself first: with its partitions of all levels if it is partitioned. Locks them.
// Backend code.
[[nodiscard]] ::List* tables_of_source(Oid source, LOCKMODE mode);
// A source in a FROM clause: with its partitions, but without inheritance children, whose inserts are not followed.
[[nodiscard]] std::string from_source(Oid source);
// For ORDER BY: the order in which a source's rows stand in it.
[[nodiscard]] std::string physical_order(Oid source);

}  // namespace feature
