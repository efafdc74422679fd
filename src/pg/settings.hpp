// The extension's settings.
#pragma once

namespace feature {

void define_settings();

// feature_ext.batch_rows
[[nodiscard]] int batch_rows();

}  // namespace feature
