#include <csignal>
#include <map>
#include <memory>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/commands.h"
#include "app/progress_line.h"
#include "engine/engine.h"

namespace relievo {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

struct Options {
  std::vector<std::string> pictures;
  std::string folder;
  std::string mask = "auto";
  std::vector<std::string> formats{"glb"};
  Renders renders{.sheet = true};
  bool json = false;
  Settings settings;
};

volatile std::sig_atomic_t g_interrupted = 0;

/// What became of one picture.
struct Outcome {
  std::string picture;
  std::shared_ptr<const GenerateResult> result;  // null when it failed
  std::vector<fs::path> files;
  std::optional<Error> error;
};

/// A name for each picture's result: the file's name without its last extension; one that is taken gets a
/// number.
std::vector<std::string> result_names(const std::vector<std::string>& pictures) {
  std::set<std::string> taken;
  std::vector<std::string> names;
  for (const std::string& picture : pictures) {
    const std::string stem = fs::path(picture).stem().string();
    std::string name = stem;
    for (int number = 2; !taken.insert(name).second; ++number) name = fmt::format("{}_{}", stem, number);
    names.push_back(name);
  }
  return names;
}

json to_json(const Outcome& outcome) {
  json object = {{"picture", outcome.picture}, {"ok", !outcome.error}};
  if (outcome.error) {
    object["error"] = {{"code", code_name(outcome.error->code())},
                       {"message", outcome.error->message()},
                       {"hint", outcome.error->hint()}};
    return object;
  }
  const GenerateResult& result = *outcome.result;
  object["files"] = json::array();
  for (const fs::path& file : outcome.files) object["files"].push_back(file.string());
  object["stages"] = json::array();
  for (const StageReport& stage : result.stages) {
    object["stages"].push_back({{"name", stage.name},
                                {"seconds", stage.seconds},
                                {"peak_bytes", stage.peak_bytes},
                                {"device", stage.device}});
  }
  object["vertices"] = result.mesh.surface.vertices.size();
  object["faces"] = result.mesh.surface.faces.size();
  object["watertight"] = result.mesh.report.watertight;
  object["manifold"] = result.mesh.report.manifold;
  object["components"] = result.mesh.report.components;
  object["seed"] = nullptr;  // nothing in the preview model is random
  object["plan"] = result.plan;
  return object;
}

void print_text(const Outcome& outcome) {
  if (outcome.error) {
    fmt::print(stderr, "relievo: {}: {}\n", outcome.picture, outcome.error->message());
    if (!outcome.error->hint().empty()) fmt::print(stderr, "  {}\n", outcome.error->hint());
    return;
  }
  const TexturedMesh& mesh = outcome.result->mesh;
  double seconds = 0;
  for (const StageReport& stage : outcome.result->stages) seconds += stage.seconds;
  fmt::print("{}: {} vertices, {} faces, {}, {:.1f} s\n", outcome.picture, mesh.surface.vertices.size(),
             mesh.surface.faces.size(), mesh.report.watertight ? "watertight" : "not watertight", seconds);
  for (const fs::path& file : outcome.files) fmt::print("  {}\n", file.string());
}

/// Waits for the job, drawing its progress, and cancels it when the person presses Ctrl-C.
void follow(const Job& job, const std::string& title, ProgressLine& line) {
  while (!job.wait(0.1)) {
    if (g_interrupted) job.cancel();
    line.draw(title, job.status());
  }
  line.clear();
}

int exit_status_of(const std::vector<Outcome>& outcomes) {
  int status = 0;
  for (const Outcome& outcome : outcomes) {
    if (!outcome.error) continue;
    if (outcome.error->code() == ErrorCode::kCancelled) return exit_status(ErrorCode::kCancelled);
    status = outcomes.size() > 1 ? kExitSomeFailed : exit_status(outcome.error->code());
  }
  return status;
}

int generate(const Options& options) {
  std::signal(SIGINT, [](int) { g_interrupted = 1; });
  const std::vector<std::string> names = result_names(options.pictures);
  Engine engine;
  const auto submit = [&](size_t i) {
    return engine.submit(
        {.picture = options.pictures[i], .image = {}, .name = names[i], .settings = options.settings});
  };

  std::vector<Outcome> outcomes;
  ProgressLine line(!options.json);
  std::optional<Job> next = submit(0);
  for (size_t i = 0; i < options.pictures.size(); ++i) {
    const Job job = *next;
    // The next picture is computed while this one is written.
    if (i + 1 < options.pictures.size()) next = submit(i + 1);
    follow(job, fmt::format("[{}/{}] {}", i + 1, options.pictures.size(), names[i]), line);
    Outcome outcome{options.pictures[i], job.result(), {}, job.error()};
    if (outcome.result) {
      try {
        outcome.files = save_result(*outcome.result, options.folder, options.formats);
        const auto pictures = save_renders(*outcome.result, options.folder, options.renders);
        outcome.files.insert(outcome.files.end(), pictures.begin(), pictures.end());
      } catch (...) {
        outcome.error = current_error();
      }
    }
    if (options.json) {
      fmt::print("{}\n", to_json(outcome).dump(-1, ' ', false, json::error_handler_t::replace));
      std::fflush(stdout);
    } else {
      print_text(outcome);
    }
    outcome.result.reset();
    outcomes.push_back(std::move(outcome));
    if (g_interrupted) break;
  }
  return exit_status_of(outcomes);
}

}  // namespace

Command add_generate(CLI::App& parser) {
  const auto options = std::make_shared<Options>();
  Settings& settings = options->settings;
  parser.add_option("pictures", options->pictures, "PNG, JPEG, WebP or EXR files")->required();
  parser.add_option("-o,--output", options->folder, "Folder for the results; made if need be")->required();
  parser.add_option("--model", settings.model, "Model")->capture_default_str();
  parser
      .add_option("--mask", options->mask,
                  "Where the subject's mask comes from: auto, alpha or a picture file")
      ->capture_default_str();
  parser.add_option("--mask-threshold", settings.mask_threshold, "Alpha that counts as subject")
      ->capture_default_str();
  parser.add_flag("--mask-invert", settings.mask_invert, "Swap subject and background");
  parser.add_option("--grid", settings.grid, "Cubes a side of the box")->capture_default_str();
  parser.add_option("--depth", settings.depth, "Thickness; 1 turns a disc into a ball")
      ->capture_default_str();
  parser.add_option("--faces", settings.faces, "Triangles at most; 0: as many as the grid gives")
      ->capture_default_str();
  parser.add_flag("--keep-debris", settings.keep_debris, "Keep small pieces that float beside the object");
  parser.add_option("--texture-size", settings.texture_size, "Height of the texture in texels")
      ->capture_default_str();
  parser.add_option("--format", options->formats, "Any of glb, obj, ply, separated by commas")
      ->delimiter(',')
      ->check(CLI::IsMember({"glb", "obj", "ply"}))
      ->capture_default_str();
  parser
      .add_option("--turntable", options->renders.turntable,
                  "Frames of a turn around the object, as PNG files and an animated WebP; 0: none")
      ->check(CLI::Range(0, 3600))
      ->capture_default_str();
  parser.add_flag(
      "--exr", options->renders.exr,
      "A front view as OpenEXR layers: colour, albedo, depth, normal, position; the turntable's frames too");
  parser.add_flag("!--no-sheet", options->renders.sheet, "No contact sheet NAME_sheet.png");
  parser.add_flag("--json", options->json, "Print one JSON object a picture");
  return [options] {
    if (options->mask == "alpha") {
      options->settings.mask = MaskKind::kAlpha;
    } else if (options->mask != "auto") {
      options->settings.mask = MaskKind::kFile;
      options->settings.mask_file = options->mask;
    }
    return generate(*options);
  };
}

}  // namespace relievo
