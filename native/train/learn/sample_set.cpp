#include "train/learn/sample_set.h"

#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <sstream>

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/input_file.h"
#include "base/json.h"
#include "nn/tensors.h"
#include "reconstruct/compact_network.h"
#include "train/data/random.h"
#include "train/data/samples.h"
#include "train/data/sources.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;

/// One view, as it is in its file.
struct View {
  at::Tensor picture, points, distances, colours, depths, camera;
};

View view_of(const TensorFile& file, int64_t index) {
  const auto at_index = [&](const char* name) { return tensor_view(file, name)[index]; };
  return {at_index("picture").to(at::kFloat) / 255,
          at_index("points").to(at::kFloat) * kSampleUnit,
          at_index("distances").to(at::kFloat) * kSampleUnit,
          at_index("colours").to(at::kFloat) / 255,
          at_index("depths"),
          at_index("camera").to(at::kFloat)};
}

void vary(View& view, Random& random) {
  if (random.chance(0.5f)) {  // columns are y
    view.picture = view.picture.flip(1);
    view.depths = view.depths.flip(1);
    view.points = view.points * at::tensor({1.0f, -1.0f, 1.0f});
  }
  std::array<int64_t, 3> order{0, 1, 2};
  for (int i = 2; i > 0; --i)
    std::swap(order[static_cast<size_t>(i)], order[static_cast<size_t>(random.whole(0, i))]);
  const float gain = random.between(0.75f, 1.3f);
  const at::Tensor channels = at::tensor(std::vector<int64_t>(order.begin(), order.end()));
  const at::Tensor rgb = (view.picture.slice(2, 0, 3).index_select(2, channels) * gain).clamp(0, 1);
  view.picture = at::cat({rgb, view.picture.slice(2, 3, 4)}, 2);
  view.colours = (view.colours.index_select(1, channels) * gain).clamp(0, 1);
}

}  // namespace

SampleBatch SampleBatch::to(at::Device device) const {
  return {input.to(device),   points.to(device), distances.to(device),
          colours.to(device), depths.to(device), elevation.to(device)};
}

SampleSet::SampleSet(const std::vector<fs::path>& folders, bool held_out_too, double family_power,
                     int64_t seed)
    : seed_(seed) {
  std::map<std::string, std::vector<fs::path>> by_family;
  for (const fs::path& folder : folders) {
    std::istringstream lines(read_file(folder / "objects.jsonl", uint64_t{1} << 30));
    for (std::string line; std::getline(lines, line);) {
      const nlohmann::json object = parse_json(line);
      const bool is_held_out = object.at("part") != part_name(Part::kTraining);
      const fs::path file = folder / "samples" / (object.at("name").get<std::string>() + ".safetensors");
      if ((is_held_out && !held_out_too) || !fs::exists(file)) continue;
      by_family[object.at("family").get<std::string>()].push_back(file);
    }
  }
  double sum = 0;
  for (auto& [name, files] : by_family) {
    objects_ += files.size();
    sum += std::pow(static_cast<double>(files.size()), family_power);
    families_.push_back({std::move(files), sum});
  }
  if (objects_ == 0) {
    throw Error(ErrorCode::kInvalidSettings, "There are no samples to train on.",
                "Make some with relievo-train data.");
  }
  for (Family& family : families_) family.upto /= sum;
}

const TensorFile& SampleSet::file_of(const fs::path& path) const {
  const std::lock_guard lock(mutex_);
  constexpr size_t kMostOpen = 8192;
  if (open_.size() >= kMostOpen) open_.clear();
  auto found = open_.find(path);
  if (found == open_.end()) found = open_.emplace(path, read_safetensors(path)).first;
  return found->second;
}

SampleBatch SampleSet::batch(const std::vector<int64_t>& numbers, Varied varied) const {
  std::vector<at::Tensor> pictures, points, distances, colours, depths, elevations;
  for (const int64_t number : numbers) {
    Random random(
        seed_of("sample", static_cast<uint64_t>(seed_) * 1'000'003 + static_cast<uint64_t>(number)));
    const double place = random.share();
    size_t family = 0;
    while (family + 1 < families_.size() && families_[family].upto <= place) ++family;
    const auto& files = families_[family].files;
    const TensorFile& file =
        file_of(files[static_cast<size_t>(random.whole(0, static_cast<int>(files.size()) - 1))]);
    const auto views = static_cast<int>(file.at("picture").shape.at(0));
    if (file.at("picture").shape.at(1) != kCompactPicture ||
        file.at("depths").shape.at(1) != kCompactDepths) {
      throw Error(
          ErrorCode::kInvalidSettings,
          fmt::format("The pictures of '{}' have another size than the network takes.", file.path.string()),
          fmt::format("Make the data with --picture-size {} --depth-size {}.", kCompactPicture,
                      kCompactDepths));
    }
    View view = view_of(file, random.whole(0, views - 1));
    if (varied == Varied::kYes) vary(view, random);
    pictures.push_back(view.picture);
    points.push_back(view.points);
    distances.push_back(view.distances);
    colours.push_back(view.colours);
    const at::Tensor depth = view.depths.to(at::kFloat) * kSampleUnit;
    depths.push_back(
        at::where(view.depths == kNothing, at::full({}, std::numeric_limits<float>::quiet_NaN()), depth)
            .permute({2, 0, 1}));
    elevations.push_back(view.camera[0]);
  }
  return {compact_input(at::stack(pictures)),
          at::stack(points),
          at::stack(distances),
          at::stack(colours),
          at::stack(depths),
          at::stack(elevations)};
}

}  // namespace relievo
