#include "batch/report.h"

#include "base/json.h"
#include "check/check.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::string on_one_line(const json& object) {
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

json names_of(const std::vector<fs::path>& files) {
  json names = json::array();
  for (const fs::path& file : files) names.push_back(file.string());
  return names;
}

json stages_of(const GenerateResult& result) {
  json stages = json::array();
  for (const StageReport& stage : result.stages) {
    json told = {{"name", stage.name},     {"seconds", stage.seconds},     {"peak_bytes", stage.peak_bytes},
                 {"device", stage.device}, {"precision", stage.precision}, {"batch", stage.batch}};
    if (stage.fragmentation) told["fragmentation"] = *stage.fragmentation;
    told["load_seconds"] = stage.load_seconds;
    told["on_side"] = stage.on_side;
    told["devices"] = json::array();
    for (const StageSeconds& device : stage.devices) {
      told["devices"].push_back({{"device", device.device},
                                 {"computing", device.computing},
                                 {"transfer", device.transfer},
                                 {"waiting", device.waiting}});
    }
    stages.push_back(std::move(told));
  }
  return stages;
}

/// Null where one device computed.
json speed_up_of(const GenerateResult& result) {
  if (!result.speed_up) return {};
  return {{"expected", result.speed_up->expected},
          {"reached", result.speed_up->reached},
          {"limit", result.speed_up->limit}};
}

}  // namespace

std::string report_of(const std::string& picture, const GenerateResult& result,
                      const std::vector<fs::path>& files,
                      const std::optional<std::vector<std::string>>& met) {
  const SurfaceReport& surface = result.mesh.report;
  const TextureReport& texture = result.mesh.texture_report;
  const Settings settings = settings_from_json(result.mesh.provenance.settings);
  const bool is_random = sees_views(settings.model) && settings.views.empty() && settings.sheet.empty();
  json object = {{"picture", picture},
                 {"ok", true},
                 {"files", names_of(files)},
                 {"stages", stages_of(result)},
                 {"vertices", result.mesh.surface.vertices.size()},
                 {"faces", result.mesh.surface.faces.size()},
                 {"watertight", surface.watertight},
                 {"manifold", surface.manifold},
                 {"components", surface.components},
                 {"euler", surface.euler},
                 {"charts", texture.charts},
                 {"coverage", texture.coverage},
                 {"mean_stretch", texture.mean_stretch},
                 {"seed", is_random ? json(settings.seed) : json()},
                 {"plan", result.plan},
                 {"notes", notes_of(result, files)},
                 {"lossy", result.lossy},
                 {"expected_seconds", result.expected_seconds},
                 {"speed_up", speed_up_of(result)}};
  if (met) object["met"] = *met;
  return on_one_line(object);
}

std::string report_of(const std::string& picture, const Error& error, const std::vector<fs::path>& files) {
  json object = {
      {"picture", picture},
      {"ok", false},
      {"error", {{"code", code_name(error.code())}, {"message", error.message()}, {"hint", error.hint()}}}};
  if (!files.empty()) object["files"] = names_of(files);
  return on_one_line(object);
}

std::vector<std::string> require(const GenerateResult& result, const std::vector<std::string>& required) {
  const MeshReport report = check_mesh(mesh_file_of(result.mesh));
  const std::string unmet = what_is_unmet(report, required);
  if (unmet.empty()) return words_met(report);
  throw Error(ErrorCode::kInvalidSettings, unmet,
              "Change this picture's settings, or leave the word out of --require.");
}

std::string report_of_plan(const Estimate& estimate) {
  json devices = json::array();
  for (const DevicePeak& each : estimate.devices)
    devices.push_back({{"device", each.device}, {"peak_bytes", each.peak_bytes}});
  return on_one_line({{"pictures", estimate.pictures},
                      {"expected_seconds", estimate.seconds},
                      {"devices", devices},
                      {"costs", estimate.is_measured ? "measured" : "estimated"},
                      {"refused", estimate.refused}});
}

std::string report_of_plan(const BatchTask& task) {
  return on_one_line({{"picture", task.picture}, {"result", (task.folder / task.name).string()}});
}

}  // namespace relievo
