#include "train/data/sources.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <memory>
#include <set>
#include <span>

#include "base/error.h"
#include "base/json.h"
#include "base/sha256.h"
#include "train/data/generate.h"
#include "train/data/random.h"
#include "train/data/read_objects.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;

/// Kinds that are measured and never learnt, by words of the family's name: whoever makes the object, it is
/// held out. The list may grow, and nothing may be taken from it.
constexpr std::array<std::string_view, 12> kHeldOutFamilies{
    "toilet", "bathtub",  "microwave", "spiralstaircase", "nautilus", "wineglass",
    "pants",  "armchair", "bulldog",   "bicycle",         "piano",    "windmill"};

std::vector<fs::path> files_below(const fs::path& folder,
                                  const std::function<bool(const fs::path&)>& wanted) {
  std::vector<fs::path> files;
  try {
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (entry.is_regular_file() && wanted(entry.path())) files.push_back(entry.path());
    }
  } catch (const fs::filesystem_error& error) {
    throw Error(ErrorCode::kIo, "'" + folder.string() + "' cannot be listed: " + error.code().message() + ".",
                "Give a folder that can be read.");
  }
  std::ranges::sort(files);
  return files;
}

std::string lower(std::string_view word) {
  std::string result(word);
  std::ranges::transform(result, result.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

}  // namespace

const char* part_name(Part part) {
  switch (part) {
    case Part::kTraining:
      return "training";
    case Part::kHeldOutObject:
      return "held-out object";
    case Part::kHeldOutFamily:
      return "held-out family";
  }
  return "";
}

Part part_of(const Origin& origin) {
  std::string family = lower(origin.family);
  std::erase_if(family, [](unsigned char c) { return !std::isalnum(c); });
  for (const std::string_view held_out : kHeldOutFamilies) {
    if (family.find(held_out) != std::string::npos) return Part::kHeldOutFamily;
  }
  const std::string name = origin.family + "/" + origin.name;
  const std::string digest = sha256(std::as_bytes(std::span(name)));
  uint32_t number = 0;
  std::from_chars(digest.data(), digest.data() + 8, number, 16);
  return number % 100 < 7 ? Part::kHeldOutObject : Part::kTraining;
}

std::string file_word(std::string_view name) {
  std::string word;
  for (const unsigned char c : name)
    word += std::isalnum(c) || c == '-' || c == '_' ? static_cast<char>(c) : '-';
  return word;
}

std::vector<ObjectEntry> list_infinigen(const fs::path& folder) {
  std::vector<ObjectEntry> entries;
  for (const fs::path& path :
       files_below(folder, [](const fs::path& p) { return p.extension() == ".npz"; })) {
    const std::string stem = path.stem().string();
    std::string family = stem.substr(0, stem.rfind('_'));
    if (family.ends_with("Factory")) family.resize(family.size() - 7);
    Origin origin{"infinigen-" + file_word(stem), "infinigen", family,
                  "none: made with Infinigen 1.15.5 (BSD-3-Clause)", "made with Infinigen by this project"};
    const uint64_t seed = seed_of(origin.name);
    entries.push_back({std::move(origin), [path, seed] { return read_npz(path, seed); }});
  }
  return entries;
}

std::vector<ObjectEntry> list_meshes(const fs::path& folder) {
  const nlohmann::json told = read_json_object_if_sound(folder / "origin.json");
  const auto word = [&](const char* name) {
    const auto value = told.find(name);
    if (value == told.end() || !value->is_string()) {
      throw Error(ErrorCode::kInvalidSettings,
                  "'" + (folder / "origin.json").string() + "' does not say the " + name + " of the meshes.",
                  R"(Write {"source": "...", "licence": "...", "author": "..."} into it.)");
    }
    return value->get<std::string>();
  };
  const Origin common{{}, word("source"), {}, word("licence"), word("author")};
  const std::shared_ptr<const Archive> archive = open_folder(folder);
  const std::set<std::string> kinds{".obj", ".gltf", ".glb", ".ply", ".stl", ".fbx", ".dae", ".3ds", ".off"};
  std::vector<ObjectEntry> entries;
  for (const fs::path& path : files_below(
           folder, [&](const fs::path& p) { return kinds.contains(lower(p.extension().string())); })) {
    const std::string name = path.lexically_relative(folder).generic_string();
    Origin origin = common;
    origin.name = file_word(common.source + "-" + name);
    origin.family =
        fs::path(name).has_parent_path() ? fs::path(name).parent_path().filename().string() : common.source;
    entries.push_back({std::move(origin), [archive, name] { return read_scene(*archive, name); }});
  }
  return entries;
}

std::vector<ObjectEntry> list_objects(const Sources& sources) {
  std::vector<ObjectEntry> all;
  const auto add = [&](std::vector<ObjectEntry> entries) {
    std::ranges::move(entries, std::back_inserter(all));
  };
  for (const fs::path& folder : sources.infinigen) add(list_infinigen(folder));
  for (const fs::path& path : sources.furniture) {
    if (!fs::is_directory(path)) {
      add(list_furniture(path));
      continue;
    }
    for (const fs::path& file :
         files_below(path, [](const fs::path& p) { return p.extension() == ".sh3f"; })) {
      add(list_furniture(file));
    }
  }
  for (const fs::path& folder : sources.meshes) add(list_meshes(folder));
  for (int i = 0; i < sources.generated; ++i) {
    add({{generated_origin(i), [i] { return generate_object(i); }}});
  }
  std::ranges::sort(
      all, {}, [](const ObjectEntry& entry) -> const auto& { return entry.origin.name; });
  for (size_t i = 1; i < all.size(); ++i) {
    if (all[i].origin.name == all[i - 1].origin.name) {
      throw Error(ErrorCode::kInvalidSettings, "Two objects have the name '" + all[i].origin.name + "'.",
                  "Rename one of the files, or give each folder once.");
    }
  }
  if (all.empty()) {
    throw Error(ErrorCode::kInvalidSettings, "There is no object to learn from.",
                "Name folders with --infinigen, --furniture or --meshes, or a number with --generated.");
  }
  return all;
}

}  // namespace relievo
