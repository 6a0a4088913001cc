#include "runtime/costs/cache_file.h"

#include <cstdlib>
#include <filesystem>
#include <span>

#include "base/atomic_file.h"
#include "base/json.h"

namespace relievo {

namespace fs = std::filesystem;
using nlohmann::json;

std::string cache_path(const std::string& name) {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache && *cache) return fs::path(cache) / "relievo" / name;
  const char* home = std::getenv("HOME");
  return fs::path(home ? home : ".") / ".cache" / "relievo" / name;
}

json read_cache(const std::string& path) { return read_json_object_if_sound(path); }

void write_cache(const std::string& path, const json& object) {
  std::error_code error;  // the writing tells
  fs::create_directories(fs::path(path).parent_path(), error);
  const std::string text = object.dump(1) + '\n';
  write_atomically(path, std::as_bytes(std::span(text)));
}

}  // namespace relievo
