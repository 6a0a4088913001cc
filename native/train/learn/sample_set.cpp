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

/// Throws where the samples are not what the network sees.
void check_kind(const TensorFile& file, Seen seen) {
  const auto refuse = [&](const char* what, const std::string& hint) {
    throw Error(ErrorCode::kInvalidSettings,
                fmt::format("The pictures of '{}' {}.", file.path.string(), what), hint);
  };
  const std::vector<int64_t>& shape = file.at("picture").shape;
  const bool has_six = shape.size() == 5;
  if (has_six != (seen == Seen::kSixViews)) {
    refuse("are not those that the network sees",
           has_six ? "Make the data without --six-views." : "Make the data with --six-views.");
  }
  if (seen == Seen::kCompact &&
      (shape.at(1) != kCompactPicture || file.at("depths").shape.at(1) != kCompactDepths)) {
    refuse("have another size than the network takes",
           fmt::format("Make the data with --picture-size {} --depth-size {}.", kCompactPicture,
                       kCompactDepths));
  }
}

/// Exchanges colour channels `[..., 3 or 4]` and changes their brightness; alpha stays.
at::Tensor recoloured(const at::Tensor& colours, const at::Tensor& order, float gain) {
  const at::Tensor rgb = (colours.slice(-1, 0, 3).index_select(-1, order) * gain).clamp(0, 1);
  return at::cat({rgb, colours.slice(-1, 3)}, -1);
}

}  // namespace

/// One sample, as it is in its file or varied.
struct SampleSet::Drawn {
  at::Tensor picture, points, distances, colours, depths, elevation, heights, inflated;

  void flip() {  // columns are y
    picture = picture.flip(1);
    depths = depths.flip(1);
    if (heights.defined()) heights = heights.flip(1);
    points = points * at::tensor({1.0f, -1.0f, 1.0f});
  }
  void recolour(Random& random) {
    std::array<int64_t, 3> order{0, 1, 2};
    for (int i = 2; i > 0; --i) {
      std::swap(order[static_cast<size_t>(i)], order[static_cast<size_t>(random.whole(0, i))]);
    }
    const float gain = random.between(0.75f, 1.3f);
    const at::Tensor channels = at::tensor(std::vector<int64_t>(order.begin(), order.end()));
    picture = recoloured(picture, channels, gain);
    colours = recoloured(colours, channels, gain);
  }
};

SampleBatch SampleBatch::to(at::Device device) const {
  const auto moved = [device](const at::Tensor& tensor) {
    return tensor.defined() ? tensor.to(device) : tensor;
  };
  return {moved(pictures), moved(input),   moved(points), moved(distances),
          moved(inflated), moved(colours), moved(depths), moved(elevation)};
}

SampleSet::SampleSet(const std::vector<fs::path>& folders, Seen seen, bool held_out_too, double family_power,
                     int64_t seed)
    : seen_(seen), seed_(seed) {
  std::map<std::string, std::vector<fs::path>> by_family;
  for (const fs::path& folder : folders) {
    std::istringstream lines(read_file(folder / "objects.jsonl", uint64_t{1} << 30));
    for (std::string line; std::getline(lines, line);) {
      const nlohmann::json object = parse_json(line);
      const bool is_held_out = object.at("part") != part_name(Part::kTraining);
      const fs::path file = folder / "samples" / (object.at("name").get<std::string>() + ".safetensors");
      if ((is_held_out && !held_out_too) || !fs::exists(file)) continue;
      by_family[object.at("family").get<std::string>()].push_back(file);
      origins_.push_back(line);
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

SampleSet::Inflated SampleSet::inflated(const fs::path& path, int view, const at::Tensor& picture,
                                        const at::Tensor& points) const {
  const std::pair key{path, view};
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = inflated_.find(key); found != inflated_.end()) return found->second;
  }
  const auto inflation = inflate_small(picture);
  const Inflated result{heights_in_picture(*inflation, picture.size(0)).to(at::kHalf),
                        inflation->values(points).to(at::kHalf)};
  constexpr size_t kMostKept = 16'384;  // some 36 KB each
  const std::lock_guard lock(mutex_);
  if (inflated_.size() >= kMostKept) inflated_.clear();
  return inflated_.emplace(key, result).first->second;
}

SampleBatch SampleSet::batch(const std::vector<int64_t>& numbers, Varied varied) const {
  std::vector<Drawn> samples;
  for (const int64_t number : numbers) {
    Random random(
        seed_of("sample", static_cast<uint64_t>(seed_) * 1'000'003 + static_cast<uint64_t>(number)));
    const double place = random.share();
    size_t family = 0;
    while (family + 1 < families_.size() && families_[family].upto <= place) ++family;
    const auto& files = families_[family].files;
    const fs::path& path = files[static_cast<size_t>(random.whole(0, static_cast<int>(files.size()) - 1))];
    const TensorFile& file = file_of(path);
    check_kind(file, seen_);
    const bool is_one_view = seen_ != Seen::kSixViews;
    const int count = static_cast<int>(file.at("points").shape.at(0));
    const int index = random.whole(0, count - 1);
    const auto part = [&](const char* name) { return tensor_view(file, name)[index]; };
    Drawn sample;
    sample.picture = part("picture").to(at::kFloat) / 255;
    sample.points = part("points").to(at::kFloat) * kSampleUnit;
    sample.distances = part("distances").to(at::kFloat) * kSampleUnit;
    sample.colours = part("colours").to(at::kFloat) / 255;
    if (is_one_view) {
      sample.depths = part("depths");
      sample.elevation = part("camera")[0].to(at::kFloat);
    }
    if (seen_ == Seen::kCompact) {
      const Inflated inflation = inflated(path, index, sample.picture, sample.points);
      sample.heights = inflation.heights.to(at::kFloat);
      sample.inflated = inflation.distances.to(at::kFloat);
    }
    if (varied == Varied::kYes) {
      if (is_one_view && random.chance(0.5f)) sample.flip();
      sample.recolour(random);
    }
    samples.push_back(std::move(sample));
  }
  return together(samples);
}

SampleBatch SampleSet::together(const std::vector<Drawn>& samples) const {
  const auto all = [&](at::Tensor Drawn::*member) {
    std::vector<at::Tensor> parts;
    for (const Drawn& sample : samples) parts.push_back(sample.*member);
    return at::stack(parts);
  };
  SampleBatch batch;
  batch.pictures = all(&Drawn::picture);
  batch.points = all(&Drawn::points);
  batch.distances = all(&Drawn::distances);
  batch.colours = all(&Drawn::colours);
  if (seen_ == Seen::kSixViews) return batch;
  const at::Tensor depths = all(&Drawn::depths);
  batch.depths = at::where(depths == kNothing, at::full({}, std::numeric_limits<float>::quiet_NaN()),
                           depths.to(at::kFloat) * kSampleUnit)
                     .permute({0, 3, 1, 2});
  batch.elevation = all(&Drawn::elevation);
  if (seen_ == Seen::kPicture) return batch;
  batch.input = compact_input(batch.pictures, all(&Drawn::heights));
  batch.inflated = all(&Drawn::inflated);
  return batch;
}

}  // namespace relievo
