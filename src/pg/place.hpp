// Where the computation of a view is: which row, which feature. Every error that is raised meanwhile names it in its
// context.
//
// On the way of a row that succeeds it costs a few stores. On the way of an error it must not fail and may not look
// anything up, as an error can be raised anywhere: so it shows values of PostgreSQL's plain types alone.
#pragma once

#include "pg/entity_taken.hpp"
#include "pg/program.hpp"

namespace feature {

class Place {
 public:
  explicit Place(const Program& program);
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place();

  // The row stays where it is until the next is named. None where an error is not a single row's.
  void at_row(MinimalTuple row) {
    row_ = row;
    feature_ = nullptr;
    nulls_ = nullptr;
  }
  void at_no_row() { at_row(nullptr); }

  void at_feature(const char* feature) { feature_ = feature; }

  // Evaluates a projection into columns of its slot from `first` on; meanwhile the feature is the one whose column is
  // being evaluated: the first that has no value yet. `features` are the columns' features, null for what belongs to
  // none. Backend code.
  void project(ProjectionInfo* projection, std::size_t first, const std::vector<const char*>& features);

  // The feature that is being computed, or was when an exception was thrown; null if none is known.
  [[nodiscard]] const char* feature() const;

 private:
  void describe() const;

  const Program& program_;
  ErrorContextCallback callback_{};
  MinimalTuple row_ = nullptr;
  const char* feature_ = nullptr;
  unsigned char* nulls_ = nullptr;  // of the columns that are being evaluated, in their slot
  const std::vector<const char*>* features_ = nullptr;
};

// Runs code of ours under a place. An error of PostgreSQL's has got its context when it was raised; one of our own gets
// it here, while the row that it is about is still there.
template <class Body>
auto with_context(Body&& body) -> decltype(body()) {
  try {
    return body();
  } catch (const PgError&) {
    throw;
  } catch (const EntityTaken&) {
    throw;
  } catch (...) {
    ErrorData* error = boundary::current_exception_to_error();
    if (error == nullptr) throw;
    call([&] { ThrowErrorData(error); });
    pg_unreachable();
  }
}

}  // namespace feature
