#include <algorithm>
#include <fstream>
#include <memory>
#include <regex>
#include <set>

#include <fmt/format.h>

#include "app/batch_state.h"
#include "app/commands.h"
#include "app/generate.h"
#include "base/standard_output.h"

namespace relievo {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

struct BatchOptions {
  GenerateOptions generate;
  std::string source;
  bool again = false;
};

Error invalid(const std::string& message, const std::string& hint) {
  return {ErrorCode::kInvalidSettings, message, hint};
}

std::vector<std::string> pictures_of_folder(const fs::path& folder) {
  std::vector<std::string> pictures;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (has_picture_ending(entry.path()) && entry.is_regular_file())
      pictures.push_back(entry.path().string());
  }
  std::sort(pictures.begin(), pictures.end());
  return pictures;
}

json read_manifest(const fs::path& path) {
  const std::string hint =
      "A manifest is a JSON list of pictures, or an object with `pictures`; each is a path or an object with "
      "`picture` and perhaps `name` and `settings`.";
  std::ifstream file(path);
  if (!file) {
    throw Error(ErrorCode::kIo, fmt::format("Cannot read '{}'.", path.string()),
                "Check that the path is right.");
  }
  json manifest = json::parse(file, nullptr, false);
  if (manifest.is_array()) manifest = json{{"pictures", manifest}};
  if (!manifest.is_object() || !manifest.contains("pictures") || !manifest["pictures"].is_array()) {
    throw invalid(fmt::format("'{}' is no manifest.", path.string()), hint);
  }
  for (const auto& [key, value] : manifest.items()) {
    if (key != "pictures" && key != "settings") {
      throw invalid(fmt::format("The manifest's word '{}' is not known.", key), hint);
    }
  }
  for (json& entry : manifest["pictures"]) {
    if (entry.is_string()) entry = json{{"picture", entry}};
    if (!entry.is_object() || !entry.contains("picture") || !entry["picture"].is_string() ||
        (entry.contains("name") && !entry["name"].is_string())) {
      throw invalid(fmt::format("The manifest has an entry that names no picture: {}.", entry.dump()), hint);
    }
    for (const auto& [key, value] : entry.items()) {
      if (key != "picture" && key != "name" && key != "settings") {
        throw invalid(fmt::format("The manifest's word '{}' is not known.", key), hint);
      }
    }
  }
  return manifest;
}

/// The settings of the words, with those of a manifest's object over them. A mask is written as in the words.
Settings changed(const Settings& settings, const json& changes, const fs::path& folder) {
  json object = json::parse(to_json(settings));
  json update = changes;
  if (!update.is_object()) throw invalid("A manifest's settings are not an object.", {});
  std::optional<std::string> mask;
  if (update.contains("mask")) {
    if (!update["mask"].is_string()) throw invalid("mask must be text.", {});
    mask = update["mask"].get<std::string>();
    update.erase("mask");
  }
  object.update(update);
  Settings merged = settings_from_json(object.dump());
  if (mask) {
    const bool is_file = *mask != "auto" && *mask != "alpha";
    set_mask(merged, is_file ? (folder / *mask).string() : *mask);
  }
  return merged;
}

std::vector<PictureTask> tasks_of(const BatchOptions& options) {
  const fs::path source = options.source;
  std::vector<PictureTask> tasks;
  std::error_code error;
  if (fs::is_directory(source, error)) {
    if (fs::equivalent(source, options.generate.folder, error)) {
      throw invalid("The results would lie among the pictures.", "Choose another folder with -o.");
    }
    for (const std::string& picture : pictures_of_folder(source)) {
      tasks.push_back({picture, {}, options.generate.settings});
    }
  } else {
    const json manifest = read_manifest(source);
    const fs::path folder = source.parent_path();
    Settings common = options.generate.settings;
    if (manifest.contains("settings")) common = changed(common, manifest["settings"], folder);
    for (const json& entry : manifest["pictures"]) {
      PictureTask task{(folder / entry["picture"].get<std::string>()).string(), entry.value("name", ""),
                       common};
      if (entry.contains("settings")) task.settings = changed(common, entry["settings"], folder);
      tasks.push_back(std::move(task));
    }
  }
  std::vector<std::string> wanted;  // names come from the pictures, or from the manifest
  for (const PictureTask& task : tasks) wanted.push_back(task.name.empty() ? task.picture : task.name + ".x");
  const std::vector<std::string> names = result_names(wanted);
  for (size_t i = 0; i < tasks.size(); ++i) tasks[i].name = names[i];
  if (tasks.empty()) {
    throw invalid(fmt::format("There is no picture in '{}'.", options.source),
                  "Name a folder with PNG, JPEG, WebP or EXR files, or a manifest.");
  }
  return tasks;
}

/// What a run that was killed left half-written: files under names of their own (base/atomic_file.h).
void remove_leftovers(const fs::path& folder) {
  static const std::regex kLeftover(R"(\..+\.(\d+-\d+\.)?part\.\w+)");
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (std::regex_match(entry.path().filename().string(), kLeftover)) fs::remove(entry.path(), error);
  }
}

int batch(BatchOptions& options) {
  set_mask(options.generate.settings, options.generate.mask);
  const std::vector<PictureTask> tasks = tasks_of(options);
  BatchState state(options.generate.folder, options.again);
  remove_leftovers(options.generate.folder);
  std::vector<PictureTask> left;
  for (const PictureTask& task : tasks) {
    const json answer = state.finished(task, options.generate);
    if (answer.is_null()) {
      left.push_back(task);
    } else if (options.generate.json) {
      print_line(answer);
    }
  }
  const size_t skipped = tasks.size() - left.size();
  const auto outcomes = generate_all(left, options.generate, [&](const PictureOutcome& outcome) {
    if (outcome.error) return;
    try {
      state.finish(outcome.task, options.generate, to_json(outcome), outcome.files);
    } catch (const Error& error) {  // the picture is made all the same
      print_message("relievo: {}\n", error.message());
    }
  });
  const auto failed =
      std::count_if(outcomes.begin(), outcomes.end(), [](const PictureOutcome& o) { return o.error; });
  print_message("{} made, {} already there, {} failed\n", outcomes.size() - static_cast<size_t>(failed),
                skipped, failed);
  for (const PictureOutcome& outcome : outcomes) {
    if (outcome.error) print_message("  {}: {}\n", outcome.task.picture, outcome.error->message());
  }
  return exit_status_of(outcomes, tasks.size());
}

}  // namespace

Command add_batch(CLI::App& parser) {
  const auto options = std::make_shared<BatchOptions>();
  parser.add_option("source", options->source, "Folder of pictures, or a manifest (JSON)")->required();
  add_generate_words(parser, options->generate);
  parser.add_flag("--again", options->again, "Make everything anew, also what is finished");
  return [options] { return batch(*options); };
}

}  // namespace relievo
