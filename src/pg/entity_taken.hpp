// What ends an attempt to process rows that can be repeated: somebody else has an entity for which there must be no
// waiting, or has made its state row; see state_store.hpp.
#pragma once

#include <exception>

namespace feature {

class EntityTaken final : public std::exception {
 public:
  [[nodiscard]] const char* what() const noexcept override { return "somebody else has an entity"; }
};

}  // namespace feature
