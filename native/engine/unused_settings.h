// Which settings have no effect on a result.
#pragma once

#include <string>
#include <vector>

#include "engine/settings.h"

namespace relievo {

/// The names of the settings that the chosen model does not look at, with these settings.
std::vector<std::string> unused_settings(const Settings& settings);

}  // namespace relievo
