#include "benchmarks/native/bench_sides.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <map>
#include <set>
#include <string>

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include "base/camera.h"
#include "base/error.h"
#include "base/parallel.h"
#include "base/vectors.h"
#include "foreground/align_sides.h"
#include "foreground/foreground.h"
#include "reconstruct/inflated_sides.h"
#include "surface/surface.h"
#include "train/data/rays.h"
#include "train/data/shape_score.h"
#include "train/data/sources.h"

namespace relievo {
namespace {

using nlohmann::json;

constexpr int kPictureSide = 256;
constexpr int kGrid = 128;
constexpr double kLens = 39.6;     // degrees that a lens of 50 mm spans on 36 mm
constexpr double kDistance = 2.6;  // from which it sees an object whose longest side is 1, wherever it turns
constexpr double kHalfSpan = 0.9;  // of a picture from far away
constexpr float kSubjectSide = 1.7f;  // of the model box's 2, as align_sides() makes it

/// The object as a camera sees it from a side: its alpha, `[S, S]`.
Mask outline_of(const Surface& surface, Side side, bool is_far) {
  const Rays rays(surface);
  const OwnView view = view_from(side, {});
  const Matrix4 pose = orbit_pose(*view.azimuth, view.elevation, 1);
  const auto column = [&](size_t i) {
    return Float3{static_cast<float>(pose[i]), static_cast<float>(pose[4 + i]),
                  static_cast<float>(pose[8 + i])};
  };
  const Float3 right = column(0), up = column(1), towards = column(2);
  const float half =
      static_cast<float>(is_far ? kHalfSpan : kDistance * std::tan(kLens / 360 * 3.14159265358979));
  constexpr int kSamples = 2;  // a side of a pixel
  Mask mask(kPictureSide, kPictureSide);
  parallel_for(kPictureSide, 4, [&](int64_t first, int64_t last) {
    for (int64_t y = first; y < last; ++y) {
      for (int x = 0; x < kPictureSide; ++x) {
        int hits = 0;
        for (int s = 0; s < kSamples * kSamples; ++s) {
          const auto place = [&](int64_t pixel, int part) {
            return half * (2 * (static_cast<float>(pixel) + (static_cast<float>(part) + 0.5f) / kSamples) /
                               kPictureSide -
                           1);
          };
          const float u = place(x, s % kSamples), v = -place(y, s / kSamples);
          Float3 target{}, origin{};
          for (size_t i = 0; i < 3; ++i) {
            target[i] = u * right[i] + v * up[i];
            origin[i] = static_cast<float>(kDistance) * towards[i] + (is_far ? target[i] : 0);
          }
          hits += rays.is_blocked(origin, minus(target, origin), 0, 4);
        }
        mask.at(x, static_cast<int>(y)) = static_cast<float>(hits) / (kSamples * kSamples);
      }
    }
  });
  return mask;
}

Foreground cut_out_of(const Mask& mask) {
  Image picture(mask.width, mask.height, 4, 0.5f);
  for (size_t i = 0; i < mask.values.size(); ++i) picture.pixels[4 * i + 3] = mask.values[i];
  return cut_out(std::move(picture), {.source = MaskSource::kAlpha, .side = kPictureSide}, {}, nullptr, {})
      .foreground;
}

double overlap(const Mask& a, const Mask& b) {
  double both = 0, either = 0;
  for (size_t i = 0; i < a.values.size(); ++i) {
    const bool in_a = a.values[i] >= 0.5f, in_b = b.values[i] >= 0.5f;
    both += in_a && in_b;
    either += in_a || in_b;
  }
  return either > 0 ? both / either : 0;
}

struct Measured {
  ShapeScore score;
  std::map<Side, double> outlines;
};

Measured measure(const Surface& truth, const std::map<Side, Mask>& masks, const std::vector<Side>& sides,
                 bool is_far, uint64_t seed) {
  std::vector<Foreground> cuts;
  cuts.reserve(sides.size());
  std::vector<SideCut> given;
  for (const Side side : sides) {
    cuts.push_back(cut_out_of(masks.at(side)));
    given.push_back({side, side_name(side), &cuts.back(), kPictureSide, kPictureSide});
  }
  const AlignedSides aligned = align_sides(given, kPictureSide, {});
  Surface made;
  try {
    made = extract_surface(*inflate_sides(aligned.pictures, {}, {}), {.grid = kGrid}, {});
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kEmptySurface) throw;
  }
  // The longest side that the pictures show fills the box as far as align_sides() lets it.
  Float3 low{1, 1, 1}, high{-1, -1, -1};
  for (const Float3& p : truth.vertices) {
    for (size_t i = 0; i < 3; ++i) low[i] = std::min(low[i], p[i]), high[i] = std::max(high[i], p[i]);
  }
  float longest = std::max(high[1] - low[1], high[2] - low[2]);
  if (std::ranges::find(sides, Side::kRight) != sides.end()) longest = std::max(longest, high[0] - low[0]);
  for (Float3& p : made.vertices) {
    for (size_t i = 0; i < 3; ++i) p[i] = p[i] * longest / kSubjectSide + (low[i] + high[i]) / 2;
  }
  Measured measured{score_shape(made, truth, {1, 0, 0}, seed), {}};
  for (const Side side : sides)
    measured.outlines[side] =
        made.faces.empty() ? 0 : overlap(outline_of(made, side, is_far), masks.at(side));
  return measured;
}

/// What is reported of so many pictures: the objects' figures, and those of one picture beside them.
json figures(const std::vector<Measured>& made, const std::vector<Measured>& of_one) {
  constexpr double kNotWorse = 0.005;
  const auto count = static_cast<double>(made.size());
  double f05 = 0, iou = 0, gain = 0, not_worse = 0;
  std::map<Side, std::vector<double>> outlines;
  for (size_t i = 0; i < made.size(); ++i) {
    const double more = made[i].score.f05 - of_one[i].score.f05;
    f05 += made[i].score.f05 / count;
    iou += made[i].score.overlap / count;
    gain += more / count;
    not_worse += (more > -kNotWorse) / count;
    for (const auto& [side, value] : made[i].outlines) outlines[side].push_back(value);
  }
  json report{{"f05", f05}, {"iou", iou}, {"gain_f05", gain}, {"not_worse", not_worse}};
  for (auto& [side, values] : outlines) {
    std::ranges::sort(values);
    double mean = 0;
    for (const double value : values) mean += value / static_cast<double>(values.size());
    report[fmt::format("outline_{}", side_name(side))] = {{"mean", mean},
                                                          {"tenth", values[values.size() / 10]}};
  }
  return report;
}

}  // namespace

json bench_sides(const BenchOptions& options) {
  return run_own_side("sides", {{"quick", options.quick}, {"threads", options.threads}});
}

json bench_sides_own_side(const json& arguments) {
  const bool is_quick = arguments.at("quick");
  const int threads = arguments.at("threads");
  if (threads > 0) {
    at::set_num_threads(threads);
    set_parallel_threads(threads);
  }
  const char* const folder = std::getenv("RELIEVO_SHAPE_OBJECTS");
  if (!folder) {
    throw Error(ErrorCode::kInvalidSettings, "No folder of objects is named.",
                "Set RELIEVO_SHAPE_OBJECTS to a folder of .npz files.");
  }
  const std::vector<std::vector<Side>> pictures{
      {Side::kFront}, {Side::kFront, Side::kRight}, {Side::kFront, Side::kRight, Side::kBack}};
  std::map<bool, std::vector<std::vector<Measured>>> measured{{true, {{}, {}, {}}}, {false, {{}, {}, {}}}};
  std::set<std::string> families;
  for (const ObjectEntry& entry : list_infinigen(folder)) {
    if (is_quick && families.size() >= 4) break;
    if (!families.insert(entry.origin.family).second) continue;
    try {
      Object object = entry.load();
      normalise(object);
      const uint64_t seed = families.size();
      for (const bool is_far : {true, false}) {
        std::map<Side, Mask> masks;
        for (const Side side : pictures.back()) masks[side] = outline_of(object.surface, side, is_far);
        std::vector<Measured> of_object;
        for (const std::vector<Side>& sides : pictures)
          of_object.push_back(measure(object.surface, masks, sides, is_far, seed));
        for (size_t i = 0; i < pictures.size(); ++i) measured[is_far][i].push_back(of_object[i]);
      }
      fmt::print(stderr, "{}: {:.3f} {:.3f}\n", entry.origin.name, measured[true][0].back().score.f05,
                 measured[true][1].back().score.f05);
    } catch (const Error& error) {
      // A sheet seen from its edge has no outline.
      fmt::print(stderr, "{}: {}\n", entry.origin.name, error.message());
    }
  }
  json report{{"name", "sides"}, {"full_size", !is_quick}};
  for (const bool is_far : {true, false}) {
    const auto& of_lens = measured[is_far];
    report["objects"] = of_lens[0].size();
    for (size_t i = 0; i < pictures.size(); ++i)
      report[is_far ? "from_far" : "lens_50_mm"].push_back(figures(of_lens[i], of_lens[0]));
  }
  return report;
}

}  // namespace relievo
