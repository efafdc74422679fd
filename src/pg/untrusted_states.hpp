// States that somebody other than the extension may have written, as those of a dump that a role without superuser's
// rights has restored. Values lie in a state as bytes that PostgreSQL's functions take at their word: a forged array or
// toast pointer would let them read, or jump, anywhere.
#pragma once

#include <string>

#include "pg/plan.hpp"

namespace feature {

// What in the states of a plan cannot be told from a forgery by looking at its bytes, for messages; empty if all can.
[[nodiscard]] std::string uncheckable_values(const Plan& plan);

// Throws CorruptState unless all bytes in the image are plain values, as those types have that can be checked. O(size).
void check_values(const std::byte* image, std::size_t size);

}  // namespace feature
