#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "app/commands.h"
#include "app/generate.h"
#include "app/numeric_option.h"
#include "base/standard_output.h"
#include "batch/report.h"
#include "check/check.h"
#include "engine/own_views.h"
#include "engine/picture_checksum.h"
#include "engine/unused_settings.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;

/// Returns the checksum, or an empty text for a picture that cannot be read: that is reported when its turn
/// comes.
std::string checksum_of(const fs::path& picture) {
  try {
    return picture_checksum(picture);
  } catch (const Error&) {
    return {};
  }
}

}  // namespace

void name_tasks(std::vector<PictureTask>& tasks, const GenerateOptions& options,
                std::vector<fs::path> inputs) {
  std::vector<NamedPicture> pictures;
  for (const PictureTask& task : tasks) {
    const std::string wanted = task.name.empty() ? fs::path(task.picture).stem().string() : task.name;
    pictures.push_back({wanted, checksum_of(task.picture)});
    const auto files = input_files(task.picture, task.settings);
    inputs.insert(inputs.end(), files.begin(), files.end());
  }
  const std::vector<std::string> names =
      name_results(pictures, {options.folder, options.formats, options.renders, std::move(inputs)});
  for (size_t i = 0; i < tasks.size(); ++i) tasks[i].name = names[i];
}

std::string report_of(const PictureOutcome& outcome) {
  if (outcome.error) return report_of(outcome.task.picture, *outcome.error, outcome.files);
  return report_of(outcome.task.picture, *outcome.result, outcome.files, outcome.met);
}

void print_text(const PictureOutcome& outcome) {
  if (outcome.error) {
    print_message("relievo: {}: {}\n", outcome.task.picture, outcome.error->message());
    if (!outcome.error->hint().empty()) print_message("  {}\n", outcome.error->hint());
    return;
  }
  const TexturedMesh& mesh = outcome.result->mesh;
  double seconds = 0;
  for (const StageReport& stage : outcome.result->stages) seconds += stage.seconds;
  const SurfaceReport& report = mesh.report;
  print_output("{}: {} vertices, {} faces, {:.1f} s\n", outcome.task.picture, mesh.surface.vertices.size(),
               mesh.surface.faces.size(), seconds);
  print_output("  {}, {}, {} {}, Euler number {}; {} charts cover {:.0f} % of the texture\n",
               report.watertight ? "watertight" : "not watertight",
               report.manifold ? "manifold" : "not manifold", report.components,
               report.components == 1 ? "component" : "components", report.euler, mesh.texture_report.charts,
               100 * mesh.texture_report.coverage);
  for (const std::string& note : notes_of(*outcome.result, outcome.files)) print_output("  {}\n", note);
  for (const fs::path& file : outcome.files) print_output("  {}\n", file.string());
}

void print_line(const std::string& text) { print_output("{}\n", text); }

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

void add_plan_options(CLI::App& parser, std::string& strategy, std::string& policy) {
  parser.add_option("--strategy", strategy, "auto, single, data, stage, guidance, split or offload")
      ->capture_default_str();
  parser.add_option("--policy", policy, "fastest, balanced or memory")->capture_default_str();
}

void add_generate_options(CLI::App& parser, GenerateOptions& given) {
  GenerateOptions* const options = &given;
  Settings& settings = options->settings;
  parser.add_option("-o,--output", options->folder, "Folder for the results; made if need be")->required();
  parser.add_option("--model", settings.model, "preview, or a reconstruction model (`relievo models list`)")
      ->capture_default_str();
  parser
      .add_option_function<std::vector<std::string>>(
          "--views",
          [&settings](const std::vector<std::string>& words) {
            for (const std::string& word : words) settings.views.push_back({.picture = word});
          },
          "Your own views instead of the diffusion's: one to six pictures named like cup_az030_el20.png, "
          "separated by commas, a folder or a JSON list of them; or six at the published cameras, also in "
          "one picture of 3 rows x 2 columns")
      ->delimiter(',');
  parser.add_option("--sheet", settings.sheet,
                    "The picture is a turnaround sheet: the sides of its figures in reading order, as in "
                    "front,right,back");
  parser
      .add_option_function<std::string>(
          "--back",
          [options](const std::string& word) {
            const bool is_word = word == "auto" || word == "mirror" || word == "fill";
            if (is_word) options->settings.back = word;
            if (!is_word) options->sides.push_back(view_from(Side::kBack, word));
          },
          "A picture of the back; or how a preview colours it without one: mirror repeats the front, fill "
          "continues its outline, auto decides")
      ->default_str("auto");
  add_number(parser, "--view-count", settings.view_count, kViewCountRange,
             "Of six or painted views, those that the reconstruction sees: 6 or 4");
  add_number(parser, "--seed", settings.seed, kSeedRange, "Seed of all that is random");
  add_number(parser, "--steps", settings.steps, kStepsRange, "Steps of the diffusion");
  parser.add_option("--sampler", settings.sampler, "euler-ancestral, dpm-solver++ or unipc")
      ->capture_default_str();
  add_number(parser, "--guidance", settings.guidance, kGuidanceRange,
             "How closely the views follow the picture");
  add_number(parser, "--input-size", settings.input_size, kInputSizeRange,
             "Pixels a side of each view; less needs less memory");
  parser
      .add_option("--precision", settings.precision,
                  "auto, fp32, bf16 or fp16; or by stage: multiview=bf16,reconstruct=fp32")
      ->capture_default_str();
  parser
      .add_option("--mask", options->mask,
                  "Where the subject's mask comes from: auto, alpha or a picture file")
      ->capture_default_str();
  add_number(parser, "--mask-threshold", settings.mask_threshold, kMaskThresholdRange,
             "Lowest alpha, 0 to 1, that counts as subject");
  parser.add_flag("--mask-invert", settings.mask_invert, "Swap subject and background");
  add_number(parser, "--subject", settings.subject, kSubjectRange,
             "Which of several separate subjects, counted in reading order; 0: all as one object");
  add_number(parser, "--grid", settings.grid, kGridRange, "Cubes a side of the box");
  parser
      .add_option("--shape", settings.shape,
                  "What a preview makes of one picture: inflate, or extrude for flat drawings")
      ->capture_default_str();
  add_number(parser, "--depth", settings.depth, kDepthRange,
             "Thickness of a preview; 1 turns a disc into a ball");
  add_number(parser, "--faces", settings.faces, kFacesRange,
             "Triangles at most; 0: as many as the grid gives");
  add_number(parser, "--debris", settings.debris, kDebrisRange,
             "Drop components of less than this share of the surface's area; 0 keeps all");
  parser.add_flag("--open-at-box", settings.open_at_box,
                  "Leave a shape that reaches the box open there, instead of closing it");
  add_number(parser, "--texture-size", settings.texture_size, kTextureSizeRange,
             "Texels a side of the texture");
  parser
      .add_option("--projection", settings.projection,
                  "Throw the pictures onto the texture: on, off, or auto (with preview only)")
      ->capture_default_str();
  parser.add_flag_callback(
      "--no-projection", [&settings] { settings.projection = "off"; }, "The same as --projection off");
  parser.add_flag("--normal-map", settings.normal_map,
                  "Keep the detail that --faces takes away in a normal map");
  parser.add_flag("--vertex-colours", settings.vertex_colours,
                  "Colours at the vertices, too: in OBJ and PLY files, not in GLB");
  parser.add_option("--format", options->formats, "Any of glb, obj, fbx, ply, stl, 3mf, separated by commas")
      ->delimiter(',')
      ->check(CLI::IsMember({"glb", "obj", "fbx", "ply", "stl", "3mf"}))
      ->capture_default_str();
  add_number(parser, "--turntable", options->renders.turntable, kTurntableRange,
             "Frames of a turn around the object, as PNG files and an animated WebP; 0: none");
  parser.add_flag(
      "--exr", options->renders.exr,
      "A front view as OpenEXR layers: colour, albedo, depth, normal, position; the turntable's frames too");
  parser.add_flag("!--no-sheet", options->renders.sheet, "Make no contact sheet NAME_sheet.png");
  parser.add_option(
      "--devices", options->machine.devices,
      "What computes, separated by commas: cuda:0, cuda:0@8GiB, cpu, cpu*2@3GiB; default: every "
      "GPU, else the CPU");
  add_plan_options(parser, options->machine.strategy, options->machine.policy);
  parser
      .add_option("--allocator", options->machine.allocator,
                  "How torch's allocator of GPUs is set: auto, expandable-segments, max_split_size_mb=N, or "
                  "torch's own words")
      ->capture_default_str();
  parser.add_flag(
      "--cuda-graphs", options->machine.cuda_graphs,
      "Record a step of the diffusion once and give it to a GPU by one call (not yet tried on one)");
  parser.add_flag("!--no-lossy", options->machine.allow_lossy,
                  "Never change the result to save memory: fail instead");
  parser.add_flag("--json", options->json, "Print one JSON object a picture");
}

void say_without_effect(const CLI::App& parser, const Settings& settings) {
  std::vector<std::string> unused;
  for (const std::string& name : unused_settings(settings)) {
    std::string option = "--" + name;
    std::ranges::replace(option, '_', '-');
    if (parser.count(option) > 0) unused.push_back(std::move(option));
  }
  if (unused.empty()) return;
  print_message("relievo: {} {} no effect with the model '{}'{}.\n", fmt::join(unused, ", "),
                unused.size() == 1 ? "has" : "have", settings.model,
                !sees_views(settings.model) || (settings.views.empty() && settings.sheet.empty())
                    ? ""
                    : " and views of your own");
}

namespace {

std::vector<std::string> pictures_of(const GenerateOptions& options) {
  if (!options.pictures.empty()) return options.pictures;
  if (options.settings.views.empty()) {
    throw Error(ErrorCode::kInvalidSettings, "No picture is named.",
                "Name picture files, or views of your own by --views or --front.");
  }
  return {expand_views(options.settings.views).front().picture};
}

/// Adds the sides to the views of the one picture.
void take_sides(GenerateOptions& options) {
  if (options.sides.empty()) return;
  if (options.pictures.size() > 1) {
    throw Error(ErrorCode::kInvalidSettings,
                fmt::format("Sides are given for {} pictures.", options.pictures.size()),
                "Give the sides of one object at a time, or a manifest to `relievo batch`.");
  }
  options.settings =
      with_sides(options.settings, options.pictures.empty() ? "" : options.pictures.front(), options.sides);
}

}  // namespace

Command add_generate(CLI::App& parser) {
  const auto options = std::make_shared<GenerateOptions>();
  parser.add_option(
      "pictures", options->pictures,
      "picture files: PNG, JPEG, WebP, TIFF, GIF, BMP, HEIC, AVIF or EXR; with --views, the first of "
      "these where there is none");
  add_generate_options(parser, *options);
  for (const auto& [side, what] :
       {std::pair{Side::kFront, "the front, in place of a picture without an option"},
        {Side::kLeft, "the left, as Blender names it: what is seen from -X where the front is -Y"},
        {Side::kRight, "the right: what is seen from +X, the object facing to the picture's left"},
        {Side::kTop, "the top: what is seen from above, the front at the picture's bottom"}}) {
    parser.add_option_function<std::string>(
        fmt::format("--{}", side_name(side)),
        [options, side](const std::string& file) { options->sides.push_back(view_from(side, file)); },
        fmt::format("A picture of {}", what));
  }
  return [options, &parser] {
    set_mask(options->settings, options->mask);
    take_sides(*options);
    say_without_effect(parser, options->settings);
    std::vector<PictureTask> tasks;
    for (const std::string& picture : pictures_of(*options))
      tasks.push_back({picture, {}, options->settings});
    name_tasks(tasks, *options);
    const auto outcomes = generate_all(
        tasks, *options, [](size_t, const PictureOutcome&) {}, true);
    return exit_status_of(outcomes, tasks.size());
  };
}

}  // namespace relievo
