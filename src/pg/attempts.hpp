// What lets a row fail alone.
//
// Where rows can be diverted, what is done for a row is done in a subtransaction. What stays when a row fails, and what
// other rows rely on, is done outside of it: locking and loading entities, opening tables, writing feature rows that
// wait. Memory has no subtransactions: whoever makes an attempt takes back what it has left there.
//
// Where an error aborts there is no subtransaction, and what is to be done is just done.
#pragma once

#include "pg/diverted_rows.hpp"
#include "pg/place.hpp"
#include "pg/subtransaction.hpp"

namespace feature {

class Attempts {
 public:
  // `diversion` takes the rows that fail; null if they are not to be diverted.
  Attempts(Place& place, Diversion* diversion) : place_(place), diversion_(diversion) {}

  // Attempts are made between these two.
  void begin() {
    if (diversion_ != nullptr) subtransaction_.emplace();
  }
  void end();

  // Whether what is done now may be undone, and the next row be gone on with.
  [[nodiscard]] bool can_fail() const { return subtransaction_.has_value(); }

  // Does what is to be done for a row. False if that has failed for a reason of the row's, and the row was diverted,
  // which only one that `may_divert` is.
  template <class Body>
  bool attempt(MinimalTuple row, bool may_divert, Body&& body) {
    ErrorData* error = error_of(row, may_divert, body);
    if (error == nullptr) return true;
    divert(row, error);
    return false;
  }

  // The same for a row that is attempted once more later, and will be diverted then.
  template <class Body>
  bool look_at(MinimalTuple row, Body&& body) {
    ErrorData* error = error_of(row, true, body);
    if (error == nullptr) return true;
    pass_over(error);
    return false;
  }

  // Within an attempt: what is not the attempt's own, and stays if the row fails.
  template <class Body>
  void outside(Body&& body) {
    if (can_fail()) {
      subtransaction_->outside(body);
    } else {
      body();
    }
  }

  // Within an attempt: what cannot be relied on if it fails half done, so that the statement has to.
  template <class Body>
  void whole(Body&& body) {
    is_whole_ = false;
    body();
    is_whole_ = true;
  }

 private:
  // The error that an attempt ends with, if the row can be diverted for it; null if it succeeds.
  template <class Body>
  ErrorData* error_of(MinimalTuple row, bool may_divert, Body&& body) {
    place_.at_row(row);
    if (!can_fail()) {
      with_context(body);
      return nullptr;
    }
    try {
      with_context(body);
    } catch (PgError& error) {
      if (!is_whole_ || !may_divert || !is_data_error(error.data().sqlerrcode)) throw;
      return error.release();
    }
    subtransaction_->keep_what_was_written();
    return nullptr;
  }
  void divert(MinimalTuple row, ErrorData* error);
  void pass_over(ErrorData* error);

  Place& place_;
  Diversion* diversion_;
  std::optional<Subtransaction> subtransaction_;
  bool is_whole_ = true;  // nothing is half done
};

}  // namespace feature
