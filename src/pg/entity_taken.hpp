// What ends an attempt to process rows without making state rows beforehand: see NewRows of state_store.hpp.
#pragma once

#include <exception>

namespace feature {

class EntityTaken final : public std::exception {
 public:
  [[nodiscard]] const char* what() const noexcept override { return "somebody else has made an entity's state row"; }
};

}  // namespace feature
