#include "engine/settings.h"

#include <algorithm>
#include <limits>
#include <set>

#include <fmt/format.h>

#include "base/json.h"
#include "base/refusals.h"
#include "engine/own_view_json.h"
#include "engine/own_views.h"

namespace relievo {
namespace {

using nlohmann::json;
using Words = std::vector<std::string>;

Error invalid(const std::string& message, const std::string& hint) {
  return {ErrorCode::kInvalidSettings, message, hint};
}

const Words kPrecisions{"auto", "fp32", "bf16", "fp16"};
const Words kStagesOfPrecision{"foreground", "multiview", "reconstruct"};
const Words kMaskWords{"auto", "alpha", "file"};  // in the order of MaskKind

struct AnyValue {};

/// Calls `visit(name, field, limits)` for every setting except the mask's kind, which is written as a word.
/// Limits are a Range, the words to choose from, or AnyValue.
template <typename SettingsRef, typename Visitor>
void for_each_field(SettingsRef& settings, const Visitor& visit) {
  visit("model", settings.model, AnyValue{});
  visit("mask_file", settings.mask_file, AnyValue{});
  visit("mask_threshold", settings.mask_threshold, kMaskThresholdRange);
  visit("mask_invert", settings.mask_invert, AnyValue{});
  visit("subject", settings.subject, kSubjectRange);
  visit("views", settings.views, AnyValue{});
  visit("sheet", settings.sheet, AnyValue{});
  visit("back", settings.back, Words{"auto", "mirror", "fill"});
  visit("view_count", settings.view_count, kViewCountRange);
  visit("seed", settings.seed, kSeedRange);
  visit("steps", settings.steps, kStepsRange);
  visit("sampler", settings.sampler, Words{"euler-ancestral", "dpm-solver++", "unipc"});
  visit("guidance", settings.guidance, kGuidanceRange);
  visit("input_size", settings.input_size, kInputSizeRange);
  visit("precision", settings.precision, AnyValue{});
  visit("grid", settings.grid, kGridRange);
  visit("shape", settings.shape, Words{"inflate", "extrude"});
  visit("depth", settings.depth, kDepthRange);
  visit("faces", settings.faces, kFacesRange);
  visit("debris", settings.debris, kDebrisRange);
  visit("open_at_box", settings.open_at_box, AnyValue{});
  visit("texture_size", settings.texture_size, kTextureSizeRange);
  visit("projection", settings.projection, Words{"auto", "on", "off"});
  visit("normal_map", settings.normal_map, AnyValue{});
  visit("vertex_colours", settings.vertex_colours, AnyValue{});
}

void check(const char*, const auto&, AnyValue) {}
template <typename T>
void check(const char* name, T value, Range<T> range) {
  // The comparison is written so that a NaN is refused.
  if (!(value >= range.low && value <= range.high)) {
    throw invalid_value(name, fmt::format("{}", value), fmt::format("Use {} to {}.", range.low, range.high));
  }
}
void check(const char* name, const std::string& value, const Words& words) {
  if (std::find(words.begin(), words.end(), value) != words.end()) return;
  throw unknown_value(name, value, words);
}

/// The error for a value of another type than the setting's. It shows the value as it stands in JSON, but
/// only the beginning of a long one.
Error wrong_type(const char* name, const json& value, const char* hint) {
  constexpr size_t kMostShown = 60;
  std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
  if (text.size() > kMostShown) text = text.substr(0, kMostShown) + "...";
  return invalid_value(name, text, hint);
}

/// Assigns a value only if it has the field's own type: no 1 for true, no 1.5 for an integer.
void assign(const char* name, const json& value, std::string& field) {
  if (!value.is_string()) throw wrong_type(name, value, "Use a text.");
  field = value.get<std::string>();
}
void assign(const char* name, const json& value, std::vector<OwnView>& field) {
  if (!value.is_array()) throw wrong_type(name, value, "Use a list of paths, or of objects with a picture.");
  field.clear();
  for (const json& view : value) field.push_back(view_from_json(view));
}
void assign(const char* name, const json& value, bool& field) {
  if (!value.is_boolean()) throw wrong_type(name, value, "Use true or false.");
  field = value.get<bool>();
}
void assign(const char* name, const json& value, float& field) {
  if (!value.is_number()) throw wrong_type(name, value, "Use a number.");
  field = value.get<float>();
}
void assign(const char* name, const json& value, int& field) {
  if (!value.is_number_integer()) throw wrong_type(name, value, "Use a whole number.");
  using Limits = std::numeric_limits<int>;
  check(name, value.get<double>(), Range<double>{Limits::min(), Limits::max()});  // any number of 64 bits
  field = value.get<int>();
}

/// Writes the digits that a float has; a whole number is still a float (4.0).
json tidy(float value) { return parse_json(fmt::format("{:.6g}", value)).get<double>(); }
json tidy(const std::vector<OwnView>& views) {
  json list = json::array();
  for (const OwnView& view : views) list.push_back(json_of(view));
  return list;
}
json tidy(const auto& value) { return value; }

json object_of(const std::string& text) {
  try {
    json object = parse_json(text);
    if (object.is_object()) return object;
    throw JsonError("it is not a JSON object");
  } catch (const JsonError& error) {
    throw invalid(fmt::format("The settings cannot be read: {}.", error.what()),
                  "Give a JSON object with a value for each setting.");
  }
}

void describe(json&, AnyValue) {}
template <typename T>
void describe(json& facts, Range<T> range) {
  facts["min"] = tidy(range.low);
  facts["max"] = tidy(range.high);
}
void describe(json& facts, const Words& words) { facts["choices"] = words; }

}  // namespace

void check_range(const char* name, int value, Range<int> range) { check(name, value, range); }

std::string stage_precision(std::string_view precision, std::string_view stage) {
  const auto known = [&](std::string_view word) {
    if (std::find(kPrecisions.begin(), kPrecisions.end(), word) == kPrecisions.end()) {
      throw invalid(
          fmt::format("Unknown precision '{}'.", word),
          fmt::format("Use {}, or one a stage: multiview=bf16,reconstruct=fp32.", either_of(kPrecisions)));
    }
    return std::string(word);
  };
  if (precision.find('=') == std::string_view::npos) return known(precision);
  std::string found = "auto";
  while (!precision.empty()) {
    const size_t comma = std::min(precision.find(','), precision.size());
    const std::string_view part = precision.substr(0, comma);
    precision.remove_prefix(std::min(comma + 1, precision.size()));
    const size_t equals = part.find('=');
    if (equals == std::string_view::npos) return known(part);  // refuses it, unless it is a precision
    const std::string_view name = part.substr(0, equals);
    if (std::find(kStagesOfPrecision.begin(), kStagesOfPrecision.end(), name) == kStagesOfPrecision.end()) {
      throw unknown_value("stage", name, kStagesOfPrecision);
    }
    const std::string word = known(part.substr(equals + 1));
    if (name == "foreground" && word != "auto" && word != "fp32") {
      throw invalid_value("precision", part,
                          "The foreground is found in fp32 only. Use foreground=fp32, or leave it out.");
    }
    if (name == stage) found = word;
  }
  return found;
}

void validate(const Settings& settings) {
  for_each_field(settings,
                 [](const char* name, const auto& field, const auto& limits) { check(name, field, limits); });
  if (settings.faces != 0 && settings.faces < kFewestFaces) {
    throw invalid_value("faces", fmt::format("{}", settings.faces),
                        fmt::format("Use {} or more, or 0 for all.", kFewestFaces));
  }
  if (settings.view_count == 5) throw invalid_value("view_count", "5", "Use 4 or 6.");
  if (settings.input_size % kInputSizeStep != 0) {
    throw invalid_value("input_size", fmt::format("{}", settings.input_size),
                        fmt::format("Use a multiple of {}.", kInputSizeStep));
  }
  std::vector<OwnView> views = settings.views;  // a folder or a list counts as one
  for (OwnView& view : views) view = with_camera_of_name(std::move(view));
  check_views(views);
  if (!settings.sheet.empty()) {
    sides_of_sheet(settings.sheet);
    if (!settings.views.empty()) {
      throw invalid("A sheet and views are given.",
                    "Use the figures of the sheet, or pictures of the views.");
    }
  }
  stage_precision(settings.precision, "");
  if ((settings.mask == MaskKind::kFile) != !settings.mask_file.empty()) {
    throw settings.mask_file.empty()
        ? invalid("The mask 'file' has no mask_file.", "Name the mask's file, or use the mask auto or alpha.")
        : invalid_value("mask", kMaskWords[static_cast<size_t>(settings.mask)],
                        "Use the mask 'file' with a mask_file, or leave mask_file out.");
  }
}

std::string to_json(const Settings& settings) {
  json object = {{"mask", kMaskWords[static_cast<size_t>(settings.mask)]}};
  for_each_field(settings,
                 [&](const char* name, const auto& field, const auto&) { object[name] = tidy(field); });
  // A path may not be valid UTF-8.
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

Settings settings_from_json(const std::string& text) {
  const json object = object_of(text);
  Settings settings;
  std::set<std::string> known{"mask"};
  for_each_field(settings, [&](const char* name, auto& field, const auto&) {
    known.insert(name);
    if (object.contains(name)) assign(name, object[name], field);
  });
  if (object.contains("mask")) {
    std::string word;
    assign("mask", object["mask"], word);
    check("mask", word, kMaskWords);
    settings.mask =
        static_cast<MaskKind>(std::find(kMaskWords.begin(), kMaskWords.end(), word) - kMaskWords.begin());
  }
  for (const auto& [name, value] : object.items()) {
    if (!known.contains(name))
      throw unknown_value("setting", name, std::vector<std::string>(known.begin(), known.end()));
  }
  return settings;
}

std::string describe_settings() {
  const Settings settings;
  json all = {{"mask", {{"default", kMaskWords[static_cast<size_t>(settings.mask)]}}}};
  for_each_field(settings, [&](const char* name, const auto& field, const auto& limits) {
    if (std::string_view(name) == "mask_file") return;
    json facts = {{"default", tidy(field)}};
    describe(facts, limits);
    all[name] = facts;
  });
  return all.dump();
}

}  // namespace relievo
