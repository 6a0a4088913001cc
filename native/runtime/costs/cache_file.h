// Small JSON files in the user's cache folder, of what can be found out again.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace relievo {

std::string cache_path(const std::string& name);  ///< $XDG_CACHE_HOME/relievo/NAME

/// One object; an empty one when the file cannot be read.
nlohmann::json read_cache(const std::string& path);

/// Makes the folder. The file is never half-written. Throws Error{kIo}.
void write_cache(const std::string& path, const nlohmann::json& object);

}  // namespace relievo
