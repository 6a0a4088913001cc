#include "engine/own_views.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/refusals.h"
#include "base/system_error.h"
#include "engine/own_view_json.h"
#include "engine/settings.h"
#include "files/picture_kinds.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kListHint =
    R"(A list of views is JSON like [{"picture": "front.png", "azimuth": 0, "elevation": 10}]; mask, fov, )"
    R"("orthographic": true and "side": "right" are further words, and a path alone names a picture like )"
    R"(cup_az030_el20.png or cup_right.png.)";

constexpr const char* kSidesHint = "Use front, back, left, right or top.";

Error invalid(const std::string& message, const std::string& hint = kListHint) {
  return {ErrorCode::kInvalidSettings, message, hint};
}

std::string shown(const json& value) {
  constexpr size_t kMost = 120;
  const std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
  return text.size() <= kMost ? text : text.substr(0, kMost) + "...";
}

std::vector<OwnView> in_folder(const fs::path& folder) {
  std::vector<std::string> files;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (has_picture_ending(entry->path())) files.push_back(entry->path().string());
  }
  if (error) {
    throw system_error(fmt::format("Cannot read the folder of views '{}'", folder.string()), error.value(),
                       "Choose a folder that you may read.");
  }
  if (files.empty()) {
    throw invalid(fmt::format("The folder of views '{}' holds no pictures.", folder.string()),
                  "Name another folder, or the pictures.");
  }
  std::sort(files.begin(), files.end());
  std::vector<OwnView> views;
  for (std::string& file : files) views.push_back({.picture = std::move(file)});
  return views;
}

std::vector<OwnView> in_list(const fs::path& file) {
  json list;
  try {
    list = read_json(file);
    if (!list.is_array()) throw JsonError("it is not a list");
    if (list.empty()) throw JsonError("it is empty");
  } catch (const JsonError& error) {
    throw invalid(fmt::format("'{}' is not a list of views: {}.", file.string(), error.what()));
  }
  std::vector<OwnView> views;
  for (const json& entry : list) {
    views.push_back(view_from_json(entry));
    const auto beside = [&](const std::string& path) { return (file.parent_path() / path).string(); };
    views.back().picture = beside(views.back().picture);
    if (!views.back().mask.empty()) views.back().mask = beside(views.back().mask);
  }
  return views;
}

bool is_list(const fs::path& path) {
  std::string ending = path.extension().string();
  std::ranges::transform(ending, ending.begin(), [](unsigned char c) { return std::tolower(c); });
  return ending == ".json";
}

/// Returns a path without the null character that JSON can hold and no file's name has.
std::string path_of(const json& value, const json& word) {
  if (!word.is_string() || word == "" || word.get_ref<const std::string&>().find('\0') != std::string::npos)
    throw invalid(fmt::format("The view '{}' names no picture.", shown(value)));
  return word.get<std::string>();
}

}  // namespace

OwnView view_from_json(const json& value) {
  if (value.is_string()) return {.picture = path_of(value, value)};
  if (!value.is_object() || !value.contains("picture"))
    throw invalid(fmt::format("The view '{}' names no picture.", shown(value)));
  OwnView view;
  const auto number = [&](const std::string& name, const json& word) {
    if (!word.is_number())
      throw invalid(fmt::format("The {} of the view '{}' is not a number.", name, shown(value)));
    return word.get<double>();
  };
  for (const auto& [name, word] : value.items()) {
    if (name == "picture" || name == "mask") {
      (name == "mask" ? view.mask : view.picture) = path_of(value, word);
    } else if (name == "azimuth") {
      view.azimuth = number(name, word);
    } else if (name == "elevation") {
      view.elevation = number(name, word);
    } else if (name == "fov") {
      view.fov = number(name, word);
    } else if (name == "orthographic" && word.is_boolean()) {
      view.orthographic = word.get<bool>();
    } else if (name == "side") {
      const std::optional<Side> side = word.is_string() ? side_named(word.get<std::string>()) : std::nullopt;
      if (!side) throw invalid(fmt::format("The side of the view '{}' is none.", shown(value)), kSidesHint);
      const OwnView from = view_from(*side, {});
      view.azimuth = from.azimuth;
      view.elevation = from.elevation;
      view.orthographic = !value.contains("fov");
    } else if (name == "orthographic") {
      throw invalid(fmt::format("In the view '{}', orthographic is neither true nor false.", shown(value)));
    } else {
      throw invalid(fmt::format("Unknown word '{}' in the view '{}'.", name, shown(value)));
    }
  }
  if (value.contains("side") &&
      (value.contains("azimuth") || value.contains("elevation") || value.contains("orthographic"))) {
    throw invalid(fmt::format("The view '{}' has a side and a camera.", shown(value)),
                  "Leave one of the two out.");
  }
  if (view.orthographic && value.contains("fov")) {
    throw invalid(fmt::format("The view '{}' is orthographic and has a field of view.", shown(value)),
                  "Leave one of the two out.");
  }
  if (!view.has_camera() && (value.contains("elevation") || value.contains("fov") || view.orthographic))
    throw invalid(fmt::format("The view '{}' has a camera without an azimuth.", shown(value)));
  return view;
}

json json_of(const OwnView& view) {
  if (view.mask.empty() && !view.has_camera()) return view.picture;
  json value{{"picture", view.picture}};
  if (!view.mask.empty()) value["mask"] = view.mask;
  if (!view.has_camera()) return value;
  value["azimuth"] = *view.azimuth;
  value["elevation"] = view.elevation;
  if (view.orthographic) {
    value["orthographic"] = true;
  } else {
    value["fov"] = view.fov;
  }
  return value;
}

std::vector<OwnView> expand_views(const std::vector<OwnView>& given) {
  std::vector<OwnView> views = given;
  if (given.size() == 1 && !given.front().has_camera()) {
    const fs::path path = given.front().picture;
    std::error_code error;
    if (fs::is_directory(path, error)) {
      views = in_folder(path);
    } else if (is_list(path)) {
      views = in_list(path);
    }
  }
  for (OwnView& view : views) view = with_camera_of_name(std::move(view));
  return views;
}

void check_views(const std::vector<OwnView>& views) {
  if (views.size() > kMostViews) {
    throw invalid(fmt::format("There are {} views.", views.size()),
                  fmt::format("Use 1 to {}; a model is trained with no more.", kMostViews));
  }
  const auto without = std::ranges::find_if(views, [](const OwnView& view) { return !view.has_camera(); });
  const auto unknown = std::ranges::count_if(views, [](const OwnView& view) { return !view.has_camera(); });
  const bool has_mask = std::ranges::any_of(views, [](const OwnView& view) { return !view.mask.empty(); });
  const bool is_fixed =
      unknown == std::ssize(views) && (views.size() == 1 || views.size() == kMostViews) && !has_mask;
  if (unknown > 0 && !is_fixed) {
    throw invalid(fmt::format("The view '{}' has no camera.", without->picture),
                  "Name its picture like cup_az030_el20.png, list it with its azimuth and elevation, or give "
                  "one picture of 3 rows x 2 columns or six pictures at the published cameras.");
  }
  for (size_t i = 0; i < views.size(); ++i) {
    if (views[i].picture.empty()) throw invalid("A view names no picture.");
    check_camera(views[i]);
    for (size_t j = 0; j < i; ++j) {
      if (!have_same_camera(views[j], views[i])) continue;
      throw invalid(
          fmt::format("The views '{}' and '{}' have the same camera.", views[j].picture, views[i].picture),
          "Leave one of them out, or correct its azimuth or elevation.");
    }
  }
}

bool takes_sides(const std::string& model) { return model == kPreviewModel || sees_views(model); }

Settings with_sides(Settings settings, const std::string& front, std::vector<OwnView> sides) {
  std::ranges::stable_sort(sides, {}, side_of);
  if (!front.empty() && sees_views(settings.model)) {
    OwnView view = view_from(Side::kFront, front);
    view.mask = settings.mask_file;
    settings.views.push_back(std::move(view));
  }
  settings.views.insert(settings.views.end(), sides.begin(), sides.end());
  return settings;
}

std::vector<Side> sides_of_sheet(const std::string& order) {
  const auto refused = [&](const char* hint) { return invalid_value("sheet", order, hint); };
  std::vector<Side> sides;
  for (size_t begin = 0; begin <= order.size();) {
    const size_t end = std::min(order.find(',', begin), order.size());
    const std::optional<Side> side = side_named(std::string_view(order).substr(begin, end - begin));
    if (!side) throw refused("Name the figures' sides in reading order, as in front,right,back.");
    if (std::ranges::find(sides, *side) != sides.end()) throw refused("Name each side once.");
    sides.push_back(*side);
    begin = end + 1;
  }
  const auto has = [&](Side side) { return std::ranges::find(sides, side) != sides.end(); };
  if (sides.size() < 2) throw refused("Name two sides or more; a picture of one figure is no sheet.");
  if (!has(Side::kFront) && !has(Side::kBack))
    throw refused("One of the figures must be the front or the back.");
  return sides;
}

int cut_views(const Settings& settings) {
  if (!settings.sheet.empty()) return static_cast<int>(sides_of_sheet(settings.sheet).size());
  const bool has_cameras = !settings.views.empty() && settings.views.front().has_camera();
  return has_cameras ? static_cast<int>(settings.views.size()) : 0;
}

void check_sides(const std::vector<OwnView>& views, bool has_picture) {
  bool has_front = false, has_back = false;
  for (const OwnView& view : views) {
    const std::optional<Side> side = side_of(view);
    if (!side) {
      throw invalid(fmt::format("The model 'preview' takes pictures of sides, and the view '{}' is none.",
                                view.picture),
                    "Give pictures of the front, back, left, right and top, or use a reconstruction model.");
    }
    has_front = has_front || side == Side::kFront;
    has_back = has_back || side == Side::kBack;
  }
  if (has_picture && has_front) {
    throw invalid("The front is given twice: by the picture and by a view.", "Leave one of the two out.");
  }
  if (!views.empty() && !has_picture && !has_front && !has_back) {
    throw invalid("The views show neither the front nor the back.", "Give a picture of one of these, too.");
  }
}

int views_seen(const Settings& settings) {
  const auto given = static_cast<int>(settings.views.size());
  const bool is_grid = given == 1 && !settings.views.front().has_camera();
  if (given == 0 && !settings.sheet.empty()) return cut_views(settings);
  return given == 0 || is_grid || given == kMostViews ? settings.view_count : given;
}

}  // namespace relievo
