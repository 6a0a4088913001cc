#include "train/data/samples.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <span>
#include <string>

#include "base/error.h"
#include "base/vectors.h"
#include "train/data/picture.h"
#include "train/data/solid.h"
#include "train/data/surface_points.h"
#include "train/data/view_frame.h"
#include "weights/tensor_file.h"

namespace relievo {
namespace {

/// One view of an object: everything in its box.
class ViewMaker {
 public:
  ViewMaker(const Scene& scene, const std::vector<SeenSides>& sides, const SampleSettings& settings,
            Random& random)
      : scene_(scene),
        settings_(settings),
        random_(random),
        frame_(ViewFrame::draw(scene.object.surface, random)),
        in_box_(frame_.to_box(scene.object.surface)),
        solid_(in_box_, sides, kSheetThickness * frame_.scale()),
        surface_points_(in_box_, sides) {}

  ViewSample make() {
    ViewSample view;
    view.picture =
        render_picture(scene_, frame_, Lights::draw(random_, frame_), settings_.picture_side, random_);
    measure_depths(view);
    draw_points(view);
    view.elevation = frame_.elevation();
    view.fov = frame_.fov();
    view.distance = frame_.scale() * frame_.distance();
    return view;
  }

 private:
  void measure_depths(ViewSample& view) {
    const int side = settings_.depth_side;
    view.depths.assign(static_cast<size_t>(side) * side * 4, kNothing);
    const float step = 2.0f / static_cast<float>(side);
    constexpr float kBefore = 1.9f;
    // Where a pixel's centre sees nothing, other places of it are asked: thin parts count.
    constexpr std::array<Float2, 5> kPlaces{
        {{0.5f, 0.5f}, {0.2f, 0.2f}, {0.8f, 0.8f}, {0.8f, 0.2f}, {0.2f, 0.8f}}};
    for (int pixel = 0; pixel < side * side; ++pixel) {
      std::vector<Solid::Interval> intervals;
      for (const Float2& place : kPlaces) {
        const float y = -1 + (static_cast<float>(pixel % side) + place[0]) * step;
        const float z = 1 - (static_cast<float>(pixel / side) + place[1]) * step;
        intervals = solid_.along({kBefore, y, z}, {-1, 0, 0}, 2, random_);
        if (!intervals.empty()) break;
      }
      for (size_t i = 0; i < intervals.size(); ++i) {
        view.depths[static_cast<size_t>(pixel) * 4 + 2 * i] = in_sample_units(kBefore - intervals[i].begin);
        view.depths[static_cast<size_t>(pixel) * 4 + 2 * i + 1] = in_sample_units(kBefore - intervals[i].end);
      }
    }
  }

  void draw_points(ViewSample& view) {
    for (int i = 0; i < kPointsNearSurface; ++i) {
      Float3 place = surface_points_.draw(random_).place;
      const float spread = i % 2 == 0 ? 0.015f : 0.06f;
      for (float& x : place) x = std::clamp(x + spread * random_.normal(), -1.0f, 1.0f);
      add_point(view, place);
    }
    for (int i = 0; i < kPointsInBox; ++i) add_point(view, in_box());
    // Alpha decides which pixels are the silhouette's.
    std::vector<int> inside, outside;
    const int side = settings_.picture_side;
    for (int pixel = 0; pixel < side * side; ++pixel) {
      (view.picture.pixels[4 * static_cast<size_t>(pixel) + 3] > 127 ? inside : outside).push_back(pixel);
    }
    if (inside.empty()) {
      throw Error(ErrorCode::kEmptySurface, "The object is too thin to be seen.", "Leave it out.");
    }
    for (int i = 0; i < kPointsOutsideSilhouette; ++i) add_point(view, behind_one_of(outside));
    for (int i = 0; i < kPointsInsideSilhouette; ++i) add_point(view, behind_one_of(inside));
  }

  Float3 in_box() { return {random_.between(-1, 1), random_.between(-1, 1), random_.between(-1, 1)}; }

  Float3 behind_one_of(const std::vector<int>& pixels) {
    if (pixels.empty()) return in_box();
    const int side = settings_.picture_side;
    const int pixel = pixels[static_cast<size_t>(random_.whole(0, static_cast<int>(pixels.size()) - 1))];
    const float step = 2.0f / static_cast<float>(side);
    return {random_.between(-1, 1), -1 + (static_cast<float>(pixel % side) + random_.share()) * step,
            1 - (static_cast<float>(pixel / side) + random_.share()) * step};
  }

  void add_point(ViewSample& view, const Float3& place) {
    const Solid::Answer answer = solid_.at(place, random_);
    for (const float x : place) view.points.push_back(in_sample_units(x));
    view.distances.push_back(in_sample_units(answer.distance));
    // The map to the box changes the weights of a face's corners.
    Float3 weights = answer.nearest.weights;
    const Int3& corners = scene_.object.surface.faces[answer.nearest.face];
    float sum = 0;
    for (size_t corner = 0; corner < 3; ++corner) {
      weights[corner] *= frame_.stretch_at(scene_.object.surface.vertices[corners[corner]]);
      sum += weights[corner];
    }
    for (const float channel : colour_at(scene_.object, answer.nearest.face, scaled(weights, 1 / sum))) {
      view.colours.push_back(static_cast<uint8_t>(std::lround(255 * std::clamp(channel, 0.0f, 1.0f))));
    }
  }

  const Scene& scene_;
  const SampleSettings& settings_;
  Random& random_;
  ViewFrame frame_;
  Surface in_box_;
  Solid solid_;
  SurfacePoints surface_points_;
};

}  // namespace

int16_t in_sample_units(float length) {
  return static_cast<int16_t>(std::lround(std::clamp(length, -1.999f, 1.999f) / kSampleUnit));
}

std::vector<ViewSample> make_samples(Object& object, const SampleSettings& settings, uint64_t seed,
                                     const CancelToken& cancel) {
  normalise(object);
  cancel.check();
  const std::vector<SeenSides> sides = find_seen_sides(object.surface, seed);
  const Rays rays(object.surface);
  const auto normals = corner_normals(object.surface);
  const Scene scene{object, rays, normals};
  Random random(seed);
  std::vector<ViewSample> views;
  bool has_inside = false;
  for (int i = 0; i < settings.views; ++i) {
    cancel.check();
    views.push_back(ViewMaker(scene, sides, settings, random).make());
    has_inside = has_inside || std::ranges::any_of(views.back().distances, [](int16_t d) { return d < 0; });
  }
  if (!has_inside) {
    throw Error(ErrorCode::kEmptySurface, "Nothing of the object is inside it.",
                "Give a mesh with a surface.");
  }
  return views;
}

void write_samples(const std::filesystem::path& path, const std::vector<ViewSample>& views) {
  std::map<std::string, std::vector<std::byte>> data;
  std::map<std::string, TensorView, std::less<>> tensors;
  const auto add = [&](const std::string& name, DType dtype, std::vector<int64_t> shape, const auto& of) {
    std::vector<std::byte>& bytes = data[name];
    for (const ViewSample& view : views) {
      const auto& values = of(view);
      const auto part = std::as_bytes(std::span(values));
      bytes.insert(bytes.end(), part.begin(), part.end());
    }
    shape.insert(shape.begin(), static_cast<int64_t>(views.size()));
    tensors[name] = {dtype, std::move(shape), bytes};
  };
  const ViewSample& one = views.front();
  const auto depth_side = static_cast<int64_t>(std::lround(std::sqrt(one.depths.size() / 4.0)));
  add(
      "picture", DType::kUInt8, {one.picture.height, one.picture.width, 4},
      [](const ViewSample& v) -> const auto& { return v.picture.pixels; });
  add(
      "depths", DType::kInt16, {depth_side, depth_side, 4},
      [](const ViewSample& v) -> const auto& { return v.depths; });
  add(
      "points", DType::kInt16, {kPointsOfView, 3},
      [](const ViewSample& v) -> const auto& { return v.points; });
  add(
      "distances", DType::kInt16, {kPointsOfView},
      [](const ViewSample& v) -> const auto& { return v.distances; });
  add(
      "colours", DType::kUInt8, {kPointsOfView, 3},
      [](const ViewSample& v) -> const auto& { return v.colours; });
  add("camera", DType::kFloat32, {3}, [](const ViewSample& v) {
    return std::array<float, 3>{v.elevation, v.fov, v.distance};
  });
  write_safetensors(path, tensors);
}

}  // namespace relievo
