#include "engine/settings.h"

#include <algorithm>
#include <limits>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace relievo {
namespace {

using nlohmann::json;

Error invalid(const std::string& message, const std::string& hint = {}) {
  return {ErrorCode::kInvalidSettings, message, hint};
}

template <typename T>
void check_range(const char* name, T value, Range<T> range) {
  // Written so that a NaN is refused.
  if (!(value >= range.low && value <= range.high)) {
    throw invalid(fmt::format("{} is {}; it must be from {} to {}.", name, value, range.low, range.high));
  }
}

/// Calls `visit(name, field)` for every setting but the mask's kind, which is written as a word.
template <typename SettingsRef, typename Visitor>
void for_each_field(SettingsRef& settings, const Visitor& visit) {
  visit("model", settings.model);
  visit("mask_file", settings.mask_file);
  visit("mask_threshold", settings.mask_threshold);
  visit("mask_invert", settings.mask_invert);
  visit("grid", settings.grid);
  visit("depth", settings.depth);
  visit("faces", settings.faces);
  visit("keep_debris", settings.keep_debris);
  visit("texture_size", settings.texture_size);
}

constexpr const char* kMaskWords[] = {"auto", "alpha", "file"};  // in the order of MaskKind

/// Takes a value only if it has the field's own type: no 1 for true, no 1.5 for a whole number.
void assign(const char* name, const json& value, std::string& field) {
  if (!value.is_string()) throw invalid(fmt::format("{} must be text.", name));
  field = value.get<std::string>();
}
void assign(const char* name, const json& value, bool& field) {
  if (!value.is_boolean()) throw invalid(fmt::format("{} must be true or false.", name));
  field = value.get<bool>();
}
void assign(const char* name, const json& value, float& field) {
  if (!value.is_number()) throw invalid(fmt::format("{} must be a number.", name));
  field = value.get<float>();
}
void assign(const char* name, const json& value, int& field) {
  if (!value.is_number_integer()) throw invalid(fmt::format("{} must be a whole number.", name));
  const auto number = value.get<int64_t>();
  check_range<int64_t>(name, number, {std::numeric_limits<int>::min(), std::numeric_limits<int>::max()});
  field = static_cast<int>(number);
}

}  // namespace

void validate(const Settings& settings) {
  check_range("mask_threshold", settings.mask_threshold, kMaskThresholdRange);
  check_range("grid", settings.grid, kGridRange);
  check_range("depth", settings.depth, kDepthRange);
  check_range("faces", settings.faces, kFacesRange);
  if (settings.faces != 0 && settings.faces < kFewestFaces) {
    throw invalid(
        fmt::format("faces is {}; it must be 0 (all) or at least {}.", settings.faces, kFewestFaces));
  }
  check_range("texture_size", settings.texture_size, kTextureSizeRange);
  if ((settings.mask == MaskKind::kFile) != !settings.mask_file.empty()) {
    throw invalid("A mask file needs mask 'file', and mask 'file' needs a mask file.");
  }
}

std::string to_json(const Settings& settings) {
  json object = {{"mask", kMaskWords[static_cast<int>(settings.mask)]}};
  for_each_field(settings, [&](const char* name, const auto& field) { object[name] = field; });
  return object.dump();
}

Settings settings_from_json(const std::string& text) {
  const json object = json::parse(text, nullptr, false);
  if (!object.is_object()) throw invalid("The settings are not a JSON object.");
  Settings settings;
  std::set<std::string> known{"mask"};
  for_each_field(settings, [&](const char* name, auto& field) {
    known.insert(name);
    if (object.contains(name)) assign(name, object[name], field);
  });
  if (object.contains("mask")) {
    std::string word;
    assign("mask", object["mask"], word);
    const auto* found = std::find(std::begin(kMaskWords), std::end(kMaskWords), word);
    if (found == std::end(kMaskWords))
      throw invalid(fmt::format("mask is '{}'; it must be auto, alpha or file.", word));
    settings.mask = static_cast<MaskKind>(found - std::begin(kMaskWords));
  }
  for (const auto& [name, value] : object.items()) {
    if (!known.contains(name)) throw invalid(fmt::format("There is no setting '{}'.", name));
  }
  return settings;
}

}  // namespace relievo
