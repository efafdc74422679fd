// See pinned_settings.hpp.

#include "pg/pinned_settings.hpp"

#include <cstring>

extern "C" {
#include <utils/guc.h>
}

namespace feature {
namespace {

constexpr const char* search_path = "search_path";
constexpr const char* pinned[] = {"TimeZone", "DateStyle", "IntervalStyle", "extra_float_digits", search_path};

}  // namespace

SafeSearchPath::SafeSearchPath()
    : nest_level_(call([] {
        const int level = NewGUCNestLevel();
        set_config_option(search_path, "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
                          false);
        return level;
      })) {}

SafeSearchPath::~SafeSearchPath() {
  if (std::uncaught_exceptions() == 0) AtEOXact_GUC(true, nest_level_);
}

std::vector<Setting> current_settings() {
  std::vector<Setting> settings;
  for (const char* name : pinned) {
    std::string value = call([&] { return GetConfigOptionByName(name, nullptr, false); });
    // The temporary schema last: whoever inserts must not put tables of their own before the owner's.
    if (name == search_path) value += value.empty() ? "pg_temp" : ", pg_temp";
    settings.push_back({name, std::move(value)});
  }
  return settings;
}

PinnedSettings::PinnedSettings(const std::vector<Setting>& settings) {
  nest_level_ = call([&] {
    int level = 0;
    for (const Setting& setting : settings) {
      const char* current = GetConfigOption(setting.name.c_str(), false, false);
      if (current != nullptr && std::strcmp(current, setting.value.c_str()) == 0) continue;
      if (level == 0) level = NewGUCNestLevel();
      set_config_option(setting.name.c_str(), setting.value.c_str(), PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true,
                        0, false);
    }
    return level;
  });
}

// After an error the transaction's end puts the session's settings back.
PinnedSettings::~PinnedSettings() {
  if (nest_level_ != 0 && std::uncaught_exceptions() == 0) AtEOXact_GUC(true, nest_level_);
}

}  // namespace feature
