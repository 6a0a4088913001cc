// The only reader of JSON. A document may come from anywhere, so its size and its depth are limited before it
// is built: values that nest too deeply cannot be copied, compared or written without overflowing the stack.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string_view>

#include <nlohmann/json.hpp>

namespace relievo {

struct JsonLimits {
  uint64_t bytes = uint64_t{16} << 20;
  int depth = 32;  ///< of lists and objects within each other
};

/// Says what is wrong with a document, to follow its name: "it is not JSON (line 1, column 3)".
class JsonError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Throws JsonError for text that is not JSON, that exceeds the limits, or that has a name twice in one
/// object.
nlohmann::json parse_json(std::string_view text, const JsonLimits& limits = {});

/// The same for a file. Throws Error{kIo} when it cannot be read.
nlohmann::json read_json(const std::filesystem::path& path, const JsonLimits& limits = {});

/// The object in a file that may be missing, unreadable or damaged: an empty one then.
nlohmann::json read_json_object_if_sound(const std::filesystem::path& path, const JsonLimits& limits = {});

}  // namespace relievo
