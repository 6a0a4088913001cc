#include "base/json.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "base/input_file.h"

namespace relievo {
namespace {

using nlohmann::json;

std::string place_in(std::string_view text, size_t byte) {
  const std::string_view before = text.substr(0, byte > 0 ? byte - 1 : 0);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const size_t last = before.rfind('\n');
  const size_t column = before.size() - (last == std::string_view::npos ? 0 : last + 1) + 1;
  return fmt::format("line {}, column {}", line, column);
}

/// Told of every element while it is parsed.
class Checker {
 public:
  explicit Checker(int depth) : depth_(depth) {}

  bool operator()(int depth, json::parse_event_t event, json& parsed) {
    using Event = json::parse_event_t;
    if (event == Event::object_start || event == Event::array_start) {
      if (depth >= depth_) throw JsonError(fmt::format("it nests more than {} levels deep", depth_));
      if (event == Event::object_start) names_.emplace_back();
    } else if (event == Event::object_end) {
      names_.pop_back();
    } else if (event == Event::key) {
      const auto& name = parsed.get_ref<const std::string&>();
      if (!names_.back().insert(name).second) {
        throw JsonError(fmt::format("the name '{}' stands twice in one object", name));
      }
    }
    return true;
  }

 private:
  int depth_;
  std::vector<std::set<std::string>> names_;  // of the objects that are open
};

}  // namespace

json parse_json(std::string_view text, const JsonLimits& limits) {
  if (text.size() > limits.bytes) throw JsonError(fmt::format("it has more than {} bytes", limits.bytes));
  try {
    return json::parse(text, Checker(limits.depth));
  } catch (const json::parse_error& error) {
    throw JsonError(fmt::format("it is not JSON ({})", place_in(text, error.byte)));
  } catch (const json::exception&) {
    throw JsonError("it is not JSON: a number in it is too large");
  }
}

json read_json(const std::filesystem::path& path, const JsonLimits& limits) {
  return parse_json(read_file(path, limits.bytes), limits);
}

json read_json_object_if_sound(const std::filesystem::path& path, const JsonLimits& limits) {
  try {
    json value = read_json(path, limits);
    if (value.is_object()) return value;
  } catch (const JsonError&) {
  } catch (const Error&) {
  }
  return json::object();
}

}  // namespace relievo
