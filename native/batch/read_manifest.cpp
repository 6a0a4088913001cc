#include <algorithm>
#include <cctype>
#include <initializer_list>
#include <string_view>

#include <fmt/format.h>

#include "base/error.h"
#include "base/input_file.h"
#include "base/json.h"
#include "base/refusals.h"
#include "batch/list_pictures.h"
#include "engine/own_views.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr uint64_t kMostBytes = uint64_t{64} << 20;  // enough for some hundred thousand pictures

constexpr const char* kHint =
    "A manifest is a JSON list of pictures, or an object with `pictures`; each is a path or an object with "
    "`picture` and perhaps `name` and `settings`. With `views` in its settings, `picture` may be left out.";

constexpr size_t kMostShown = 200;

std::string shown(const json& value) {
  const std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
  return text.size() <= kMostShown ? text : text.substr(0, kMostShown) + " ...";
}

Error invalid(const std::string& message) { return {ErrorCode::kInvalidSettings, message, kHint}; }

void refuse_unknown(const json& object, std::initializer_list<std::string_view> known) {
  for (const auto& [name, value] : object.items()) {
    if (std::find(known.begin(), known.end(), name) == known.end())
      throw Error(ErrorCode::kInvalidSettings, fmt::format("Unknown word '{}' in the manifest.", name),
                  kHint);
  }
}

std::string path_in(const fs::path& folder, const std::string& path) {
  if (path.find('\0') != std::string::npos)
    throw invalid(fmt::format("The path '{}' in the manifest holds a null character.",
                              path.substr(0, path.find('\0'))));
  return (folder / path).string();
}

/// Returns the settings, overridden by those of a manifest's object.
Settings changed(const Settings& settings, const json& changes, const fs::path& folder) {
  if (!changes.is_object())
    throw invalid(fmt::format("The manifest's settings are '{}' instead of an object.", shown(changes)));
  if (changes.contains("mask_file"))
    throw Error(ErrorCode::kInvalidSettings, "Unknown setting 'mask_file'.", "Name the file as the mask.");
  Settings plain = settings;  // paths may not be valid UTF-8
  plain.mask_file.clear();
  plain.views.clear();
  json object = parse_json(to_json(plain));
  object.update(changes);
  std::string mask_file = settings.mask_file;
  if (const auto mask = changes.find("mask"); mask != changes.end()) {
    if (!mask->is_string()) throw invalid_value("mask", shown(*mask), "Use auto, alpha or a file.");
    const auto word = mask->get<std::string>();
    const bool is_file = word != "auto" && word != "alpha";
    object["mask"] = is_file ? "file" : word;
    mask_file = is_file ? path_in(folder, word) : "";
  }
  Settings merged = settings_from_json(object.dump());
  merged.mask_file = mask_file;
  if (!changes.contains("views")) merged.views = settings.views;
  if (changes.contains("views")) {
    for (OwnView& view : merged.views) {
      view.picture = path_in(folder, view.picture);
      if (!view.mask.empty()) view.mask = path_in(folder, view.mask);
    }
  }
  return merged;
}

/// The first picture of views; where they cannot be read, their own name, whose result then fails.
std::string first_picture(const std::vector<OwnView>& views) {
  try {
    return expand_views(views).front().picture;
  } catch (const Error&) {
    return views.front().picture;
  }
}

json manifest_in(const fs::path& path) {
  try {
    json manifest = read_json(path, {.bytes = kMostBytes});
    if (manifest.is_array()) manifest = json{{"pictures", std::move(manifest)}};
    if (!manifest.is_object() || !manifest.contains("pictures") || !manifest["pictures"].is_array())
      throw JsonError("it has no list of pictures");
    return manifest;
  } catch (const JsonError& error) {
    throw invalid(fmt::format("'{}' is not a manifest: {}.", path.string(), error.what()));
  }
}

ListedPicture picture_of(const json& given, const Settings& common, const fs::path& folder) {
  const json entry = given.is_string() ? json{{"picture", given}} : given;
  const bool is_object = entry.is_object() && entry.value("name", json("")).is_string();
  if (is_object) refuse_unknown(entry, {"picture", "name", "settings"});
  const Settings own =
      is_object && entry.contains("settings") ? changed(common, entry["settings"], folder) : common;
  const bool is_named = is_object && entry.value("picture", json()).is_string() && entry["picture"] != "";
  if (!is_named && (!is_object || entry.contains("picture") || own.views.empty()))
    throw invalid(fmt::format("The manifest's entry '{}' names no picture.", shown(entry)));
  const std::string picture =
      is_named ? path_in(folder, entry["picture"].get<std::string>()) : first_picture(own.views);
  const std::string name = entry.value("name", "");
  return {picture, {}, name.empty() ? fs::path(picture).stem().string() : name, own};
}

/// What stands in the list for an entry that is wrong: `place` is "Line" or "Entry", and its number.
ListedPicture wrong_picture(const fs::path& path, const std::string& place, size_t number,
                            const Settings& settings, const std::string& why, const std::string& hint) {
  const std::string message = fmt::format("{} {} of the manifest is wrong. {}", place, number, why);
  const bool is_line = place == "Line";
  return {fmt::format("{}:{}{}", path.string(), is_line ? "" : "entry ", number),
          {},
          fmt::format("{} {}", is_line ? "line" : "entry", number),
          settings,
          Error(ErrorCode::kInvalidSettings, message, hint)};
}

/// Reads a manifest of one picture a line. Empty lines are passed over.
PictureList read_lines(const fs::path& path, const Settings& settings) {
  const std::string text = read_file(path, kMostBytes);
  PictureList list;
  size_t number = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = std::string_view(text).substr(begin, end - begin);
    begin = end + 1;
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const auto add_wrong = [&](const std::string& why, const std::string& hint) {
      list.pictures.push_back(wrong_picture(path, "Line", number, settings, why, hint));
    };
    try {
      list.pictures.push_back(picture_of(parse_json(line), settings, path.parent_path()));
    } catch (const JsonError& error) {
      std::string why = error.what();
      if (const size_t found = why.find("line 1, "); found != std::string::npos) why.erase(found, 8);
      add_wrong(fmt::format("'{}' is no entry: {}.", line.substr(0, kMostShown), why), kHint);
    } catch (const Error& error) {
      add_wrong(error.message(), error.hint());
    }
  }
  return list;
}

bool has_lines(const fs::path& path) {
  std::string ending = path.extension().string();
  std::ranges::transform(ending, ending.begin(), [](unsigned char c) { return std::tolower(c); });
  return ending == ".jsonl";
}

}  // namespace

PictureList read_manifest(const fs::path& path, const Settings& settings) {
  if (has_lines(path)) return read_lines(path, settings);
  const json manifest = manifest_in(path);
  refuse_unknown(manifest, {"pictures", "settings"});
  const fs::path folder = path.parent_path();
  const Settings common =
      manifest.contains("settings") ? changed(settings, manifest["settings"], folder) : settings;
  PictureList list;
  for (const json& given : manifest["pictures"]) {
    try {
      list.pictures.push_back(picture_of(given, common, folder));
    } catch (const Error& error) {
      const size_t number = list.pictures.size() + 1;
      list.pictures.push_back(wrong_picture(path, "Entry", number, common, error.message(), error.hint()));
    }
  }
  return list;
}

}  // namespace relievo
