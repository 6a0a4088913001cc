#include <csignal>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include "app/commands.h"
#include "app/generate.h"
#include "app/progress_line.h"

namespace relievo {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

volatile std::sig_atomic_t g_interrupted = 0;

/// Waits for the job, drawing its progress, and cancels it when the person presses Ctrl-C.
void follow(const Job& job, const std::string& title, ProgressLine& line) {
  while (!job.wait(0.1)) {
    if (g_interrupted) job.cancel();
    line.draw(title, job.status());
  }
  line.clear();
}

/// The same for all names of a file; none where there is none.
std::optional<std::pair<dev_t, ino_t>> identity_of(const fs::path& path) {
  struct stat found = {};
  if (::stat(path.c_str(), &found) != 0) return {};
  return std::pair(found.st_dev, found.st_ino);
}

/// Throws Error{kInvalidSettings} where a file of a result would take the place of an input.
void spare_inputs(const std::vector<PictureTask>& tasks, const GenerateOptions& options) {
  std::set<std::pair<dev_t, ino_t>> inputs;
  for (const PictureTask& task : tasks) {
    std::vector<std::string> paths = task.settings.views;
    paths.insert(paths.end(), {task.picture, task.settings.mask_file});
    for (const std::string& path : paths) {
      if (const auto identity = identity_of(path)) inputs.insert(*identity);
    }
  }
  for (const PictureTask& task : tasks) {
    for (const fs::path& name : file_names(task.name, options.formats, options.renders)) {
      const fs::path target = fs::path(options.folder) / name;
      const auto identity = identity_of(target);
      if (!identity || !inputs.contains(*identity)) continue;
      throw Error(ErrorCode::kInvalidSettings,
                  fmt::format("The result would overwrite the input '{}'.", target.string()),
                  "Choose another folder with -o.");
    }
  }
}

}  // namespace

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

json to_json(const PictureOutcome& outcome) {
  json object = {{"picture", outcome.task.picture}, {"ok", !outcome.error}};
  if (outcome.error) {
    object["error"] = {{"code", code_name(outcome.error->code())},
                       {"message", outcome.error->message()},
                       {"hint", outcome.error->hint()}};
  }
  if (!outcome.error || !outcome.files.empty()) object["files"] = json::array();
  for (const fs::path& file : outcome.files) object["files"].push_back(file.string());
  if (outcome.error) return object;
  const GenerateResult& result = *outcome.result;
  object["stages"] = json::array();
  for (const StageReport& stage : result.stages) {
    object["stages"].push_back({{"name", stage.name},
                                {"seconds", stage.seconds},
                                {"peak_bytes", stage.peak_bytes},
                                {"device", stage.device},
                                {"precision", stage.precision},
                                {"batch", stage.batch}});
    if (stage.fragmentation) object["stages"].back()["fragmentation"] = *stage.fragmentation;
  }
  object["vertices"] = result.mesh.surface.vertices.size();
  object["faces"] = result.mesh.surface.faces.size();
  object["watertight"] = result.mesh.report.watertight;
  object["manifold"] = result.mesh.report.manifold;
  object["components"] = result.mesh.report.components;
  object["euler"] = result.mesh.report.euler;
  object["charts"] = result.mesh.texture_report.charts;
  object["cover"] = result.mesh.texture_report.cover;
  object["mean_stretch"] = result.mesh.texture_report.mean_stretch;
  const bool is_random = outcome.task.settings.model != kPreviewModel && outcome.task.settings.views.empty();
  object["seed"] = is_random ? json(outcome.task.settings.seed) : json(nullptr);
  object["plan"] = result.plan;
  object["notes"] = result.notes;
  object["lossy"] = result.lossy;
  return object;
}

void print_text(const PictureOutcome& outcome) {
  if (outcome.error) {
    fmt::print(stderr, "relievo: {}: {}\n", outcome.task.picture, outcome.error->message());
    if (!outcome.error->hint().empty()) fmt::print(stderr, "  {}\n", outcome.error->hint());
    return;
  }
  const TexturedMesh& mesh = outcome.result->mesh;
  double seconds = 0;
  for (const StageReport& stage : outcome.result->stages) seconds += stage.seconds;
  const SurfaceReport& report = mesh.report;
  fmt::print("{}: {} vertices, {} faces, {:.1f} s\n", outcome.task.picture, mesh.surface.vertices.size(),
             mesh.surface.faces.size(), seconds);
  fmt::print("  {}, {}, {} {}, Euler number {}; {} charts cover {:.0f} % of the texture\n",
             report.watertight ? "watertight" : "not watertight",
             report.manifold ? "manifold" : "not manifold", report.components,
             report.components == 1 ? "piece" : "pieces", report.euler, mesh.texture_report.charts,
             100 * mesh.texture_report.cover);
  for (const std::string& note : outcome.result->notes) fmt::print("  {}\n", note);
  for (const fs::path& file : outcome.files) fmt::print("  {}\n", file.string());
}

void print_line(const json& object) {
  fmt::print("{}\n", object.dump(-1, ' ', false, json::error_handler_t::replace));
  std::fflush(stdout);
}

int exit_status_of(const std::vector<PictureOutcome>& outcomes, size_t pictures) {
  int status = 0;
  for (const PictureOutcome& outcome : outcomes) {
    if (!outcome.error) continue;
    if (outcome.error->code() == ErrorCode::kCancelled) return exit_status(ErrorCode::kCancelled);
    status = pictures > 1 ? kExitSomeFailed : exit_status(outcome.error->code());
  }
  return status;
}

void set_mask(Settings& settings, const std::string& mask) {
  settings.mask = mask == "auto" ? MaskKind::kAuto : mask == "alpha" ? MaskKind::kAlpha : MaskKind::kFile;
  settings.mask_file = settings.mask == MaskKind::kFile ? mask : std::string();
}

std::vector<PictureOutcome> generate_all(const std::vector<PictureTask>& tasks,
                                         const GenerateOptions& options,
                                         const std::function<void(const PictureOutcome&)>& on_outcome,
                                         bool is_strict) {
  std::signal(SIGINT, [](int) { g_interrupted = 1; });
  std::vector<PictureOutcome> outcomes;
  if (tasks.empty()) return outcomes;
  spare_inputs(tasks, options);
  Engine engine(options.machine);
  /// A job, or why there is none.
  struct Submitted {
    std::optional<Job> job;
    std::optional<Error> error;
  };
  const auto submit = [&](const PictureTask& task) -> Submitted {
    try {
      return {engine.submit({.picture = task.picture, .name = task.name, .settings = task.settings}), {}};
    } catch (...) {
      if (is_strict) throw;
      return {{}, current_error()};
    }
  };

  ProgressLine line(!options.json);
  // So many that no slot waits while results are written, and no more: results take memory until then.
  const size_t ahead = 2 * engine.slots().size();
  std::deque<Submitted> submitted;
  for (size_t i = 0; i < tasks.size(); ++i) {
    while (submitted.size() <= ahead && i + submitted.size() < tasks.size()) {
      submitted.push_back(submit(tasks[i + submitted.size()]));
    }
    if (i == 0) prepare_folder(options.folder);  // before anything is computed for nothing
    const Submitted now = submitted.front();
    submitted.pop_front();
    PictureOutcome outcome{tasks[i], nullptr, {}, now.error};
    if (now.job) {
      follow(*now.job, fmt::format("[{}/{}] {}", i + 1, tasks.size(), tasks[i].name), line);
      outcome.result = now.job->take();
      outcome.error = now.job->error();
    }
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
      print_line(to_json(outcome));
    } else {
      print_text(outcome);
    }
    on_outcome(outcome);
    outcome.result.reset();
    outcomes.push_back(std::move(outcome));
    if (g_interrupted) break;
  }
  return outcomes;
}

void add_plan_words(CLI::App& parser, std::string& strategy, std::string& policy) {
  parser.add_option("--strategy", strategy, "auto, single, data, stage, guidance, split or offload")
      ->capture_default_str();
  parser.add_option("--policy", policy, "fastest, balanced or memory")->capture_default_str();
}

void add_generate_words(CLI::App& parser, GenerateOptions& given) {
  GenerateOptions* const options = &given;
  Settings& settings = options->settings;
  parser.add_option("-o,--output", options->folder, "Folder for the results; made if need be")->required();
  parser.add_option("--model", settings.model, "preview, or a reconstruction model (`relievo models list`)")
      ->capture_default_str();
  parser
      .add_option(
          "--views", settings.views,
          "Your own views instead of the diffusion's: a picture of 3 rows x 2 columns, a folder of six "
          "pictures, or six pictures separated by commas")
      ->delimiter(',');
  parser.add_option("--view-count", settings.view_count, "Views that the reconstruction sees: 6 or 4")
      ->capture_default_str();
  parser.add_option("--seed", settings.seed, "Of all that is random")->capture_default_str();
  parser.add_option("--steps", settings.steps, "Of the diffusion")->capture_default_str();
  parser.add_option("--sampler", settings.sampler, "euler-ancestral, dpm-solver++ or unipc")
      ->capture_default_str();
  parser.add_option("--guidance", settings.guidance, "How closely the views follow the picture")
      ->capture_default_str();
  parser
      .add_option("--input-size", settings.input_size, "Pixels a side of each view; less needs less memory")
      ->capture_default_str();
  parser
      .add_option("--precision", settings.precision,
                  "auto, fp32, bf16 or fp16; or by stage: multiview=bf16,reconstruct=fp32")
      ->capture_default_str();
  parser
      .add_option("--mask", options->mask,
                  "Where the subject's mask comes from: auto, alpha or a picture file")
      ->capture_default_str();
  parser.add_option("--mask-threshold", settings.mask_threshold, "Alpha that counts as subject")
      ->capture_default_str();
  parser.add_flag("--mask-invert", settings.mask_invert, "Swap subject and background");
  parser.add_option("--grid", settings.grid, "Cubes a side of the box")->capture_default_str();
  parser.add_option("--depth", settings.depth, "Thickness of a preview; 1 turns a disc into a ball")
      ->capture_default_str();
  parser.add_option("--faces", settings.faces, "Triangles at most; 0: as many as the grid gives")
      ->capture_default_str();
  parser
      .add_option("--debris", settings.debris,
                  "Drop pieces of less than this share of the surface's area; 0 keeps all")
      ->capture_default_str();
  parser.add_flag("--open-at-box", settings.open_at_box,
                  "Leave a shape that reaches the box open there, instead of closing it");
  parser.add_option("--texture-size", settings.texture_size, "Texels a side of the texture")
      ->capture_default_str();
  parser
      .add_option("--projection", settings.projection,
                  "Throw the pictures onto the texture: on, off, or auto (with preview only)")
      ->capture_default_str();
  parser.add_flag_callback(
      "--no-projection", [&settings] { settings.projection = "off"; }, "The same as --projection off");
  parser.add_flag("--normal-map", settings.normal_map,
                  "Keep the detail that --faces takes away in a normal map");
  parser.add_flag("--vertex-colours", settings.vertex_colours, "Colours at the vertices, too");
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
  parser.add_option(
      "--devices", options->machine.devices,
      "What computes, separated by commas: cuda:0, cuda:0@8GiB, cpu, cpu*2@3GiB; default: every "
      "GPU, else the CPU");
  add_plan_words(parser, options->machine.strategy, options->machine.policy);
  parser.add_flag("!--no-lossy", options->machine.allow_lossy,
                  "Never change the result to save memory: fail instead");
  parser.add_flag("--json", options->json, "Print one JSON object a picture");
}

Command add_generate(CLI::App& parser) {
  const auto options = std::make_shared<GenerateOptions>();
  parser.add_option("pictures", options->pictures, "picture files: PNG, JPEG, WebP, TIFF, GIF, BMP, HEIC, AVIF or EXR")->required();
  add_generate_words(parser, *options);
  return [options] {
    set_mask(options->settings, options->mask);
    const std::vector<std::string> names = result_names(options->pictures);
    std::vector<PictureTask> tasks;
    for (size_t i = 0; i < names.size(); ++i) {
      tasks.push_back({options->pictures[i], names[i], options->settings});
    }
    const auto outcomes = generate_all(
        tasks, *options, [](const PictureOutcome&) {}, true);
    return exit_status_of(outcomes, tasks.size());
  };
}

}  // namespace relievo
