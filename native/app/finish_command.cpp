// `relievo finish` and `relievo bake`.
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "app/commands.h"
#include "app/numeric_option.h"
#include "app/progress_line.h"
#include "base/error.h"
#include "base/interruption.h"
#include "base/standard_output.h"
#include "finish/finish.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;

struct FinishOptions {
  std::vector<std::string> meshes;
  std::string output;
  std::vector<std::string> formats;
  FinishSettings settings;
  float roughness = 0.8f, metallic = 0;
  bool separate = false, json = false;
};

struct BakeOptions {
  std::string source, target, output;
  std::vector<std::string> formats;
  BakeSettings settings;
  bool json = false;
};

/// A control that is cancelled with the program and draws its progress.
Control followed(ProgressLine& line, const std::string& title, const char* stage) {
  return {Progress([&line, title, stage](double fraction) {
            line.draw(title, {.state = JobState::kRunning, .stage = stage, .fraction = fraction});
          }),
          interruption()};
}

void tell(const std::string& mesh, const GenerateResult& result, const std::vector<fs::path>& files) {
  const TexturedMesh& made = result.mesh;
  std::string faces = fmt::format("{} faces", made.surface.faces.size());
  for (const DetailLevel& level : made.levels) faces += fmt::format(", {}", level.surface.faces.size());
  print_output("{}: {}, {} charts cover {:.0f} % of the texture\n", mesh, faces, made.texture_report.charts,
               100 * made.texture_report.coverage);
  for (const std::string& note : result.notes) print_output("  {}\n", note);
  for (const fs::path& file : files) print_output("  {}\n", file.string());
}

int finish_one(const std::string& mesh, const FinishOptions& options) {
  try {
    ProgressLine line(!options.json);
    const Control control = followed(line, fs::path(mesh).stem().string(), "finish");
    const Finished finished =
        finish_mesh(read_to_finish(mesh, control.cancel), fs::path(mesh).stem().string(), made_of(mesh),
                    options.settings, control);
    line.clear();
    const std::vector<fs::path> files =
        save_finished(finished.result, options.output, options.formats, options.separate);
    if (options.json) {
      print_output("{}\n", report_of_finished(mesh, finished.result, finished.print, files));
    } else {
      tell(mesh, finished.result, files);
    }
    return 0;
  } catch (...) {
    const Error error = current_error();
    if (error.code() == ErrorCode::kCancelled) throw;
    if (options.json) print_output("{}\n", report_of_unfinished(mesh, error));
    print_message("relievo: {}: {}\n", mesh, error.message());
    if (!error.hint().empty()) print_message("  {}\n", error.hint());
    return exit_status(error.code());
  }
}

int finish_all(const FinishOptions& options) {
  validate(options.settings);
  int status = 0;
  for (const std::string& mesh : options.meshes) {
    const int fault = finish_one(mesh, options);
    if (fault != 0) status = options.meshes.size() > 1 ? kExitSomeFailed : fault;
  }
  return status;
}

int bake(const BakeOptions& options) {
  ProgressLine line(!options.json);
  const std::string name = fs::path(options.target).stem().string();
  const Control control = followed(line, name, "bake");
  Provenance provenance = made_of(options.source);
  provenance.model = "bake";
  const GenerateResult result =
      bake_onto(read_to_finish(options.source, control.cancel),
                read_to_finish(options.target, control.cancel), name, provenance, options.settings, control);
  line.clear();
  const std::vector<fs::path> files = save_finished(result, options.output, options.formats, false);
  if (options.json) {
    print_output("{}\n", report_of_finished(options.target, result, {}, files));
  } else {
    tell(options.target, result, files);
  }
  return 0;
}

void add_formats(CLI::App& parser, std::string& output, std::vector<std::string>& formats) {
  parser
      .add_option("-o,--output", output,
                  "Folder for the results, made if need be; or one file, by its ending")
      ->required();
  parser
      .add_option("--format", formats,
                  "Any of glb, obj, fbx, ply, stl, 3mf, separated by commas; by default glb, or the file's")
      ->delimiter(',')
      ->check(CLI::IsMember({"glb", "obj", "fbx", "ply", "stl", "3mf"}));
}

void add_bake_settings(CLI::App& parser, BakeSettings& settings) {
  add_number(parser, "--texture-size", settings.texture_size, {0, kTextureSizeRange.high},
             "Texels a side of the texture; 0: as many as the source has");
  parser
      .add_option("--uv", settings.uv,
                  "auto keeps UVs that can be baked onto, keep refuses others, new unwraps in any case")
      ->capture_default_str();
  add_number(parser, "--reach", settings.reach, kReachRange,
             "How far the source is looked for, as a share of its diagonal");
  parser.add_flag("!--no-normal-map", settings.normal_map, "Bake no normal map");
}

}  // namespace

Command add_finish(CLI::App& parser) {
  const auto options = std::make_shared<FinishOptions>();
  FinishSettings& settings = options->settings;
  parser.add_option("meshes", options->meshes, "Textured meshes, of any program: GLB, OBJ or PLY")
      ->required();
  add_formats(parser, options->output, options->formats);
  add_number(parser, "--faces", settings.faces, kFacesRange, "Triangles at most; 0: as many as there are");
  add_number(parser, "--lods", settings.levels, kLevelsRange,
             "Levels of detail, each with half the faces of the one before: 4 is LOD0 to LOD3, in one GLB "
             "(MSFT_lod)");
  parser.add_flag("--separate", options->separate,
                  "Write each level of detail as a file NAME_LOD0 and so on");
  parser.add_option(
      "--mirror", settings.mirror,
      "Make it symmetric at x = 0 of the half that is seen from the left (-X) or the right (+X)");
  add_number(parser, "--print-size", settings.print_size, kMillimetresRange,
             "Millimetres of the longest side, for printing; 0 keeps the size");
  add_number(parser, "--flat-base", settings.flat_base, kMillimetresRange,
             "Millimetres that are cut off at the bottom, so that it stands; 0: none");
  parser.add_flag("--occlusion", settings.occlusion, "Bake an ambient occlusion map");
  CLI::Option* const roughness = add_number(parser, "--roughness", options->roughness, kUnitRange,
                                            "Roughness of the surface; by default as it was");
  CLI::Option* const metallic =
      add_number(parser, "--metallic", options->metallic, kUnitRange, "1 is metal; by default as it was");
  add_bake_settings(parser, settings.bake);
  parser.add_flag("--json", options->json, "Print one JSON object a mesh");
  return [options, roughness, metallic] {
    if (roughness->count() > 0) options->settings.roughness = options->roughness;
    if (metallic->count() > 0) options->settings.metallic = options->metallic;
    return finish_all(*options);
  };
}

Command add_bake(CLI::App& parser) {
  const auto options = std::make_shared<BakeOptions>();
  parser.add_option("source", options->source, "The mesh that shows what is baked: GLB, OBJ or PLY")
      ->required();
  parser.add_option("target", options->target, "The mesh that gets it, at the same place")->required();
  add_formats(parser, options->output, options->formats);
  add_bake_settings(parser, options->settings);
  parser.add_flag("--json", options->json, "Print one JSON object");
  return [options] {
    validate(options->settings);
    return bake(*options);
  };
}

}  // namespace relievo
