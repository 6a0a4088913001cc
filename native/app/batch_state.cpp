#include "app/batch_state.h"

#include <fstream>
#include <span>

#include <fmt/format.h>

#include "base/atomic_file.h"

namespace relievo {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr const char* kFile = "relievo-batch.json";

/// All that the files depend on.
json made_of(const PictureTask& task, const GenerateOptions& options) {
  std::error_code error;
  const auto bytes = fs::file_size(task.picture, error);
  const auto changed = fs::last_write_time(task.picture, error).time_since_epoch().count();
  return {{"picture", fs::absolute(task.picture).lexically_normal().string()},
          {"bytes", bytes},
          {"changed", changed},
          {"settings", json::parse(to_json(task.settings))},
          {"formats", options.formats},
          {"sheet", options.renders.sheet},
          {"turntable", options.renders.turntable},
          {"exr", options.renders.exr},
          {"version", version()}};
}

}  // namespace

BatchState::BatchState(const fs::path& folder, bool empty) : folder_(folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    throw Error(ErrorCode::kIo,
                fmt::format("Cannot make the folder '{}': {}.", folder.string(), error.message()),
                "Choose a folder that you may write to.");
  }
  if (empty) return;
  std::ifstream file(folder / kFile);
  const json state = json::parse(file, nullptr, false);
  if (state.is_object() && state.contains("finished") && state["finished"].is_object()) {
    finished_ = state["finished"];
  }
}

json BatchState::finished(const PictureTask& task, const GenerateOptions& options) const {
  const auto entry = finished_.find(task.name);
  if (entry == finished_.end() || !entry->is_object() ||
      entry->value("made_of", json()) != made_of(task, options)) {
    return nullptr;
  }
  const json files = entry->value("files", json());
  if (!files.is_array() || files.empty()) return nullptr;
  for (const json& file : files) {
    std::error_code error;
    if (!file.is_string() || fs::file_size(folder_ / file.get<std::string>(), error) == 0 || error)
      return nullptr;
  }
  json answer = entry->value("answer", json::object());
  answer["skipped"] = true;
  return answer;
}

void BatchState::finish(const PictureTask& task, const GenerateOptions& options, json answer,
                        const std::vector<fs::path>& files) {
  json names = json::array();
  for (const fs::path& file : files) names.push_back(fs::relative(file, folder_).string());
  finished_[task.name] = {
      {"made_of", made_of(task, options)}, {"files", names}, {"answer", std::move(answer)}};
  const std::string text = json{{"finished", finished_}}.dump(1, ' ', false, json::error_handler_t::replace);
  write_atomically(folder_ / kFile, std::as_bytes(std::span(text)));
}

}  // namespace relievo
