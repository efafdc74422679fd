// The kernel's exceptions. Each stands for one SQLSTATE; the boundary turns them into PostgreSQL errors.
#pragma once

#include <stdexcept>

namespace feature {

// A stored image that does not decode: XX001, data corrupted.
struct CorruptState : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// An arithmetic result that its type cannot hold: 22003, numeric value out of range.
struct OutOfRange : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// A question about events that are no longer kept: 55000, object not in prerequisite state.
struct EventsLeft : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Text that is not what it should be: 22P02, invalid text representation.
struct InvalidText : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace feature
