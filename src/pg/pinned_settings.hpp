// Settings that the meaning of expressions depends on: time zone, formats, search path. A feature must not change with
// the client that inserts, so a view runs with the settings of the session that created it.
#pragma once

#include "pg/boundary.hpp"

namespace feature {

struct Setting {
  std::string name;
  std::string value;
};

// The current session's values of the settings that are pinned.
[[nodiscard]] std::vector<Setting> current_settings();

// Puts settings in force for a scope. Costs a look-up each where the session has them already.
class PinnedSettings {
 public:
  explicit PinnedSettings(const std::vector<Setting>& settings);
  PinnedSettings(const PinnedSettings&) = delete;
  PinnedSettings& operator=(const PinnedSettings&) = delete;
  ~PinnedSettings();

 private:
  int nest_level_ = 0;
};

// Names resolved in pg_catalog alone for a scope: for SQL of our own, that a caller's search path must not bend.
class SafeSearchPath {
 public:
  SafeSearchPath();
  SafeSearchPath(const SafeSearchPath&) = delete;
  SafeSearchPath& operator=(const SafeSearchPath&) = delete;
  ~SafeSearchPath();

 private:
  int nest_level_;
};

}  // namespace feature
