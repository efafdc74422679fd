// A digest of events by all that is kept of them: it tells whether events that are read from elsewhere are the ones
// that were there, to the last bit and whatever their order.
#pragma once

#include <cstdint>
#include <vector>

#include "kernel/event.hpp"

namespace feature {

// The sum of hashes of the events [first, last), whose values are stored as `columns` say. O(bytes).
[[nodiscard]] std::uint64_t digest(const std::vector<Storage>& columns, const Event* first, const Event* last);

}  // namespace feature
