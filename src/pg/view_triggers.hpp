// The triggers that a view has on its source. All call feature.maintain with the view's number.
//
//   feature_<id>          AFTER INSERT FOR EACH STATEMENT, with the inserted rows as a transition table
//   feature_begin_<id>    BEFORE INSERT OR UPDATE OR DELETE FOR EACH STATEMENT; without it, on INSERT, a statement that
//                         inserts some rows and changes others is processed in several runs
//   feature_update_<id>   AFTER UPDATE FOR EACH ROW, WHEN a column that the definition reads has changed
//   feature_delete_<id>   AFTER DELETE FOR EACH ROW
//   feature_end_<id>      AFTER UPDATE OR DELETE OR TRUNCATE FOR EACH STATEMENT
//
// Triggers fire in the order of their names. All of these end with the number, so that the views on a table come in the
// same order whatever has happened to its rows, and sessions lock their entities in that one.
//
// A transition table would take COPY's multi-row inserts away from a partitioned source, and not see what is inserted
// into a partition directly. There `end` fires for INSERT as well, and before it, in place of the
// first one,
//
//   feature_insert_<id>   AFTER INSERT FOR EACH ROW, which PostgreSQL gives to all partitions, as other row triggers
//
// A view that follows logical replication has besides, on an ordinary source and in the role of a replica only,
//
//   feature_replica_<id>  AFTER INSERT FOR EACH ROW
#pragma once

#include "pg/program.hpp"

namespace feature {

// `kind` is one of the words above behind an underscore, or empty.
[[nodiscard]] std::string trigger_name(const ViewIdentity& view, const char* kind);
// Or InvalidOid.
[[nodiscard]] Oid find_trigger(const ViewIdentity& view, const char* kind);

// Those that there are, as their owner may drop them: that is how the view is kept from following the source.
[[nodiscard]] std::vector<Oid> triggers_of(const ViewIdentity& view);

// Of a view whose definition is there; the current user must be allowed to make triggers on the source.
void create_triggers(const ViewIdentity& view);
// The same without the one for inserts, which views of version 0.1 have.
void create_correction_triggers(const ViewIdentity& view);
// The definition has changed, and may read other columns. Does nothing if the trigger was dropped.
void replace_update_trigger(const ViewIdentity& view);

}  // namespace feature
