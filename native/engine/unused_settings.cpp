#include "engine/unused_settings.h"

#include <initializer_list>

namespace relievo {

std::vector<std::string> unused_settings(const Settings& settings) {
  const bool has_views = sees_views(settings.model);
  const bool has_own = !settings.views.empty() || !settings.sheet.empty();
  std::vector<std::string> unused;
  const auto add = [&](std::initializer_list<const char*> names) {
    unused.insert(unused.end(), names.begin(), names.end());
  };
  if (!has_views) add({"view_count", "input_size"});
  if (!has_views || has_own) add({"seed", "steps", "sampler", "guidance"});
  if (settings.model != kPreviewModel) add({"depth", "back", "shape"});
  if (!settings.sheet.empty()) add({"subject"});
  return unused;
}

}  // namespace relievo
