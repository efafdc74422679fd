// The extension's settings.
#pragma once

#include <cstddef>

namespace feature {

// feature_ext.batch_rows
[[nodiscard]] int batch_rows();

// feature_ext.entity_memory, in bytes
[[nodiscard]] std::size_t entity_memory();

// feature_ext.progress_interval, in seconds; 0 for never
[[nodiscard]] int progress_interval();

// feature_ext.timing
[[nodiscard]] bool timing();

// feature_ext.plain_writes
[[nodiscard]] bool plain_writes();

}  // namespace feature
