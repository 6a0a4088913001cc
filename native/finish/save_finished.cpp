// Saves the files of a finished mesh, and reports it.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "finish/finish.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;

/// One level as a result of its own.
GenerateResult level_result(const GenerateResult& result, size_t level, const std::string& name) {
  GenerateResult own = result;
  own.name = fmt::format("{}_LOD{}", name, level);
  own.mesh.levels.clear();
  if (level > 0) {
    own.mesh.surface = result.mesh.levels[level - 1].surface;
    own.mesh.corner_uv = result.mesh.levels[level - 1].corner_uv;
    own.mesh.vertex_colours.clear();
  }
  return own;
}

}  // namespace

std::vector<fs::path> save_finished(const GenerateResult& result, const fs::path& where,
                                    const std::vector<std::string>& formats, bool separate) {
  if (!separate || result.mesh.levels.empty()) return save_as(result, where, formats);
  std::error_code error;
  const bool is_file = where.extension().string().size() > 1 && !fs::is_directory(where, error);
  const std::string name = is_file ? where.stem().string() : result.name;
  std::vector<fs::path> files;
  for (size_t level = 0; level <= result.mesh.levels.size(); ++level) {
    const GenerateResult own = level_result(result, level, name);
    const fs::path place = is_file ? where.parent_path() / (own.name + where.extension().string()) : where;
    const std::vector<fs::path> written = save_as(own, place, formats);
    files.insert(files.end(), written.begin(), written.end());
  }
  return files;
}

std::string report_of_finished(const std::string& source, const GenerateResult& result,
                               const std::optional<PrintReport>& print, const std::vector<fs::path>& files) {
  const TexturedMesh& mesh = result.mesh;
  nlohmann::json faces = nlohmann::json::array({mesh.surface.faces.size()});
  for (const DetailLevel& level : mesh.levels) faces.push_back(level.surface.faces.size());
  nlohmann::json names = nlohmann::json::array();
  for (const fs::path& file : files) names.push_back(file.string());
  nlohmann::json object = {{"mesh", source},
                           {"ok", true},
                           {"files", names},
                           {"faces", faces},
                           {"watertight", mesh.report.watertight},
                           {"charts", mesh.texture_report.charts},
                           {"notes", result.notes}};
  if (print) {
    object["print"] = {
        {"printable", print->is_printable()}, {"closed", print->closed},     {"pieces", print->pieces},
        {"least_wall", print->least_wall},    {"overhang", print->overhang}, {"size", print->size}};
  }
  return object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string report_of_unfinished(const std::string& source, const Error& error) {
  const nlohmann::json object = {
      {"mesh", source},
      {"ok", false},
      {"error", {{"code", code_name(error.code())}, {"message", error.message()}, {"hint", error.hint()}}}};
  return object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace relievo
