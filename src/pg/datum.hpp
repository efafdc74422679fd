// Between PostgreSQL's datums and the kernel's values.
#pragma once

#include "kernel/value.hpp"
#include "pg/postgres.hpp"

namespace feature {

[[nodiscard]] Storage storage_of_type(Oid type, std::int16_t length, bool by_value);

// A by-value datum as the word that the kernel has for it: integers sign-extended, a float4 in the low half. What
// stands in a datum beyond the bytes of its type depends on where it comes from.
[[nodiscard]] Word to_normal_word(Datum datum, Storage storage);

// Copies a datum into the kernel's form; by-reference ones into `memory`, detoasted and with a short header where they
// can have one. Runs backend code that may raise an ERROR: only inside call.
[[nodiscard]] Value to_value(Datum datum, bool null, std::int16_t length, bool by_value, MemoryContext memory);

// A composite value in which no field is compressed or stored elsewhere, however those of the row were that it was made
// from: in the current memory context. Fields of arrays of composites stay as they are. Backend code.
[[nodiscard]] Datum to_flat_composite(Datum datum);

// The number of bytes of a by-reference datum that are in to_value's form already, so that they need only be copied; 0
// if they are not.
[[nodiscard]] std::size_t kept_size(Datum datum, std::int16_t length);

}  // namespace feature
