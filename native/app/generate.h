// `relievo generate` and `relievo batch` share this: their options, the run over pictures, the answers.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "engine/engine.h"

namespace relievo {

struct GenerateOptions {
  std::vector<std::string> pictures;
  std::string folder;
  std::string mask = "auto";
  std::vector<std::string> formats{"glb"};
  Renders renders{.sheet = true};
  bool json = false;
  /// Pictures of sides, which are views of one object.
  std::vector<OwnView> sides;
  Settings settings;
  EngineOptions machine;
  // Of `batch` alone:
  bool thumbnails = false;                 ///< outcomes get a thumbnail
  std::vector<std::string> required = {};  ///< what a mesh must meet (check/check.h)
  /// No picture is begun from then on.
  std::optional<std::chrono::system_clock::time_point> until = {};
};

/// Adds every option of `generate`, but not the pictures.
void add_generate_options(CLI::App& parser, GenerateOptions& options);
/// Says on standard error which of the options that were given the chosen model does not look at.
void say_without_effect(const CLI::App& parser, const Settings& settings);
/// Adds --strategy and --policy.
void add_plan_options(CLI::App& parser, std::string& strategy, std::string& policy);
/// Sets the mask from its word: `auto`, `alpha` or a file.
void set_mask(Settings& settings, const std::string& mask);

struct PictureTask {
  std::string picture;
  std::string name = {};  ///< name of the result's files
  Settings settings;
  /// Folder of the result's files; where it is empty, the common one.
  std::filesystem::path folder = {};
  /// Checksums of earlier content of the picture (engine/result_names.h).
  std::vector<std::string> former = {};
  std::optional<Error> error = {};  ///< why it cannot be made
};

/// The outcome for one picture: its files, or the error.
struct PictureOutcome {
  PictureTask task;
  std::shared_ptr<const GenerateResult> result;  ///< null when it failed, and after it was reported
  std::vector<std::filesystem::path> files;
  std::optional<Error> error;
  std::vector<std::byte> thumbnail = {};             ///< a WebP file; may be empty
  std::optional<std::vector<std::string>> met = {};  ///< what the mesh meets, where something was required
};

/// Gives each task the name of its result (engine/result_names.h): the task's own, else the picture's file
/// name without its last extension. Files that results are made of are never overwritten, nor are these
/// inputs.
void name_tasks(std::vector<PictureTask>& tasks, const GenerateOptions& options,
                std::vector<std::filesystem::path> inputs = {});

/// Makes the tasks one after the other, and saves results while the next are made; a failure stops nothing,
/// but Ctrl-C does. `on_begin` is called before each, `on_outcome` once it is saved, on the thread that did
/// so; then it is told of, in their order. With
/// `is_strict` all tasks have the same settings, and impossible ones are thrown as an Error.
std::vector<PictureOutcome> generate_all(
    const std::vector<PictureTask>& tasks, const GenerateOptions& options,
    const std::function<void(size_t place, const PictureOutcome&)>& on_outcome, bool is_strict = false,
    const std::function<void(size_t place)>& on_begin = {});

/// Writes the JSON object of --json (batch/report.h).
std::string report_of(const PictureOutcome& outcome);
void print_line(const std::string& text);  ///< prints to standard output
/// Prints the outcome for people.
void print_text(const PictureOutcome& outcome);

/// The exit status of a run over `pictures` pictures, of which these were tried.
int exit_status_of(const std::vector<PictureOutcome>& outcomes, size_t pictures);

}  // namespace relievo
