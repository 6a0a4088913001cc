#include "runtime/stage_costs.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <tuple>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace relievo {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr std::string_view kRungNames[] = {"full", "chunks", "tiled", "half", "smaller_input"};

struct Line {
  double start = 0;
  double slope = 0;
};

/// Least squares through (batch, value), with neither part below zero.
Line fit_line(const std::vector<std::pair<double, double>>& points) {
  const double n = double(points.size());
  double sx = 0, sy = 0, sxx = 0, sxy = 0;
  for (const auto& [x, y] : points) {
    sx += x;
    sy += y;
    sxx += x * x;
    sxy += x * y;
  }
  const double spread = n * sxx - sx * sx;
  if (spread <= 0) return {0, sx > 0 ? sy / sx : 0};  // one batch only: all of it grows with the batch
  Line line;
  line.slope = (n * sxy - sx * sy) / spread;
  line.start = (sy - line.slope * sx) / n;
  if (line.start < 0) return {0, sxx > 0 ? sxy / sxx : 0};
  if (line.slope < 0) return {sy / n, 0};
  return line;
}

json to_json(const CostSample& sample) {
  return {{"stage", sample.stage},
          {"rung", rung_name(sample.rung)},
          {"precision", sample.precision},
          {"batch", sample.batch},
          {"weight_bytes", sample.weight_bytes},
          {"workspace_bytes", sample.workspace_bytes},
          {"seconds", sample.seconds}};
}

CostSample from_json(const json& value) {
  CostSample sample;
  sample.stage = value.at("stage");
  const std::string rung = value.at("rung");
  for (size_t i = 0; i < std::size(kRungNames); ++i) {
    if (rung == kRungNames[i]) sample.rung = Rung(i);
  }
  sample.precision = value.at("precision");
  sample.batch = value.at("batch");
  sample.weight_bytes = value.at("weight_bytes");
  sample.workspace_bytes = value.at("workspace_bytes");
  sample.seconds = value.at("seconds");
  return sample;
}

json read(const std::string& path) {
  std::ifstream file(path);
  json value = json::parse(file, nullptr, false);
  return value.is_object() ? value : json::object();
}

auto key(const CostSample& sample) {
  return std::tie(sample.stage, sample.rung, sample.precision, sample.batch);
}

}  // namespace

std::string rung_name(Rung rung) { return std::string(kRungNames[size_t(rung)]); }

int64_t StageMode::workspace(int batch) const {
  return int64_t(std::ceil(workspace_bytes + workspace_bytes_per_picture * batch));
}

const StageMode& StageProfile::mode(Rung rung) const {
  const StageMode* best = &modes.front();
  for (const StageMode& mode : modes) {
    if (mode.rung <= rung) best = &mode;
  }
  return *best;
}

void fit_costs(StageProfile& profile, const std::vector<CostSample>& samples) {
  for (StageMode& mode : profile.modes) {
    std::vector<std::pair<double, double>> bytes, seconds;
    for (const CostSample& sample : samples) {
      if (sample.stage != profile.name || sample.rung != mode.rung || sample.precision != mode.precision)
        continue;
      mode.weight_bytes = sample.weight_bytes;
      bytes.emplace_back(sample.batch, double(sample.workspace_bytes));
      seconds.emplace_back(sample.batch, sample.seconds);
    }
    if (bytes.empty()) continue;
    Line line = fit_line(bytes);
    double lift = 0;
    for (const auto& [x, y] : bytes) lift = std::max(lift, y - (line.start + line.slope * x));
    mode.workspace_bytes = line.start + lift;
    mode.workspace_bytes_per_picture = line.slope;
    line = fit_line(seconds);
    mode.seconds = line.start;
    mode.seconds_per_picture = line.slope;
  }
}

CostStore::CostStore(std::string path) : path_(std::move(path)) {}

std::string CostStore::default_path() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache && *cache) return fs::path(cache) / "relievo" / "costs.json";
  const char* home = std::getenv("HOME");
  return fs::path(home ? home : ".") / ".cache" / "relievo" / "costs.json";
}

std::vector<CostSample> CostStore::samples(const std::string& device) const {
  std::vector<CostSample> samples;
  try {
    const json all = read(path_);
    if (const auto found = all.find(device); found != all.end()) {
      for (const json& value : *found) samples.push_back(from_json(value));
    }
  } catch (const json::exception&) {
    samples.clear();
  }
  return samples;
}

void CostStore::add(const std::string& device, const std::vector<CostSample>& added) const {
  std::vector<CostSample> kept = samples(device);
  for (const CostSample& sample : added) {
    std::erase_if(kept, [&](const CostSample& old) { return key(old) == key(sample); });
    kept.push_back(sample);
  }
  json all = read(path_);
  all[device] = json::array();
  for (const CostSample& sample : kept) all[device].push_back(to_json(sample));
  fs::create_directories(fs::path(path_).parent_path());
  const std::string partial = path_ + ".part";
  std::ofstream file(partial);
  file << all.dump(1) << '\n';
  file.close();
  if (!file) throw Error(ErrorCode::kIo, fmt::format("{} cannot be written.", partial), "Is the disk full?");
  fs::rename(partial, path_);
}

}  // namespace relievo
