// The objects that make up a feature view, and how they hang together.
//
//   feature table         where the caller of create_view says, owned by the caller, an ordinary table
//   feature_state.definition_<id>   a SQL view with the definition, owned by the caller. PostgreSQL itself then tracks
//                         what the definition depends on, follows renames, and dumps and restores it
//   feature_state.states_<id>_<n>, chunks_<id>_<n>   state of each partition list, owned by the extension's owner.
//                         Values lie in it as bytes that are taken at their word, so that nobody else may write to
//                         it; the view's owner can read it, so that a dump can
//   triggers on the source, see view_triggers.hpp
//
// All but the feature table depend on it: dropping it drops them.
#pragma once

#include "pg/program.hpp"

namespace feature {

// A view of the current user whose source is locked against inserts, so that it stays as it is. Throws SqlError if it
// is not one.
[[nodiscard]] ViewIdentity lock_view(Oid relation);

// Throws SqlError unless the view's owner may read all rows of its source.
void check_source_access(const ViewIdentity& view);

// Throws SqlError if row-level security keeps rows of source or feature table from the view's owner: its policies
// cannot be applied where rows are read and written past the executor. Cheap enough for every statement.
void check_row_security(const ViewIdentity& view);

// Make definition and states of a view, whose number and owner are known, and note them in it.
void create_definition(ViewIdentity& view, Query* query);
void create_states(ViewIdentity& view, const Plan& plan);
// As whom SQL writes to a view's states, restricted: whoever they belong to. After a restore that may be a role that
// has attached triggers, rules or policies to them, which must not get other rights.
[[nodiscard]] Oid owner_of_states(const ViewIdentity& view);

// Gives the definition, and the right to read the states, to whom the feature table belongs, if that has been given to
// another role since.
void give_to_owner(const ViewIdentity& view);

// Drops them, so that others can take their names.
void drop_definition_and_states(const ViewIdentity& view);
void drop_states(const ViewIdentity& view);

// Records the dependencies, which a dump does not carry. Does no harm where they are recorded already.
void record_dependencies(const ViewIdentity& view);

}  // namespace feature
